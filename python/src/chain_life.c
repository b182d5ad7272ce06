/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * chain_life.c - a chain is opened and closed; what is left of it is swept.
 */
#include "chain_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spill.h"

#define OBJECT_NAME_MAX 64   /* of struct chain, too */
#define NAME_ROOM 200        /* of a name; those of what lies beside it are longer */
#define FINISHERS 16         /* processes that finish rings at once; another one's ring stays for a while */
#define WORDS_BYTES 65536ull /* more than the words take */

/* What lies beside the first ring is named after it. */
enum {
	NAME_ABOUT,
	NAME_WORDS,
	NAME_FINISHED,
	NAME_DONE,
	NAMES
};

static int names_of(const struct chain_config *config, char names[NAMES][OBJECT_NAME_MAX])
{
	static const char *const beside[NAMES] = { "about", "words", "finished", "done" };

	for (int i = 0; i < NAMES; i++) {
		if (snprintf(names[i], OBJECT_NAME_MAX, "%s.%s", config->object, beside[i]) >=
		    OBJECT_NAME_MAX)
			return -ENAMETOOLONG;
	}
	return 0;
}

static int open_words(struct chain *chain, const struct chain_config *config)
{
	const struct stoa_array_config words = {
		.struct_size = sizeof words,
		.type = STOA_U64,
		.count = CHAIN_WORDS,
	};
	const struct stoa_value_config finished = {
		.struct_size = sizeof finished,
		.size = sizeof(struct finished),
		.writers = FINISHERS,
	};
	const struct stoa_value_config done = { .struct_size = sizeof done, .type = STOA_U64 };
	const struct stoa_value_config about = {
		.struct_size = sizeof about,
		.size = CHAIN_ABOUT,
		.writers = 1,
		.initial = config->about,
	};
	struct stoa_value *told = NULL;
	char names[NAMES][OBJECT_NAME_MAX];
	int rc = names_of(config, names);

	if (rc)
		return rc;
	memcpy(chain->done_name, names[NAME_DONE], sizeof chain->done_name);
	if (config->create) {
		rc = stoa_value_create(chain->segment, names[NAME_ABOUT], &about, &told);
		rc = rc ? rc : stoa_array_create(chain->segment, names[NAME_WORDS], &words, &chain->words);
		rc = rc ? rc
		        : stoa_value_create(chain->segment, names[NAME_FINISHED], &finished,
		                            &chain->finished);
		rc = rc ? rc : stoa_value_create(chain->segment, names[NAME_DONE], &done, &chain->done);
	} else {
		rc = stoa_value_open(chain->segment, names[NAME_ABOUT], &about, &told);
		if (rc == -ENOENT)
			return 0; /* somebody else's queue */
		rc = rc ? rc : stoa_array_open(chain->segment, names[NAME_WORDS], &words, &chain->words);
		rc = rc ? rc
		        : stoa_value_open(chain->segment, names[NAME_FINISHED], &finished, &chain->finished);
		rc = rc ? rc : stoa_value_open(chain->segment, names[NAME_DONE], &done, &chain->done);
	}
	if (rc == 0)
		rc = stoa_value_load(told, chain->about);
	stoa_value_close(told);
	return rc;
}

static int segment_of_chain(struct chain *chain, const struct chain_config *config)
{
	struct stoa_segment_info info = { .struct_size = sizeof info };
	struct opening opening = {
		.name = chain->name,
		.shape = config->shape,
		.participants = config->participants,
		.mode = config->mode,
		.flags = config->flags,
		.more = WORDS_BYTES,
		.create = config->create,
	};
	struct stat stat;
	int rc = open_segment(&opening);

	if (rc)
		return rc;
	chain->segment = opening.segment;
	rc = stoa_segment_info(chain->segment, &info);
	if (rc == 0 && fstat(stoa_segment_fd(chain->segment), &stat))
		rc = -errno;
	chain->participants = info.participants;
	chain->mode = rc ? 0 : stat.st_mode & 0777;
	return rc;
}

/* Several messages may come as one then, and get() would take them for one. */
static bool holds_parcels(const struct stoa_queue_config *shape)
{
	return shape->pack > 1 && (shape->senders == STOA_MANY || shape->receivers == STOA_MANY);
}

static int ring_of_chain(struct chain *chain, const struct chain_config *config)
{
	struct stoa_segment *segment = NULL;
	struct stoa_queue *queue;
	int rc = config->create ? stoa_queue_create(chain->segment, config->object, &config->shape, &queue)
	                        : stoa_queue_open(chain->segment, config->object, NULL, &queue);

	if (rc)
		return rc;
	chain->shape.struct_size = sizeof chain->shape;
	stoa_queue_info(queue, &chain->shape);
	chain->rings = ring_new(segment, queue, 0);
	if (!chain->rings)
		return -ENOMEM;
	return holds_parcels(&chain->shape) ? -EPROTOTYPE : 0;
}

