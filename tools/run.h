/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * run.h - stoa run: what its files share.  run.c opens with how it works.
 */
#ifndef STOA_TOOL_RUN_H
#define STOA_TOOL_RUN_H

#include <signal.h>
#include <sys/types.h>

#include "input.h"
#include "tool.h"

/* A message to the workers is the number of its unit, from 0 on, and behind it a line or a block of lines. */
#define UNIT_HEAD sizeof(uint64_t)
#define RUN_UNITS "units" /* the queue to the workers */

/*
 * What a worker tells of a unit, as soon as it has settled it.  Short output stands behind it; with longer
 * output comes the descriptor of the file that has it.
 */
struct result {
	uint64_t number;
	int32_t status; /* of waitpid(2), of the last try */
	uint32_t tries;
	int32_t cannot; /* errno where the command could not be started at all, or 0 */
	uint32_t reserved;
	uint64_t started_ns; /* CLOCK_REALTIME */
	uint64_t took_ns;
	uint64_t output; /* bytes */
};
#define SHORT_OUTPUT 16384

/* A message from outside that is held under a lease until all units with something of it are done. */
struct lease {
	struct stoa_receiver *receiver;
	struct stoa_message message;
	uint32_t units; /* and one while lines of it are being handed out */
	bool undone;    /* one of them */
};

/* The leases of a unit, or of a block that is not full yet. */
struct claim {
	struct lease *lease;
	struct claim *next;
};

/* A unit that was handed out, and has no result yet. */
struct unit {
	uint64_t number;
	uint64_t sent; /* bytes of its stdin */
	char *line;    /* NULL: a block */
	struct claim *claims;
};

/* Output that waits for its turn. */
struct parked {
	bool there;
	uint64_t offset, size; /* in the spool */
};

/* Units between the first that is open and the last handed out, with --keep-order. */
#define PARKED_MOST 65536

enum halt {
	HALT_NEVER,
	HALT_SOON, /* at the first failure nothing more is started */
	HALT_NOW,  /* and what runs is killed */
};

/* Lines from others: a queue that has a name.  run_feed.c. */
struct feed {
	struct stoa_segment *segment;
	struct stoa_queue *queue;
	struct stoa_receiver **receivers;
	uint32_t *held; /* leases of each */
	uint32_t count, holds;
	int fd;               /* readable while there is something, or -1: there is no feed */
	bool made, ended;     /* made: by this program */
	bool ends_with_stdin; /* it was made here, or by a pool that is dead */
	struct lease *lease;  /* whose lines are being handed out, or NULL */
	uint64_t at;          /* which is the next */
};

struct run {
	/* what was asked for */
	char **command;
	char *program; /* where the command is, or NULL */
	bool each, keep_order, progress;
	enum halt halt;
	uint64_t jobs, retries, lines, longest;
	const char *name, *joblog_path;

	/* the queue */
	struct stoa_segment *segment;
	struct stoa_queue *queue;
	struct stoa_sender *sender;
	uint64_t capacity;

	/* the workers */
	pid_t boss, *workers; /* 0: a place that nobody has */
	uint64_t working;     /* places that somebody has */
	pid_t *inherited;     /* children of before it began */
	size_t inherited_count;
	int results[2]; /* a socket: the boss's end, the workers' */
	int signals;
	sigset_t old_mask;
	uint64_t deaths; /* of workers, since the last result */
	int *cannot;     /* of a worker: shared with the copy that it starts, see struct result */

	/* how it ends */
	int ended_by;      /* a signal, or 0 */
	bool some_died;    /* children, of whom nothing has been heard yet */
	bool halting;      /* nothing more is started */
	bool broken;       /* it cannot go on */
	int broken_status; /* of exit, where it is not STATUS_FAILURE */

	/* the units */
	struct input input;
	struct feed feed;
	uint8_t *block; /* UNIT_HEAD, and what is in it so far */
	uint64_t block_bytes, block_lines;
	struct claim *block_claims;
	struct unit *open;
	uint64_t open_count, handed_out, done, failed;

	/* the output */
	struct parked *parked;
	uint64_t parked_count;
	uint64_t next_out; /* the number whose turn it is */
	int spool;
	uint64_t spooled;
	bool direct;      /* stdout never makes a writer wait for a reader */
	bool on_terminal; /* stdout is one */
	FILE *joblog;
	bool no_log;                   /* it could not be written, and that was told */
	uint64_t started_ns, shown_ns; /* CLOCK_MONOTONIC */
	off_t input_from, input_size;  /* of a stdin that is a file: where it began, and bytes from there; else 0 */
};

/* How many take part in its queue at once: those that work, as many that have died, and some. */
uint32_t run_people(const struct run *run);

/* run_worker.c: takes units until there are no more.  Never returns. */
void run_worker(struct run *run) __attribute__((noreturn));

/* The command with the line in place of each {}, or behind all. */
char **run_words(char **command, const char *line);
void run_free_words(char **words);
char *run_program(const char *name);

/* run_pool.c: the workers, as the boss sees them. */
bool run_pool_begin(struct run *run);
/* Another worker, where all have work and there may be more. */
void run_pool_grow(struct run *run);
void run_take_signals(struct run *run);
/* Others take the places of those that were killed. */
void run_replace_workers(struct run *run);
void run_pool_end(struct run *run);

/* run_units.c: what is handed out, and what comes back. */
void run_hand_out(struct run *run);
bool run_has_place(const struct run *run);
void run_take_results(struct run *run);
void run_units_end(struct run *run);

/* run_feed.c: what others send. */
/* Where it is made here its segment has room for `besides` bytes more.  A status. */
int run_feed_open(struct run *run, uint64_t besides);
/* The next line of a message, which lives as long as `lease`; false where there is none now. */
bool run_feed_next(struct run *run, const void **line, size_t *size, struct lease **lease);
bool run_feed_may_take(const struct feed *feed);
/* No more is let in, where it was made here. */
void run_feed_shut(struct run *run);
void run_claim(struct claim **claims, struct lease *lease);
/* Of a unit that is done, or is not: what is in no other unit is acknowledged, or goes to others. */
void run_settle_claims(struct run *run, struct claim *claims, bool done);
void run_feed_close(struct run *run);

/* run_output.c: false where it cannot be opened, and said. */
bool run_output_begin(struct run *run);
/* Of a unit, once; its output in `bytes`, or in file `fd`, or none: NULL and -1. */
void run_output_take(struct run *run, const struct result *result, const struct unit *unit, const void *bytes,
                     int fd);
void run_progress(struct run *run, bool now);
void run_output_end(struct run *run);

/* A file without a name, for output.  -1: errno says why. */
int run_temporary_file(void);
bool run_succeeded(int status);
/* A command that cannot be started, whatever the line is. */
bool run_is_hopeless(const struct run *run, const struct result *result);

#endif
