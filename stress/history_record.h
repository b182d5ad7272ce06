/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * history_record.h - the recorder: each thread writes what it does into a log of its own.
 *
 * A record is begun before a call, and completed when the call has returned.  The logs lie in memory that
 * outlives the processes, so a call during which its process was killed stays there for ever, begun and not
 * ended.
 *
 * Groups.  To look at the clock costs as much as a fast call does.  So only one call in `every` is followed
 * by a stamp; the calls between two stamps are a group, and each of them took effect between these two, in
 * the order in which they were made.  One record is half a cache line; a group says which stamps and records
 * are its own.
 *
 * That a thread's calls take effect in turn needs an exception.  Where calls end in plain stores (the SPSC
 * ring), a refusal ("full", "empty") is a load that may come before the stores of the thread's calls before
 * it are seen by others: the store buffer, to which a stamp's fence puts an end.  So there a refusal counts
 * only as the first of its group; another one is not written down, and the second of a row ends the group, so
 * that the third may be.  Successes are seen in turn: stores to one word are.
 */
#ifndef STOA_STRESS_HISTORY_RECORD_H
#define STOA_STRESS_HISTORY_RECORD_H

#include "history.h"

#define RECORDER_EVERY_MAX 64
#define RECORDER_SLACK 1024 /* records that may follow when the log is full: a group of batches */

struct record {
	uint64_t argument, expected, result;
	struct atom32 state; /* outcome, kind, flags: 16, 8, 8 bits; CALL_PENDING: begun */
	uint16_t object;
};
_Static_assert(sizeof(struct record) == 32, "a record is small: the log's cost is its cache lines");

/* Records from `first` to that of the next group.  The last one is open: it has no end. */
struct record_group {
	uint64_t start, end;
	uint64_t first;
};

/* Each in lines of its own: it is written at each call. */
struct history_log {
	_Alignas(128) struct atom32 count; /* records begun */
	struct atom32 groups;              /* closed */
	uint32_t room;                     /* of records, and of groups */
	uint16_t thread;
	uint64_t killed, death; /* by the one who killed it: before, and when it had ended; 0: it was not */
	struct record *records;
	struct record_group *group;
};

/* A thread's hand on its log. */
struct recorder {
	struct history_log *log; /* NULL: nothing is written down */
	struct record *call;
	uint64_t stamp;
	uint32_t count, groups, first; /* as in the log; the open group's first record */
	uint32_t every, left;          /* calls until the next stamp */
	uint32_t streak;               /* equal answers of nothing in turn */
	bool stores;                   /* calls end with plain stores: the SPSC ring, plain ranges */
	bool due;                      /* the stamp has been taken: the group ends with this call */
	bool wraps;                    /* a full log is begun anew: only what writing costs is of interest */
	bool full;
};

/*
 * A stamp for every so many calls.  Touches the log's memory, so that no page fault comes in between.  A log
 * of NULL writes nothing down.
 */
void recorder_open(struct recorder *recorder, struct history_log *log, uint32_t every, bool stores);

/* Empties it; nobody may be at work. */
void history_log_wipe(struct history_log *log);

/* All that the log has.  A call that was not ended is pending: until the log's death, if there was one. */
bool history_add_log(struct history *history, const struct history_log *log);

/* ---- parts ---- */

static inline uint32_t record_state(int outcome, unsigned kind, unsigned flags)
{
	return (uint32_t)(uint16_t)outcome << 16 | kind << 8 | flags;
}

static inline bool is_refusal(int outcome)
{
	return outcome == STOA_EMPTY || outcome == STOA_FULL || outcome == STOA_TIMEOUT;
}

static inline void record_end(struct record *record, int outcome, uint64_t result, uint8_t flags)
{
	uint32_t state = atom32_load_rlx(&record->state); /* relaxed: one writer; read when it has ended */

	record->result = result;
	atom32_store_rel(&record->state, record_state(outcome, state >> 8 & 255, flags));
}

/*
 * Ends the open group, and begins the next.  One without records begins anew.  Killed anywhere here, it
 * leaves a group that is too wide, at worst.
 */
