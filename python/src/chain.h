/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * chain.h - a queue in shared memory that may grow: rings in segments of their own, one behind the other.
 */
#ifndef STOA_PYTHON_CHAIN_H
#define STOA_PYTHON_CHAIN_H

#include "ends.h"

#define CHAIN_LINGERING 32
#define CHAIN_ABOUT 192
#define CHAIN_UNBOUNDED                                                                                      \
	'U' /* first byte of what tells about it: it grows; else it has one ring, and FULL means full */

/* Numbers in the first segment. */
enum chain_word {
	CHAIN_TAIL,     /* see chain.c */
	CHAIN_EXPORTS,  /* how often the queue was sent to another process ... */
	CHAIN_ARRIVALS, /* ... and has arrived there */
	CHAIN_SPILLED,  /* not 0: there may be spilled objects */
	CHAIN_WORDS,
};

struct chain_config {
	bool create;
	unsigned mode, flags, participants;
	const char *object;               /* the first ring's name in its segment */
	struct stoa_queue_config shape;   /* of the first ring */
	unsigned char about[CHAIN_ABOUT]; /* tells what it is for; who opens it gets it */
};

/* All of it under the interpreter's lock, which is given up where a call takes long. */
struct chain {
	char *name, *path; /* of the first segment */
	unsigned mode;
	bool unbounded, closed;
	bool files; /* once closed: there may be more of it than the first segment */
	struct stoa_segment *segment;
	/* NULL, all of them, where somebody else has made the queue: then it is the one ring. */
	struct stoa_array *words;    /* see enum chain_word */
	struct stoa_value *finished; /* see chain.c */
	struct stoa_value *done;     /* tasks */
	char done_name[64];
	unsigned char about[CHAIN_ABOUT];
	struct stoa_queue_config shape;
	unsigned participants;
	struct ring *rings;          /* that are open here, each with one use */
	struct ring *send, *receive; /* where the next message goes, and comes from; uses of their own */
	struct ring *lingering[CHAIN_LINGERING]; /* likewise: drained, but for what is held */
	uint32_t lingering_count;
	int64_t looked_ns; /* at those */
	uint64_t sent_at_least;
	int poll, timer; /* descriptors of chain_fd(), or -1 */
	long poll_pid;   /* of the process that made them */
};

/* A message under a lease. */
struct chain_taken {
	struct ring *ring;
	struct stoa_receiver *receiver;
	struct stoa_message message;
};

/* 0, or the library's answer.  -EINTR where a signal handler has raised. */
int chain_open(struct chain *chain, const char *name, const struct chain_config *config);
void chain_close(struct chain *chain);
/* The memory of a closed one, too: when nobody can call any more. */
void chain_free(struct chain *chain);

/* 0, STOA_FULL, STOA_TIMEOUT, STOA_CLOSED, -EINTR with an exception, -ESHUTDOWN (closed here), a fault. */
int chain_put(struct chain *chain, const void *message, size_t size, const struct timespec *deadline);
int chain_take(struct chain *chain, struct chain_taken *taken, const struct timespec *deadline);
/* Whether there is a message, if none is of no bytes: 0, STOA_EMPTY, STOA_CHANGED (the next ring may know), a
 * fault. */
int chain_peek(struct chain *chain);
/* Acknowledges it, or gives it back: 0, or -ESTALE in a forked child, whose it is not. */
int chain_done_with(struct chain_taken *taken, bool acknowledge);

int chain_shutdown(struct chain *chain, unsigned how);
/* Numbers of the whole chain: of struct stoa_queue_stat, what can be summed up.  0; STOA_CHANGED: roughly. */
int chain_stat(struct chain *chain, struct stoa_queue_stat *stat);
/* Messages that wait: likewise; STOA_FULL: they fill it. */
int chain_length(struct chain *chain, uint64_t *length);
int chain_fd(struct chain *chain);
/* Takes away what the dead have left. */
void chain_sweep(struct chain *chain);
/* Removes a chain's name, and all of its files. */
int chain_unlink(const char *name);
/* Adds to a word; what it is then. */
uint64_t chain_count(struct chain *chain, enum chain_word word, uint64_t more);

/* ---- tasks ---- */

/* One more is done: 0, or STOA_FULL where all were. */
int chain_task_done(struct chain *chain);
/* Waits until all are: 0, STOA_TIMEOUT, -EINTR with an exception. */
int chain_join(struct chain *chain, const struct timespec *deadline);

#endif
