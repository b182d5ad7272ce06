/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run_pool.c - the workers of stoa run, as the boss sees them: started when there is work for them, replaced
 * when they are killed, ended with all that they have started.
 *
 * The boss adopts what its workers leave behind (PR_SET_CHILD_SUBREAPER).  When it is to end early, it kills
 * the workers; their copies die with them; what those had started are then children of the boss, and killed
 * too.  At a good end such a child lives on: somebody wanted it in the background.  Those that a shell had
 * started before it executed this program, for >(...) or with &, are not the pool's, and are left alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

#define DEATHS_MOST 100 /* of workers, with no result among them */

static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/* Those that end it come to a descriptor, unless who started it wanted them ignored. */
static bool catch_signals(struct run *run)
{
	struct sigaction action;
	sigset_t mask;

	signal(SIGCHLD, SIG_DFL); /* who ignores it hears nothing of the dead */
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		if (sigaction(ends[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&mask, ends[i]);
	}
	run->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	sigaddset(&mask, SIGPIPE); /* is told by write(2) */
	sigprocmask(SIG_BLOCK, &mask, &run->old_mask);
	return run->signals >= 0;
}

/* ---- children ---- */

/* How many there are, and which: malloc'd. */
static size_t children_now(pid_t **children)
{
	size_t count = 0;
	char path[64];
	FILE *file;
	int pid;

	*children = NULL;
	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "re");
	while (file && fscanf(file, "%d", &pid) == 1) {
		*children = must_have(realloc(*children, (count + 1) * sizeof **children));
		(*children)[count++] = pid;
	}
	if (file)
		fclose(file);
	return count;
}

static bool was_inherited(const struct run *run, pid_t pid)
{
	for (size_t i = 0; i < run->inherited_count; i++) {
		if (run->inherited[i] == pid)
			return true;
	}
	return false;
}

bool run_pool_begin(struct run *run)
{
	run->boss = getpid();
	run->inherited_count = children_now(&run->inherited);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (catch_signals(run) && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, run->results) == 0)
		return true;
	complain("run", "%s", strerror(errno));
	return false;
}

static void start_worker(struct run *run)
{
	pid_t *place = run->workers;

	while (*place)
		place++;
	*place = fork();
	if (*place == 0)
		run_worker(run);
	if (*place > 0) {
		run->working++;
		return;
	}
	*place = 0;
	complain("fork", "%s", strerror(errno));
	run->broken = true;
}

void run_pool_grow(struct run *run)
{
	if (run->working < run->jobs && run->working < run->open_count)
		start_worker(run);
}

/* Whether it may have another in its place. */
static bool worker_ended(struct run *run, int status)
{
	if (WIFSIGNALED(status) && ++run->deaths <= DEATHS_MOST)
		return true;
	if (WIFSIGNALED(status))
		complain("run", "%d workers were killed, and got nothing done", DEATHS_MOST);
	else if (run_succeeded(status))
		complain("run", "the queue of its workers was shut down by somebody else");
	return false; /* else it has said why */
}

void run_replace_workers(struct run *run)
{
	int status;
	pid_t pid;

	run->some_died = false;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		uint64_t i = 0;

		while (i < run->jobs && run->workers[i] != pid)
			i++;
		if (i == run->jobs)
			continue; /* adopted */
		run->workers[i] = 0;
		run->working--;
		if (run->halting || run->broken)
			continue;
		if (!worker_ended(run, status) || stoa_segment_reap(run->segment) < 0)
			run->broken = true;
		else
			run_pool_grow(run);
	}
}

void run_take_signals(struct run *run)
{
	struct signalfd_siginfo info;

	while (read(run->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			run->some_died = true;
		else
			run->ended_by = (int)info.ssi_signo;
	}
	run->broken |= run->ended_by != 0;
}

/* ---- the end ---- */

/* Kills all children that this program has come to have, until there are none. */
static void kill_children(const struct run *run)
{
	pid_t *children;
	bool any = true;

	while (any) {
		size_t count = children_now(&children);

		any = false;
		for (size_t i = 0; i < count; i++) {
			if (was_inherited(run, children[i]))
				continue;
			kill(children[i], SIGKILL);
			waitpid(children[i], NULL, 0);
			any = true;
		}
		free(children);
	}
}

/* Nothing that they still do is wanted: either all is done, or nothing more is to be. */
void run_pool_end(struct run *run)
{
	for (uint64_t i = 0; i < run->jobs; i++) {
		if (run->workers[i] > 0)
			kill(run->workers[i], SIGKILL);
	}
	for (uint64_t i = 0; i < run->jobs; i++) {
		if (run->workers[i] > 0)
			waitpid(run->workers[i], NULL, 0);
	}
	if (run->broken)
		kill_children(run);
	stoa_segment_reap(run->segment); /* so that the last to leave is the last */
}
