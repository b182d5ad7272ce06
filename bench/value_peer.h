/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * value_peer.h - a struct in shared memory as the section sees it: the loops of value_loops.h.
 */
#ifndef BENCH_VALUE_PEER_H
#define BENCH_VALUE_PEER_H

#include "bench.h"

struct value_peer {
	const char *name;
	enum bench_kind kind;
	size_t size;
	void *(*create)(void);
	void (*destroy)(void *shared);
	void *(*attach)(void *shared);
	void (*detach)(void *end);
	bool (*read)(void *end, struct worker *worker);  /* nobody writes */
	bool (*write)(void *end, struct worker *worker); /* nobody reads */
	bool (*watch)(void *end, struct worker *worker); /* reads while one hammers: a histogram */
	bool (*hammer)(void *end, struct worker *worker);
};

#define VALUE_SYMBOL(name, size) BENCH_PASTE(name, value, size)

#endif
