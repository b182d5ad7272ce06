/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_history.c - linearizability of small histories, by trying all orders.
 */
#include "explore_history.h"

#include <stdio.h>

#include <stoa/base.h>

#include "explore.h"

unsigned history_begin(struct history *history, enum history_kind kind, uint64_t value)
{
	unsigned op = history->count++;

	if (op >= HISTORY_MAX)
		explore_fail("limit", "more than %u operations in a history", HISTORY_MAX);
	explore_invoke();
	history->ops[op] = (struct history_op){
		.kind = kind,
		.thread = explore_self(),
		.value = value,
		.begin = explore_now(),
	};
	return op;
}

void history_end(struct history *history, unsigned op, int result, uint64_t value)
{
	history->ops[op].ended = true;
	history->ops[op].result = result;
	history->ops[op].value = value;
	history->ops[op].end = explore_now();
	explore_respond();
}

struct queue {
	uint64_t values[HISTORY_MAX];
	unsigned first, count;
};

/* Whether the operation answers so in this state; then the state is as after it. */
static bool answers(struct queue *queue, const struct history_op *op, unsigned capacity)
{
	bool full = queue->count == capacity, empty = queue->count == 0;

	if (op->kind == HISTORY_PUSH) {
		if (op->ended && op->result == STOA_FULL)
			return full;
		if (full || (op->ended && op->result != STOA_OK))
			return false;
		queue->values[queue->first + queue->count++] = op->value;
		return true;
	}
	if (op->ended && op->result == STOA_EMPTY)
		return empty;
	if (empty || (op->ended && (op->result != STOA_OK || queue->values[queue->first] != op->value)))
		return false;
	queue->first++;
	queue->count--;
	return true;
}

static bool may_be_next(const struct history *history, uint32_t done, unsigned op)
{
	for (unsigned i = 0; i < history->count; i++) {
		if (!(done >> i & 1) && i != op && history->ops[i].ended &&
		    history->ops[i].end < history->ops[op].begin)
			return false;
	}
	return true;
}

static bool all_ended_done(const struct history *history, uint32_t done)
{
	for (unsigned i = 0; i < history->count; i++) {
		if (!(done >> i & 1) && history->ops[i].ended)
			return false;
	}
	return true;
}

static bool linearize(const struct history *history, uint32_t done, const struct queue *queue,
                      unsigned capacity)
{
	if (all_ended_done(history, done))
		return true;
	for (unsigned i = 0; i < history->count; i++) {
		struct queue after = *queue;

		if ((done >> i & 1) || !may_be_next(history, done, i) ||
		    !answers(&after, &history->ops[i], capacity))
			continue;
		if (linearize(history, done | 1u << i, &after, capacity))
			return true;
	}
	return false;
}

bool history_is_fifo(const struct history *history, unsigned capacity)
{
	struct queue empty = { .count = 0 };

	return linearize(history, 0, &empty, capacity);
}

static int answer_text(const struct history_op *op, char *text, size_t room)
{
	const char *kind = op->kind == HISTORY_PUSH ? "push" : "pop";

	if (!op->ended)
		return snprintf(text, room, "%s ...", kind);
	if (op->result != STOA_OK)
		return snprintf(text, room, "%s %s", kind, op->result == STOA_FULL ? "full" : "empty");
	return snprintf(text, room, "%s %llu", kind, (unsigned long long)op->value);
}

const char *history_text(const struct history *history)
{
	static char text[1024];
	size_t used = 0;

	text[0] = 0;
	for (unsigned i = 0; i < history->count && used < sizeof text - 64; i++) {
		const struct history_op *op = &history->ops[i];

		used += (size_t)snprintf(text + used, sizeof text - used, "%s[%u,%u] ", i ? "; " : "",
		                         op->begin, op->end);
		used += (size_t)answer_text(op, text + used, sizeof text - used);
	}
	return text;
}

/* In the order of threads, so that equal outcomes are equal texts. */
void history_tell(const struct history *history)
{
	char text[256];
	size_t used = 0;

	text[0] = 0;
	for (unsigned t = 0; t < EXPLORE_THREADS_MAX; t++) {
		for (unsigned i = 0; i < history->count && used < sizeof text - 32; i++) {
			if (history->ops[i].thread != t)
				continue;
			used += (size_t)answer_text(&history->ops[i], text + used, sizeof text - used);
			used += (size_t)snprintf(text + used, sizeof text - used, ", ");
		}
	}
	explore_outcome("%s", text);
}
