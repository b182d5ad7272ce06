/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * bench.h - what a measured loop sees: its worker, the clock, shared memory.
 *
 * C and C++ alike, since some peers are C++.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_LINE 64 /* bytes of a cache line */
#define BENCH_BATCH 64

struct team;
struct histogram;

/* What stands in the middle of a table of results, and what beside it. */
enum bench_kind {
	BENCH_OURS,
	BENCH_PEER,
	BENCH_FLOOR, /* the least that the machine asks for this: no peer, but what binds all of them */
};

enum bench_role {
	BENCH_SENDER,
	BENCH_RECEIVER
};

/* One process (or thread) of a team, in memory that all of them share. */
struct worker {
	struct team *team;
	unsigned number; /* 0 to workers - 1: the senders first */
	unsigned index;  /* among those of its role */
	enum bench_role role;
	bool alone; /* one sender and one receiver */
	unsigned core;
	uint64_t duration; /* ns that the senders send */
	uint64_t least;    /* messages that each sends at least */
	uint64_t pause_ns; /* before a wake-up, so that the other is asleep */
	bool yields;       /* it shares its core: a wait that lasts gives it away */
	uint32_t waits;
	struct histogram *histogram; /* NULL where nobody asks for latencies */

	/* results */
	uint64_t start, end; /* ns */
	uint64_t count, sum;
	/* Messages so far, for who looks on; in a line of its own. */
	volatile uint64_t progress __attribute__((aligned(2 * BENCH_LINE)));
	uint64_t pad[15];
};

/*
 * A try came back with nothing.  Pauses; true where all senders have finished, so that one more
 * try decides.
 */
bool bench_wait(struct worker *worker);
/* A sender has finished: before this its messages, after it the receivers' last try. */
void bench_sent(struct worker *worker);
/* Of runs in which some go on until another has finished: it has; has it? */
void bench_finish(struct worker *worker);
bool bench_finished(struct worker *worker);
/* A check of the data failed: says so, and the bench ends with exit status 1.  False, always. */
bool bench_bad(const struct worker *worker, const char *what);

/* A batch of BENCH_BATCH round trips took so long. */
void bench_batch(struct worker *worker, uint64_t ns);
void histogram_record(struct histogram *histogram, uint64_t ns);
/* Ticks to nanoseconds, less what two looks at the clock cost by themselves. */
uint64_t bench_ticks_ns(uint64_t ticks);

/* Shared memory, zeroed, every page there.  NULL where there is not enough of it. */
void *bench_map(size_t bytes);
void bench_unmap(void *memory, size_t bytes);

static inline uint64_t bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The cheapest clock there is. */
static inline uint64_t bench_ticks(void)
{
#if defined(__x86_64__)
	unsigned core;

	return __rdtscp(&core); /* waits for the loads before it, as rdtsc does not */
#elif defined(__aarch64__)
	uint64_t ticks;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks)::"memory");
	return ticks;
#else
	return bench_now();
#endif
}

static inline void bench_pause(void)
{
#if defined(__x86_64__)
	_mm_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#endif
}

#define BENCH_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define BENCH_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
/* The copy is not needed, but it must be made. */
#define BENCH_KEEP(pointer) __asm__ volatile("" ::"r"(pointer) : "memory")

#define BENCH_PASTE_(a, b, c) a##_##b##_##c
#define BENCH_PASTE(a, b, c) BENCH_PASTE_(a, b, c)

#ifdef __cplusplus
}
#endif

#endif
