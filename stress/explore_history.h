/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_history.h - what operations answered, and whether a queue could have answered so.
 *
 *	unsigned op = history_begin(&w.history, HISTORY_PUSH, value);
 *	int rc = xring_push(...);
 *	history_end(&w.history, op, rc, value);
 *
 * Linearizable: each operation can be put at one moment between its begin and its end so that a queue that
 * does one after the other gives these very answers.  Found by trying all orders: for up to a dozen
 * operations.
 */
#ifndef STOA_EXPLORE_HISTORY_H
#define STOA_EXPLORE_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#define HISTORY_MAX 16u

enum history_kind {
	HISTORY_PUSH,
	HISTORY_POP
};

struct history_op {
	enum history_kind kind;
	bool ended; /* else its caller was killed in it: it has happened, or not */
	int result; /* STOA_OK, STOA_FULL, STOA_EMPTY */
	unsigned thread;
	uint64_t value;
	uint32_t begin, end; /* steps of the execution */
};

struct history {
	struct history_op ops[HISTORY_MAX];
	unsigned count;
};

unsigned history_begin(struct history *history, enum history_kind kind, uint64_t value);
void history_end(struct history *history, unsigned op, int result, uint64_t value);

/*
 * Whether a queue of that capacity answers so.  A pop that did not end may have swallowed a message.
 */
bool history_is_fifo(const struct history *history, unsigned capacity);
/* What the operations answered, as an outcome of the scenario: explore_outcome(). */
void history_tell(const struct history *history);
/* As text, for a failure: good until the next call. */
const char *history_text(const struct history *history);

#endif
