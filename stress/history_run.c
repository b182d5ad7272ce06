/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history_run.c - one round: processes are started, let loose, now and then killed or stopped, ended; what
 * is left is received; what happened is judged.
 *
 * The logs are allocated once, before any fork, and used again.  Each incarnation of each thread has one of
 * its own.  All is ended by a flag; a worker that does not end within a minute after that is itself a
 * finding: no call of these may wait so long.
 */
#include "history_run.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS 60000000000ull
#define MS 1000000ull

struct process {
	pid_t pid;
	uint32_t number; /* role */
	uint32_t first_log;
	uint64_t continue_at; /* it is stopped until then; 0: it is not */
};

struct cast {
	struct round_plan plan;
	struct process processes[PROCESSES_MAX];
	uint32_t count, logs;
	uint64_t seed, deaths, stops;
	pid_t parent;
};

bool worker_fault(struct worker *me, const char *call, int rc)
{
	struct round *round = me->plan->round;
	uint32_t none = 0;

	if (atom32_cas_seq(&round->failed, &none, 1))
		snprintf(round->fault, sizeof round->fault, "%s answered %d (%s)", call, rc,
		         stoa_strerror(rc));
	atom32_store_rel(&round->stop, 1);
	return false;
}

/* ---- a process ---- */

/* Of this thread: what others do on the machine is not in it. */
static uint64_t processor_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void *be_thread(void *context)
{
	struct worker *me = context;
	struct round *round = me->plan->round;
	uint64_t begun;

	atom32_add_seq(&round->ready, 1);
	while (!atom32_load_acq(&round->go)) /* [H2] acquire: what the main process prepared */
		os_yield();
	begun = processor_ns();
	me->plan->scenario->work(me);
	atom64_add_seq(&round->processor_ns, processor_ns() - begun);
	recorder_resume(&me->log);
	atom64_add_seq(&round->done, me->done);
	return NULL;
}

static _Noreturn void be_process(const struct cast *cast, const struct process *self)
{
	const struct run_options *options = cast->plan.options;
	struct worker workers[THREADS_MAX];
	pthread_t threads[THREADS_MAX];
	uint32_t count = options->threads;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != cast->parent)
		_exit(1);
	memset(workers, 0, sizeof workers);
	for (uint32_t i = 0; i < count; i++) {
		struct worker *me = &workers[i];
		struct history_log *log = &cast->plan.round->logs[self->first_log + i];

		me->plan = &cast->plan;
		me->number = self->number * count + i;
		me->seed = chance_seed(cast->plan.seed ^ chance_mix(self->first_log + i));
		me->value = ((uint64_t)log->thread + 1) << 32;
		recorder_open(&me->log, options->unrecorded ? NULL : log, cast->plan.stamp_every,
		              cast->plan.plain_stores);
		me->log.wraps = options->cost;
		if (i == 0 && stoa_segment_open_fd(cast->plan.segment_fd, 0, &me->segment)) {
			worker_fault(me, "segment_open_fd", -EIO);
			_exit(1);
		}
		me->segment = workers[0].segment;
	}
	for (uint32_t i = 1; i < count; i++) {
		if (pthread_create(&threads[i], NULL, be_thread, &workers[i]))
			_exit(1);
	}
	be_thread(&workers[0]);
	for (uint32_t i = 1; i < count; i++)
		pthread_join(threads[i], NULL);
	stoa_segment_close(workers[0].segment);
	_exit(0);
}

static bool start(struct cast *cast, struct process *process)
{
	uint32_t threads = cast->plan.options->threads;

	if (cast->logs + threads + 1 > LOGS_MAX) /* one is the auditor's */
		return false;
	process->first_log = cast->logs;
	process->continue_at = 0;
	for (uint32_t i = 0; i < threads; i++)
		history_log_wipe(&cast->plan.round->logs[cast->logs++]);
	fflush(NULL);
	process->pid = fork();
	if (process->pid == 0)
		be_process(cast, process);
	return process->pid > 0;
}

/* ---- the monkey ---- */

static uint64_t roll(struct cast *cast, uint64_t limit)
{
	return chance_below(&cast->seed, limit);
}

static void kill_and_replace(struct cast *cast, struct process *process)
{
	uint64_t killed = history_now(true);

	if (cast->logs + cast->plan.options->threads + 1 > LOGS_MAX)
		return;
	kill(process->pid, SIGKILL);
	waitpid(process->pid, NULL, 0);
	for (uint32_t i = 0; i < cast->plan.options->threads; i++) {
		struct history_log *log = &cast->plan.round->logs[process->first_log + i];

		log->killed = killed;
		log->death = history_now(true);
	}
	process->pid = 0;
	cast->deaths++;
	start(cast, process);
}

