/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * storm_monkey.c - starts processes, kills them, stops them, lets them go on, and watches that they get on.
 *
 * It is the parent of all, has nothing of the library open, and is small, so that a fork() takes a tenth of a
 * millisecond.  Everything it decides comes from the seed; when it happens, the kernel's scheduler has a say.
 *
 * A killed process is waited for before another gets its seat, so that what a seat writes down has one writer
 * at a time; but it may stay a zombie for a while.
 */
#include "storm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef STRESS_CAN_STEP
#include "storm_blocks.h"
#endif

#define ZOMBIES 16
#define TICK_MOST_NS (1000 * MS) /* more than that between two looks: somebody had stopped us, too */

struct seat {
	pid_t pid;
	bool stopped;
	uint64_t until;  /* when it goes on */
	uint64_t beat;   /* as last seen, */
	uint64_t silent; /* and for how long it has not moved while the process could run */
};

struct monkey {
	struct blow *blow;
	struct seat seats[SEATS_MAX];
	pid_t zombies[ZOMBIES];
	uint32_t zombie_count;
	uint64_t looked, told;
	uint64_t received, idle; /* the same for the queue as a whole */
};

static const char *call_of(uint32_t i)
{
	return storm_call_names[atom32_load_seq(&storm->desks[i].call) % CALLS];
}

/* ---- starting, ending ---- */

static void start(struct monkey *monkey, uint32_t i)
{
	uint64_t seed = below(&monkey->blow->seed, UINT64_MAX);
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_DFL);
		storm_worker(i, seed);
	}
	monkey->seats[i] = (struct seat){ .pid = pid > 0 ? pid : 0,
		                          .beat = atom64_load_seq(&storm->desks[i].beat) };
}

static void bury(struct monkey *monkey)
{
	while (monkey->zombie_count)
		waitpid(monkey->zombies[--monkey->zombie_count], NULL, 0);
}

static bool has_ended(const struct monkey *monkey, uint32_t i)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)monkey->seats[i].pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 &&
	       info.si_pid;
}

/* Waits until it has ended, by itself or killed by us. */
static void ended(struct monkey *monkey, uint32_t i)
{
	struct seat *seat = &monkey->seats[i];
	siginfo_t info = { 0 };

	while (waitid(P_PID, (id_t)seat->pid, &info, WEXITED | WNOWAIT) && errno == EINTR)
		;
	if (info.si_code != CLD_EXITED && info.si_status != SIGKILL)
		storm_failed("process %u was ended by signal %d in %s", i, info.si_status, call_of(i));
	storm_post_mortem(i);
	if (monkey->zombie_count == ZOMBIES || below(&monkey->blow->seed, 2))
		bury(monkey);
	if (monkey->zombie_count < ZOMBIES)
		monkey->zombies[monkey->zombie_count++] = seat->pid;
	seat->pid = 0;
}

static void slay(struct monkey *monkey, uint32_t i)
{
	if (!monkey->seats[i].pid)
		return;
	atom32_store_seq(&storm->desks[i].doomed, 1);
	kill(monkey->seats[i].pid, SIGKILL);
	ended(monkey, i);
	monkey->blow->deaths++;
}

/* ---- stopping ---- */

static enum storm_kind kind_of(uint32_t i)
{
	return i < storm->senders ? SENDER : i < storm->senders + storm->receivers ? RECEIVER : SCRIBE;
}

/* One of each kind always runs. */
static bool may_stop(const struct monkey *monkey, uint32_t i)
{
	uint32_t running = 0;

	for (uint32_t k = 0; k < storm->seats; k++)
		running += kind_of(k) == kind_of(i) && !monkey->seats[k].stopped;
	return running > 1 && monkey->seats[i].pid && !monkey->seats[i].stopped;
}

static void stop(struct monkey *monkey, uint32_t i)
{
	bool alone = (kind_of(i) == SENDER && storm->scenario.senders == STOA_ONE) ||
	             (kind_of(i) == RECEIVER && storm->scenario.receivers == STOA_ONE);

	if (!may_stop(monkey, i))
		return;
	/* Where there is one sender only, the others can but wait for it: not for long, then. */
	monkey->seats[i].until = os_now_ns() + any_scale(&monkey->blow->seed, alone ? 25 : 31);
	monkey->seats[i].stopped = true;
	kill(monkey->seats[i].pid, SIGSTOP);
	monkey->blow->stops++;
}

