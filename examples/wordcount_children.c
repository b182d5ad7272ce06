/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wordcount_children.c - the parent's children: start, replace, stop.
 *
 * A child that was killed needs no burial: whatever it held comes back to the others through
 * the library.  All that is left to do is to put another process in its place.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "wordcount.h"

enum {
	REPLACED_MAX = 10000, /* killed by others; then something is wrong here */
};

int spawn(struct job *job, struct child *child)
{
	pid_t parent = getpid();
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		return complain("fork", -errno);
	if (pid > 0) {
		child->pid = pid;
		job->running[child->role]++;
		return 0;
	}
	signal(SIGINT, SIG_IGN); /* Ctrl-C reaches all of us; the parent ends it through the queues */
	signal(SIGTERM, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	_exit(child->role == READER ? reader_run(job) : worker_run(job, child->index));
}

int spawn_all(struct job *job)
{
	unsigned count = job->options.readers + job->options.workers;
	job->children = must(calloc(count, sizeof *job->children));
	for (unsigned i = 0; i < count; i++) {
		struct child *child = &job->children[i];
		child->role = i < job->options.readers ? READER : WORKER;
		child->index = child->role == READER ? i : i - job->options.readers;
		if (spawn(job, child))
			return -1;
	}
	return 0;
}

void on_end(struct job *job, struct child *child, int status)
{
	static const char *const roles[ROLES] = { "reader", "worker" };
	pid_t pid = child->pid;
	child->pid = 0;
	job->running[child->role]--;
	if (WIFEXITED(status)) {
		job->failed |= WEXITSTATUS(status) != 0; /* it has said why */
		return;
	}
	if (interrupted || job->failed)
		return;
	clear_progress(job);
	fprintf(stderr, "wordcount: %s %u (pid %d) was killed by signal %d", roles[child->role], child->index,
	        (int)pid, WTERMSIG(status));
	if (job->killed[READER] + job->killed[WORKER] - job->kills_done == REPLACED_MAX) {
		job->failed = true;
		fprintf(stderr, ": too many\n");
		return;
	}
	job->killed[child->role]++;
	fprintf(stderr, ": replaced\n");
	job->failed |= spawn(job, child) != 0;
}

bool tend(struct job *job)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned i = 0; i < job->options.readers + job->options.workers; i++)
			if (job->children[i].pid == pid)
				on_end(job, &job->children[i], status);
	if (!interrupted && !job->failed)
		kill_due(job);
	show_progress(job);
	return !interrupted && !job->failed;
}

int64_t tick_ns(const struct job *job)
{
	return job->kills_done < job->options.kills ? 100000 : 20000000;
}

void pause_shortly(int64_t nanoseconds)
{
	struct timespec time = { .tv_nsec = nanoseconds };
	nanosleep(&time, NULL); /* SIGCHLD ends it early */
}

void stop_children(struct job *job)
{
	struct timespec start;
	clock_gettime(CLOCK_MONOTONIC, &start);
	job->failed = true;
	end_kills(job);
	stoa_queue_shutdown(job->names, STOA_NOW);
	stoa_queue_shutdown(job->chunks, STOA_NOW);
	while (job->running[READER] + job->running[WORKER]) {
		for (unsigned i = 0; i < job->options.readers + job->options.workers; i++)
			if (job->children[i].pid && seconds_since(&start) > 2)
				kill(job->children[i].pid, SIGKILL);
		tend(job);
		pause_shortly(10000000);
	}
}
