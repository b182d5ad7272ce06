/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * section_rtt.c - there and back through two SPSC queues, both sides spinning; push and pop in one thread.
 */
#include <string.h>

#include "method.h"
#include "options.h"
#include "peers.h"
#include "section.h"

struct trip {
	struct queue_shape shape;
	bool bursts;
	const struct queue_peer *peer;
	void *there, *back;
};

static bool trip(struct worker *worker, void *context)
{
	const struct trip *trip = context;
	const struct queue_peer *peer = trip->peer;
	bool first = worker->number == 0;
	void *out = peer->attach(first ? trip->there : trip->back, BENCH_SENDER);
	void *in = peer->attach(first ? trip->back : trip->there, BENCH_RECEIVER);
	struct histogram *histogram = worker->histogram;
	bool good = true;

	if (!out || !in)
		return bench_bad(worker, "it could not attach");
	worker->histogram = NULL;
	for (int part = 0; part < 3 && good; part++) { /* warm, whole, each for itself */
		if (part == 1)
			team_line(worker, 0);
		team_arm(worker, part ? options.run_ns : 0, 1);
		if (part == 2)
			worker->histogram = histogram;
		good = first ? peer->ping(out, in, worker) : peer->pong(out, in, worker);
		if (part == 0 && first)
			worker->team->batches = 0; /* those do not count */
		team_meet(worker);
	}
	team_line(worker, 1);
	peer->detach(out);
	peer->detach(in);
	return good;
}

static enum outcome time_of_trip(const struct team *team, struct sample *sample)
{
	sample->value = method_trip(team);
	return OUTCOME_DONE;
}

static enum outcome time_of_one(const struct team *team, struct sample *sample)
{
	const struct worker *first = &team->worker[0];

	sample->value = (double)(first->end - first->start) / (double)first->count;
	return OUTCOME_DONE;
}

static enum outcome run_trip(struct cell *cell, struct row *row, const void *context, struct sample *sample)
{
	struct trip now = *(const struct trip *)context;
	struct team_plan plan = {
		.senders = 1, .receivers = 1, .body = trip, .context = &now, .latencies = true
	};
	enum outcome outcome = OUTCOME_UNABLE;
	struct team *team = NULL;

	(void)cell;
	now.peer = row->peer;
	now.there = now.peer->create(&now.shape);
	now.back = now.there ? now.peer->create(&now.shape) : NULL;
	if (now.back)
		team = team_new(&plan);
	if (team)
		outcome = method_team(team, row, sample, time_of_trip);
	if (now.back)
		now.peer->destroy(now.back);
	if (now.there)
		now.peer->destroy(now.there);
	return outcome;
}

bool section_rtt(void)
{
	struct trip plan = { .shape = { .capacity = 1024, .senders = 1, .receivers = 1 } };

	for (size_t size = 8; size <= 64; size *= 8) {
		struct cell *cell = cell_new("rtt", "ns", false, "there and back, %s, spinning",
		                             in_units(size, "B"));

		if (!cell)
			continue;
		cell_param(cell, "size", (double)size);
		for (const struct queue_peer *const *peer = queue_peers; *peer; peer++)
			if (queue_serves(*peer, size, QUEUE_SPSC) ||
			    queue_serves(*peer, size, QUEUE_RTT_ONLY))
				cell_row(cell, (*peer)->name, (*peer)->kind, *peer, true);
		if (!method_measure(cell, run_trip, &plan))
			return false;
	}
	return true;
}

/* ---- push and pop in one thread ---- */

static bool pair(struct worker *worker, void *context)
{
	const struct trip *now = context;
	bool (*loop)(void *, void *, struct worker *) = now->bursts ? now->peer->pair_bursts
	                                                            : now->peer->pair;
	void *out = now->peer->attach(now->there, BENCH_SENDER);
	void *in = now->peer->attach(now->there, BENCH_RECEIVER);
	bool good;

	if (!out || !in)
		return bench_bad(worker, "it could not attach");
	worker->duration = 0;
	worker->least = 2 * now->shape.capacity;
	good = loop(out, in, worker);
	worker->duration = options.run_ns / 2; /* it varies by little */
	good = good && loop(out, in, worker);
	now->peer->detach(out);
	now->peer->detach(in);
	return good;
}

static enum outcome run_pair(struct cell *cell, struct row *row, const void *context, struct sample *sample)
{
	struct trip now = *(const struct trip *)context;
	struct team_plan plan = { .senders = 1, .body = pair, .context = &now };
	enum outcome outcome = OUTCOME_UNABLE;
	struct team *team;

	(void)cell;
	now.peer = row->peer;
	now.there = now.peer->create(&now.shape);
	if (!now.there)
		return outcome;
	team = team_new(&plan);
	if (team)
		outcome = method_team(team, row, sample, time_of_one);
	now.peer->destroy(now.there);
	return outcome;
}

static bool measure_pair(size_t size, bool many, bool bursts)
{
	struct trip plan = {
		.shape = { .capacity = 1024, .senders = 1, .receivers = 1, .many = many },
		.bursts = bursts,
	};
	unsigned can = (many ? QUEUE_MPMC : QUEUE_SPSC) | (bursts ? QUEUE_BURSTS : 0);
	struct cell *cell = cell_new("pair", "ns a message", false, "%s, %s, %s", many ? "MPMC" : "SPSC",
	                             in_units(size, "B"), bursts ? "bursts of 32" : "single");

	if (!cell)
		return true;
	cell_param(cell, "size", (double)size);
	cell_param(cell, "burst", bursts ? 32 : 1);
	for (const struct queue_peer *const *peer = queue_peers; *peer; peer++)
		if (queue_serves(*peer, size, can))
			cell_row(cell, (*peer)->name, (*peer)->kind, *peer, false);
	return method_measure(cell, run_pair, &plan);
}

bool section_pair(void)
{
	for (int many = 0; many <= 1; many++)
		for (int bursts = 0; bursts <= 1; bursts++) {
			if (!measure_pair(8, many, bursts) || !measure_pair(64, many, bursts))
				return false;
			if (!options.quick && !bursts && !measure_pair(1024, many, bursts))
				return false;
		}
	return true;
}