static void resume(struct monkey *monkey, uint32_t i)
{
	monkey->seats[i].stopped = false;
	if (monkey->seats[i].pid)
		kill(monkey->seats[i].pid, SIGCONT);
}

/* ---- watching ---- */

/* A call that does not come back, of a process that may run: it waits for somebody. */
static void watch_seat(struct monkey *monkey, uint32_t i, uint64_t passed)
{
	struct seat *seat = &monkey->seats[i];
	uint64_t beat = atom64_load_seq(&storm->desks[i].beat);

	if (!seat->pid)
		return;
	if (has_ended(monkey, i)) {
		ended(monkey, i);
		storm_failed("process %u has ended by itself", i);
		return;
	}
	if (beat != seat->beat)
		seat->silent = 0;
	else if (!seat->stopped)
		seat->silent += passed;
	seat->beat = beat;
	if (seat->silent < PATIENCE_NS)
		return;
	storm_failed("process %u, which is not stopped, is in %s for %u s", i, call_of(i),
	             (unsigned)(seat->silent / 1000000000u));
}

static uint64_t all_received(void)
{
	uint64_t received = 0;

	for (uint32_t i = 0; i < storm->seats; i++)
		received += atom64_load_seq(&storm->desks[i].received);
	return received;
}

static void watch(struct monkey *monkey)
{
	uint64_t now = os_now_ns(), passed = now - monkey->looked, received;

	if (passed < 20 * MS)
		return;
	monkey->looked = now;
	passed = passed > TICK_MOST_NS ? TICK_MOST_NS : passed;
	for (uint32_t i = 0; i < storm->seats && !storm_has_failed(); i++)
		watch_seat(monkey, i, passed);
	received = all_received();
	monkey->idle = received == monkey->received && !atom32_load_seq(&storm->full) ? monkey->idle + passed
	                                                                              : 0;
	monkey->received = received;
	if (monkey->idle > PATIENCE_NS)
		storm_failed("nobody received anything for %u s", (unsigned)(monkey->idle / 1000000000u));
	if (now - monkey->told > 200 * MS) {
		monkey->told = now;
		monkey->blow->tell(monkey->blow);
	}
}

/* ---- the storm ---- */

static void one_blow(struct monkey *monkey)
{
	struct blow *blow = monkey->blow;
	bool kills = storm->scenario.kills && (!storm->scenario.stops || below(&blow->seed, 2));
	uint32_t i = (uint32_t)below(&blow->seed, storm->seats), many = 1;

	if (!kills) {
		stop(monkey, i);
		return;
	}
	if (below(&blow->seed, 32) == 0)
		many = storm->seats; /* everybody at once */
	for (uint32_t k = 0; k < many; k++)
		slay(monkey, (i + k) % storm->seats);
	for (uint32_t k = 0; k < many; k++)
		start(monkey, (i + k) % storm->seats);
	/* Some do not even come far. */
	while (below(&blow->seed, 4) == 0) {
		os_sleep_ns(any_scale(&blow->seed, 18));
		slay(monkey, i);
		start(monkey, i);
	}
}

static void go_on(struct monkey *monkey)
{
	uint64_t now = os_now_ns();

	for (uint32_t i = 0; i < storm->seats; i++) {
		if (monkey->seats[i].stopped && monkey->seats[i].until <= now)
			resume(monkey, i);
	}
}

/* Whoever tells of a fault is let finish. */
static void hear_out(struct monkey *monkey)
{
	for (uint32_t i = 0; i < storm->seats; i++)
		resume(monkey, i);
	for (int ms = 0; ms < 1000 && atom32_load_seq(&storm->failed) == 1; ms++)
		os_sleep_ns(MS);
}

/* Those who may run, while all others stay stopped: whether each of them has come back from so many calls,
 * and something was received.  A queue's only sender or receiver may be among the stopped. */
static bool get_on(const struct monkey *monkey, const uint64_t beats[SEATS_MAX], uint64_t received)
{
	bool many = storm->scenario.senders == STOA_MANY && storm->scenario.receivers == STOA_MANY;

	for (uint32_t i = 0; i < storm->seats; i++) {
		if (!monkey->seats[i].stopped && atom64_load_seq(&storm->desks[i].beat) < beats[i] + 50)
			return false;
	}
	return !many || all_received() > received + 10;
}

