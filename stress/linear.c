/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linear.c - what both checkers need, and the choice between them.
 */
#include "linear.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 2, 0))) static void say(struct linear *linear, const char *format,
                                                      va_list arguments)
{
	size_t used = strlen(linear->text);

	vsnprintf(linear->text + used, sizeof linear->text - used, format, arguments);
}

void linear_say(struct linear *linear, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(linear, format, arguments);
	va_end(arguments);
}

void linear_found(struct linear *linear, const char *pattern, const char *format, ...)
{
	va_list arguments;

	linear->answer = LINEAR_VIOLATED;
	linear->text[0] = 0;
	snprintf(linear->pattern, sizeof linear->pattern, "%s", pattern);
	va_start(arguments, format);
	say(linear, format, arguments);
	va_end(arguments);
	linear_say(linear, "\n");
}

void linear_show(struct linear *linear, const struct history *history, const struct call *const calls[],
                 size_t count)
{
	uint64_t origin = UINT64_MAX;
	char line[400];

	for (size_t i = 0; i < count; i++) {
		if (calls[i] && calls[i]->start < origin)
			origin = calls[i]->start;
	}
	for (size_t i = 0; i < count; i++) {
		if (!calls[i])
			continue;
		history_describe(history, calls[i], origin, line, sizeof line);
		linear_say(linear, "  %s\n", line);
	}
}

static int compare_moments(const void *a, const void *b)
{
	const struct moment *left = a, *right = b;

	if (left->time != right->time)
		return left->time < right->time ? -1 : 1;
	if (left->is_end != right->is_end)
		return left->is_end ? 1 : -1;
	return left->call < right->call ? -1 : left->call > right->call;
}

static int compare_calls(const void *a, const void *b)
{
	const struct moment *left = a, *right = b;

	if (left->call != right->call)
		return left->call < right->call ? -1 : 1;
	return (int)left->is_end - right->is_end;
}

/*
 * Moments of one time.  A thread's next call begins with the stamp that ended the last one; that it came
 * after is known, not measured.  So where only one thread's calls end, its moments stand behind the others',
 * in its own order.  With the ends of two threads that cannot be said without saying too much, and all
 * overlap.
 */
static void settle_tie(const struct history *history, struct moment *moments, size_t count)
{
	uint16_t thread = history->calls[moments[count - 1].call].thread; /* ends stand last */
	size_t others = 0;

	for (size_t i = 0; i < count; i++) {
		bool same = history->calls[moments[i].call].thread == thread;

		if (moments[i].is_end && !same)
			return;
	}
	for (size_t i = 0; i < count; i++) {
		struct moment moment = moments[i];

		if (history->calls[moment.call].thread == thread)
			continue;
		memmove(moments + others + 1, moments + others, (i - others) * sizeof *moments);
		moments[others++] = moment;
	}
	qsort(moments + others, count - others, sizeof *moments, compare_calls);
}

struct moment *linear_moments(const struct history *history, size_t *count)
{
	struct moment *moments = malloc((history->count * 2 + 1) * sizeof *moments);
	size_t n = 0;

	*count = 0;
	if (!moments)
		return NULL;
	for (size_t i = 0; i < history->count; i++) {
		const struct call *call = &history->calls[i];

		moments[n++] = (struct moment){ .time = call->start, .call = (uint32_t)i };
		if (call->end != HISTORY_NEVER)
			moments[n++] = (struct moment){ .time = call->end,
				                        .call = (uint32_t)i,
				                        .is_end = true };
	}
	qsort(moments, n, sizeof *moments, compare_moments);
	for (size_t i = 0, first = 0; i < n; i++) {
		if (i + 1 < n && moments[i + 1].time == moments[first].time)
			continue;
		if (i > first && moments[i].is_end)
			settle_tie(history, moments + first, i + 1 - first);
		first = i + 1;
	}
	*count = n;
	return moments;
}

/* ---- one object at a time ---- */

/* Each object's calls together, and in the order in which they stood: that of their threads. */
static struct call *sort_by_object(const struct history *history)
{
	struct call *calls = malloc((history->count + 1) * sizeof *calls);
	size_t *at = calloc(UINT16_MAX + 2, sizeof *at);

	for (size_t i = 0; calls && at && i < history->count; i++)
		at[history->calls[i].object + 1u]++;
	for (size_t i = 1; calls && at && i <= UINT16_MAX; i++)
		at[i] += at[i - 1];
	for (size_t i = 0; calls && at && i < history->count; i++)
		calls[at[history->calls[i].object]++] = history->calls[i];
	if (!at) {
		free(calls);
		calls = NULL;
	}
	free(at);
	return calls;
}

static void check_cells(const struct history *history, uint64_t steps, struct linear *linear)
{
	struct history part = *history;
	struct call *calls = sort_by_object(history);
	uint64_t total = 0;

	if (!calls) {
		linear->answer = LINEAR_GAVE_UP;
		return;
	}
	for (size_t i = 0, first = 0; i < history->count; i++) {
		struct linear one;

		if (i + 1 < history->count && calls[i + 1].object == calls[first].object)
			continue;
		part.calls = calls + first;
		part.count = i + 1 - first;
		first = i + 1;
		linear_search(&part, steps, &one);
		total += one.steps;
		if (one.answer != LINEAR_HOLDS)
			*linear = one;
		if (one.answer == LINEAR_VIOLATED)
			break;
	}
	linear->steps = total;
	free(calls);
}

/*
 * Whether the search's queue is this one.  In the SPSC ring a lease keeps its place, so there the bound is
 * left to linear_queue(); and a plain pop does not tell whether it got a message that somebody dead had had
 * before.
 */
static bool searchable(struct history *history)
{
	bool pops = false, takes = false, died = false, suspects = false;

	for (size_t i = 0; i < history->count; i++) {
		const struct call *call = &history->calls[i];
		bool receives = call->kind == CALL_POP || call->kind == CALL_TAKE;

		died = died || call->kind == CALL_DIE;
		takes = takes || call->kind == CALL_TAKE;
		suspects = suspects || (receives && call->flags & CALL_PENDING);
		pops = pops || (call->kind == CALL_POP && !(call->flags & CALL_PENDING));
	}
	if (history->ring && takes)
		history->capacity = 0;
	return history->discard || !pops || !(suspects || (died && takes));
}

void linear_check(const struct history *history, uint64_t steps, struct linear *linear)
{
	struct history queue = *history;

	*linear = (struct linear){ .answer = LINEAR_HOLDS };
	if (history->subject == SUBJECT_CELL) {
		check_cells(history, steps, linear);
		return;
	}
	if (history->subject == SUBJECT_QUEUE) {
		linear_queue(history, linear);
		if (linear->answer != LINEAR_HOLDS || steps == 0)
			return;
		if (!searchable(&queue)) {
			linear->answer = LINEAR_GAVE_UP;
			return;
		}
	}
	linear_search(&queue, steps, linear);
}
