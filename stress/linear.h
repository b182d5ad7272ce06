/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * linear.h - is there an order of these calls that explains all their answers?
 *
 * A history is linearizable if each call can be given one moment between its two stamps at which it took
 * effect, those of one thread in turn, such that the object, doing one thing after the other, answers what
 * was answered (Herlihy and Wing 1990).  A pending call may have taken effect before its end, or never.
 *
 *   linear_queue()   queues, histories of millions of calls: looks for the patterns that no order explains
 *   linear_search()  everything else, and queues exactly, their bound included: looks for the order
 *
 * Neither ever finds fault with a history that has such an order.
 */
#ifndef STOA_STRESS_LINEAR_H
#define STOA_STRESS_LINEAR_H

#include "history.h"

enum linear_answer {
	LINEAR_HOLDS,
	LINEAR_VIOLATED,
	LINEAR_GAVE_UP, /* the bound on steps was reached, or there was no memory: nothing is said */
};

struct linear {
	enum linear_answer answer;
	uint64_t steps;   /* of linear_search() */
	char pattern[24]; /* which one, in a word */
	char text[4000];  /* what contradicts what, call by call */
};

void linear_queue(const struct history *history, struct linear *linear);

/* Calls of one object.  At most `steps` steps (each takes 16 bytes to remember). */
void linear_search(const struct history *history, uint64_t steps, struct linear *linear);

/* What fits the subject: all of it, object by object.  `steps` for each object. */
void linear_check(const struct history *history, uint64_t steps, struct linear *linear);

/* ---- for the checkers ---- */

void linear_say(struct linear *linear, const char *format, ...) __attribute__((format(printf, 2, 3)));
void linear_found(struct linear *linear, const char *pattern, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* One line for each, times relative to the first of them; NULLs are left out. */
void linear_show(struct linear *linear, const struct history *history, const struct call *const calls[],
                 size_t count);

/*
 * Moments: all stamps in turn, starts before ends where they are equal: nothing is concluded from a tie, but
 * the order of one thread's own calls where that is possible.
 */
struct moment {
	uint64_t time;
	uint32_t call;
	bool is_end;
};
/* 2 * count of them, or fewer: ends that never come have none.  NULL: no memory. */
struct moment *linear_moments(const struct history *history, size_t *count);

#endif