/* Nobody waits for who is stopped: all but one of each kind are, and the others must get on. */
static void hold_breath(struct monkey *monkey)
{
	uint64_t beats[SEATS_MAX], received = all_received(), patience = os_now_ns() + PATIENCE_NS;

	for (uint32_t n = 0, i = (uint32_t)below(&monkey->blow->seed, storm->seats); n < storm->seats;
	     n++, i++) {
		stop(monkey, i % storm->seats);
		beats[i % storm->seats] = atom64_load_seq(&storm->desks[i % storm->seats].beat);
	}
	while (!get_on(monkey, beats, received) && !atom32_load_seq(&storm->full) && !storm_has_failed()) {
		os_sleep_ns(MS / 4);
		if (os_now_ns() < patience)
			continue;
		for (uint32_t i = 0; i < storm->seats; i++) {
			if (!monkey->seats[i].stopped &&
			    atom64_load_seq(&storm->desks[i].beat) < beats[i] + 50)
				storm_failed(
					"process %u does not get on while others are stopped: it is in %s", i,
					call_of(i));
		}
		storm_failed("nothing is received while some are stopped");
	}
}

static void await_end(struct monkey *monkey, uint32_t i, uint64_t patience, const char *while_what)
{
	if (!monkey->seats[i].pid)
		return;
	while (!has_ended(monkey, i) && os_now_ns() < patience)
		os_sleep_ns(MS / 4);
	if (has_ended(monkey, i)) {
		ended(monkey, i);
		return;
	}
	storm_failed("process %u does not come to an end%s: it is in %s", i, while_what, call_of(i));
	slay(monkey, i);
}

/* All end: killed, or as they like; and those who are stopped only after the others. */
static void abate(struct monkey *monkey)
{
	uint64_t patience = os_now_ns() + PATIENCE_NS;

	if (storm_has_failed())
		hear_out(monkey);
	for (uint32_t i = 0; i < storm->seats; i++) {
		if (storm_has_failed() || (storm->scenario.kills && below(&monkey->blow->seed, 2)))
			slay(monkey, i);
	}
	atom32_store_seq(&storm->stop, 1);
	for (uint32_t i = 0; i < storm->seats; i++) {
		if (!monkey->seats[i].stopped)
			await_end(monkey, i, patience, " while others are stopped");
	}
	patience = os_now_ns() + PATIENCE_NS;
	for (uint32_t i = 0; i < storm->seats; i++)
		resume(monkey, i);
	for (uint32_t i = 0; i < storm->seats; i++)
		await_end(monkey, i, patience, "");
	bury(monkey);
}

void storm_blow(struct blow *blow, volatile int *interrupted)
{
	struct monkey monkey = { .blow = blow, .looked = os_now_ns() };
	uint64_t deaths = blow->deaths;

	atom32_store_seq(&storm->stop, 0);
	for (uint32_t i = 0; i < storm->seats; i++)
		start(&monkey, i);
	while (!*interrupted && !storm_has_failed() && !atom32_load_seq(&storm->full) &&
	       os_now_ns() < blow->end_ns &&
	       (!blow->deaths_most || blow->deaths - deaths < blow->deaths_most)) {
		os_sleep_ns(any_scale(&blow->seed, 22));
		for (uint32_t i = 0; i < storm->seats; i++) {
			if (!monkey.seats[i].pid)
				start(&monkey, i); /* a fork() has failed */
		}
		one_blow(&monkey);
		go_on(&monkey);
		watch(&monkey);
	}
	if (storm->scenario.stops && !*interrupted && !storm_has_failed())
		hold_breath(&monkey);
	abate(&monkey);
}

/* ---- the calm ---- */

bool storm_calm(bool first)
{
	uint64_t end = os_now_ns() + 6 * PATIENCE_NS;
	pid_t parent = getpid(), pid = fork();
	int status = 0;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		signal(SIGINT, SIG_IGN);
		storm_audit(first);
	}
	while (pid > 0 && waitpid(pid, &status, WNOHANG) == 0) {
		if (os_now_ns() < end) {
			os_sleep_ns(MS / 4);
			continue;
		}
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		break;
	}
#ifdef STRESS_CAN_STEP
	if (*storm_blocks_fault())
		storm_failed("%s", storm_blocks_fault());
#endif
	if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
		storm_failed("the auditor was ended by signal %d in %s",
		             WIFSIGNALED(status) ? WTERMSIG(status) : 0, call_of(SEATS_MAX));
	return !storm_has_failed();
}
