/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * chain_ring.c - the words of a chain, and its rings as this process has them open; see chain.c.
 */
#include "chain_parts.h"

#include <errno.h>
#include <stdio.h>

#define GROWTH 4u
#define RING_MESSAGES_MAX 65536u

/* ---- the words ---- */

uint64_t load_tail(const struct chain *chain)
{
	uint64_t tail = SHUT;

	if (chain->unbounded && !chain->closed)
		stoa_array_load(chain->words, CHAIN_TAIL, &tail);
	return tail;
}

bool in_finished(const struct finished *finished, uint32_t number)
{
	if (number < finished->first)
		return true;
	return number - finished->first < 32 && (finished->mask >> (number - finished->first) & 1);
}

bool is_finished(const struct chain *chain, uint32_t number)
{
	struct finished finished = { .first = 0 };

	if (!chain->closed)
		stoa_value_load(chain->finished, &finished);
	return in_finished(&finished, number);
}

bool is_gone(const struct chain *chain, uint32_t number, int rc)
{
	return rc == -ENOENT && is_finished(chain, number) && NUMBER(load_tail(chain)) > number;
}

uint32_t next_unfinished(const struct chain *chain, uint32_t number, uint32_t last)
{
	struct finished finished = { .first = 0 };

	stoa_value_load(chain->finished, &finished);
	if (number < finished.first && number < last)
		number = finished.first < last ? finished.first : last;
	for (int i = 0; i < 32 && number < last && in_finished(&finished, number); i++)
		number++;
	return number;
}

/* ---- segments and rings ---- */

static void name_of(const struct chain *chain, uint32_t number, char *name, size_t room)
{
	snprintf(name, room, "%s~r%u", chain->name, number);
}

/* Ring k has up to GROWTH times the messages of ring k - 1. */
static struct stoa_queue_config shape_of(const struct chain *chain, uint32_t number)
{
	struct stoa_queue_config shape = chain->shape;

	while (number-- && shape.capacity < RING_MESSAGES_MAX)
		shape.capacity *= GROWTH;
	return shape;
}

int open_segment(struct opening *opening)
{
	struct stoa_segment_config config = { .struct_size = sizeof config };
	uint64_t bytes;
	int rc = stoa_queue_footprint(&opening->shape, &bytes);

	config.bytes = bytes + 4096 + opening->more;
	config.participants = opening->participants;
	config.mode = opening->mode;
	config.flags = opening->flags;
	config.objects = 64;
	if (rc)
		return rc;
	return opening->create ? stoa_segment_create(opening->name, &config, &opening->segment)
	                       : stoa_segment_open(opening->name, 0, &opening->segment);
}

/* Without the interpreter's lock. */
static int open_ring(struct opening *opening)
{
	int rc = open_segment(opening);

	if (rc)
		return rc;
	rc = opening->create ? stoa_queue_create(opening->segment, "object", &opening->shape, &opening->queue)
	                     : stoa_queue_open(opening->segment, "object", NULL, &opening->queue);
	if (rc)
		stoa_segment_close(opening->segment);
	return rc;
}

static struct ring *find_ring(const struct chain *chain, uint32_t number)
{
	struct ring *ring = chain->rings;

	while (ring && ring->number != number)
		ring = ring->next;
	return ring;
}

int get_ring(struct chain *chain, uint32_t number, bool create, struct ring **ring)
{
	char name[512];
	struct opening opening = { .name = name, .create = create, .shape = shape_of(chain, number) };
	int rc;

	*ring = find_ring(chain, number);
	if (*ring) {
		ring_use(*ring);
		return 0;
	}
	name_of(chain, number, name, sizeof name);
	opening.mode = chain->mode;
	opening.participants = chain->participants;
	Py_BEGIN_ALLOW_THREADS rc = open_ring(&opening);
	Py_END_ALLOW_THREADS if (rc) return rc;
	*ring = chain->closed ? NULL : find_ring(chain, number); /* another thread came before */
	if (*ring || chain->closed) {
		stoa_queue_close(opening.queue);
		stoa_segment_close(opening.segment);
		return *ring ? (ring_use(*ring), 0) : -ESHUTDOWN;
	}
	*ring = ring_new(opening.segment, opening.queue, number);
	if (!*ring)
		return -ENOMEM;
	(*ring)->next = chain->rings;
	chain->rings = ring_use(*ring);
	return 0;
}

void forget_ring(struct chain *chain, uint32_t number)
{
	struct ring **link = &chain->rings;

	while (*link && (*link)->number != number)
		link = &(*link)->next;
	if (*link && number) { /* ring 0 is in the chain's own segment */
		struct ring *ring = *link;

		*link = ring->next;
		ring_leave(ring);
	}
}

bool has_ring(const struct chain *chain, uint32_t number)
{
	return find_ring(chain, number) != NULL;
}

void remove_ring(const struct chain *chain, uint32_t number)
{
	char name[512];

	if (number == 0) /* it goes with the chain */
		return;
	name_of(chain, number, name, sizeof name);
	stoa_segment_unlink(name);
}
