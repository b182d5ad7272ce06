/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * value_loops.h - the measured loops of a struct that is read and written whole; as queue_loops.h, a
 * template.
 *
 * The adapter says before the #include:
 *
 *   PEER_ID, PEER_NAME, PEER_KIND; PEER_TORN where a copy may be torn, and so is not checked
 *   struct shared, struct end
 *   static struct shared *peer_create(void), void peer_destroy(struct shared *)
 *   static bool peer_attach(struct end *, struct shared *), void peer_detach(struct end *)
 *   static bool peer_load(struct end *, struct value *), bool peer_store(struct end *, const struct value *)
 *
 * Version n has n in its first and its last word, and between them a pattern that belongs to n, so that every
 * torn copy is seen.  There are four patterns, filled in beforehand: a store costs no more than the store.
 */
#include <stdlib.h>
#include <string.h>

enum {
	VALUE_WORDS = SIZE / 8,
	PATTERNS = 4,
	BETWEEN_CLOCKS = SIZE > 4096 ? 16 : 256
};

struct drafts {
	struct value value[PATTERNS];
};

static uint64_t pattern_of(uint64_t version)
{
	return UINT64_C(0x0101010101010101) * (version % PATTERNS + 1);
}

static struct drafts *drafts_new(void)
{
	struct drafts *drafts = malloc(sizeof *drafts);

	for (unsigned k = 0; drafts && k < PATTERNS; k++)
		for (unsigned i = 0; i < VALUE_WORDS; i++)
			drafts->value[k].word[i] = pattern_of(k);
	return drafts;
}

static inline const struct value *draft(struct drafts *drafts, uint64_t version)
{
	struct value *value = &drafts->value[version % PATTERNS];

	value->word[0] = version;
	value->word[VALUE_WORDS - 1] = version;
	return value;
}

/* Version 0, as it was created, is all zeros. */
static bool whole(const struct value *value)
{
	uint64_t pattern = value->word[0] ? pattern_of(value->word[0]) : 0, bad = 0;

	for (unsigned i = 1; i < VALUE_WORDS - 1; i++)
		bad |= value->word[i] ^ pattern;
	return !bad && value->word[0] == value->word[VALUE_WORDS - 1];
}

static bool loop_read(void *opaque, struct worker *worker)
{
	struct end *end = opaque;
	struct value *value = malloc(sizeof *value);
	uint64_t n = 0, bad = 0, deadline;

	if (!value)
		return false;
	worker->start = bench_now();
	deadline = worker->start + worker->duration;
	do {
		for (unsigned i = 0; i < BETWEEN_CLOCKS; i++) {
			bad |= !peer_load(end, value);
			BENCH_KEEP(value);
			bad |= value->word[0] ^ value->word[VALUE_WORDS - 1];
		}
		n += BETWEEN_CLOCKS;
	} while (bench_now() < deadline);
	worker->end = bench_now();
	worker->count = n;
	bad |= !whole(value);
	free(value);
	return !bad || bench_bad(worker, "a value was torn, or could not be read");
}

static bool loop_write(void *opaque, struct worker *worker)
{
	struct end *end = opaque;
	struct drafts *drafts = drafts_new();
	uint64_t n = 0, bad = 0, deadline;

	if (!drafts)
		return false;
	worker->start = bench_now();
	deadline = worker->start + worker->duration;
	do {
		for (unsigned i = 0; i < BETWEEN_CLOCKS; i++)
			bad |= !peer_store(end, draft(drafts, ++n));
	} while (bench_now() < deadline);
	worker->end = bench_now();
	worker->count = n;
	free(drafts);
	return !bad || bench_bad(worker, "a value could not be written");
}

static bool loop_watch(void *opaque, struct worker *worker)
{
	struct end *end = opaque;
	struct value *value = malloc(sizeof *value);
	uint64_t n = 0, bad = 0, last = 0, deadline, ticks;

	if (!value)
		return false;
	worker->start = bench_now();
	deadline = worker->start + worker->duration;
	do {
		for (unsigned i = 0; i < 16; i++) {
			ticks = bench_ticks();
			bad |= !peer_load(end, value);
			BENCH_KEEP(value);
			histogram_record(worker->histogram, bench_ticks_ns(bench_ticks() - ticks));
#ifndef PEER_TORN
			bad |= !whole(value) | (value->word[0] < last);
			last = value->word[0];
#endif
		}
		n += 16;
	} while (bench_now() < deadline);
	worker->end = bench_now();
	worker->count = n;
	(void)last;
	free(value);
	bench_finish(worker);
	return !bad || bench_bad(worker, "a value was torn, or older than the one before");
}

static bool loop_hammer(void *opaque, struct worker *worker)
{
	struct end *end = opaque;
	struct drafts *drafts = drafts_new();
	uint64_t n = worker->count, bad = 0; /* versions go on from one part of the run to the next */

	if (!drafts)
		return false;
	while (!bench_finished(worker))
		bad |= !peer_store(end, draft(drafts, ++n));
	worker->count = n;
	free(drafts);
	return !bad || bench_bad(worker, "a value could not be written");
}

/* ---- the table ---- */

static void *loop_create(void)
{
	return peer_create();
}

static void loop_destroy(void *shared)
{
	peer_destroy(shared);
}

static void *loop_attach(void *shared)
{
	struct end *end = calloc(1, sizeof *end);

	if (end && peer_attach(end, shared))
		return end;
	free(end);
	return NULL;
}

static void loop_detach(void *end)
{
	peer_detach(end);
	free(end);
}

extern const struct value_peer VALUE_SYMBOL(PEER_ID, SIZE);
const struct value_peer VALUE_SYMBOL(PEER_ID, SIZE) = {
	.name = PEER_NAME,
	.kind = PEER_KIND,
	.size = SIZE,
	.create = loop_create,
	.destroy = loop_destroy,
	.attach = loop_attach,
	.detach = loop_detach,
	.read = loop_read,
	.write = loop_write,
	.watch = loop_watch,
	.hammer = loop_hammer,
};
