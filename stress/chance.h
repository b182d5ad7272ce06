/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * chance.h - numbers by chance, the same for the same seed; good enough for choices, and no secrets.
 */
#ifndef STOA_STRESS_CHANCE_H
#define STOA_STRESS_CHANCE_H

#include <stdint.h>

/* One number from another, all bits of it from all: splitmix64 (Steele, Lea and Flood 2014).  A hash, too. */
static inline uint64_t chance_mix(uint64_t n)
{
	n += 0x9e3779b97f4a7c15;
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
	n = (n ^ n >> 27) * 0x94d049bb133111eb;
	return n ^ n >> 31;
}

/* A seed that is not 0, from any. */
static inline uint64_t chance_seed(uint64_t n)
{
	return chance_mix(n) | 1;
}

/* From 0 to limit - 1; quick: xorshift64 (Marsaglia 2003).  `seed` must not be 0. */
static inline uint64_t chance_below(uint64_t *seed, uint64_t limit)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (*seed >> 16) % limit;
}

#endif
