/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * drama_barrier.c - a barrier's world: all pass or none.
 *
 * Some parties have arrived and are stopped in their wait.  Whatever happens, each round that is over has
 * let as many pass as the barrier has parties: those, if it was theirs, the others, as they were told, and,
 * for what is missing, the victim.  So it is known whether the victim has passed, and it must be told so.
 * Who was dead before the round was full does not count, and there is always room for as many as are missing.
 */
#include "drama_sync.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUND_MASK ((1u << ROUND_BITS) - 1)

static uint32_t parties(const struct world *world)
{
	return world->scenario->capacity;
}

/* Rounds that are over since the stage began. */
static uint32_t rounds(const struct world *world)
{
	const struct sync *sync = (const struct sync *)world->barrier;

	return ((uint32_t)atom64_load_seq(&sync->shared->word) & ROUND_MASK) - world->facts.round;
}

/* ---- calls of stage and survivors ---- */

static bool arrive(struct world *world, const struct timespec *deadline)
{
	int rc = stoa_barrier_wait(world->barrier, deadline);

	require(world, rc == STOA_OK || (rc == STOA_TIMEOUT && deadline), "wait answers %s",
	        stoa_strerror(rc));
	world->facts.passed += rc == STOA_OK;
	return rc == STOA_OK;
}

/* Another process that arrives, and waits for the others. */
static pid_t send_party(struct world *world)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	arrive(world, NULL);
	_exit(0);
}

static void expect_party(struct world *world, pid_t pid)
{
	int status;

	require(world, waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0,
	        "a party could not pass: %s", world->board->text);
	world->facts.passed++;
}

/* ---- stage and victim ---- */

static void wait_for_ever(struct world *world)
{
	arrive(world, NULL);
}

static uint32_t arrived_at_first(const struct world *world)
{
	switch (world->scenario->state) {
	case IS_FULL:
		return parties(world) - 1;
	case IS_ONE:
		return 1;
	default:
		return 0;
	}
}

static void kill_waiter(struct world *world)
{
	pid_t pid = world->facts.waiters[--world->facts.waiting];

	trace_kill(pid);
}

static void barrier_stage(struct world *world)
{
	struct stoa_barrier_config config = { .struct_size = sizeof config, .parties = parties(world) };
	struct sync_facts *facts = &world->facts;
	bool wounded = world->scenario->state == IS_WOUNDED;
	uint64_t bytes;

	sync_made(world, stoa_barrier_footprint(&config, &bytes));
	sync_stage(world, bytes);
	sync_made(world, stoa_barrier_create(world->segment, "thing", &config, &world->barrier));
	facts->round = rounds(world);
	for (uint32_t wanted = arrived_at_first(world) + wounded; facts->waiting < wanted; facts->waiting++)
		facts->waiters[facts->waiting] = stop_asleep(world, wait_for_ever);
	if (wounded)
		kill_waiter(world);
}

static void barrier_victim_acts(struct world *world)
{
	victim_finishes(world, stoa_barrier_wait(world->barrier, sync_until(world)));
}

/* One more arrives, or one of those who have arrived dies. */
static void barrier_meddles(struct world *world)
{
	if (world->scenario->meddling == MEDDLE_PUSH) {
		arrive(world, &stoa_now);
		return;
	}
	world->facts.passed += rounds(world) > 0; /* it had, then */
	kill_waiter(world);
	sync_reap(world);
}

/* ---- what must hold ---- */

/* Whether the victim has passed, as the rounds and the others say. */
static bool has_victim_passed(struct world *world)
{
	const struct sync_facts *facts = &world->facts;
	uint32_t over = rounds(world), others = facts->passed + (over ? facts->waiting : 0);
	uint32_t whole = over * parties(world);

	require(world, whole == others || whole == others + 1,
	        "%u rounds of %u are over, and %u others have passed", over, parties(world), others);
	return whole > others;
}

static void check_victim(struct world *world)
{
	bool passed = has_victim_passed(world);
	int rc = sync_answer(world);

	if (!sync_finished(world))
		return;
	require(world, rc == (passed ? STOA_OK : STOA_TIMEOUT), "the victim %s, and wait answers %s",
	        passed ? "has passed" : "has not passed", stoa_strerror(rc));
}

/* As many as are missing arrive together, and pass. */
static void pass_together(struct world *world)
{
	pid_t pids[8];
	uint32_t missing = parties(world) - (rounds(world) ? 0 : world->facts.waiting),
		 before = rounds(world);

	for (uint32_t i = 1; i < missing; i++)
		pids[i] = send_party(world);
	arrive(world, NULL);
	for (uint32_t i = 1; i < missing; i++)
		expect_party(world, pids[i]);
	require(world, rounds(world) == before + 1, "%u rounds are over, not one", rounds(world) - before);
	check_victim(world);
}

/* Nobody sits in a round that has not begun to fill. */
static void check_seats(struct world *world)
{
	const struct sync *sync = (const struct sync *)world->barrier;
	uint32_t round = (uint32_t)atom64_load_seq(&sync->shared->word) & ROUND_MASK;

	for (uint32_t i = 0; i < sync->cell_count; i++) {
		uint64_t seat = atom64_load_seq(&sync->cells[i]);
		bool now = (seat >> 18 & ROUND_MASK) == round;

		require(world, !now || (seat & 3) == SEAT_FREE, "seat %u is taken, and nobody is there", i);
		require(world, now || (seat >> 18 & ROUND_MASK) == ((round - 1) & ROUND_MASK),
		        "seat %u is of another round", i);
	}
}

/* ---- survivors ---- */

static void barrier_turn(struct world *world)
{
	arrive(world, &stoa_now);
}

static void work_after(struct world *world)
{
	bool is_last = !rounds(world) && world->facts.waiting == parties(world) - 1, passed;

	check_victim(world);
	world->board->phase = has_victim_passed(world);
	passed = arrive(world, &stoa_now);
	require(world, passed == is_last, "%u of %u have arrived and live, and wait answers %s",
	        1 + (rounds(world) ? 0 : world->facts.waiting), parties(world), passed ? "OK" : "TIMEOUT");
	pass_together(world);
}

static void barrier_works(struct world *world)
{
	if (world->fate.victim_dead) {
		work_after(world);
		return;
	}
	sync_reap(world);
	has_victim_passed(world);
	if (!arrive(world, &stoa_now) && world->scenario->waits && !has_victim_passed(world))
		world->facts.late = send_party(world);
}

static void barrier_audits(struct world *world)
{
	if (world->facts.late)
		expect_party(world, world->facts.late);
	check_victim(world);
	pass_together(world);
	check_seats(world);
	sync_audit(world, world->facts.waiting);
}

const struct drama barrier_drama = {
	.stage = barrier_stage,
	.victim_prepares = sync_victim_prepares,
	.victim_acts = barrier_victim_acts,
	.victim_ends = sync_victim_ends,
	.meddles = barrier_meddles,
	.turn = barrier_turn,
	.works = barrier_works,
	.audits = barrier_audits,
};