static void resume(struct process *process)
{
	kill(process->pid, SIGCONT);
	process->continue_at = 0;
}

static void monkey(struct cast *cast)
{
	unsigned flags = cast->plan.scenario->flags;
	struct process *process = &cast->processes[roll(cast, cast->count)];
	uint64_t now = os_now_ns();

	for (uint32_t i = 0; i < cast->count; i++) {
		if (cast->processes[i].continue_at && cast->processes[i].continue_at < now)
			resume(&cast->processes[i]);
	}
	if (flags & SCENARIO_KILL && roll(cast, 2)) {
		kill_and_replace(cast, process);
	} else if (flags & SCENARIO_STOP && !process->continue_at && process->pid > 0) {
		kill(process->pid, SIGSTOP);
		process->continue_at = now + MS + roll(cast, 10 * MS);
		cast->stops++;
	}
}

/* ---- a round ---- */

static void await_ready(const struct cast *cast)
{
	uint64_t end = os_now_ns() + PATIENCE_NS;

	while (atom32_load_acq(&cast->plan.round->ready) < cast->count * cast->plan.options->threads &&
	       !atom32_load_acq(&cast->plan.round->failed) && os_now_ns() < end)
		os_sleep_ns(MS / 5);
}

static bool end_all(struct cast *cast)
{
	uint64_t end = os_now_ns() + PATIENCE_NS;
	bool all = false;

	atom32_store_rel(&cast->plan.round->stop, 1);
	for (uint32_t i = 0; i < cast->count; i++) {
		if (cast->processes[i].continue_at)
			resume(&cast->processes[i]);
	}
	while (!all && os_now_ns() < end) {
		all = true;
		for (uint32_t i = 0; i < cast->count; i++) {
			struct process *process = &cast->processes[i];

			if (process->pid > 0 && waitpid(process->pid, NULL, WNOHANG) == process->pid)
				process->pid = 0;
			all = all && process->pid <= 0;
		}
		if (!all)
			os_sleep_ns(MS / 2);
	}
	for (uint32_t i = 0; i < cast->count; i++) {
		if (cast->processes[i].pid > 0) {
			kill(cast->processes[i].pid, SIGKILL);
			waitpid(cast->processes[i].pid, NULL, 0);
		}
	}
	return all;
}

static void play(struct cast *cast, struct round_result *result)
{
	struct round *round = cast->plan.round;
	uint64_t end, spent;

	for (uint32_t i = 0; i < cast->plan.options->processes; i++) {
		cast->processes[i].number = i;
		cast->count++;
		if (!start(cast, &cast->processes[i]))
			result->not_tried = true;
	}
	await_ready(cast);
	end = os_now_ns() + cast->plan.options->round_ms * MS;
	atom32_store_rel(&round->go, 1); /* [H2] release */
	while (!result->not_tried && os_now_ns() < end && !atom32_load_acq(&round->failed)) {
		if (cast->plan.scenario->flags & (SCENARIO_KILL | SCENARIO_STOP)) {
			os_sleep_ns(roll(cast, 4 * MS));
			monkey(cast);
		} else {
			os_sleep_ns(end - os_now_ns() < 10 * MS ? MS / 2 : 10 * MS);
		}
	}
	if (!end_all(cast) && !atom32_load_acq(&round->failed))
		snprintf(result->fault, sizeof result->fault,
		         "a process did not end: a call does not return");
	spent = atom64_load_seq(&round->processor_ns);
	result->rate = spent ? (double)atom64_load_seq(&round->done) * 1e9 / (double)spent : 0;
	result->deaths = cast->deaths;
	result->stops = cast->stops;
}

static bool gather(struct cast *cast, struct history *history)
{
	for (uint32_t i = 0; i < cast->logs; i++) {
		if (!history_add_log(history, &cast->plan.round->logs[i]))
			return false;
	}
	return true;
}

static bool audit(struct cast *cast, struct stoa_segment *segment)
{
	struct worker me = { .plan = &cast->plan, .segment = segment, .seed = cast->seed };
	struct history_log *log = &cast->plan.round->logs[cast->logs++];

	bool good;

	history_log_wipe(log);
	recorder_open(&me.log, log, 1, cast->plan.plain_stores);
	good = queue_audit(&me) && !me.log.full;
	recorder_resume(&me.log);
	return good;
}

static void judge(struct cast *cast, struct stoa_segment *segment, struct history *history,
                  struct round_result *result)
{
	const struct run_options *options = cast->plan.options;
	bool audited = true;

