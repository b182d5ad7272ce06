/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * section_scalar.c - one number that one, two, or as many processes as there are cores add to; and read.
 */
#include <stdio.h>

#include "machine.h"
#include "method.h"
#include "options.h"
#include "peers.h"
#include "section.h"

struct sum {
	bool loads;
	const struct scalar_peer *peer;
	void *shared;
};

static bool add(struct worker *worker, void *context)
{
	const struct sum *sum = context;
	bool good;

	worker->duration = options.run_ns / 50;
	good = sum->peer->add(sum->shared, worker);
	worker->sum = worker->count;
	team_line(worker, 0);
	team_arm(worker, options.run_ns / 2, 1);
	good = (sum->loads ? sum->peer->load : sum->peer->add)(sum->shared, worker) && good;
	team_line(worker, 1);
	if (!sum->loads)
		worker->sum += worker->count;
	return good;
}

static enum outcome rate(const struct team *team, struct sample *sample)
{
	const struct sum *sum = team->context;
	uint64_t added = 0, count = 0;

	for (unsigned i = 0; i < team->workers; i++) {
		added += team->worker[i].sum;
		count += team->worker[i].count;
	}
	if (sum->peer->sum(sum->shared) != added) {
		fprintf(stderr, "stoa-bench: DATA CHECK FAILED: the sum is not what was added\n");
		return OUTCOME_BAD;
	}
	sample->value = (double)count * 1e3 / method_elapsed(team);
	return OUTCOME_DONE;
}

static enum outcome run(struct cell *cell, struct row *row, const void *context, struct sample *sample)
{
	struct sum now = *(const struct sum *)context;
	struct team_plan plan = { .senders = (unsigned)cell->param[0].value, .body = add, .context = &now };
	enum outcome outcome = OUTCOME_UNABLE;
	struct team *team;

	now.peer = row->peer;
	now.shared = now.peer->create();
	if (!now.shared)
		return outcome;
	team = team_new(&plan);
	if (team)
		outcome = method_team(team, row, sample, rate);
	now.peer->destroy(now.shared);
	return outcome;
}

static bool measure(unsigned processes, bool loads)
{
	struct sum plan = { .loads = loads };
	struct cell *cell = cell_new("scalar", loads ? "M loads/s" : "M additions/s", true,
	                             "a number, %u %s %s", processes,
	                             processes == 1 ? "process" : "processes", loads ? "reading" : "adding");

	if (!cell)
		return true;
	cell_param(cell, "processes", processes);
	cell_param(cell, "oversubscribed", processes > machine.cores);
	for (const struct scalar_peer *const *peer = scalar_peers; *peer; peer++)
		cell_row(cell, (*peer)->name, (*peer)->kind, *peer, false);
	return method_measure(cell, run, &plan);
}

bool section_scalar(void)
{
	if (!measure(1, false) || !measure(1, true) || !measure(2, false))
		return false;
	return machine.cores <= 2 || measure(machine.cores < TEAM_MOST ? machine.cores : TEAM_MOST, false);
}
