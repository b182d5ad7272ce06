/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * step.h - what the files of stress/step know of each other.
 *
 * step.c has the essay: what a world is, who acts in it, and why so few forks suffice.
 */
#ifndef STOA_STRESS_STEP_H
#define STOA_STRESS_STEP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <stoa.h>

/* ---- scenarios ---- */

enum topology { SPSC, MPSC, SPMC, MPMC, TOPOLOGIES };

enum operation {
	/* of a sender */
	OP_PUSH, OP_PUSH_MANY, OP_SEND, OP_COMMIT, OP_ABORT, OP_SENDER_OPEN, OP_SENDER_CLOSE,
	/* of a receiver */
	OP_POP, OP_POP_MANY, OP_RECV, OP_RELEASE, OP_RETURN, OP_RECEIVER_OPEN, OP_RECEIVER_CLOSE,
	/* of anybody */
	OP_DRAIN, OP_NOW, OP_REAP,
	QUEUE_OPERATIONS,
	/* of a value, an array */
	OP_LOAD = QUEUE_OPERATIONS, OP_STORE, OP_EXCHANGE, OP_COMPARE, OP_UPDATE, OP_RANGE, OP_NUMBER,
	/* of a segment */
	OP_CREATE_QUEUE, OP_CREATE_VALUE, OP_OPEN_QUEUE, OP_ATTACH, OP_DETACH,
	OPERATIONS,
};

enum state { IS_EMPTY, IS_ONE, IS_FULL, IS_WOUNDED };

/* What the others do, once, when the victim is about to run a locked instruction. */
enum meddling { MEDDLE_NOT, MEDDLE_PUSH, MEDDLE_POP, MEDDLE_CYCLE, MEDDLE_FILL, MEDDLE_DRAIN, MEDDLINGS };

struct scenario {
	enum topology topology;
	enum operation operation;
	enum state state;
	uint32_t capacity;
	uint32_t holds;
	uint32_t message_size;
	uint32_t on_death;
	bool close_with_senders;
	enum meddling meddling;
	uint32_t meddle_at; /* the n-th locked instruction on shared memory, from 1; SPSC: the n-th access */
	bool stepped_reaper; /* and the reaper is killed and frozen, too */
};

#define NAME_ROOM 128
void scenario_name(const struct scenario *scenario, char name[NAME_ROOM]);
const char *operation_name(enum operation operation);
bool scenario_sends(enum operation operation);
bool scenario_receives(enum operation operation);
static inline bool scenario_of_queue(const struct scenario *scenario)
{
	return scenario->operation < QUEUE_OPERATIONS;
}

enum effort { EFFORT_QUICK, EFFORT_NORMAL, EFFORT_ALL };
/* All scenarios of an effort; to be freed. */
struct scenario *scenarios(enum effort effort, uint32_t *count);

/* ---- the board: memory that all processes of a world share, outside the segment ---- */

#define OUT_ROOM 256
#define OUT_COUNT 4

/* What the victim has; part of an image. */
struct victim_area {
	int32_t rc;
	uint32_t finished; /* the operation has returned */
	uint64_t done;     /* messages that it says it sent or received */
	uint64_t lease_id;
	uint8_t out[OUT_COUNT][OUT_ROOM];
};

struct board {
	struct victim_area victim;
	uint32_t failed;
	uint32_t phase; /* how far the operation had come, as the survivors saw it: must not shrink */
	uint32_t ready; /* set-up processes report here */
	char text[512];
};

/* ---- a world, as one process of it sees it ---- */

#define MESSAGES_MAX 2048

struct message_record {
	bool committed; /* somebody was told so */
	bool maybe;     /* the victim was about to send it */
	bool leased;    /* was held by somebody when the operation began */
	bool consumed;  /* by somebody who did not tell the ledger */
	bool seen;
	bool flagged;
};

/* What is known of the other processes when the survivors begin. */
struct fate {
	bool victim_dead;
	bool victim_resumed;  /* it came to the end of its operation, and closed what it had */
	bool reaper_frozen;   /* somebody stands in the middle of reaping the victim */
	bool reaper_gone;
};

