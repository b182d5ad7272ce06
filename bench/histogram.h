/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * histogram.h - latencies, counted: log-linear buckets, in memory that may be shared.
 *
 * A power of two has 64 buckets, so that no figure is off by more than 1/64 of itself.  Written by one
 * worker, read when it has finished.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_LINEAR_BITS = 6,
	HISTOGRAM_BUCKETS = (64 - HISTOGRAM_LINEAR_BITS + 1) << HISTOGRAM_LINEAR_BITS
};

struct histogram {
	uint64_t count, sum, max;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_record(struct histogram *histogram, uint64_t ns);
void histogram_add(struct histogram *to, const struct histogram *from);
/* The value that `fraction` (0 to 1) of all are not above. */
double histogram_at(const struct histogram *histogram, double fraction);
double histogram_mean(const struct histogram *histogram);
/* Without the slowest thousandth: those are interruptions, mostly. */
double histogram_calm_mean(const struct histogram *histogram);

#endif
