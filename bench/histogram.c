/* SPDX-License-Identifier: BSD-2-Clause */
/* histogram.c - see histogram.h. */
#include "histogram.h"

enum {
	LINEAR = 1 << HISTOGRAM_LINEAR_BITS
};

/* Below LINEAR: the value.  Above: the power of two, and the LINEAR bits behind its first. */
static unsigned bucket_of(uint64_t value)
{
	unsigned shift;

	if (value < LINEAR)
		return (unsigned)value;
	shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_LINEAR_BITS;
	return ((shift + 1) << HISTOGRAM_LINEAR_BITS) + (unsigned)((value >> shift) - LINEAR);
}

/* The middle of a bucket. */
static double value_of(unsigned bucket)
{
	unsigned shift = bucket >> HISTOGRAM_LINEAR_BITS;
	uint64_t low;

	if (!shift)
		return bucket;
	shift--;
	low = ((uint64_t)(bucket & (LINEAR - 1)) + LINEAR) << shift;
	return (double)low + (double)((UINT64_C(1) << shift) - 1) / 2;
}

void histogram_record(struct histogram *histogram, uint64_t ns)
{
	histogram->count++;
	histogram->sum += ns;
	if (ns > histogram->max)
		histogram->max = ns;
	histogram->buckets[bucket_of(ns)]++;
}

void histogram_add(struct histogram *to, const struct histogram *from)
{
	to->count += from->count;
	to->sum += from->sum;
	if (from->max > to->max)
		to->max = from->max;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->buckets[i] += from->buckets[i];
}

double histogram_at(const struct histogram *histogram, double fraction)
{
	double wanted = fraction * (double)histogram->count;
	uint64_t below = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		below += histogram->buckets[i];
		if (below && (double)below >= wanted)
			return value_of(i) < (double)histogram->max ? value_of(i) : (double)histogram->max;
	}
	return (double)histogram->max;
}

double histogram_mean(const struct histogram *histogram)
{
	return histogram->count ? (double)histogram->sum / (double)histogram->count : 0;
}

double histogram_calm_mean(const struct histogram *histogram)
{
	uint64_t left = histogram->count - histogram->count / 1000, all = left;
	double sum = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS && left; i++) {
		uint64_t some = histogram->buckets[i] < left ? histogram->buckets[i] : left;

		sum += (double)some * value_of(i);
		left -= some;
	}
	return all ? sum / (double)all : 0;
}
