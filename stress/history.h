/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * history.h - what was called, when, and what it answered.
 *
 * Each thread writes a log of its own: a record before a call, completed when the call has
 * returned.  The logs lie in memory that outlives the processes, so a call during which its process was
 * killed stays there for ever, begun and not ended.
 *
 * Time.  A call takes effect at some moment between its two stamps; that, and nothing else, is what the
 * checkers (linear.h) believe.  So the first stamp must be taken before anything of the call is
 * done, and the last when all of it has been done and can be seen by everybody: history_now() waits
 * for earlier loads, for earlier stores (which an x86 processor keeps for itself for a while after the
 * instruction has retired; an SPSC push is a plain store), and lets no later load begin before it
 * has read the clock.  One stamp ends a call and begins the next one: an interval may only grow by that.
 */
#ifndef STOA_STRESS_HISTORY_H
#define STOA_STRESS_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <stoa.h>

#include "atomic.h"
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
	uint64_t start, end; /* 0: it has not ended */
	uint64_t argument, expected, result;
	uint16_t object; /* a range: the first element, and the count in the upper byte */
	uint16_t thread;
	int16_t outcome;
	uint8_t kind;
	uint8_t flags;
};
_Static_assert(sizeof(struct call) == 48, "a record is small: the log's cost is its cache lines");

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

/* ---- logs ---- */

#define RECORDER_SLACK 64 /* records that may follow when the log says that it is full */

struct history_log {
	struct atom32 count; /* begun */
	uint32_t room;
	uint16_t thread;
	uint64_t killed, death; /* by the one who killed it: before, and when it had ended; 0: it was not */
	struct call *calls;
};

/* A thread's hand on its log. */
struct recorder {
	struct history_log *log; /* NULL: nothing is written down */
	struct call *call;
	uint64_t stamp;
	uint32_t streak; /* equal answers of nothing in turn */
	bool stores;     /* calls end with plain stores: the SPSC ring, plain ranges */
	bool full;
};

/* Touches the log's memory, so that no page fault comes in between.  A log of NULL writes nothing down. */
void recorder_open(struct recorder *recorder, struct history_log *log, bool stores);

/* A call is about to be made. */
static inline void call_begins(struct recorder *me, enum call_kind kind, uint16_t object, uint64_t argument,
                               uint64_t expected)
{
	uint32_t count;

	if (!me->log)
		return;
	count = atom32_load_rlx(&me->log->count); /* relaxed: one writer; read when it has ended */
	me->call = &me->log->calls[count];
	*me->call = (struct call){ .start = me->stamp,
		                   .argument = argument,
		                   .expected = expected,
		                   .object = object,
		                   .thread = me->log->thread,
		                   .kind = (uint8_t)kind };
	atom32_store_rel(&me->log->count, count + 1);
	/* Else the call's locked instruction would wait for the log's next lines. */
	__builtin_prefetch(me->call + 12, 1);
	me->full = count + RECORDER_SLACK >= me->log->room;
}

static inline void call_ends(struct recorder *me, int outcome, uint64_t result, uint8_t flags)
{
	if (!me->log)
		return;
	me->stamp = history_now(me->stores);
	me->call->result = result;
	me->call->outcome = (int16_t)outcome;
	me->call->flags = flags;
	me->call->end = me->stamp;
	/* Of a row of answers that there is nothing, or no room, the first ones and the last are kept. */
	me->streak = outcome == STOA_EMPTY || outcome == STOA_FULL ? me->streak + 1 : 0;
	if (unlikely(me->streak > 3))
		atom32_store_rlx(&me->log->count, atom32_load_rlx(&me->log->count) - 1);
}

/*
 * Calls that are one call to the library (push_many, a range): begun one by one from number
 * recorder_mark() on; ended by recorder_stamp() and one recorder_end() for each; recorder_drop() forgets
 * those that were not tried.
 */
static inline uint32_t recorder_mark(const struct recorder *me)
{
	return me->log ? atom32_load_rlx(&me->log->count) : 0; /* relaxed: as above */
}

static inline void recorder_stamp(struct recorder *me)
{
	if (me->log)
		me->stamp = history_now(me->stores);
}

static inline void recorder_end(struct recorder *me, uint32_t number, int outcome, uint64_t result,
                                uint8_t flags)
{
	if (!me->log)
		return;
	me->call = &me->log->calls[number];
	me->call->result = result;
	me->call->outcome = (int16_t)outcome;
	me->call->flags = flags;
	me->call->end = me->stamp;
}

static inline void recorder_drop(struct recorder *me, uint32_t from)
{
	if (me->log)
		atom32_store_rel(&me->log->count, from);
}

/* After a pause, or work that belongs to no call. */
static inline void recorder_resume(struct recorder *me)
{
	if (me->log)
		me->stamp = history_now(me->stores);
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
	uint64_t capacity; /* of the queue; 0: not known, or without bound */
	uint64_t initial;  /* of cells and ranges; permits of a semaphore */
	bool ring;         /* the SPSC ring: a lease keeps its place */
	bool discard;      /* STOA_DISCARD */
	bool drained;      /* at the end everything was received */
	double per_ns;     /* ticks */
	struct call *calls;
	size_t count, room;
};

bool history_add(struct history *history, const struct call *call);
/* All that the log has.  A call that was not ended is pending: until the log's death, if there was one. */
bool history_add_log(struct history *history, const struct history_log *log);
void history_free(struct history *history);

/* A file of text, one call on a line; docs/testing.md has the format.  Negative errnos; -EBADMSG. */
int history_save(const struct history *history, const char *path);
int history_load(struct history *history, const char *path);

const char *history_kind_name(unsigned kind);
/* One line about a call, times relative to `origin`. */
void history_describe(const struct history *history, const struct call *call, uint64_t origin, char *line,
                      size_t room);

static inline uint64_t history_mix(uint64_t n) /* splitmix64 */
{
	n += 0x9e3779b97f4a7c15;
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
	n = (n ^ n >> 27) * 0x94d049bb133111eb;
	return n ^ n >> 31;
}

#endif
