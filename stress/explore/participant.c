/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Participants: processes come, leave, are killed and reaped, over one segment.
 *
 * In the end whoever lives has its slot, and no slot is lost.  While somebody reaps the dead owner of a slot,
 * the slot does not become anybody else's; and nobody who lives is ever said to be dead.
 */
#include <errno.h>

#include "atomic.h"
#include "explore_kernel.h"
#include "scenarios.h"
#include "segment_world.h"

static struct ghost {
	int came[EXPLORE_PROCESSES_MAX + 1];        /* what who comes is told */
	uint64_t reaped[EXPLORE_PROCESSES_MAX + 1]; /* state of the slot that the process is reaping */
	uint64_t dead_generation;                   /* of who was dead before */
	uint32_t settled[EXPLORE_PROCESSES_MAX];    /* generations of each slot: bits */
} g;

/* ---- what processes do ---- */

static void come(void *unused)
{
	(void)unused;
	g.came[explore_own_process()] = segment_world_open();
}

static void go(void *unused)
{
	(void)unused;
	segment_world_close();
}

static void come_and_go(void *unused)
{
	come(unused);
	if (segment_world_own())
		segment_world_close();
}

static void reap(void *unused)
{
	(void)unused;
	stoa_segment_reap(segment_world_own());
}

/* Goes over the dead but once, and does not wait for another reaper. */
static void reap_once(void *unused)
{
	(void)unused;
	participant_reap_once(segment_world_own());
}

/* Until a reaper has done, the slot stays the dead one's, and in the reaper's step or the one behind it. */
static void stand_by(const struct stoa_segment *segment, uint32_t slot, bool releasing, bool begins)
{
	uint64_t *before = &g.reaped[explore_own_process()];
	uint64_t now = atom64_load_seq(&segment_participant(segment, slot)->state);
	unsigned next = releasing ? PARTICIPANT_RELEASED : PARTICIPANT_SETTLED;

	if (begins)
		*before = now;
	else if (!releasing)
		g.settled[slot] |= 1u << (now >> 8);
	explore_check(now == *before || now == ((*before & ~0xffull) | next),
	              "slot %u was %#llx and is %#llx under the eyes of a reaper", slot,
	              (unsigned long long)*before, (unsigned long long)now);
}

/* ---- is it dead? ---- */

/* Who is attached now, and neither leaves nor dies, is alive for everybody. */
static void doubt(void *unused)
{
	uint64_t state = slot_state(2);

	(void)unused;
	explore_check(participant_dead(segment_world_own(), 2, g.dead_generation),
	              "a dead process is said to live");
	if ((state & 0xff) != PARTICIPANT_CLAIMED && (state & 0xff) != PARTICIPANT_LIVE)
		return;
	if (state >> 8 == g.dead_generation)
		return;
	explore_check(!participant_dead(segment_world_own(), 2, state >> 8),
	              "a living process is said to be dead");
	explore_check(!participant_lost(segment_world_own(), 2), "a living process is said to be lost");
}

/* Who is said to be dead is dead, and who is dead is said to be. */
static void ask(void *unused)
{
	(void)unused;
	if (participant_dead(segment_world_own(), 1, segment_world.segments[2]->generation))
		explore_check(explore_is_dead(0), "a living process is said to be dead");
	else if (explore_is_dead(0))
		explore_check(participant_dead(segment_world_own(), 1, segment_world.segments[2]->generation),
		              "a dead process is said to live");
}

static void live(void *unused)
{
	(void)unused;
	atom64_store_seq(&segment_participant(segment_world_own(), 0)->comm[1], 0);
}

/* ---- worlds ---- */

struct cast {
	uint32_t slots;
	unsigned attached; /* processes 1 to attached are there */
	unsigned dead;     /* of these one that has ended */
	unsigned reaper;   /* and one that was killed while it reaped that one */
	unsigned withheld;
	struct {
		const char *name;
		void (*does)(void *);
		bool mortal;
		unsigned process; /* 0: a new one */
	} threads[4];
};

static void set_up(void)
{
	const struct cast *cast = explore_parameters();
	unsigned next = cast->attached;

	segment_world_make(cast->slots, 1, 64, cast->attached);
	explore_state(&g, sizeof g);
	explore_on_reap = stand_by;
	if (cast->reaper) {
		atom64_store_seq(&segment_participant(segment_world_own(), cast->reaper - 1)->hazard,
		                 segment_world.segments[cast->dead]->generation << 16 | cast->dead);
		explore_end_process(cast->reaper);
	}
	if (cast->dead) {
		g.dead_generation = segment_world.segments[cast->dead]->generation;
		explore_end_process(cast->dead);
	}
	for (unsigned t = 0; t < 4 && cast->threads[t].name; t++) {
		explore_process(cast->threads[t].process ? cast->threads[t].process : ++next);
		(cast->threads[t].mortal ? explore_mortal : explore_thread)(cast->threads[t].name,
		                                                            cast->threads[t].does, NULL);
	}
}

static void audit(void)
{
	const struct cast *cast = explore_parameters();

	segment_world_audit(cast->withheld);
	for (uint32_t slot = 0; slot < cast->slots; slot++) {
		uint64_t state = slot_state(slot),
			 ended = (state >> 8) - ((state & 0xff) == PARTICIPANT_LIVE);

		for (unsigned n = 1; n <= ended && (state & 0xff) != PARTICIPANT_CLAIMED; n++)
			explore_check(cast->withheld || (g.settled[slot] >> n & 1),
			              "what %u of slot %u held is nobody's", n, slot);
	}
}

