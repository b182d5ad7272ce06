/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * team.h - the processes (or threads) of one run: started, pinned, met, watched, ended.
 *
 * The parent maps a team, forks its workers, and waits.  Each worker runs the body of its team, which says by
 * team_meet() where all wait for each other.  A worker whose body returns false, or that dies, ends the team
 * with TEAM_BAD; a team that has not ended when patience does is killed, TEAM_HUNG: that is how it goes with
 * queues whose users wait for one that is gone.  With threads, one child holds them all, so that this works
 * as well.
 */
#ifndef BENCH_TEAM_H
#define BENCH_TEAM_H

#include <pthread.h>

#include "atomic.h"
#include "bench.h"
#include "histogram.h"

enum { TEAM_MOST = 128, BATCHES_MOST = 16384 };

enum team_end {
	TEAM_DONE,
	TEAM_BAD,
	TEAM_HUNG
};

typedef bool (*team_body)(struct worker *worker, void *context);

struct team {
	struct worker worker[TEAM_MOST];
	struct atom64 line __attribute__((aligned(2 * BENCH_LINE)));
	struct atom32 senders_left __attribute__((aligned(2 * BENCH_LINE)));
	struct atom32 over; /* of runs in which one works until the other has finished */
	pthread_barrier_t meeting __attribute__((aligned(2 * BENCH_LINE)));
	unsigned workers, senders;
	unsigned far;               /* the first worker on another core than worker 0; 0: there is none */
	double line_ns[2];          /* before and after; 0: not measured */
	struct histogram histogram; /* of worker 0, or who asks for it */
	unsigned batches;
	uint32_t batch[BATCHES_MOST]; /* ns, of worker 0 */
	team_body body;
	void *context;
	pid_t pid[TEAM_MOST];
	unsigned running;
};

struct team_plan {
	unsigned senders, receivers;
	team_body body;
	void *context;
	bool latencies; /* worker 0 has a histogram */
};

/* Maps it and fills in its workers.  NULL: no memory. */
struct team *team_new(const struct team_plan *plan);
void team_free(struct team *team);
/* Starts it, waits for its end, and says how it ended. */
enum team_end team_run(struct team *team);

/* For who does more meanwhile than wait: processes always. */
void team_start(struct team *team);
/* As team_run() after its start. */
enum team_end team_wait(struct team *team, uint64_t patience_ns);
/* False: one of them has ended, which it should not. */
bool team_well(struct team *team);
/* Kills one, as the last thing but team_kill(): the numbers of the processes change. */
void team_lose(struct team *team, unsigned worker);
/* Kills who is left. */
void team_kill(struct team *team);

/* By a worker: all wait for each other. */
void team_meet(struct worker *worker);
/* By all workers: a line's round trip, before (0) and after (1) a run. */
void team_line(struct worker *worker, int which);
/* By all workers, before each part of a run: the senders' count begins anew. */
void team_arm(struct worker *worker, uint64_t duration, uint64_t least);

#endif
