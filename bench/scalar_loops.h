/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * scalar_loops.h - the measured loops of a number, a template as queue_loops.h.
 *
 * The adapter says before the #include: PEER_ID, PEER_NAME, PEER_KIND, struct shared, peer_create(),
 * peer_destroy(shared), bool peer_add(shared, number), uint64_t peer_load(shared).
 */

enum {
	BETWEEN_CLOCKS = 256
};

static bool loop_add(void *shared, struct worker *worker)
{
	uint64_t n = 0, bad = 0, deadline;

	worker->start = bench_now();
	deadline = worker->start + worker->duration;
	do {
		for (unsigned i = 0; i < BETWEEN_CLOCKS; i++)
			bad |= !peer_add(shared, 1);
		n += BETWEEN_CLOCKS;
	} while (bench_now() < deadline);
	worker->end = bench_now();
	worker->count = n;
	return !bad || bench_bad(worker, "an addition failed");
}

static bool loop_load(void *shared, struct worker *worker)
{
	uint64_t n = 0, bad = 0, last = 0, deadline;

	worker->start = bench_now();
	deadline = worker->start + worker->duration;
	do {
		for (unsigned i = 0; i < BETWEEN_CLOCKS; i++) {
			uint64_t now = peer_load(shared);

			bad |= now < last;
			last = now;
		}
		n += BETWEEN_CLOCKS;
	} while (bench_now() < deadline);
	worker->end = bench_now();
	worker->count = n;
	return !bad || bench_bad(worker, "a sum went down");
}

static void *loop_create(void)
{
	return peer_create();
}

static void loop_destroy(void *shared)
{
	peer_destroy(shared);
}

static uint64_t loop_sum(void *shared)
{
	return peer_load(shared);
}

extern const struct scalar_peer SCALAR_SYMBOL(PEER_ID);
const struct scalar_peer SCALAR_SYMBOL(PEER_ID) = {
	.name = PEER_NAME,
	.kind = PEER_KIND,
	.create = loop_create,
	.destroy = loop_destroy,
	.add = loop_add,
	.load = loop_load,
	.sum = loop_sum,
};
