/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_engine.h - what the explorer's own files know of each other.  The essay is at the head of
 * explore_run.c, the memory model at the head of explore_memory.c, the search at that of explore_search.c.
 */
#ifndef STOA_EXPLORE_ENGINE_H
#define STOA_EXPLORE_ENGINE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "atomic.h"
#include "explore.h"

#define THREADS_MAX EXPLORE_THREADS_MAX
#define PROCESSES_MAX (EXPLORE_PROCESSES_MAX + 1)
#define LOCATIONS_MAX 768u
#define STEPS_MAX 20000u

/* ---- memory: explore_memory.c ---- */

/*
 * What somebody knows: of each thread how far it has come (`clock`, what happened before), of each location
 * which message is the oldest it may still read (`seen`, by time stamp).  One array, joined by maximum.
 */
struct view {
	uint32_t at[THREADS_MAX + LOCATIONS_MAX];
};

/* One store to a location.  In a list in modification order, and with a time stamp that tells it. */
struct message {
	uint64_t value;
	uint32_t stamp;
	uint32_t number; /* of this location, in the order of execution; 0: what was there before */
	uint32_t step;
	int thread;    /* -1: nobody's */
	bool extended; /* a read-modify-write stands right behind it: nothing comes between */
	bool undefined;
	struct message *before, *after;
	const uint32_t *view; /* what it releases: `view_length` words; NULL: nothing */
	uint32_t view_length;
};

struct location {
	const void *at;
	unsigned size;
	uint32_t index; /* in a view, behind the clocks */
	uint32_t messages;
	struct message *last;
	struct usage *usage;
};

struct memory_thread {
	struct view now;     /* what it knows */
	struct view pending; /* what an acquire fence would tell it */
	struct view fenced;  /* what it knew at its last release fence */
};

struct memory {
	struct memory_thread threads[THREADS_MAX];
	struct view seq; /* of all sequentially consistent accesses and fences; no clocks */
	struct location locations[LOCATIONS_MAX];
	uint32_t count, most; /* of locations: now, and ever */
	uint32_t stores;
};
extern struct memory memory;

void memory_reset(void);
/* The location at an address; complains about overlap with one of another size. */
struct location *memory_location(const void *at, unsigned size);

/* Messages are told by their distance from the newest in modification order. */
struct message *memory_nth(const struct location *location, unsigned distance);
/* What a load may read, a compare-and-swap find, a store be put behind: bit masks over distances. */
uint64_t memory_readable(unsigned thread, const struct location *location, unsigned order,
                         uint32_t from_number);
uint64_t memory_exchangeable(unsigned thread, const struct location *location, unsigned order, bool compare,
                             uint64_t expected);
uint64_t memory_storable(unsigned thread, const struct location *location, unsigned order);

uint64_t memory_read(unsigned thread, struct location *location, struct message *message, unsigned order);
/* A store behind `before`; `update`: it is the write of a read-modify-write that has read `before`. */
void memory_write(unsigned thread, struct location *location, struct message *before, unsigned order,
                  uint64_t value, bool update);
void memory_fence(unsigned thread, unsigned order);
/* Every thread passes a full fence (membarrier). */
void memory_fence_all(unsigned thread);
/* `thread` learns all that `other`, who will do nothing more, has known. */
void memory_learn(unsigned thread, unsigned other);
/* Eventual visibility: `thread` will read the newest. */
void memory_refresh(unsigned thread);
/* Plain code writes over whatever atomics were there: from now on others may be. */
void memory_overwrite(const void *at, size_t size);

/* ---- plain data: explore_plain.c ---- */

/* NULL, or what is wrong with the access. */
const char *plain_access(unsigned thread, const void *at, size_t size, bool write);
bool plain_is_undefined(const void *at);
void plain_reset(void);
void plain_forget(void);

/* ---- the scenario's memory: explore_world.c ---- */

