/* SPDX-License-Identifier: BSD-2-Clause */
/* team.c - see team.h. */
#include "team.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"
#include "options.h"

/* ---- what a worker calls ---- */

bool bench_wait(struct worker *worker)
{
	if (worker->yields && (++worker->waits & 63) == 0)
		sched_yield();
	else
		bench_pause();
	return atom32_load_acq(&worker->team->senders_left) == 0;
}

void bench_sent(struct worker *worker)
{
	/* Seen as 0 by a receiver, it says that all messages of all senders can be seen, too. */
	atom32_add_seq(&worker->team->senders_left, UINT32_MAX);
}

void bench_batch(struct worker *worker, uint64_t ns)
{
	struct team *team = worker->team;

	if (team->batches < BATCHES_MOST)
		team->batch[team->batches++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

void bench_finish(struct worker *worker)
{
	atom32_store_rel(&worker->team->over, 1);
}

bool bench_finished(struct worker *worker)
{
	return atom32_load_acq(&worker->team->over);
}

bool bench_bad(const struct worker *worker, const char *what)
{
	fprintf(stderr, "stoa-bench: DATA CHECK FAILED: worker %u: %s\n", worker->number, what);
	return false;
}

void *bench_map(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE,
	                    -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void bench_unmap(void *memory, size_t bytes)
{
	munmap(memory, bytes);
}

void team_meet(struct worker *worker)
{
	pthread_barrier_wait(&worker->team->meeting);
}

void team_arm(struct worker *worker, uint64_t duration, uint64_t least)
{
	if (worker->number == 0) {
		atom32_store_rlx(&worker->team->senders_left, worker->team->senders);
		atom32_store_rlx(&worker->team->over, 0);
	}
	worker->duration = duration;
	worker->least = least;
	team_meet(worker);
}

/* ---- the line ---- */

enum {
	LINE_BATCHES = 16,
	LINE_TRIPS = 64
};

static void await_line(struct worker *worker, uint64_t value)
{
	while (atom64_load_acq(&worker->team->line) != value)
		if ((++worker->waits & 4095) == 0)
			sched_yield();
}

/*
 * There and back, in batches: the quickest counts, as an interruption is not what is asked for here, but
 * where the two cores stand to each other.
 */
void team_line(struct worker *worker, int which)
{
	struct team *team = worker->team;
	uint64_t best = UINT64_MAX, value = 0, before;

	team_meet(worker);
	if (team->far && worker->number == 0) {
		for (int batch = 0; batch < LINE_BATCHES; batch++) {
			before = bench_now();
			for (int i = 0; i < LINE_TRIPS; i++) {
				atom64_store_rel(&team->line, ++value);
				await_line(worker, ++value);
			}
			before = bench_now() - before;
			best = before < best ? before : best;
		}
		team->line_ns[which] = (double)best / LINE_TRIPS;
	} else if (team->far && worker->number == team->far) {
		for (int i = 0; i < LINE_BATCHES * LINE_TRIPS; i++) {
			await_line(worker, ++value);
			atom64_store_rel(&team->line, ++value);
		}
	}
	team_meet(worker);
	if (worker->number == 0)
		atom64_store_rlx(&team->line, 0);
	team_meet(worker);
}

/* ---- the team ---- */

/* Senders and receivers in turn over the cores: the first of each are on two, where there are two. */
static unsigned place(const struct worker *worker, bool receivers)
{
	if (!receivers)
		return worker->index % machine.cores;
	return (2 * worker->index + (worker->role == BENCH_RECEIVER)) % machine.cores;
}

struct team *team_new(const struct team_plan *plan)
{
	struct team *team = bench_map(sizeof *team);
	pthread_barrierattr_t attributes;

	if (!team)
		return NULL;
	team->workers = plan->senders + plan->receivers;
	team->senders = plan->senders;
	team->body = plan->body;
	team->context = plan->context;
	pthread_barrierattr_init(&attributes);
	pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&team->meeting, &attributes, team->workers);
	pthread_barrierattr_destroy(&attributes);
	for (unsigned i = 0; i < team->workers; i++) {
		struct worker *worker = &team->worker[i];

		worker->team = team;
		worker->number = i;
		worker->role = i < plan->senders ? BENCH_SENDER : BENCH_RECEIVER;
		worker->index = i < plan->senders ? i : i - plan->senders;
		worker->alone = plan->senders == 1 && plan->receivers <= 1;
		worker->core = machine.core[place(worker, plan->receivers)];
		worker->yields = team->workers > machine.cores || options.quick;
		if (!team->far && worker->core != team->worker[0].core)
			team->far = i;
	}
	if (plan->latencies)
		team->worker[0].histogram = &team->histogram;
	return team;
}

void team_free(struct team *team)
{
	bench_unmap(team, sizeof *team);
}

static bool work(struct worker *worker)
{
	machine_pin(worker->core);
	return worker->team->body(worker, worker->team->context);
}

static void *work_thread(void *worker)
{
	/* The others would wait for ever. */
	if (!work(worker))
		_exit(1);
	return NULL;
}

/* One process with a thread for each. */
static bool work_all(struct team *team)
{
	pthread_t thread[TEAM_MOST];

	for (unsigned i = 0; i < team->workers; i++)
		if (pthread_create(&thread[i], NULL, work_thread, &team->worker[i]))
			return false;
	for (unsigned i = 0; i < team->workers; i++)
		pthread_join(thread[i], NULL);
	return true;
}

static void be_child(pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}

static void start_one(struct team *team, struct worker *worker)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		be_child(parent);
		_exit(worker ? !work(worker) : !work_all(team));
	}
	if (pid < 0) {
		perror("stoa-bench: fork");
		team_kill(team);
		exit(2);
	}
	team->pid[team->running++] = pid;
}

