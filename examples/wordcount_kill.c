/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wordcount_kill.c - wordcount --kill N: the parent kills N of its children, with SIGKILL.
 *
 * When.  Kills are paced by work, not by time, so that they are spread over the job on a fast
 * machine as on a slow one.  A worker draws a turn for each chunk that it takes: 0, 1, 2 ...
 * The turns 0 .. chunks - 1 are cut in N equal parts, and a random turn of each part is chosen:
 * when it was drawn, a kill is due.  The parent, who looks every tenth of a millisecond, waits
 * for a random time then, and kills a random child that lives, at whatever instruction it is.
 *
 * All of them happen while there is work.  As long as a kill has not been done, the turn at
 * which the next one is due does not come: the worker who drew it, or a later one, waits (for
 * a kill that is due, since the turns before its own were drawn).  For the last kill that is
 * turn chunks - 1.  So fewer turns than chunks have come, and a chunk is left to be counted.
 *
 * A chunk that is delivered again, or sent again with its file, draws another turn.  So the
 * kills come early rather than late in a job whose files must often be read again.
 *
 * The seed decides which turns, which delays and which of those that live; what they are
 * doing at that moment it cannot decide.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "wordcount.h"

/* The turn at which kill i is due; past the last kill: the last one that may be needed. */
static uint64_t draw_turn(struct job *job, unsigned i)
{
	uint64_t last = job->list.chunks - 1;
	if (i >= job->options.kills)
		return last;
	uint64_t turn = (uint64_t)((i + erand48(job->random)) * (double)job->list.chunks /
	                           job->options.kills);
	return turn < last ? turn : last;
}

void end_kills(struct job *job)
{
	stoa_value_store_u64(job->limit, UINT64_MAX);
}

int plan_kills(struct job *job)
{
	const struct options *options = &job->options;
	job->random[0] = 0x330e; /* as srand48() does */
	job->random[1] = (unsigned short)options->seed;
	job->random[2] = (unsigned short)(options->seed >> 16);
	if (!options->kills || !job->list.chunks)
		return 0;
	if (!options->quiet)
		fprintf(stderr,
		        "wordcount: %u readers, %u workers; %u times one of them is killed (--seed %llu)\n",
		        options->readers, options->workers, options->kills,
		        (unsigned long long)options->seed);
	job->due = draw_turn(job, 0);
	job->next_due = draw_turn(job, 1);
	int rc = stoa_value_store_u64(job->limit, job->next_due);
	return rc ? complain("cannot plan the kills", rc) : 0;
}

static struct child *random_child(struct job *job)
{
	unsigned chosen = (unsigned)(erand48(job->random) * (job->running[READER] + job->running[WORKER]));
	for (unsigned i = 0; i < job->options.readers + job->options.workers; i++)
		if (job->children[i].pid && chosen-- == 0)
			return &job->children[i];
	return NULL;
}

/* Kills one of those that live.  Returns false where none does. */
static bool kill_one(struct job *job)
{
	for (;;) {
		struct child *child = random_child(job);
		int status;
		if (!child)
			return false;
		kill(child->pid, SIGKILL);
		while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
			;
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
			on_end(job, child, status); /* it had ended by itself: another one */
			continue;
		}
		child->pid = 0;
		job->running[child->role]--;
		job->killed[child->role]++;
		job->kills_done++;
		job->failed |= spawn(job, child) != 0;
		return true;
	}
}

/* Up to a millisecond, mostly much less: who was just started is met as well as who is at work. */
static int64_t random_delay(struct job *job)
{
	double part = erand48(job->random);
	return (int64_t)(part * part * part * part * 1e6);
}

void kill_due(struct job *job)
{
	uint64_t turns;
	while (job->kills_done < job->options.kills && !stoa_value_load_u64(job->turns, &turns) &&
	       turns > job->due) {
		pause_shortly(random_delay(job));
		if (interrupted || job->failed || !kill_one(job))
			return;
		job->due = job->next_due;
		job->next_due = draw_turn(job, job->kills_done + 1);
		if (job->kills_done < job->options.kills)
			stoa_value_store_u64(job->limit, job->next_due);
		else
			end_kills(job);
	}
}

/* The turn is lost with whoever dies with it: the chunk goes to another, who draws a later one. */
int wait_for_turn(const struct job *job)
{
	uint64_t one = 1, turn, limit;
	if (!job->options.kills)
		return 0;
	int rc = stoa_value_fetch_add(job->turns, &one, &turn);
	while (!rc && !(rc = stoa_value_load_u64(job->limit, &limit)) && turn >= limit) {
		rc = stoa_value_wait(job->limit, &limit, NULL);
		if (rc == -EINTR)
			rc = 0;
	}
	return rc;
}
