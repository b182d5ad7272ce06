/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * history_run.h - scenarios, and the rounds in which they are played.
 */
#ifndef STOA_STRESS_HISTORY_RUN_H
#define STOA_STRESS_HISTORY_RUN_H

#include "history_record.h"
#include "linear.h"

enum scenario_flag {
	SCENARIO_BATCH = 1,    /* push_many, pop_many */
	SCENARIO_WAIT = 2,     /* send, recv with deadlines */
	SCENARIO_LEASE = 4,    /* take and release, reserve and commit */
	SCENARIO_STOP = 8,     /* processes are stopped */
	SCENARIO_KILL = 16,    /* and killed, and replaced */
	SCENARIO_DISCARD = 32, /* STOA_DISCARD */
	SCENARIO_COUNT = 64,   /* values: load and compare_exchange alone */
	SCENARIO_RANGES = 128, /* arrays: STOA_ATOMIC_RANGES */
	SCENARIO_PACK = 256,   /* batches of one parcel each, just as many messages as one may have */
};

struct worker;

struct scenario {
	const char *name, *about;
	enum subject subject;
	uint32_t senders, receivers; /* queues */
	uint32_t size;               /* values: bytes, 0 for numbers */
	unsigned flags;
	bool (*work)(struct worker *);
};

extern const struct scenario scenarios[];
extern const unsigned scenario_count;

struct run_options {
	double seconds; /* for each scenario */
	uint64_t seed;
	uint32_t processes, threads;
	uint64_t capacity; /* 0: each round another one */
	uint32_t round_ms;
	uint32_t room;        /* records of a thread's log */
	uint64_t steps;       /* of linear_search() */
	uint32_t stamp_every; /* 0: each round another number */
	bool json;
	bool cost;        /* nothing is checked: to see what writing costs */
	bool unrecorded;  /* nor written down */
	uint32_t lie;     /* a wrapper that errs: history_wrap.h */
	uint32_t defect;  /* defect.h */
	bool progress;    /* on stderr, which is a terminal */
	char at[32];      /* which scenario of how many */
	const char *save; /* where the failing history goes */
};

#define LOGS_MAX 1024
#define PROCESSES_MAX 64
#define THREADS_MAX 64
#define WORKERS_MAX 256

/* What all processes of a round share. */
struct round {
	struct atom32 ready, go, stop, failed;
	struct atom64 done;         /* calls that did something */
	struct atom64 processor_ns; /* that they took */
	char fault[300];            /* by the one who set `failed` */
	struct history_log logs[LOGS_MAX];
};

/* What is the same for all of a round; inherited over fork(). */
struct round_plan {
	const struct scenario *scenario;
	const struct run_options *options;
	struct round *round;
	uint64_t seed, capacity;
	uint32_t message_size, stamp_every;
	bool ring, plain_stores;
	int segment_fd;
};

struct worker {
	const struct round_plan *plan;
	struct recorder log;
	struct stoa_segment *segment;
	uint64_t seed;
	uint64_t value;  /* the next one that nobody else has */
	uint32_t number; /* thread, of all processes' threads: tells its role */
	uint64_t done;
};

static inline uint64_t worker_roll(struct worker *me, uint64_t limit)
{
	return chance_below(&me->seed, limit);
}

static inline bool worker_goes_on(const struct worker *me)
{
	return !me->log.full && !atom32_load_rlx(&me->plan->round->stop); /* relaxed: a hint to end */
}

/* An answer that must not be; ends the round.  Returns false. */
bool worker_fault(struct worker *me, const char *call, int rc);

/* The objects of a round, in the main process. */
int queue_set_up(const struct round_plan *plan, struct stoa_segment *segment);
int value_set_up(const struct round_plan *plan, struct stoa_segment *segment);
int sync_set_up(const struct round_plan *plan, struct stoa_segment *segment);
uint64_t queue_room(const struct round_plan *plan);
/* How many messages fit. */
uint64_t queue_messages(const struct round_plan *plan);
uint64_t value_room(const struct round_plan *plan);
/* Receives all that is left. */
bool queue_audit(struct worker *me);

bool queue_work(struct worker *me);
bool value_work(struct worker *me);
bool array_work(struct worker *me);
bool lock_work(struct worker *me);
bool semaphore_work(struct worker *me);

struct round_result {
	struct linear linear;
	uint64_t calls, deaths, stops;
	double rate; /* calls in a second of processor time */
	char fault[300];
	bool failed, not_tried;
};

/* Plays and judges one.  `history` gets what happened. */
void round_play(const struct scenario *scenario, const struct run_options *options, uint64_t number,
                struct history *history, struct round_result *result);

/* What the writing down costs there, in a line.  0, or 2: it could not be tried. */
int history_cost(const struct scenario *scenario, const struct run_options *options);

#endif
