/* SPDX-License-Identifier: BSD-2-Clause */
/* value.h - a struct of SIZE bytes, which the build gives. */
#ifndef BENCH_VALUE_H
#define BENCH_VALUE_H

#include "value_peer.h"

struct value {
	uint64_t word[SIZE / 8];
};

#endif
