/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * scalar_peer.h - one shared number that all add to.
 */
#ifndef BENCH_SCALAR_PEER_H
#define BENCH_SCALAR_PEER_H

#include "bench.h"

struct scalar_peer {
	const char *name;
	enum bench_kind kind;
	void *(*create)(void);
	void (*destroy)(void *shared);
	bool (*add)(void *shared, struct worker *worker); /* 1, for so long */
	bool (*load)(void *shared, struct worker *worker);
	uint64_t (*sum)(void *shared);
};

#define SCALAR_SYMBOL(name) BENCH_PASTE(name, scalar, peer)

#endif
