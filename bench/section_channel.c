/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * section_channel.c - messages that are waited for: how long a wake-up takes, and how many messages of which
 * size a second.
 */
#include <stdio.h>

#include "method.h"
#include "options.h"
#include "peers.h"
#include "section.h"

struct talk {
	size_t size, capacity;
	uint64_t pause_ns;
	const struct channel_peer *peer;
	void *there, *back;
};

/* ---- wake ---- */

/*
 * With calls that wait.  At once: who waits may still be looking, as some do for a moment before they sleep.
 * After a pause on either side each is surely asleep, and a round trip is two wake-ups.
 */
static bool wake(struct worker *worker, void *context)
{
	const struct talk *talk = context;
	const struct channel_peer *peer = talk->peer;
	bool first = worker->number == 0;
	void *out = peer->attach(first ? talk->there : talk->back, BENCH_SENDER);
	void *in = peer->attach(first ? talk->back : talk->there, BENCH_RECEIVER);
	struct histogram *histogram = worker->histogram;
	bool good = true;

	if (!out || !in)
		return bench_bad(worker, "it could not attach");
	worker->histogram = NULL;
	worker->pause_ns = talk->pause_ns;
	for (int part = 0; part < 2 && good; part++) { /* the first one is not counted */
		if (part)
			team_line(worker, 0);
		team_arm(worker, part ? 2 * options.run_ns : options.run_ns / 10, 1);
		if (part)
			worker->histogram = histogram;
		good = first ? peer->ping(out, in, worker) : peer->pong(out, in, worker);
	}
	team_line(worker, 1);
	peer->detach(out);
	peer->detach(in);
	return good;
}

static enum outcome time_of_one(const struct team *team, struct sample *sample)
{
	sample->value = histogram_calm_mean(&team->histogram) / 1e3;
	return OUTCOME_DONE;
}

static enum outcome run_wake(struct cell *cell, struct row *row, const void *context, struct sample *sample)
{
	struct talk now = *(const struct talk *)context;
	struct team_plan plan = {
		.senders = 1, .receivers = 1, .body = wake, .context = &now, .latencies = true
	};
	enum outcome outcome = OUTCOME_UNABLE;
	struct team *team = NULL;

	(void)cell;
	now.peer = row->peer;
	now.there = now.peer->create(now.size, now.capacity);
	now.back = now.there ? now.peer->create(now.size, now.capacity) : NULL;
	if (now.back)
		team = team_new(&plan);
	if (team)
		outcome = method_team(team, row, sample, time_of_one);
	if (now.back)
		now.peer->destroy(now.back);
	if (now.there)
		now.peer->destroy(now.there);
	return outcome;
}

static void add_rows(struct cell *cell, unsigned can, bool latencies)
{
	for (const struct channel_peer *const *peer = channel_peers; *peer; peer++)
		if ((*peer)->can & can)
			cell_row(cell, (*peer)->name, (*peer)->kind, *peer, latencies);
}

bool section_wake(void)
{
	static const uint64_t pauses[] = { 0, 50000 };

	for (unsigned i = 0; i < 2; i++) {
		struct talk plan = { .size = 8, .capacity = 64, .pause_ns = pauses[i] };
		struct cell *cell = cell_new("wake", "us", false, "there and back, 8 B, %s",
		                             pauses[i] ? "both asleep since 50 us" : "at once");

		if (!cell)
			continue;
		cell_param(cell, "size", 8);
		cell_param(cell, "pause_ns", (double)pauses[i]);
		add_rows(cell, CHANNEL_WAKES, true);
		if (!method_measure(cell, run_wake, &plan))
			return false;
	}
	return true;
}

/* ---- sizes ---- */

static bool stream(struct worker *worker, void *context)
{
	const struct talk *talk = context;
	const struct channel_peer *peer = talk->peer;
	void *end = peer->attach(talk->there, worker->role);
	bool good;

	if (!end)
		return bench_bad(worker, "it could not attach");
	team_meet(worker);
	team_arm(worker, 0, 2 * talk->capacity);
	good = (worker->role == BENCH_SENDER ? peer->send : peer->receive)(end, worker);
	team_line(worker, 0);
	team_arm(worker, options.run_ns, 1);
	good = (worker->role == BENCH_SENDER ? peer->send : peer->receive)(end, worker) && good;
	team_line(worker, 1);
	peer->detach(end);
	return good;
}

static enum outcome rate(const struct team *team, struct sample *sample)
{
	if (team->worker[0].count != team->worker[1].count) {
		fprintf(stderr, "stoa-bench: DATA CHECK FAILED: messages were lost\n");
		return OUTCOME_BAD;
	}
	sample->value = (double)team->worker[1].count * 1e6 / method_elapsed(team);
	return OUTCOME_DONE;
}

static enum outcome run_stream(struct cell *cell, struct row *row, const void *context, struct sample *sample)
{
	struct talk now = *(const struct talk *)context;
	struct team_plan plan = { .senders = 1, .receivers = 1, .body = stream, .context = &now };
	enum outcome outcome = OUTCOME_UNABLE;
	struct team *team;

	(void)cell;
	now.peer = row->peer;
	now.there = now.peer->create(now.size, now.capacity);
	if (!now.there)
		return outcome;
	team = team_new(&plan);
	if (team)
		outcome = method_team(team, row, sample, rate);
	now.peer->destroy(now.there);
	return outcome;
}

/* As many messages as fit into 4 MiB, 4 at the least and 1,024 at the most. */
static size_t capacity_for(size_t size)
{
	size_t fit = (4 << 20) / size;

	return fit > 1024 ? 1024 : fit < 4 ? 4 : fit;
}

bool section_sizes(void)
{
	static const size_t sizes[] = { 8, 64, 1024, 8192, 65536, 1 << 20 };

	for (unsigned s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
		struct talk plan = { .size = sizes[s], .capacity = capacity_for(sizes[s]) };
		struct cell *cell = cell_new("sizes", "k messages/s", true, "%s, written whole, read whole",
		                             in_units(sizes[s], "B"));

		if (!cell)
			continue;
		cell_param(cell, "size", (double)plan.size);
		cell_param(cell, "capacity", (double)plan.capacity);
		add_rows(cell, CHANNEL_STREAMS, false);
		if (!method_measure(cell, run_stream, &plan))
			return false;
	}
	return true;
}
