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

/* A message of the queue is its number in the input, from 0 on, and behind it a line or a block of lines. */
#define UNIT_HEAD sizeof(uint64_t)

/* What a worker tells of a unit, as soon as it has settled it; with the output's descriptor where there is any. */
struct result {
	uint64_t number;
	int32_t status; /* of waitpid(2), of the last try */
	uint32_t tries;
	uint64_t started_ns; /* CLOCK_REALTIME */
	uint64_t took_ns;
	uint64_t output; /* bytes */
};

/* A unit that was handed out, and has no result yet. */
struct unit {
	uint64_t number;
	char *line; /* NULL: a block */
};

/* Output that waits for its turn. */
struct parked {
	bool there;
	uint64_t offset, size; /* in the spool */
};

#define PARKED_MOST                                                                                          \
	65536 /* units between the first that is open and the last handed out, with --keep-order */

struct run {
	/* what was asked for */
	char **command;
	bool each, keep_order, progress;
	uint64_t jobs, retries, lines, longest;
	const char *name, *joblog_path;

	/* the queue */
	struct stoa_segment *segment;
	struct stoa_queue *queue;
	struct stoa_sender *sender;
	uint64_t capacity;

	/* the workers */
	pid_t boss, *workers;
	int results[2], signals; /* sockets: the boss's end, the workers' */
	sigset_t old_mask;
	uint64_t deaths; /* of workers, since the last result */
	bool ending, broken;

	/* the units */
	struct input input;
	uint8_t *block; /* UNIT_HEAD, and what is in it so far */
	uint64_t block_bytes, block_lines;
	struct unit *open;
	uint64_t open_count, handed_out, done, failed;

	/* the output */
	struct parked *parked;
	uint64_t next_out; /* the number whose turn it is */
	int spool;
	uint64_t spooled;
	FILE *joblog;
	uint64_t started_ns, shown_ns; /* CLOCK_MONOTONIC */
};

/* run_worker.c: takes units until there are no more.  Never returns. */
void run_worker(struct run *run) __attribute__((noreturn));

/* run_output.c: false where it cannot be opened, and said. */
bool run_output_begin(struct run *run);
/* Of unit `number`, once; `fd` is closed; -1: there is none. */
void run_output_take(struct run *run, const struct result *result, const struct unit *unit, int fd);
void run_progress(struct run *run, bool now);
void run_output_end(struct run *run);

/* A file without a name, for output.  -1: errno says why. */
int run_temporary_file(void);
bool run_succeeded(int status);

#endif