/* Keeps what set_up() made; puts it back, before each execution; forgets it. */
void world_keep(void);
void world_put_back(void);
void world_forget(void);
/* Whether an address lies in what the scenario called its state, or in the heap. */
bool world_has(const void *at);
/* Whether it lies in the heap. */
bool world_heap_has(const void *at);
/* Gives back what was taken from the heap since; forgets the latest state. */
size_t world_heap_mark(void);
void world_heap_release(size_t mark);
void world_forget_last_state(void);

/* ---- threads: explore_run.c ---- */

enum op_kind {
	OP_NONE,
	OP_LOAD,
	OP_STORE,
	OP_SWAP,
	OP_ADD,
	OP_CAS,
	OP_FENCE,
	OP_FENCE_ALL,
	OP_FUTEX_WAIT,
	OP_FUTEX_WAKE,
	OP_PAUSE,
	OP_INVOKE, /* a history's operation begins */
	OP_AWAIT,  /* another thread's end */
	OP_PROBE,  /* whether another thread has died */
	OP_LOCAL,  /* of no concern to anybody: woke up, came to its end */
};

struct op {
	enum op_kind kind;
	unsigned order;
	struct explore_site *site;
	struct location *location;
	uint64_t operand, expected, deadline_ns;
	unsigned other;
	bool watches; /* a death may change what it finds: explore_kernel.c */
};

enum fiber_state {
	FIBER_ABSENT,
	FIBER_READY,   /* stands before `op` */
	FIBER_ASLEEP,  /* in a futex */
	FIBER_ENDED,   /* its function returned */
	FIBER_DEAD,    /* killed */
	FIBER_STOPPED, /* will never run again, and nobody can tell */
};

struct fiber {
	const char *name;
	void (*function)(void *context);
	void *context;
	enum fiber_state state;
	bool mortal;
	unsigned process; /* explore_kernel.c */
	struct op op;
	bool wrote;     /* its last operation changed the world, or it has done none: a death here counts */
	bool responded; /* since its last operation an operation of a history ended */
	bool timed_out;
	uint32_t stores_seen; /* at its last pause */
	uint32_t from_number; /* search: its next load reads from this message on; older ones were tried */
	unsigned futile;      /* pauses in a world that did not change */
	jmp_buf base, here;
	void *stack;
};

/* What an operation did, as far as others may care. */
struct effect {
	unsigned thread;
	enum op_kind kind;
	struct location *location;
	bool wrote, seq;
	bool newest;    /* it read the newest message */
	bool responded; /* an operation of a history ended with it */
	bool died;
	uint32_t watched; /* threads whose deaths would have changed what it found: bits */
};

enum fate {
	FATE_STEP,
	FATE_DIE,
	FATE_STOP,
};
struct decision {
	int thread; /* -1: nobody: the execution is of no interest */
	enum fate fate;
};

/* One step of a schedule: who, what became of him, and which of several outcomes. */
struct step {
	uint8_t thread, fate;
	uint8_t choice; /* distance; 0: the newest, the last */
	/* for the report */
	const struct explore_site *site;
	struct op op;
	uint64_t value;               /* read */
	const char *note;             /* what the step was beyond its operation, or NULL */
	bool done;                    /* of a compare-and-swap */
	unsigned passed;              /* how many newer messages there were, */
	const struct message *newest; /* and which was the newest */
};

struct moment {
	uint32_t ready;  /* threads that may step: bits */
	uint32_t mortal; /* threads that may die here */
	uint32_t stoppable;
	int current; /* who ran last; -1 */
};

/* Who decides: depth-first, random, PCT, replay. */
struct driver {
	struct decision (*pick)(const struct moment *moment);
	/* One of the bits of `options`, which are at least one. */
	unsigned (*choose)(const struct op *op, uint64_t options);
	void (*stepped)(const struct effect *effect);
};

enum verdict {
	VERDICT_HELD,
	VERDICT_FAILED,
	VERDICT_CUT, /* given up: another execution shows the same */
};

