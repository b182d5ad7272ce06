/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history.c - a history in memory, as a file, and as text.
 */
#include "history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[CALL_KINDS] = {
	[CALL_PUSH] = "push",
	[CALL_POP] = "pop",
	[CALL_TAKE] = "take",
	[CALL_RELEASE] = "release",
	[CALL_RETURN] = "return",
	[CALL_LOAD] = "load",
	[CALL_STORE] = "store",
	[CALL_EXCHANGE] = "exchange",
	[CALL_COMPARE_EXCHANGE] = "compare_exchange",
	[CALL_FETCH_ADD] = "fetch_add",
	[CALL_RANGE_READ] = "read",
	[CALL_RANGE_WRITE] = "write",
	[CALL_ACQUIRE] = "acquire",
	[CALL_UNLOCK] = "unlock",
	[CALL_POST] = "post",
	[CALL_WAIT] = "wait",
	[CALL_DIE] = "die",
};

static const char *const subjects[SUBJECTS] = {
	[SUBJECT_QUEUE] = "queue", [SUBJECT_CELL] = "cell",           [SUBJECT_RANGE] = "range",
	[SUBJECT_LOCK] = "lock",   [SUBJECT_SEMAPHORE] = "semaphore",
};

const char *history_kind_name(unsigned kind)
{
	return kind < CALL_KINDS ? kinds[kind] : "?";
}

bool history_add(struct history *history, const struct call *call)
{
	if (history->count == history->room) {
		size_t room = history->room ? history->room * 2 : 1024;
		struct call *calls = realloc(history->calls, room * sizeof *calls);

		if (!calls)
			return false;
		history->calls = calls;
		history->room = room;
	}
	history->calls[history->count++] = *call;
	return true;
}

void history_free(struct history *history)
{
	free(history->calls);
	history->calls = NULL;
	history->count = history->room = 0;
}

/* ---- a file ---- */

int history_save(const struct history *history, const char *path)
{
	FILE *file = fopen(path, "w");
	bool good;

	if (!file)
		return -errno;
	fprintf(file, "stoa-history 1 %s %s capacity %" PRIu64 " initial %" PRIu64,
	        subjects[history->subject], history->scenario[0] ? history->scenario : "-", history->capacity,
	        history->initial);
	fprintf(file, " ring %d discard %d drained %d ticks/ns %.6f\n", history->ring, history->discard,
	        history->drained, history->per_ns);
	fputs("# thread call object argument expected result outcome flags start end\n", file);
	for (size_t i = 0; i < history->count; i++) {
		const struct call *call = &history->calls[i];

		fprintf(file, "%u %s %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %d %u %" PRIu64 " %" PRIu64 "\n",
		        call->thread, kinds[call->kind], call->object, call->argument, call->expected,
		        call->result, call->outcome, call->flags, call->start, call->end);
	}
	good = !ferror(file);
	if (fclose(file) || !good)
		return -EIO;
	return 0;
}

static bool load_head(struct history *history, FILE *file)
{
	char subject[16];
	int ring, discard, drained;

	if (fscanf(file, "stoa-history 1 %15s %47s capacity %" SCNu64 " initial %" SCNu64, subject,
	           history->scenario, &history->capacity, &history->initial) != 4 ||
	    fscanf(file, " ring %d discard %d drained %d ticks/ns %lf%*[^\n] ", &ring, &discard, &drained,
	           &history->per_ns) < 4)
		return false;
	history->ring = ring;
	history->discard = discard;
	history->drained = drained;
	for (unsigned i = 0; i < SUBJECTS; i++) {
		if (strcmp(subject, subjects[i]) == 0) {
			history->subject = i;
			return true;
		}
	}
	return false;
}