static int copy_name(struct chain *chain, const char *name)
{
	const char *directory = strchr(name, '/') ? "" : "/dev/shm/stoa.";
	size_t before = strlen(directory), length = strlen(name);

	chain->name = strdup(name);
	chain->path = malloc(before + length + 1);
	if (!chain->name || !chain->path)
		return -ENOMEM;
	memcpy(chain->path, directory, before);
	memcpy(chain->path + before, name, length + 1);
	return length < NAME_ROOM ? 0 : -ENAMETOOLONG;
}

int chain_open(struct chain *chain, const char *name, const struct chain_config *config)
{
	struct finished finished;
	uint64_t tail;
	int rc;

	*chain = (struct chain){ .poll = -1, .timer = -1 };
	rc = copy_name(chain, name);
	rc = rc ? rc : segment_of_chain(chain, config);
	rc = rc ? rc : open_words(chain, config);
	rc = rc ? rc : ring_of_chain(chain, config);
	if (rc == 0 && chain->words)
		rc = stoa_array_load(chain->words, CHAIN_TAIL, &tail);
	if (rc == 0 && chain->words)
		rc = stoa_value_load(chain->finished, &finished);
	if (rc) {
		chain_close(chain);
		return rc;
	}
	chain->unbounded = chain->words && chain->about[0] == CHAIN_UNBOUNDED;
	chain->send = ring_use(chain->rings);
	if (!chain->unbounded)
		chain->receive = ring_use(chain->rings);
	if (chain->words && chain_count(chain, CHAIN_SPILLED, 0))
		chain_sweep(chain);
	return 0;
}

static void close_rings(struct chain *chain)
{
	while (chain->rings) {
		struct ring *ring = chain->rings;

		chain->rings = ring->next;
		ring_leave(ring);
	}
	while (chain->lingering_count)
		ring_leave(chain->lingering[--chain->lingering_count]);
	move(&chain->send, NULL);
	move(&chain->receive, NULL);
}

/* Where this process was the last one, and its end of the chain is closed. */
static void remove_if_gone(const struct chain *chain)
{
	if (chain->files && access(chain->path, F_OK) != 0)
		spill_remove_all(chain->path);
}

void chain_close(struct chain *chain)
{
	if (chain->closed || !chain->path)
		return;
	if (chain->words && chain->send && chain_count(chain, CHAIN_SPILLED, 0)) {
		chain->files = true;
		chain_sweep(chain);
		if (chain->closed) /* by another thread, meanwhile */
			return;
	}
	chain->files = chain->files || NUMBER(load_tail(chain));
	chain->closed = true;
	close_rings(chain);
	stoa_array_close(chain->words);
	stoa_value_close(chain->finished);
	stoa_value_close(chain->done);
	stoa_segment_close(chain->segment);
	chain_end_poll(chain);
	remove_if_gone(chain);
}

void chain_free(struct chain *chain)
{
	chain_close(chain);
	if (chain->path)
		remove_if_gone(chain); /* leases and calls of other threads have kept the segment until now */
	free(chain->name);
	free(chain->path);
}

/* Whether there is no message, neither waiting nor held: at one moment, since in between none was sent, or
 * came back. */
static bool is_quiet(void *context)
{
	struct stoa_queue_stat before = { .struct_size = sizeof before }, after = before;

	return chain_stat(context, &before) == 0 && chain_stat(context, &after) == 0 &&
	       before.length + before.held + after.length + after.held == 0 && before.sent == after.sent &&
	       before.redelivered == after.redelivered;
}

void chain_sweep(struct chain *chain)
{
	spill_sweep(chain->path, is_quiet, chain);
}

int chain_unlink(const char *name)
{
	struct chain chain = { .closed = true };
	int rc = copy_name(&chain, name);

	rc = rc ? rc : stoa_segment_unlink(name);
	if (rc == 0 || rc == -ENOENT)
		spill_remove_all(chain.path);
	chain_free(&chain);
	return rc;
}

uint64_t chain_count(struct chain *chain, enum chain_word word, uint64_t more)
{
	uint64_t before = 0;

	if (!chain->words || chain->closed)
		return 0;
	if (more)
		stoa_array_fetch_add(chain->words, word, &more, &before);
	else
		stoa_array_load(chain->words, word, &before);
	return before + more;
}
