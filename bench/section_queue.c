/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * section_queue.c - how many messages a second: spsc, mpmc, over, growth.
 */
#include <stdio.h>
#include <string.h>

#include "machine.h"
#include "method.h"
#include "options.h"
#include "peers.h"
#include "section.h"

struct traffic {
	struct queue_shape shape;
	bool bursts;
	/* of the run */
	const struct queue_peer *peer;
	void *queue;
};

/* What each worker does. */
static bool traffic(struct worker *worker, void *context)
{
	const struct traffic *traffic = context;
	const struct queue_peer *peer = traffic->peer;
	bool (*send)(void *, struct worker *) = traffic->bursts ? peer->send_bursts : peer->send;
	bool (*receive)(void *, struct worker *) = traffic->bursts ? peer->receive_bursts : peer->receive;
	bool (*part)(void *, struct worker *) = worker->role == BENCH_SENDER ? send : receive;
	void *end = peer->attach(traffic->queue, worker->role);
	bool good;

	if (!end)
		return bench_bad(worker, "it could not attach");
	/* Two fillings, for the pages and the caches. */
	team_meet(worker);
	team_arm(worker, 0, 2 * traffic->shape.capacity / traffic->shape.senders);
	good = part(end, worker);
	team_line(worker, 0);
	team_arm(worker, options.run_ns, 1);
	good = part(end, worker) && good;
	team_line(worker, 1);
	peer->detach(end);
	return good;
}

/* What went in came out; then: how many in a microsecond. */
static enum outcome rate(const struct team *team, struct sample *sample)
{
	uint64_t count[2] = { 0 }, sum[2] = { 0 };

	for (unsigned i = 0; i < team->workers; i++) {
		count[team->worker[i].role] += team->worker[i].count;
		sum[team->worker[i].role] += team->worker[i].sum;
	}
	if (count[BENCH_SENDER] != count[BENCH_RECEIVER] || sum[BENCH_SENDER] != sum[BENCH_RECEIVER]) {
		fprintf(stderr, "stoa-bench: DATA CHECK FAILED: %llu messages were sent, and %llu received\n",
		        (unsigned long long)count[BENCH_SENDER], (unsigned long long)count[BENCH_RECEIVER]);
		return OUTCOME_BAD;
	}
	sample->value = (double)count[BENCH_RECEIVER] * 1e3 / method_elapsed(team);
	return OUTCOME_DONE;
}

static enum outcome run(struct cell *cell, struct row *row, const void *context, struct sample *sample)
{
	struct traffic traffic_now = *(const struct traffic *)context;
	struct team_plan plan = {
		.senders = traffic_now.shape.senders,
		.receivers = traffic_now.shape.receivers,
		.body = traffic,
		.context = &traffic_now,
	};
	enum outcome outcome = OUTCOME_UNABLE;
	struct team *team;

	(void)cell;
	traffic_now.peer = row->peer;
	traffic_now.queue = traffic_now.peer->create(&traffic_now.shape);
	if (!traffic_now.queue)
		return outcome;
	team = team_new(&plan);
	if (team)
		outcome = method_team(team, row, sample, rate);
	traffic_now.peer->destroy(traffic_now.queue);
	return outcome;
}

static bool measure(const char *section, size_t size, uint64_t capacity, unsigned senders, unsigned receivers,
                    bool many, bool bursts)
{
	struct traffic plan = {
		.shape = { .capacity = capacity, .senders = senders, .receivers = receivers, .many = many },
		.bursts = bursts,
	};
	unsigned can = (many ? QUEUE_MPMC : QUEUE_SPSC) | (bursts ? QUEUE_BURSTS : 0);
	struct cell *cell;
	char ends[32] = "";

	if (many)
		snprintf(ends, sizeof ends, "%uP%uC, ", senders, receivers);
	cell = cell_new(section, "M messages/s", true, "%s%s, capacity %s, %s", ends, in_units(size, "B"),
	                in_units(capacity, ""), bursts ? "bursts of 32" : "single");
	if (!cell)
		return true;
	cell_param(cell, "size", (double)size);
	cell_param(cell, "capacity", (double)capacity);
	cell_param(cell, "senders", senders);
	cell_param(cell, "receivers", receivers);
	cell_param(cell, "burst", bursts ? 32 : 1);
	cell_param(cell, "oversubscribed", senders + receivers > machine.cores);
	for (const struct queue_peer *const *peer = queue_peers; *peer; peer++)
		if (queue_serves(*peer, size, can))
			cell_row(cell, (*peer)->name, (*peer)->kind, *peer, false);
	return method_measure(cell, run, &plan);
}

bool section_spsc(void)
{
	static const uint64_t capacities[] = { 1024, 65536 };

	for (unsigned c = 0; c < (options.quick ? 1 : 2); c++)
		for (size_t size = 8; size <= 64; size *= 8)
			for (int bursts = 0; bursts <= 1; bursts++)
				if (!measure("spsc", size, capacities[c], 1, 1, false, bursts))
					return false;
	return true;
}

bool section_mpmc(void)
{
	static const uint64_t capacities[] = { 1024, 65536 };
	static const size_t sizes[] = { 8, 64, 1024 };
	unsigned pairs = options.quick ? 2 : machine.cores / 2 > 4 ? machine.cores / 2 : 4;

	for (unsigned n = 1; n <= pairs; n *= 2)
		for (unsigned c = 0; c < (options.quick ? 1 : 2); c++)
			for (unsigned s = 0; s < (options.quick ? 2 : 3); s++)
				for (int bursts = 0; bursts <= (sizes[s] == 8); bursts++)
					if (!measure("mpmc", sizes[s], capacities[c], n, n, true, bursts))
						return false;
	return true;
}

/* Two and four and eight workers for each core; the same with one pair, to compare with. */
bool section_over(void)
{
	unsigned most = options.quick ? 2 : 8;

	for (size_t size = 8; size <= 64; size *= 8) {
		if (!measure("over", size, 1024, 1, 1, true, false))
			return false;
		for (unsigned factor = 2; factor <= most; factor *= 2) {
			unsigned pairs = machine.cores * factor / 2;

			if (2 * pairs <= TEAM_MOST && !measure("over", size, 1024, pairs, pairs, true, false))
				return false;
		}
	}
	return true;
}

bool section_growth(void)
{
	unsigned most = options.quick ? 4 : 64;

	for (unsigned processes = 2; processes <= most; processes *= 2)
		if (!measure("growth", 64, 1024, processes / 2, processes / 2, true, false))
			return false;
	for (uint64_t capacity = 16; capacity <= (options.quick ? 64 : 1 << 20); capacity *= 16) {
		if (!measure("growth", 8, capacity, 1, 1, false, false) ||
		    !measure("growth", 8, capacity, 1, 1, true, false))
			return false;
	}
	return true;
}
