/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history_record.c - logs: opened by who writes, gathered when all have ended.
 */
#include "history_record.h"

#define PAGE 4096u

void history_log_wipe(struct history_log *log)
{
	atom32_store_rlx(&log->count, 0); /* relaxed, both: nobody else is there */
	atom32_store_rlx(&log->groups, 0);
	log->killed = log->death = 0;
}

void recorder_open(struct recorder *recorder, struct history_log *log, uint32_t every, bool stores)
{
	*recorder = (struct recorder){ .log = log, .every = every, .left = every, .stores = stores };
	for (uint32_t i = 0; log && i < log->room; i += PAGE / (uint32_t)sizeof(struct record))
		log->records[i].argument = 0;
	for (uint32_t i = 0; log && i < log->room; i += PAGE / (uint32_t)sizeof(struct record_group))
		log->group[i].end = 0;
	if (log)
		log->group[0] = (struct record_group){ .first = 0 };
	recorder_resume(recorder);
}

/* Of a group that was not ended, those calls that were not the last have surely ended. */
static struct call make_call(const struct history_log *log, const struct record *record,
                             const struct record_group *group, uint64_t end)
{
	uint32_t state = atom32_load_rlx(&record->state); /* relaxed: the count was acquired */
	struct call call = {
		.start = group->start,
		.end = end,
		.argument = record->argument,
		.expected = record->expected,
		.result = record->result,
		.object = record->object,
		.thread = log->thread,
		.outcome = (int16_t)(state >> 16),
		.kind = (uint8_t)(state >> 8),
		.flags = (uint8_t)state,
	};

	if (call.flags & CALL_PENDING &&
	    call.kind != CALL_RANGE_WRITE) /* there it is the third word to write */
		call.result = 0;
	return call;
}

/* Who was killed may have gone on for a moment: its death came behind the last stamp that it made itself. */
static bool add_death(struct history *history, const struct history_log *log, uint32_t groups)
{
	uint64_t stamp = log->group[groups].start;
	struct call death = {
		.start = stamp > log->killed ? stamp : log->killed,
		.end = log->death,
		.thread = log->thread,
		.kind = CALL_DIE,
	};

	return history_add(history, &death);
}

bool history_add_log(struct history *history, const struct history_log *log)
{
	uint32_t groups = atom32_load_acq(&log->groups), count = atom32_load_acq(&log->count);

	for (uint32_t i = 0, g = 0; i < count; i++) {
		struct call call;
		uint64_t end;

		while (g < groups && i >= log->group[g + 1].first)
			g++;
		end = g < groups ? log->group[g].end : log->death ? log->death : HISTORY_NEVER;
		call = make_call(log, &log->records[i], &log->group[g], end);
		if (!history_add(history, &call))
			return false;
	}
	return !log->death || add_death(history, log, groups);
}
