/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * storm.h - what the files of `stoa-stress storm` know of each other.
 *
 * storm.c has the essay: who takes part, what is written down, and what is concluded from it.
 */
#ifndef STOA_STRESS_STORM_H
#define STOA_STRESS_STORM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include <stoa.h>

#include "atomic.h"
#include "os.h"

#define SEATS_MAX 32
#define BATCH_MAX 8
#define HOLDS_MAX 4
#define PACK_MAX 4
#define LARGEST 1024          /* message, bytes */
#define SMALLEST 16
#define NUMBERS (1u << 20)    /* messages of one sender's seat in a gust */
#define ENTRIES (1u << 20)    /* of a receiver's log in a gust */
#define MARGIN 512u           /* of both, kept free */
#define PATIENCE_NS 20000000000ull /* for what must happen at some time */
#define MS 1000000ull

/* ---- scenarios ---- */

struct storm_scenario {
	uint32_t senders, receivers; /* STOA_MANY, STOA_ONE */
	uint32_t capacity;
	uint32_t on_death;
	uint32_t pack; /* messages of a parcel, at the most */
	bool kills, stops;
};

#define STORM_NAME_ROOM 64
#define STORM_SCENARIOS 156
struct storm_scenario storm_scenario(uint32_t index);
void storm_name(const struct storm_scenario *scenario, char name[STORM_NAME_ROOM]);

/* ---- who takes part ---- */

enum storm_kind { SENDER, RECEIVER, SCRIBE, AUDITOR };

/* What a process is at, for whoever finds it dead there, or asleep. */
enum storm_call {
	CALL_NONE, CALL_ATTACH, CALL_DETACH, CALL_PEEK, CALL_REAP, CALL_STAT,
	/* of senders */
	CALL_SENDER_OPEN, CALL_SENDER_CLOSE, CALL_PUSH, CALL_PUSH_MANY, CALL_SEND,
	CALL_RESERVE, CALL_COMMIT, CALL_ABORT,
	/* of receivers */
	CALL_RECEIVER_OPEN, CALL_RECEIVER_CLOSE, CALL_POP, CALL_POP_MANY, CALL_RECV,
	CALL_TAKE, CALL_RELEASE, CALL_RETURN,
	/* of anybody */
	CALL_LOAD, CALL_UPDATE, CALL_COMPARE, CALL_STORE, CALL_EXCHANGE, CALL_READ, CALL_WRITE,
	CALL_WAIT, CALL_POST, CALL_ACQUIRE, CALL_LOCK_RELEASE,
	CALLS,
};
extern const char *const storm_call_names[CALLS];

/* What only so many may have at once. */
enum storm_place { PLACE_SENDER, PLACE_RECEIVER, PLACE_PERMIT, PLACE_LOCK, PLACES };
#define PERMITS 3

/* ---- the ledger: memory that all share, outside the segment ---- */

enum note_state { NOT_TRIED, TRIED, REFUSED, SENT };

enum entry_what {
	ENTRY_POPPED,    /* received and acknowledged by one call, which has returned */
	ENTRY_TAKEN,     /* a lease, without STOA_REDELIVERED */
	ENTRY_TAKEN_AGAIN, /* a lease, with it */
	ENTRY_RELEASED,
	ENTRY_RETURNED,
	ENTRY_SWALLOWED, /* whole in the hands of one who died in a pop: received, or not */
	ENTRY_DIED,      /* `deliveries` is the call in which; sender and number: its message; id: how many */
};

/* A receiver's log: what happened to whom, in its order. */
struct entry {
	uint64_t id;
	uint32_t number;
	uint8_t sender;
	uint8_t what;
	uint16_t deliveries;
};

/* What is known of the process that has a seat.  Written by it, and by the monkey when it is dead. */
struct desk {
	_Alignas(64) struct atom32 call;
	struct atom32 doomed;        /* by the monkey, before it kills */
	struct atom64 beat;          /* calls that came back */
	/* What is being released or returned: a message, or the first of so many. */
	struct atom32 at_number, at_sender, at_count;
	struct atom64 entries;       /* of its log */
	struct atom64 pop_began;     /* the log's length when the pop under way began */
	struct atom64 next;          /* number of its next message */
	struct atom64 updates_tried, updates_done;
	struct atom64 stored, ranged; /* the last that it tried */
	struct atom32 places[PLACES]; /* odd: it has one; a new number each time */
	/* for the table */
	struct atom64 sent, received, updates, locks, owners_died, permits, attached;
	_Alignas(64) uint8_t out[BATCH_MAX][LARGEST];
};

/* What must be the same at each calm. */
struct measure {
	uint64_t total_bytes, free_bytes, file_bytes, file_blocks, participants, objects, descriptors;
};

struct storm_ledger {
	/* of the round; written before anybody is started */
	struct storm_scenario scenario;
	uint32_t seats, senders, receivers; /* processes */
	uint32_t handles, holds, message_size;
	uint32_t thing; /* which of value, register and array is examined block by block */
	int segment_fd;
	/* of all */
	struct atom32 failed; /* 1: the text is being written, 2: it is there */
	char text[600];
	struct atom32 stop, full;
	struct atom64 floor;       /* of the value's counter: somebody was told so much */
	struct atom64 pair[2];     /* under the lock: equal, but for one who died between */
	/* by the monkey and the auditor */
	uint64_t lock_deaths;      /* in the lock's calls, or holding it */
	uint64_t deaths_in_pop;    /* since the last calm: each may have swallowed one, unseen */
	struct measure first, now;
	struct stoa_queue_stat stat; /* at the end of the last calm */
	uint64_t messages, redelivered, discarded, uncertain; /* of the round */
	struct desk desks[SEATS_MAX + 1]; /* the last is the auditor's */
};

