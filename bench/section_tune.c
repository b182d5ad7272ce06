/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * section_tune.c - what a user can choose, and what the choice costs: numbers side by side or apart, and how
 * the pages of a segment come.  docs/tuning.md reads these figures.
 */
#include <stdio.h>
#include <string.h>

#include <stoa.h>

#include "machine.h"
#include "method.h"
#include "options.h"
#include "section.h"

/* ---- numbers side by side ---- */

struct places {
	const char *name;
	unsigned stride; /* between the numbers of two processes, in numbers of 8 B */
};

static const struct places places[] = {
	{ "all to one number", 0 },
	{ "neighbours in an array", 1 },
	{ "64 B apart", 8 },
	{ "128 B apart", 16 },
};

struct sum {
	const struct places *places;
	struct stoa_array *array;
	uint64_t numbers;
};

static bool add_for(const struct sum *sum, struct worker *worker, uint64_t duration)
{
	uint64_t index = (uint64_t)worker->number * sum->places->stride, one = 1, n = 0, deadline;
	int rc = 0;

	worker->start = bench_now();
	deadline = worker->start + duration;
	do {
		for (unsigned i = 0; i < 256; i++)
			rc |= stoa_array_fetch_add(sum->array, index, &one, NULL);
		n += 256;
	} while (bench_now() < deadline);
	worker->end = bench_now();
	worker->count = n;
	return !rc || bench_bad(worker, "an addition failed");
}

static bool add(struct worker *worker, void *context)
{
	bool good = add_for(context, worker, options.run_ns / 50);

	worker->sum = worker->count;
	team_line(worker, 0);
	team_arm(worker, 0, 1);
	good = add_for(context, worker, options.run_ns / 2) && good;
	team_line(worker, 1);
	worker->sum += worker->count;
	return good;
}

static enum outcome additions(const struct team *team, struct sample *sample)
{
	const struct sum *sum = team->context;
	uint64_t count = 0, added = 0, number;

	for (unsigned i = 0; i < team->workers; i++) {
		count += team->worker[i].count;
		added += team->worker[i].sum;
	}
	for (uint64_t i = 0; i < sum->numbers; i++)
		if (stoa_array_load(sum->array, i, &number) == 0)
			added -= number;
	if (added) {
		fprintf(stderr, "stoa-bench: DATA CHECK FAILED: the sum is not what was added\n");
		return OUTCOME_BAD;
	}
	sample->value = (double)count * 1e3 / method_elapsed(team);
	return OUTCOME_DONE;
}

static enum outcome run_places(struct cell *cell, struct row *row, const void *unused, struct sample *sample)
{
	unsigned processes = (unsigned)cell->param[0].value;
	struct sum now = { .places = row->peer };
	struct stoa_array_config config = { .struct_size = sizeof config, .type = STOA_U64 };
	struct team_plan plan = { .senders = processes, .body = add, .context = &now };
	enum outcome outcome = OUTCOME_UNABLE;
	struct stoa_segment *segment;
	struct team *team;

	(void)unused;
	config.count = now.numbers = (uint64_t)processes * 16;
	if (stoa_segment_create(NULL, NULL, &segment))
		return outcome;
	if (!stoa_array_create(segment, "numbers", &config, &now.array)) {
		team = team_new(&plan);
		if (team)
			outcome = method_team(team, row, sample, additions);
		stoa_array_close(now.array);
	}
	stoa_segment_close(segment);
	return outcome;
}

static bool measure_places(unsigned processes)
{
	struct cell *cell = cell_new("tune", "M additions/s", true,
	                             "%u processes adding, each to its own number", processes);

	if (!cell)
		return true;
	cell_param(cell, "processes", processes);
	for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++)
		cell_row(cell, places[i].name, BENCH_OURS, &places[i], false);
	return method_measure(cell, run_places, NULL);
}

/* ---- pages ---- */

#define BLOCK (64u << 10)
#define BLOCKS 512u

struct pages {
	const char *name;
	uint32_t flags;
};

static const struct pages pages[] = {
	{ "pages as they come", 0 },
	{ "STOA_PREFAULT", STOA_PREFAULT },
	{ "STOA_HUGE", STOA_HUGE },
	{ "STOA_HUGE, STOA_PREFAULT", STOA_HUGE | STOA_PREFAULT },
};

