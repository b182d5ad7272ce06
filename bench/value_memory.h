/* SPDX-License-Identifier: BSD-2-Clause */
/* value_memory.h - the frame of the adapters whose value lies in bare shared memory as `struct shared`. */

struct end {
	struct shared *shared;
};

static void memory_init(struct shared *shared);

static struct shared *peer_create(void)
{
	struct shared *shared = bench_map(sizeof *shared);

	if (shared)
		memory_init(shared);
	return shared;
}

static void peer_destroy(struct shared *shared)
{
	bench_unmap(shared, sizeof *shared);
}

static bool peer_attach(struct end *end, struct shared *shared)
{
	end->shared = shared;
	return true;
}

static void peer_detach(struct end *end)
{
	(void)end;
}