static bool load_call(struct call *call, const char *line)
{
	unsigned thread, object, flags;
	char kind[20];
	int outcome;

	if (sscanf(line, "%u %19s %u %" SCNu64 " %" SCNu64 " %" SCNu64 " %d %u %" SCNu64 " %" SCNu64, &thread,
	           kind, &object, &call->argument, &call->expected, &call->result, &outcome, &flags,
	           &call->start, &call->end) != 10)
		return false;
	call->thread = (uint16_t)thread;
	call->object = (uint16_t)object;
	call->outcome = (int16_t)outcome;
	call->flags = (uint8_t)flags;
	for (unsigned i = 0; i < CALL_KINDS; i++) {
		if (strcmp(kind, kinds[i]) == 0) {
			call->kind = (uint8_t)i;
			return call->start <= call->end;
		}
	}
	return false;
}

int history_load(struct history *history, const char *path)
{
	FILE *file = fopen(path, "r");
	char line[300];
	int rc = 0;

	*history = (struct history){ .per_ns = 1 };
	if (!file)
		return -errno;
	if (!load_head(history, file))
		rc = -EBADMSG;
	while (rc == 0 && fgets(line, sizeof line, file)) {
		struct call call = { .start = 0 };

		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (!load_call(&call, line))
			rc = -EBADMSG;
		else if (!history_add(history, &call))
			rc = -ENOMEM;
	}
	fclose(file);
	if (rc)
		history_free(history);
	return rc;
}

/* ---- text ---- */

static void describe_words(const struct history *history, const struct call *call, char *text, size_t room)
{
	bool has_result = !(call->flags & CALL_PENDING) && call->outcome == STOA_OK;

	text[0] = 0;
	switch (call->kind) {
	case CALL_PUSH:
	case CALL_RELEASE:
	case CALL_RETURN:
	case CALL_STORE:
		snprintf(text, room, " %" PRIu64, call->argument);
		break;
	case CALL_EXCHANGE:
	case CALL_FETCH_ADD:
		snprintf(text, room, has_result ? " %" PRIu64 " got %" PRIu64 : " %" PRIu64, call->argument,
		         call->result);
		break;
	case CALL_COMPARE_EXCHANGE:
		snprintf(text, room, " %" PRIu64 " to %" PRIu64, call->expected, call->argument);
		if (call->outcome == STOA_CHANGED)
			snprintf(text + strlen(text), room - strlen(text), " found %" PRIu64, call->result);
		break;
	case CALL_RANGE_READ:
	case CALL_RANGE_WRITE:
		snprintf(text, room, " (%" PRIu64 ", %" PRIu64 ", %" PRIu64 ") of [%u, %u)", call->argument,
		         call->expected, call->result, call->object & 255,
		         (call->object & 255) + (call->object >> 8));
		return;
	case CALL_POP:
	case CALL_TAKE:
	case CALL_LOAD:
		if (has_result)
			snprintf(text, room, " got %" PRIu64, call->result);
		break;
	default:
		break;
	}
	if (history->subject == SUBJECT_CELL)
		snprintf(text + strlen(text), room - strlen(text), " of object %u", call->object);
}

void history_describe(const struct history *history, const struct call *call, uint64_t origin, char *line,
                      size_t room)
{
	double per_us = (history->per_ns > 0 ? history->per_ns : 1) * 1000;
	char words[160], until[40];

	describe_words(history, call, words, sizeof words);
	if (call->end == HISTORY_NEVER)
		snprintf(until, sizeof until, "%12s", "never");
	else
		snprintf(until, sizeof until, "%12.3f", (double)(int64_t)(call->end - origin) / per_us);
	snprintf(line, room, "%12.3f .. %s us  thread %-3u %s%s%s%s%s%s%s",
	         (double)(int64_t)(call->start - origin) / per_us, until, call->thread, kinds[call->kind],
	         words, call->outcome == STOA_OK ? "" : " answered ",
	         call->outcome == STOA_OK ? "" : stoa_strerror(call->outcome),
	         call->flags & CALL_REDELIVERED ? ", redelivered" : "",
	         call->flags & CALL_TORN ? ", TORN" : "", call->flags & CALL_PENDING ? ", killed in it" : "");
}