extern struct storm_ledger *storm;

bool storm_ledger_make(void);
void storm_ledger_wipe(void); /* messages and logs: nobody may be at work */
uint8_t *storm_state(uint32_t sender, uint32_t number); /* enum note_state */
struct entry *storm_log(uint32_t seat);
void storm_enter(uint32_t seat, struct entry entry);
/* A process has ended: notes in its log what it may have had in hand. */
void storm_post_mortem(uint32_t seat);

/* The first fault of all is kept. */
void storm_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define storm_fault(...) (storm_failed(__VA_ARGS__), _exit(1)) /* of a process that cannot go on */
bool storm_has_failed(void);

/* ---- messages ---- */

void note_fill(void *bytes, size_t size, uint32_t sender, uint32_t number);
/* Its size; 0 where it is torn, or no message of this storm. */
size_t note_read(const void *bytes, size_t room, uint32_t *sender, uint32_t *number);

/* ---- random ---- */

uint64_t storm_mix(uint64_t n); /* splitmix64 */
static inline uint64_t below(uint64_t *seed, uint64_t limit)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (*seed >> 16) % limit;
}
/* From 1 to 2^bits, each order of magnitude as often as the others. */
static inline uint64_t any_scale(uint64_t *seed, unsigned bits)
{
	return 1 + below(seed, 1ull << below(seed, bits + 1));
}

/* ---- a worker ---- */

/* The struct value: every version proves itself. */
#define VERSION_FILL 16
struct version {
	uint64_t counter;          /* of all updates */
	uint64_t share[SEATS_MAX]; /* of each seat */
	uint64_t fill[VERSION_FILL];
	uint64_t check;
};
struct stamp {
	uint64_t seat, number, fill[4], check;
};
#define GROUPS 4
#define GROUP_SIZE 8

struct storm_lease {
	struct stoa_message message;
	uint32_t sender, number;
};

struct storm_worker {
	uint32_t seat;
	enum storm_kind kind;
	struct desk *desk;
	uint64_t seed;
	struct stoa_segment *segment;
	struct stoa_queue *queue;
	struct stoa_value *value, *stamps;
	struct stoa_array *array;
	struct stoa_semaphore *semaphore;
	struct stoa_lock *lock;
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
	void *reserved[HOLDS_MAX];
	uint32_t reserved_count;
	struct storm_lease leases[HOLDS_MAX];
	uint32_t lease_count;
	bool has_permit;
	uint64_t counter_seen;
	uint64_t stamps_seen[SEATS_MAX], groups_seen[GROUPS][SEATS_MAX];
};

static inline void call_begins(struct storm_worker *me, enum storm_call call)
{
	atom32_store_rel(&me->desk->call, call);
}

static inline void call_ends(struct storm_worker *me)
{
	atom64_store_rlx(&me->desk->beat, atom64_load_rlx(&me->desk->beat) + 1);
	atom32_store_rel(&me->desk->call, CALL_NONE);
}

/* The calls' answers: what is not allowed is a fault. */
void must(struct storm_worker *me, bool allowed, enum storm_call call, int rc);
static inline void count(struct atom64 *counter, uint64_t more)
{
	atom64_store_rlx(counter, atom64_load_rlx(counter) + more); /* relaxed: one writer, a statistic */
}

_Noreturn void storm_worker(uint32_t seat, uint64_t seed);
void storm_attach(struct storm_worker *me);
void storm_detach(struct storm_worker *me);
uint64_t storm_bytes(void); /* room in the segment */
#define STORM_OBJECTS 6
uint32_t storm_descriptors(void); /* that this process has open */

/* Says "I have one", and looks whether too many do. */
void place_taken(struct storm_worker *me, enum storm_place place, uint32_t most);
void place_left(struct storm_worker *me, enum storm_place place);

/* storm_queue.c */
void end_open(struct storm_worker *me);
void end_close(struct storm_worker *me);
void sender_acts(struct storm_worker *me);
void receiver_acts(struct storm_worker *me);

/* storm_value.c */
void version_first(struct version *version);
void value_after_death(struct storm_worker *me);
void scribe_acts(struct storm_worker *me);
void permit_give_back(struct storm_worker *me);
void check_version(struct storm_worker *me, const struct version *version);

/* ---- the monkey: lets the storm blow until `end`, or so many deaths; then all have ended ---- */

struct blow {
	uint64_t seed;
	uint64_t deaths, stops;     /* counted */
	uint64_t deaths_most;       /* 0: any number */
	uint64_t end_ns;
	void (*tell)(const struct blow *blow); /* now and then */
};
void storm_blow(struct blow *blow, volatile int *interrupted);
/* Lets a process of its own look at everything.  False: a fault is in the ledger. */
bool storm_calm(bool first);

_Noreturn void storm_audit(bool first); /* that process */
void audit_messages(const struct stoa_queue_stat *now);

/* ---- a run of the command, and what is said of it ---- */

struct storm_run {
	uint32_t chosen[STORM_SCENARIOS], count;
	long seconds, deaths, seed, processes, defect;
	bool json, progress;
	uint64_t start_ns, end_ns;
	/* the round */
	uint32_t round, rounds;
	char name[STORM_NAME_ROOM];
	uint64_t round_seed, round_ns;
	/* done */
	uint64_t deaths_done, stops_done, messages_done;
	uint32_t rounds_done;
	bool failed, interrupted;
};
void storm_report_head(const struct storm_run *run);
void storm_report_progress(const struct storm_run *run, const struct blow *blow);
void storm_report_round(const struct storm_run *run, const struct blow *blow, double seconds);
int storm_report_verdict(const struct storm_run *run); /* the exit status */

/* ---- the command: as those of stress.h ---- */

int storm_main(int argc, char **argv);
int storm_list(void);

#endif
