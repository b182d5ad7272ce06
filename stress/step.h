/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * step.h - what the files of `stoa-stress step` know of each other.
 *
 * step_pass.c has the essay: what a world is, who acts in it, and why so few forks suffice.
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
	/* of a semaphore, an event, a barrier, a lock */
	OP_SEMAPHORE_POST, OP_SEMAPHORE_WAIT, OP_EVENT_SET, OP_EVENT_CLEAR, OP_EVENT_WAIT, OP_BARRIER_WAIT,
	OP_LOCK_ACQUIRE, OP_LOCK_RELEASE,
	/* of a segment, by those who have it; one creation for each kind of object */
	OP_CREATE_QUEUE, OP_CREATE_VALUE, OP_CREATE_ARRAY, OP_CREATE_SEMAPHORE, OP_CREATE_EVENT,
	OP_CREATE_BARRIER, OP_CREATE_LOCK, OP_OPEN_QUEUE, OP_LIST, OP_ATTACH, OP_DETACH,
	/* of a segment, by its name */
	OP_NAME_CREATE, OP_NAME_EXCLUSIVE, OP_NAME_OPEN, OP_NAME_UNLINK, OP_NAME_CLOSE,
	OPERATIONS,
};

/* What has the operation: each kind has a drama, or several. */
enum kind { OF_QUEUE, OF_VALUE, OF_SYNC, OF_LIFE, OF_NAME };

/*
 * How things are when the operation begins.  FULL of a barrier: all but the victim have arrived; of a lock:
 * somebody holds it.  WOUNDED: somebody has died there, and nobody has reaped.  A lock that is at ONE has
 * been reaped, and not been acquired since.
 */
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
	uint32_t pack; /* more than 1: whoever sends, sends parcels of so many */
	bool close_with_senders;
	enum meddling meddling;
	uint32_t meddle_at; /* the n-th locked instruction on shared memory, from 1; SPSC: the n-th access */
	bool stepped_reaper; /* and the reaper is killed and frozen, too */
	bool returns;        /* a semaphore: STOA_PERMITS_RETURN */
	bool waits;          /* until it gets what it wants, not just one try */
	bool path;           /* a name with a slash */
};

#define NAME_ROOM 128
void scenario_name(const struct scenario *scenario, char name[NAME_ROOM]);
const char *operation_name(enum operation operation);
/* In which row of the table it is counted, beside its operation. */
const char *scenario_variant(const struct scenario *scenario);
enum kind scenario_kind(const struct scenario *scenario);
bool scenario_sends(enum operation operation);
bool scenario_receives(enum operation operation);

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
	uint64_t base, bytes; /* where it has a segment of its own */
	uint8_t out[OUT_COUNT][OUT_ROOM];
};

struct board {
	struct victim_area victim;
	uint32_t failed;
	uint32_t phase; /* how far the operation had come, as the survivors saw it: must not shrink */
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

/* Of a semaphore, an event, a barrier, a lock: by whom what was done, the victim left aside. */
struct sync_facts {
	uint32_t held;        /* permits, or the lock: by the stage, and so by the survivors */
	int free;             /* permits, as they would be without the victim */
	int least, most;      /* of these, since the victim began */
	uint64_t sets; /* of an event that was clear: by the others; and by the victim when it paused */
	uint64_t victims;
	bool effective;       /* the victim's operation has had its effect, as seen when it paused */
	uint32_t round;       /* of a barrier: at first */
	uint32_t passed;      /* it by the others */
	pid_t waiters[2];     /* are stopped in that round */
	uint32_t waiting;
	pid_t late;           /* a party that arrives while the victim is stopped */
	bool orphaned;        /* the last holder of the lock has died, and nobody was told */
	uint32_t told;        /* how many others were */
};

struct world {
	const struct scenario *scenario;
	struct board *board;
	struct stoa_segment *segment;
	uint8_t *base;
	uint64_t bytes;
	struct fate fate;
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
	/* the others, and what stage and survivors know of them beside what the victim does */
	struct stoa_semaphore *semaphore;
	struct stoa_event *event;
	struct stoa_barrier *barrier;
	struct stoa_lock *lock;
	struct sync_facts facts;
	/* names */
	const struct names *names;
	char name[NAME_ROOM], path[NAME_ROOM]; /* of the segment: for the library, for the system */
	uint8_t successor[16];                 /* the id of the segment that has the name now */
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
extern const struct drama queue_drama, value_drama, life_drama, name_drama;
extern const struct drama semaphore_drama, event_drama, barrier_drama, lock_drama;

/* The victim's operation has returned: the answer is on the board before that. */
void victim_finishes(struct world *world, int rc);

/* Ends this process: what it found is on the board. */
_Noreturn void fault(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define require(world, condition, ...)            \
	do {                                      \
		if (!(condition))                 \
			fault(world, __VA_ARGS__); \
	} while (0)

/* A child that does `act`, tells, and is killed: its participant is dead, and nobody has reaped it. */
void kill_after(struct world *world, void (*act)(struct world *world));
/* A child that waits in `act`: it has announced itself, and is stopped just before it sleeps. */
pid_t stop_asleep(struct world *world, void (*act)(struct world *world));

/* ---- ledger.c ---- */

uint32_t message_size_of(const struct world *world, uint32_t number);
void message_fill(const struct world *world, uint32_t number, void *bytes);

/* ---- check.c: what must hold whatever happened ---- */

/* What stoa_segment_check() says: whole at each instruction, whoever stands there or was killed there. */
void check_any_moment(struct world *world);
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
	NEXT_SLEEP, /* the same: futex(2), to wait */
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
bool trace_skip(pid_t pid, uint64_t calls); /* runs until so many system calls are over */
pid_t trace_copy(pid_t pid);  /* another process that is at the very same instruction; -1 */
void trace_kill(pid_t pid);
/* Where its next instruction reads a file: a descriptor of that, as copies share its position; else -1. */
int trace_reads(pid_t pid);

/* ---- names.c: the names that segments of this run have ---- */

struct names {
	char directory[64]; /* for those with a slash; empty: there is none */
	char prefix[32];    /* of those without */
};

void names_begin(struct names *names);
/* Removes all that this run has named, also where it failed. */
void names_end(const struct names *names);
/* Gives this process's world a name of its own; false where there is no place for it. */
bool names_choose(struct world *world);
/* Nothing else that belongs to this run has a name there. */
void check_names(struct world *world);

/* ---- step.c, step_pass.c ---- */

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
	const struct names *names;
	bool every; /* freeze at every instruction, not just before those that matter */
	struct replay only;
};

/*
 * What one turn of a survivor may take, beside one that is stopped, in a queue of up to 3 messages and 6
 * handles, a value of up to 100 bytes, a semaphore or barrier of up to 3, an event, or a lock: a push, a take
 * and a release, a store and a load, and the like.  It is a bound on a survivor's own instructions, whatever
 * the stopped process was doing.  Most turns take 1,000; but one who finds nothing looks after the dead now
 * and then, and that is in here, up to 10 times over while another is stopped in the middle of reaping.
 */
#define TURN_MOST 60000

/* One pass over a scenario: all its points.  Runs in a process of its own. */
void step_pass(const struct scenario *scenario, const struct settings *settings, struct tally *tally);

int step_main(int argc, char **argv);

#endif