static inline void recorder_close(struct recorder *me)
{
	struct record_group *group = &me->log->group[me->groups];

	me->due = false;
	me->left = me->every;
	if (me->count == me->first) {
		group->start = me->stamp;
		return;
	}
	group[0].end = me->stamp;
	group[1] = (struct record_group){ .start = me->stamp, .first = me->count };
	me->first = me->count;
	atom32_store_rel(&me->log->groups, ++me->groups);
	me->full = me->count + RECORDER_SLACK >= me->log->room;
	if (unlikely(me->full && me->wraps)) {
		me->count = me->groups = me->first = 0;
		me->log->group[0] = group[1];
		me->log->group[0].first = 0;
		me->full = false;
	}
}

/* ---- a call ---- */

/* It is about to be made. */
static inline void call_begins(struct recorder *me, enum call_kind kind, uint16_t object, uint64_t argument,
                               uint64_t expected)
{
	if (!me->log)
		return;
	me->call = &me->log->records[me->count];
	me->call->argument = argument;
	me->call->expected = expected;
	me->call->object = object;
	atom32_store_rlx(&me->call->state,
	                 record_state(0, kind, CALL_PENDING)); /* relaxed: the count has it */
	atom32_store_rel(&me->log->count, ++me->count);
	/* Else the call's locked instruction would wait for the log's next lines. */
	__builtin_prefetch(me->call + 16, 1);
}

/* A call to the library has returned; what it answered is written down after this. */
static inline void recorder_stamp(struct recorder *me)
{
	if (!me->log || --me->left)
		return;
	me->stamp = history_now(me->stores);
	me->due = true;
}

/* All of it has been written down. */
static inline void recorder_done(struct recorder *me)
{
	if (me->log && me->due)
		recorder_close(me);
}

/* At the beginning, and before and after a pause, or work that belongs to no call. */
static inline void recorder_resume(struct recorder *me)
{
	if (!me->log)
		return;
	me->stamp = history_now(me->stores);
	recorder_close(me);
}

/*
 * Calls that are one call to the library (push_many, a range): begun one by one from number recorder_mark()
 * on; ended by recorder_stamp(), one recorder_end() for each, and recorder_done(), or recorder_end_batch().
 */
static inline uint32_t recorder_mark(const struct recorder *me)
{
	return me->count;
}

static inline void recorder_end(struct recorder *me, uint32_t number, int outcome, uint64_t result,
                                uint8_t flags)
{
	if (me->log)
		record_end(&me->log->records[number], outcome, result, flags);
}

static inline void recorder_drop(struct recorder *me, uint32_t from)
{
	if (me->log && from < me->count)
		atom32_store_rel(&me->log->count, me->count = from);
}

/*
 * Of a row of refusals the first three are kept.  One that may have come before what the thread did before
 * it, see above, is forgotten; and behind the second of a row a group begins, as who waits has the time.
 */
static inline void recorder_refused(struct recorder *me, uint32_t number)
{
	bool doubtful = me->stores && number != me->first;

	if (++me->streak > 3 || doubtful)
		recorder_drop(me, number);
	if (doubtful && me->streak == 2 && !me->due) {
		me->stamp = history_now(me->stores);
		me->due = true;
	}
}

/* Of `count` calls, `done` of which did what they were to; the first refusal is a call, too. */
static inline void recorder_end_batch(struct recorder *me, uint32_t mark, size_t count, size_t done)
{
	if (!me->log)
		return;
	recorder_drop(me, mark + (uint32_t)done + 1);
	me->streak = done ? 0 : me->streak;
	if (done < count)
		recorder_refused(me, mark + (uint32_t)done);
	recorder_done(me);
}

static inline void call_ends(struct recorder *me, int outcome, uint64_t result, uint8_t flags)
{
	if (!me->log)
		return;
	recorder_stamp(me);
	record_end(me->call, outcome, result, flags);
	if (is_refusal(outcome))
		recorder_refused(me, me->count - 1);
	else
		me->streak = 0;
	recorder_done(me);
}

#endif
