/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * section_value.c - a struct, read and written whole: alone, and read while another process writes without a
 * pause.
 */
#include <string.h>

#include "method.h"
#include "options.h"
#include "peers.h"
#include "section.h"

enum work {
	READ,
	WRITE,
	WATCH
};

struct use {
	enum work work;
	const struct value_peer *peer;
	void *shared;
};

static bool use(struct worker *worker, void *context)
{
	const struct use *now = context;
	const struct value_peer *peer = now->peer;
	void *end = peer->attach(now->shared);
	bool (*loop)(void *, struct worker *) = now->work == READ    ? peer->read
	                                        : now->work == WRITE ? peer->write
	                                        : worker->number     ? peer->hammer
	                                                             : peer->watch;
	bool good;

	if (!end)
		return bench_bad(worker, "it could not attach");
	/* Something to read, and warm. */
	worker->duration = options.run_ns / 100;
	good = worker->number || peer->write(end, worker);
	worker->count = worker->number ? 1 << 30 : 0; /* later versions than those */
	team_line(worker, 0);
	team_arm(worker, now->work == WATCH ? options.run_ns : options.run_ns / 2, 1);
	good = good && loop(end, worker);
	team_line(worker, 1);
	peer->detach(end);
	return good;
}

static enum outcome time_of_one(const struct team *team, struct sample *sample)
{
	const struct worker *first = &team->worker[0];

	sample->value = team->histogram.count ? histogram_calm_mean(&team->histogram)
	                                      : (double)(first->end - first->start) / (double)first->count;
	return OUTCOME_DONE;
}

static enum outcome run(struct cell *cell, struct row *row, const void *context, struct sample *sample)
{
	struct use now = *(const struct use *)context;
	struct team_plan plan = {
		.senders = 1,
		.receivers = now.work == WATCH,
		.body = use,
		.context = &now,
		.latencies = now.work == WATCH,
	};
	enum outcome outcome = OUTCOME_UNABLE;
	struct team *team;

	(void)cell;
	now.peer = row->peer;
	now.shared = now.peer->create();
	if (!now.shared)
		return outcome;
	team = team_new(&plan);
	if (team)
		outcome = method_team(team, row, sample, time_of_one);
	now.peer->destroy(now.shared);
	return outcome;
}

static bool measure(size_t size, enum work work)
{
	static const char *const names[] = { "read, nobody writes", "written, nobody reads",
		                             "read while one writes without a pause" };
	struct use plan = { .work = work };
	struct cell *cell = cell_new("value", "ns", false, "%s, %s", in_units(size, "B"), names[work]);

	if (!cell)
		return true;
	cell_param(cell, "size", (double)size);
	cell_param(cell, "writers", work == WATCH);
	for (const struct value_peer *const *peer = value_peers; *peer; peer++)
		if ((*peer)->size == size)
			cell_row(cell, (*peer)->name, (*peer)->kind, *peer, work == WATCH);
	return method_measure(cell, run, &plan);
}

bool section_value(void)
{
	static const size_t sizes[] = { 64, 1024, 65536 };

	for (unsigned s = 0; s < 3; s++)
		for (enum work work = READ; work <= WATCH; work++)
			if (!measure(sizes[s], work))
				return false;
	return true;
}
