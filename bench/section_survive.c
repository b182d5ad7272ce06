/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * section_survive.c - a peer is stopped, or killed: what do the others keep?
 *
 * Two senders and two receivers work.  For a while it is counted how many messages are received; then one of
 * them gets SIGSTOP, or SIGKILL, wherever it happens to be, and it is counted again for as long.  The figure
 * is what is left of the first count; in how many of the trials the others stood still, is told beside it.
 * Where it hits is a matter of chance, so a queue that stood still in none of them is not proven to be one
 * that never does.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "machine.h"
#include "method.h"
#include "options.h"
#include "peers.h"
#include "section.h"

enum {
	SENDERS = 2,
	RECEIVERS = 2,
	TRIALS = 4,
	VICTIM_SENDER = 0,
	VICTIM_RECEIVER = SENDERS
};

struct harm {
	int signal;
	unsigned victim;
	struct queue_shape shape;
	const struct queue_peer *peer;
	void *queue;
};

static bool toil(struct worker *worker, void *context)
{
	const struct harm *harm = context;
	void *end = harm->peer->attach(harm->queue, worker->role);

	if (!end)
		return bench_bad(worker, "it could not attach");
	worker->histogram = NULL;
	return worker->role == BENCH_SENDER ? harm->peer->pour(end, worker) : harm->peer->drain(end, worker);
}

static void pass_time(uint64_t ns)
{
	struct timespec time = { .tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &time) == EINTR)
		;
}

static uint64_t received(const struct team *team)
{
	uint64_t sum = 0;

	for (unsigned i = team->senders; i < team->workers; i++)
		sum += team->worker[i].progress;
	return sum;
}

/* Messages a millisecond, over one window. */
static double flow(const struct team *team)
{
	uint64_t start = bench_now(), before = received(team);

	pass_time(options.run_ns / 3);
	return (double)(received(team) - before) * 1e6 / (double)(bench_now() - start);
}

/* Until all receive; false: they do not. */
static bool flows(struct team *team)
{
	uint64_t end = bench_now() + options.patience_ns;

	for (;;) {
		bool all = true;

		for (unsigned i = 0; i < team->workers; i++)
			all &= team->worker[i].progress > 0;
		if (all)
			return true;
		if (bench_now() > end || !team_well(team))
			return false;
		pass_time(1000000);
	}
}

static bool stop(struct team *team, unsigned victim)
{
	pid_t pid = team->pid[victim];
	int status = 0;

	if (kill(pid, SIGSTOP))
		return false;
	while (waitpid(pid, &status, WUNTRACED) < 0 && errno == EINTR)
		;
	return WIFSTOPPED(status);
}

struct trial {
	double before, after; /* sums */
};

static bool try_once(struct team *team, const struct harm *harm, struct row *row, struct trial *trial)
{
	double before = flow(team), after;

	if (!team_well(team))
		return false;
	if (harm->signal == SIGSTOP && !stop(team, harm->victim))
		return false;
	if (harm->signal == SIGKILL)
		team_lose(team, harm->victim);
	after = flow(team);
	if (!team_well(team))
		return false;
	if (harm->signal == SIGSTOP) {
		kill(team->pid[harm->victim], SIGCONT);
		pass_time(options.run_ns / 10);
	}
	trial->before += before;
	trial->after += after;
	row->trials++;
	row->stills += after < before / 100;
	return true;
}

/* A team that is stopped does for all trials; of one that is killed each has its own. */
static enum outcome try_team(struct harm *harm, struct row *row, struct trial *trial)
{
	struct team_plan plan = { .senders = SENDERS, .receivers = RECEIVERS, .body = toil, .context = harm };
	enum outcome outcome = OUTCOME_UNABLE;
	struct team *team;

	harm->peer = row->peer;
	harm->queue = harm->peer->create(&harm->shape);
	if (!harm->queue)
		return outcome;
	team = team_new(&plan);
	if (team) {
		team_start(team);
		outcome = flows(team) ? OUTCOME_DONE : team_well(team) ? OUTCOME_HUNG : OUTCOME_BAD;
		for (int i = 0; outcome == OUTCOME_DONE && i < (harm->signal == SIGSTOP ? TRIALS : 1); i++)
			if (!try_once(team, harm, row, trial))
				outcome = OUTCOME_BAD;
		team_kill(team);
		team_free(team);
	}
	harm->peer->destroy(harm->queue);
	return outcome;
}

static enum outcome run(struct cell *cell, struct row *row, const void *context, struct sample *sample)
{
	struct harm harm = *(const struct harm *)context;
	struct trial trial = { 0 };
	enum outcome outcome = OUTCOME_DONE;

	(void)cell;
	for (int i = 0; outcome == OUTCOME_DONE && i < (harm.signal == SIGSTOP ? 1 : TRIALS); i++)
		outcome = try_team(&harm, row, &trial);
	sample->value = trial.before > 0 ? trial.after / trial.before : 0;
	return outcome;
}

static bool measure(const char *section, int signal, unsigned victim)
{
	struct harm plan = {
		.signal = signal,
		.victim = victim,
		.shape = { .capacity = 1024, .senders = SENDERS, .receivers = RECEIVERS, .many = true },
	};
	struct cell *cell;

	if (options.threads) {
		printf("\n%s: not with --threads: a signal stops or kills all of a process\n", section);
		return true;
	}
	cell = cell_new(section, "x what it was", true, "2P2C, 64 B: one %s is %s",
	                victim < SENDERS ? "sender" : "receiver", signal == SIGSTOP ? "stopped" : "killed");
	if (!cell)
		return true;
	cell_param(cell, "size", 64);
	cell_param(cell, "oversubscribed", SENDERS + RECEIVERS > machine.cores);
	for (const struct queue_peer *const *peer = queue_peers; *peer; peer++)
		if (queue_serves(*peer, 64, QUEUE_MPMC))
			cell_row(cell, (*peer)->name, (*peer)->kind, *peer, false);
	return method_measure(cell, run, &plan);
}

bool section_frozen(void)
{
	return measure("frozen", SIGSTOP, VICTIM_SENDER) && measure("frozen", SIGSTOP, VICTIM_RECEIVER);
}

bool section_killed(void)
{
	return measure("killed", SIGKILL, VICTIM_SENDER) && measure("killed", SIGKILL, VICTIM_RECEIVER);
}