struct failure {
	const char *kind; /* assertion, race, ... */
	char text[400];
};

struct engine {
	const struct explore_scenario *scenario;
	struct fiber fibers[THREADS_MAX];
	unsigned threads;
	const struct driver *driver;
	bool running;  /* fibers run; else operations are done at once, on real memory */
	bool starting; /* each fiber runs up to its first operation */
	int current;
	unsigned crash_limit, stop_limit;
	unsigned crashes, stops; /* still allowed */
	unsigned step_limit;
	uint64_t now_ns;
	bool unordered;       /* an operation that orders with everything was used: explore_search.c */
	bool kernel;          /* there are processes: explore_kernel.c */
	bool own_fences;      /* os_fence_all() fails */
	struct effect effect; /* of the step that is under way */
	jmp_buf main;
	struct step steps[STEPS_MAX];
	unsigned step_count;
	enum verdict verdict;
	struct failure failure;
	char outcome[200];
	struct explore_site *sites;
};
extern struct engine engine;

/* Prepares a scenario once; then any number of executions. */
void run_prepare(const struct explore_scenario *scenario);
/* After a scenario: as if it had not been. */
void run_forget(void);
enum verdict run_once(const struct driver *driver);
/* Posts the calling fiber's operation, and returns when it is its turn. */
struct step *run_step(struct op op);
/* The calling fiber sleeps in a futex. */
void run_sleep(void);
void run_fail(const char *kind, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

/* ---- who uses a word: explore_usage.c ---- */

struct usage *usage_of(const void *at);
void usage_note(const struct location *location, unsigned thread, bool wrote);
/* Whether the operation concerns nobody else, as far as is known. */
bool usage_is_private(unsigned thread, const struct op *op);
/* Whether that was relied on, since the last call, and was wrong. */
bool usage_misjudged(void);
void usage_forget(void);

/* ---- search: explore_search.c, explore_chance.c ---- */

struct options {
	enum search {
		SEARCH_ALL,
		SEARCH_BOUNDED,
		SEARCH_RANDOM,
		SEARCH_PCT
	} search;
	bool search_given;
	int preemptions, stale, crashes, stops; /* bounds; -1: the scenario's */
	unsigned depth;                         /* PCT: changes of priority */
	uint64_t seed, executions;
	double seconds;
	bool no_reduction;
	bool verbose;
	bool progress; /* is told on stderr */
};

struct tally {
	uint64_t executions, cut;
	unsigned longest;
	bool complete; /* everything within the bounds was tried */
	bool failed;
	double seconds;
};

void search_all(const struct options *options, struct tally *tally);
void search_bounded(const struct options *options, struct tally *tally);
void search_chance(const struct options *options, struct tally *tally);
double search_now(void);
/* Counts an execution; true where the search should end. */
bool search_count(const struct options *options, struct tally *tally, enum verdict verdict, double start);
/* Wipes the line that search_count() has written for who waits. */
void search_end_progress(void);

/* ---- outcomes of litmus shapes: explore_verdict.c ---- */
void outcome_note(const char *text);
/* Forgets them all: a number that tells which they were, whatever their order. */
uint64_t outcome_forget(void);

/* ---- replay, shrinking, report: explore_replay.c, explore_report.c ---- */

/* Runs a schedule; what it leaves open goes on without preemption, reading the newest. */
enum verdict replay(const struct step *steps, unsigned count);
/* Shortens the schedule of the failure that is in the engine; leaves the engine after its last run. */
void shrink(void);
void schedule_print(FILE *to, const struct step *steps, unsigned count);
/* How many steps; -1: nonsense. */
int schedule_parse(const char *text, struct step *steps, unsigned room);
void report_steps(FILE *to);
void report_forget(void);
/* What an address is called; the text is good until the next calls. */
const char *report_place(const void *at);

#endif