enum phase {
	PHASE_CREATE,
	PHASE_FIRST,
	PHASE_LATER,
	PHASES
};

static const char *const phases[] = {
	"a queue of 32 MiB, created",
	"a queue of 32 MiB, filled for the first time",
	"a queue of 32 MiB, filled again",
};

struct visit {
	const struct pages *pages;
	enum phase phase;
};

static bool fill(struct stoa_sender *sender, struct stoa_receiver *receiver)
{
	struct stoa_message message;
	void *bytes;

	for (unsigned i = 0; i < BLOCKS; i++) {
		if (stoa_sender_reserve(sender, BLOCK, &bytes))
			return false;
		memset(bytes, (int)i, BLOCK);
		if (stoa_sender_commit(sender, bytes, BLOCK, &stoa_now))
			return false;
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		if (stoa_receiver_take(receiver, &message, &stoa_now) ||
		    stoa_receiver_release(receiver, &message))
			return false;
	return true;
}

static bool fill_twice(struct worker *worker, const struct visit *now)
{
	struct stoa_queue_config config = {
		.struct_size = sizeof config,
		.capacity = BLOCKS,
		.message_size = BLOCK,
		.senders = STOA_ONE,
		.receivers = STOA_ONE,
		.handles = 2,
	};
	struct stoa_segment_config segment = { .struct_size = sizeof segment, .flags = now->pages->flags };
	uint64_t begin[PHASES + 1];
	struct stoa_segment *in;
	struct stoa_queue *queue;
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;

	begin[PHASE_CREATE] = bench_now();
	if (stoa_queue_footprint(&config, &segment.bytes) || stoa_segment_create(NULL, &segment, &in))
		return false;
	if (stoa_queue_create(in, "queue", &config, &queue) || stoa_sender_open(queue, &sender) ||
	    stoa_receiver_open(queue, &receiver))
		return false;
	begin[PHASE_FIRST] = bench_now();
	if (!fill(sender, receiver))
		return false;
	begin[PHASE_LATER] = bench_now();
	if (!fill(sender, receiver))
		return false;
	begin[PHASES] = bench_now();
	worker->start = begin[now->phase];
	worker->end = begin[now->phase + 1];
	stoa_receiver_close(receiver);
	stoa_sender_close(sender);
	stoa_queue_close(queue);
	stoa_segment_close(in);
	return true;
}

static bool visit(struct worker *worker, void *context)
{
	worker->count = 1;
	return fill_twice(worker, context) || bench_bad(worker, "a queue could not be made, or filled");
}

static enum outcome time_of_phase(const struct team *team, struct sample *sample)
{
	sample->value = (double)(team->worker[0].end - team->worker[0].start) / 1e6;
	return OUTCOME_DONE;
}

static enum outcome run_pages(struct cell *cell, struct row *row, const void *context, struct sample *sample)
{
	struct visit now = { .pages = row->peer, .phase = *(const enum phase *)context };
	struct team_plan plan = { .senders = 1, .body = visit, .context = &now };
	struct team *team = team_new(&plan);

	(void)cell;
	return team ? method_team(team, row, sample, time_of_phase) : OUTCOME_UNABLE;
}

static bool measure_pages(enum phase phase)
{
	struct cell *cell = cell_new("tune", "ms", false, "%s", phases[phase]);

	if (!cell)
		return true;
	cell_param(cell, "bytes", (double)BLOCKS * BLOCK);
	for (unsigned i = 0; i < sizeof pages / sizeof pages[0]; i++)
		cell_row(cell, pages[i].name, BENCH_OURS, &pages[i], false);
	return method_measure(cell, run_pages, &phase);
}

bool section_tune(void)
{
	if (!measure_places(2) ||
	    (machine.cores > 2 && !measure_places(machine.cores < TEAM_MOST ? machine.cores : TEAM_MOST)))
		return false;
	for (enum phase phase = PHASE_CREATE; phase < PHASES; phase++)
		if (!measure_pages(phase))
			return false;
	return true;
}
