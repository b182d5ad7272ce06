/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history_scenarios.c - what can be played.
 */
#include "history_run.h"

#define QUEUES(NAME, SENDERS, RECEIVERS)                                                                     \
	QUEUE(NAME "/pop", "push and pop", SENDERS, RECEIVERS, 0),                                           \
		QUEUE(NAME "/batch", "push_many and pop_many", SENDERS, RECEIVERS, SCENARIO_BATCH),          \
		QUEUE(NAME "/wait", "send and recv with deadlines", SENDERS, RECEIVERS, SCENARIO_WAIT),      \
		QUEUE(NAME "/lease", "reserve, commit, take, release, return", SENDERS, RECEIVERS,           \
	              SCENARIO_LEASE),                                                                       \
		QUEUE(NAME "/stop", "push and pop, processes stopped in the middle", SENDERS, RECEIVERS,     \
	              SCENARIO_STOP),                                                                        \
		QUEUE(NAME "/kill", "leases, processes killed and stopped", SENDERS, RECEIVERS,              \
	              SCENARIO_LEASE | SCENARIO_STOP | SCENARIO_KILL),                                       \
		QUEUE(NAME "/kill-pop", "push and pop, processes killed", SENDERS, RECEIVERS,                \
	              SCENARIO_KILL),                                                                        \
		QUEUE(NAME "/kill-discard", "leases, processes killed, STOA_DISCARD", SENDERS, RECEIVERS,    \
	              SCENARIO_LEASE | SCENARIO_KILL | SCENARIO_DISCARD)

#define QUEUE(NAME, ABOUT, SENDERS, RECEIVERS, FLAGS)                                                        \
	{                                                                                                    \
		"queue/" NAME, ABOUT, SUBJECT_QUEUE, SENDERS, RECEIVERS, 0, FLAGS, queue_work                \
	}
#define VALUE(NAME, ABOUT, SIZE, FLAGS)                                                                      \
	{                                                                                                    \
		"value/" NAME, ABOUT, SUBJECT_CELL, 0, 0, SIZE, FLAGS, value_work                            \
	}

#define KILL (SCENARIO_STOP | SCENARIO_KILL)

const struct scenario scenarios[] = {
	QUEUES("mpmc", STOA_MANY, STOA_MANY),
	QUEUES("spmc", STOA_ONE, STOA_MANY),
	QUEUES("mpsc", STOA_MANY, STOA_ONE),
	QUEUES("spsc", STOA_ONE, STOA_ONE),
	QUEUE("mpmc/pack", "push_many and pop_many of whole parcels", STOA_MANY, STOA_MANY,
	      SCENARIO_BATCH | SCENARIO_PACK),
	QUEUE("mpmc/pack-stop", "the same, processes stopped in the middle", STOA_MANY, STOA_MANY,
	      SCENARIO_BATCH | SCENARIO_PACK | SCENARIO_STOP),
	VALUE("i64", "load, store, exchange, compare_exchange, fetch_add", 0, 0),
	VALUE("i64-count", "compare_exchange and load", 0, SCENARIO_COUNT),
	VALUE("i64-kill", "the same, processes killed and stopped", 0, KILL),
	VALUE("b64", "a struct of 64 bytes", 64, 0),
	VALUE("b64-kill", "the same, processes killed and stopped", 64, KILL),
	VALUE("b1024", "a struct of 1 KiB", 1024, 0),
	VALUE("b1024-kill", "the same, processes killed and stopped", 1024, KILL),
	{ "array/cells", "elements and plain ranges, element by element", SUBJECT_CELL, 0, 0, 0, 0,
	  array_work },
	{ "array/cells-kill", "the same, processes killed and stopped", SUBJECT_CELL, 0, 0, 0, KILL,
	  array_work },
	{ "array/ranges", "STOA_ATOMIC_RANGES", SUBJECT_RANGE, 0, 0, 0, SCENARIO_RANGES, array_work },
	{ "array/ranges-kill", "the same, processes killed and stopped", SUBJECT_RANGE, 0, 0, 0,
	  SCENARIO_RANGES | KILL, array_work },
	{ "sync/lock", "acquire and release", SUBJECT_LOCK, 0, 0, 0, 0, lock_work },
	{ "sync/lock-kill", "the same, processes killed and stopped", SUBJECT_LOCK, 0, 0, 0, KILL,
	  lock_work },
	{ "sync/semaphore", "wait and post", SUBJECT_SEMAPHORE, 0, 0, 0, 0, semaphore_work },
	{ "sync/semaphore-kill", "the same, processes killed and stopped", SUBJECT_SEMAPHORE, 0, 0, 0, KILL,
	  semaphore_work },
};
const unsigned scenario_count = sizeof scenarios / sizeof *scenarios;