	if (options->cost)
		return;
	if (!result->fault[0] && history->subject == SUBJECT_QUEUE)
		audited = audit(cast, segment);
	history->drained = audited;
	if (atom32_load_acq(&cast->plan.round->failed))
		memcpy(result->fault, cast->plan.round->fault, sizeof result->fault);
	if (!gather(cast, history)) {
		result->not_tried = true;
		return;
	}
	result->calls = history->count;
	if (!result->fault[0])
		linear_check(history, options->steps, &result->linear);
	result->failed = result->fault[0] || result->linear.answer == LINEAR_VIOLATED;
}

/* Shared memory for all rounds: the last log is shorter than the others by none. */
static struct round *make_round(const struct run_options *options)
{
	static struct round *round;
	struct record *records;
	struct record_group *groups;
	size_t room = options->room + RECORDER_SLACK,
	       bytes = sizeof *round + LOGS_MAX * room * (sizeof *records + sizeof *groups);

	if (!round) {
		round = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
		             -1, 0);
		if (round == MAP_FAILED)
			return NULL;
		records = (struct record *)(void *)(round + 1);
		groups = (struct record_group *)(void *)(records + LOGS_MAX * room);
		for (uint32_t i = 0; i < LOGS_MAX; i++) {
			round->logs[i].records = records + i * room;
			round->logs[i].group = groups + i * room;
			round->logs[i].room = (uint32_t)room;
			round->logs[i].thread = (uint16_t)i;
		}
	}
	atom32_store_rlx(&round->ready, 0); /* relaxed, all: nobody else is there */
	atom32_store_rlx(&round->go, 0);
	atom32_store_rlx(&round->stop, 0);
	atom32_store_rlx(&round->failed, 0);
	atom64_store_rlx(&round->done, 0);
	atom64_store_rlx(&round->processor_ns, 0);
	return round;
}

static int set_up(struct round_plan *plan, struct stoa_segment **segment)
{
	struct stoa_segment_config config = { .struct_size = sizeof config, .participants = 512 };
	int rc;

	config.bytes = 65536 +
	               (plan->scenario->subject == SUBJECT_QUEUE ? queue_room(plan) : value_room(plan));
	rc = stoa_segment_create(NULL, &config, segment);
	if (rc)
		return rc;
	plan->segment_fd = stoa_segment_fd(*segment);
	return plan->scenario->subject == SUBJECT_QUEUE ? queue_set_up(plan, *segment)
	       : plan->scenario->subject == SUBJECT_LOCK || plan->scenario->subject == SUBJECT_SEMAPHORE
	               ? sync_set_up(plan, *segment)
	               : value_set_up(plan, *segment);
}

static void make_plan(struct cast *cast, const struct scenario *scenario, const struct run_options *options,
                      uint64_t number)
{
	static const uint64_t capacities[] = { 1, 2, 3, 8, 1024 };
	static const uint32_t everies[] = { 1, 4, 16, 64 };
	uint64_t any = chance_mix(options->seed ^ chance_mix(number + 1));

	cast->parent = getpid();
	cast->seed = any | 1;
	cast->plan = (struct round_plan){
		.scenario = scenario,
		.options = options,
		.seed = any,
		.capacity = options->capacity ? options->capacity : capacities[number % 5],
		.message_size = any & 1 ? 24 : 104, /* in the ring's places, or in blocks */
		.stamp_every = options->stamp_every ? options->stamp_every : everies[number % 4],
		.ring = scenario->senders == STOA_ONE && scenario->receivers == STOA_ONE,
		.plain_stores = scenario->work == array_work || scenario->senders + scenario->receivers == 2,
	};
}

void round_play(const struct scenario *scenario, const struct run_options *options, uint64_t number,
                struct history *history, struct round_result *result)
{
	struct stoa_segment *segment = NULL;
	struct cast cast = { .count = 0 };
	int rc;

	make_plan(&cast, scenario, options, number);
	*history = (struct history){ .subject = scenario->subject,
		                     .capacity = queue_messages(&cast.plan),
		                     .initial = scenario->subject == SUBJECT_SEMAPHORE ? 2 : 0,
		                     .ring = cast.plan.ring,
		                     .discard = scenario->flags & SCENARIO_DISCARD,
		                     .per_ns = history_clock_per_ns() };
	snprintf(history->scenario, sizeof history->scenario, "%s", scenario->name);
	*result = (struct round_result){ .linear = { .answer = LINEAR_HOLDS } };
	cast.plan.round = make_round(options);
	rc = cast.plan.round ? set_up(&cast.plan, &segment) : -ENOMEM;
	if (rc) {
		snprintf(result->fault, sizeof result->fault, "could not set up: %s", stoa_strerror(rc));
		result->not_tried = true;
	} else {
		play(&cast, result);
		if (!result->not_tried)
			judge(&cast, segment, history, result);
	}
	stoa_segment_close(segment);
}