void team_start(struct team *team)
{
	fflush(NULL);
	for (unsigned i = 0; i < team->workers; i++)
		start_one(team, &team->worker[i]);
}

void team_lose(struct team *team, unsigned worker)
{
	kill(team->pid[worker], SIGKILL);
	while (waitpid(team->pid[worker], NULL, 0) < 0 && errno == EINTR)
		;
	team->pid[worker] = team->pid[--team->running];
}

void team_kill(struct team *team)
{
	for (unsigned i = 0; i < team->running; i++)
		kill(team->pid[i], SIGKILL);
	for (unsigned i = 0; i < team->running; i++)
		while (waitpid(team->pid[i], NULL, 0) < 0 && errno == EINTR)
			;
	team->running = 0;
}

/* Takes those out that have ended.  False: one ended badly. */
static bool collect(struct team *team)
{
	int status;

	for (unsigned i = 0; i < team->running;) {
		pid_t pid = waitpid(team->pid[i], &status, WNOHANG);

		if (pid == 0 || (pid < 0 && errno == EINTR)) {
			i++;
			continue;
		}
		team->pid[i] = team->pid[--team->running];
		if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status)) {
			if (pid > 0 && WIFSIGNALED(status))
				fprintf(stderr, "stoa-bench: a worker was killed by signal %d\n",
				        WTERMSIG(status));
			return false;
		}
	}
	return true;
}

bool team_well(struct team *team)
{
	unsigned running = team->running;

	return collect(team) && team->running == running;
}

/* SIGCHLD is blocked in the parent (main.c), and so it is not missed here. */
enum team_end team_wait(struct team *team, uint64_t patience_ns)
{
	uint64_t now = bench_now(), end = now + patience_ns;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;; now = bench_now()) {
		struct timespec left;

		if (!collect(team)) {
			team_kill(team);
			return TEAM_BAD;
		}
		if (!team->running)
			return TEAM_DONE;
		if (now >= end) {
			team_kill(team);
			return TEAM_HUNG;
		}
		left.tv_sec = (time_t)((end - now) / 1000000000);
		left.tv_nsec = (long)((end - now) % 1000000000);
		sigtimedwait(&child, NULL, &left);
	}
}

enum team_end team_run(struct team *team)
{
	fflush(NULL);
	if (options.threads)
		start_one(team, NULL);
	else
		team_start(team);
	return team_wait(team, options.patience_ns);
}