struct world {
	const struct scenario *scenario;
	struct board *board;
	struct stoa_segment *segment;
	uint8_t *base;
	uint64_t bytes;
	struct fate fate;
	uint32_t deaths; /* participants that wait to be reaped, the victim included */
	/* queues */
	struct stoa_queue *queue;
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
	struct stoa_sender *reused_sender; /* in handles that the dead had, perhaps */
	struct stoa_receiver *reused;
	struct stoa_message leased;
	bool was_closed;
	struct message_record ledger[MESSAGES_MAX];
	uint32_t next_number;
	uint32_t first_unsteady; /* messages before it were sent in the order of their numbers */
	uint32_t committed_count;
	uint64_t next_id; /* of what comes out in line: no less */
	/* values */
	struct stoa_value *value;
	struct stoa_array *array;
	uint64_t version; /* the last that is known to be written */
	/* segments */
	char path[64];
	void *other;      /* of the victim: what it made or opened */
};

/* A drama: what the processes of a world do.  One for each kind of thing. */
struct drama {
	void (*stage)(struct world *world);          /* in the stage: makes the world */
	void (*victim_prepares)(struct world *world);
	void (*victim_acts)(struct world *world);    /* single-stepped */
	void (*victim_ends)(struct world *world);    /* where it was not killed */
	void (*meddles)(struct world *world);        /* in the stage, once */
	void (*turn)(struct world *world);           /* a survivor: one operation of each kind, counted */
	void (*works)(struct world *world);          /* survivors: while the victim is frozen, or dead */
	void (*audits)(struct world *world);         /* survivors: at the end */
};
const struct drama *drama_of(const struct scenario *scenario);
extern const struct drama queue_drama, value_drama, life_drama;

/* Ends this process: what it found is on the board. */
_Noreturn void fault(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define require(world, condition, ...)            \
	do {                                      \
		if (!(condition))                 \
			fault(world, __VA_ARGS__); \
	} while (0)

/* A child that does `act`, tells, and is killed: its participant is dead, and nobody has reaped it. */
void kill_after(struct world *world, void (*act)(struct world *world));

/* ---- ledger.c ---- */

uint32_t message_size_of(const struct world *world, uint32_t number);
void message_fill(const struct world *world, uint32_t number, void *bytes);
/* The number of a whole message; -1: torn. */
int message_number(const struct world *world, const void *bytes, uint64_t size);

/* ---- check.c: what must hold whatever happened ---- */

void check_participants(struct world *world, uint32_t least, uint32_t most);
void check_directory(struct world *world, uint32_t published);
void check_queue_blocks(struct world *world);
void check_value_blocks(struct world *world);

/* ---- tracer.c: one process, an instruction at a time ---- */

enum next {
	NEXT_PRIVATE, /* touches no shared memory */
	NEXT_SHARED,
	NEXT_LOCKED, /* a locked instruction on shared memory */
	NEXT_SYSCALL,
	NEXT_END,
	NEXT_LOST, /* the process has died */
};

struct range {
	uintptr_t start, end;
};

void trace_mark(void); /* a breakpoint: around what is stepped */
bool trace_begin(pid_t pid); /* waits for the first mark; false: it ended instead */
enum next trace_look(pid_t pid, const struct range shared[2], uintptr_t *address);
bool trace_step(pid_t pid);
bool trace_finish(pid_t pid); /* runs to the mark at the end */
pid_t trace_copy(pid_t pid);  /* another process that is at the very same instruction; -1 */
void trace_kill(pid_t pid);
/* Where its next instruction reads a file: a descriptor of that, as copies share its position; else -1. */
int trace_reads(pid_t pid);

/* ---- step.c ---- */

struct replay {
	/* Steps: instructions that touch shared memory or call the kernel.  -1: no. */
	long kill, freeze, reaper_kill, reaper_freeze;
};

struct tally {
	uint64_t instructions; /* that were stepped */
	uint64_t kills, freezes, reaper_kills, reaper_freezes;
	uint64_t longest; /* turn of a survivor beside one that was stopped: instructions */
	uint64_t failures;
	char text[640]; /* of the first failure, and where */
	struct replay where;
};

struct settings {
	bool every; /* freeze at every instruction, not just before those that matter */
	struct replay only;
};

/*
 * What one turn of a survivor may take, beside one that is stopped, in a queue of up to 3 messages and 6
 * handles, or a value of up to 100 bytes: a push, a take and a release, or a store and a load.  It is a bound
 * on a survivor's own instructions, whatever the stopped process was doing.  Most turns take 1,000; but one
 * who finds nothing looks after the dead now and then, and that is in here, up to 10 times over while
 * another is stopped in the middle of reaping.
 */
#define TURN_MOST 60000

/* One pass over a scenario: all its points.  Runs in a process of its own. */
void step_pass(const struct scenario *scenario, const struct settings *settings, struct tally *tally);

int step_main(int argc, char **argv);

#endif