/* Of two reapers who are in each other's way one goes on. */
static void freed(void)
{
	explore_check((slot_state(3) & 0xff) == PARTICIPANT_FREE,
	              "two have reaped, and the dead one's slot says %#llx",
	              (unsigned long long)slot_state(3));
	audit();
}

/* The table was full but for one: exactly one finds a place. */
static void one_came(void)
{
	explore_check((g.came[2] == 0) + (g.came[3] == 0) == 1 && g.came[2] + g.came[3] == -EUSERS,
	              "one slot, and two came: %d, %d", g.came[2], g.came[3]);
	audit();
}

static void came(void)
{
	const struct cast *cast = explore_parameters();

	for (unsigned p = cast->attached + 1; p <= EXPLORE_PROCESSES_MAX; p++)
		explore_check(g.came[p] == 0, "process %u found no slot: %d", p, g.came[p]);
	audit();
}

#define CAST(id, words, checks, deaths, halts, ...)                                                          \
	{                                                                                                    \
		.name = "participant/" id, .about = words, .set_up = set_up, .check = checks,                \
		.crashes = deaths, .stops = halts, .parameters = &(const struct cast)                        \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

static const struct cast crowd = {
	.slots = 4,
	.attached = 3,
	.dead = 3,
	.withheld = 1,
	.threads = { { "reaper", reap, true, 2 },
	             { "one", come, true, 0 },
	             { "two", come_and_go, false, 0 } },
};

const struct explore_scenario participant_scenarios[] = {
	CAST("come-go", "one leaves, one comes", came, 0, 0, .slots = 3, .attached = 2,
	     .threads = { { "leaver", go, false, 2 }, { "newcomer", come, false, 0 } }),
	CAST("two-come", "two come", came, 0, 0, .slots = 3, .attached = 1,
	     .threads = { { "one", come, false, 0 }, { "two", come, false, 0 } }),
	CAST("one-slot", "two come, and there is one slot", one_came, 0, 0, .slots = 2, .attached = 1,
	     .threads = { { "one", come, false, 0 }, { "two", come, false, 0 } }),
	CAST("reap-come", "a dead one is reaped, one comes", came, 0, 0, .slots = 4, .attached = 3, .dead = 3,
	     .threads = { { "reaper", reap, false, 2 }, { "newcomer", come, false, 0 } }),
	CAST("reuse", "the table is full: one comes, while the only dead one is reaped", came, 0, 0,
	     .slots = 2, .attached = 2, .dead = 2,
	     .threads = { { "reaper", reap, false, 1 }, { "newcomer", come, false, 0 } }),
	CAST("reapers", "two reap one", audit, 0, 0, .slots = 4, .attached = 4, .dead = 4,
	     .threads = { { "one", reap, false, 2 }, { "two", reap, false, 3 } }),
	CAST("once", "two reap one, and neither waits for the other", freed, 0, 0, .slots = 4, .attached = 4,
	     .dead = 4, .threads = { { "one", reap_once, false, 2 }, { "two", reap_once, false, 3 } }),
	CAST("reaper-killed", "two reap one, and one of them is killed, or stopped", audit, 1, 1, .slots = 4,
	     .attached = 4, .dead = 4, .withheld = 1,
	     .threads = { { "one", reap, true, 2 }, { "two", reap, false, 3 } }),
	CAST("comer-killed", "one is killed while it comes, another reaps", audit, 1, 0, .slots = 3,
	     .attached = 2, .threads = { { "newcomer", come, true, 0 }, { "reaper", reap, false, 2 } }),
	CAST("goer-killed", "one is killed while it leaves, another reaps", audit, 1, 0, .slots = 3,
	     .attached = 3, .threads = { { "leaver", go, true, 3 }, { "reaper", reap, false, 2 } }),
	CAST("comes-goes", "one comes and goes, another comes", audit, 0, 0, .slots = 3, .attached = 1,
	     .threads = { { "one", come_and_go, false, 0 }, { "two", come, false, 0 } }),
	CAST("doubt", "who comes is not taken for the dead one before it", came, 0, 0, .slots = 3,
	     .attached = 3, .dead = 3,
	     .threads = { { "asker", doubt, false, 2 }, { "newcomer", come, false, 0 } }),
	CAST("ask", "dead is who is dead", audit, 1, 1, .slots = 3, .attached = 3,
	     .threads = { { "mortal", live, true, 2 }, { "asker", ask, false, 3 } }),
	{ .name = "participant/hazard-kept",
	  .about = "a reaper was killed; its slot is taken while another reaps the same one",
	  .set_up = set_up,
	  .check = came,
	  .large = true,
	  .parameters = &(const struct cast){ .slots = 4,
	                                      .attached = 4,
	                                      .dead = 2,
	                                      .reaper = 3,
	                                      .threads = { { "slow", reap, false, 4 },
	                                                   { "newcomer", come, false, 0 } } } },
	{ .name = "participant/crowd",
	  .about = "one reaps, one comes, one comes and goes; two are killed, one is stopped",
	  .set_up = set_up,
	  .check = audit,
	  .crashes = 2,
	  .stops = 1,
	  .large = true,
	  .parameters = &crowd },
	{ 0 },
};
