/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * history.h - what was called, when, and what it answered.  history_record.h writes it down.
 *
 * Time.  A call takes effect at some moment between its two stamps, and after the calls that its thread made
 * before it; that, and nothing else, is what the checkers (linear.h) believe.  So the first stamp must be
 * taken before anything of the call is done, and the last when all of it has been done and can be seen by
 * everybody: history_now() waits for earlier loads, for earlier stores (which an x86 processor keeps for
 * itself for a while after the instruction has retired; an SPSC push is a plain store), and lets no later
 * load begin before it has read the clock.
 *
 * One stamp ends a call and begins the next one, and some calls in a row may share the stamp before the first
 * and the one after the last of them: an interval may only grow by that.  Such calls have equal stamps, and
 * what orders them is that they stand in `calls` as the thread made them.
 */
#ifndef STOA_STRESS_HISTORY_H
#define STOA_STRESS_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <stoa.h>

#include "atomic.h"
#include "chance.h"
#include "os.h"

enum call_kind {
	CALL_PUSH,             /* argument */
	CALL_POP,              /* result */
	CALL_TAKE,             /* result */
	CALL_RELEASE,          /* argument: what is acknowledged */
	CALL_RETURN,           /* argument: what goes back */
	CALL_LOAD,             /* result */
	CALL_STORE,            /* argument */
	CALL_EXCHANGE,         /* argument, result: the old one */
	CALL_COMPARE_EXCHANGE, /* expected, argument; result: what was there, where it had changed */
	CALL_FETCH_ADD,        /* argument, result: the old one */
	CALL_RANGE_READ,       /* of up to three elements: argument, expected, result */
	CALL_RANGE_WRITE,
	CALL_ACQUIRE,
	CALL_UNLOCK,
	CALL_POST,
	CALL_WAIT,
	CALL_DIE, /* no call: the thread was killed */
	CALL_KINDS
};

enum call_flag {
	CALL_PENDING = 1, /* it did not end; `end` is when its process had surely ended, or HISTORY_NEVER */
	CALL_REDELIVERED = 2, /* the message was flagged */
	CALL_TORN = 4,        /* the bytes were not those that anybody had sent */
};

#define HISTORY_NEVER UINT64_MAX

struct call {
	uint64_t start, end;
	uint64_t argument, expected, result;
	uint16_t object; /* a range: the first element, and the count in the upper byte */
	uint16_t thread;
	int16_t outcome;
	uint8_t kind;
	uint8_t flags;
};

/* ---- the clock ---- */

/* Chooses the time stamp counter where it can be trusted, else the kernel's clock.  Once, before fork(). */
void history_clock_choose(void);
const char *history_clock_name(void);
double history_clock_per_ns(void);

extern bool history_clock_is_tsc;

/* `stores`: what is stamped ends, perhaps, with plain stores; a locked instruction drains them itself. */
static inline uint64_t history_now(bool stores)
{
#if defined(__x86_64__)
	if (likely(history_clock_is_tsc)) {
		uint64_t now;

		if (stores)
			fence_seq();
		__builtin_ia32_lfence(); /* after all that was loaded */
		now = __builtin_ia32_rdtsc();
		__builtin_ia32_lfence(); /* before all that the next call loads */
		return now;
	}
#endif
	struct timespec time;

	(void)stores;
	fence_seq();
	clock_gettime(CLOCK_MONOTONIC_RAW, &time);
	fence_seq();
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* ---- histories ---- */

enum subject {
	SUBJECT_QUEUE,
	SUBJECT_CELL,  /* numbers and structs, each an object of its own */
	SUBJECT_RANGE, /* up to three elements, read and written together */
	SUBJECT_LOCK,
	SUBJECT_SEMAPHORE,
	SUBJECTS
};

struct history {
	enum subject subject;
	char scenario[48];
	uint64_t capacity;  /* of the queue; 0: not known, or without bound */
	uint64_t initial;   /* of cells and ranges; permits of a semaphore */
	bool ring;          /* the SPSC ring: a lease keeps its place */
	bool discard;       /* STOA_DISCARD */
	bool drained;       /* at the end everything was received */
	double per_ns;      /* ticks */
	struct call *calls; /* those of one thread as it made them */
	size_t count, room;
};

bool history_add(struct history *history, const struct call *call);
void history_free(struct history *history);

/* A file of text, one call on a line; docs/testing.md has the format.  Negative errnos; -EBADMSG. */
int history_save(const struct history *history, const char *path);
int history_load(struct history *history, const char *path);

const char *history_kind_name(unsigned kind);
/* One line about a call, times relative to `origin`. */
void history_describe(const struct history *history, const struct call *call, uint64_t origin, char *line,
                      size_t room);

#endif
