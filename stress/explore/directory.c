/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The directory: processes create objects, of one name or of several, are killed at it, and others open
 * them.  A name means a whole object or nothing; no space is lost, and none is given twice.
 */
#include <errno.h>
#include <string.h>

#include "atomic.h"
#include "object.h"
#include "scenarios.h"
#include "segment_world.h"

#define KIND 99u /* reaping does not know it: it holds nothing */
#define BYTES 64u
#define WORD 4u /* the first one behind the header that this file has */

static struct segment_world *const w = &segment_world;

static struct ghost {
	int made[EXPLORE_PROCESSES_MAX + 1];         /* what the process was told */
	void *object[EXPLORE_PROCESSES_MAX + 1];     /* and what it got */
	const char *name[EXPLORE_PROCESSES_MAX + 1]; /* what it was to make */
} g;

/* ---- objects ---- */

static uint64_t *words(void *start)
{
	return start;
}

/* Two words that belong together: half of it is nothing. */
static void build(void *start, void *context)
{
	uint64_t maker = (uint64_t)(uintptr_t)context;

	explore_check(explore_get(words(start) + WORD + 2) == 0, "built over what another has left");
	explore_set(words(start) + WORD, maker);
	explore_set(words(start) + WORD + 2, maker);
	explore_set(words(start) + WORD + 1, ~maker);
}

static void expect_whole(void *start)
{
	uint64_t maker = explore_get(words(start) + WORD);

	explore_check(maker && explore_get(words(start) + WORD + 1) == ~maker, "half an object");
}

static uint64_t bytes_of(const char *name)
{
	return *name == 'b' ? 2 * BYTES : BYTES;
}

static int make(const char *name)
{
	unsigned p = explore_own_process();
	struct object_request request = {
		.name = name,
		.kind = KIND,
		.bytes = bytes_of(name),
		.build = build,
		.context = (void *)(uintptr_t)p,
	};
	uint32_t kind;
	uint64_t room;

	g.name[p] = name;
	g.made[p] = -EINPROGRESS;
	g.made[p] = object_create(segment_world_own(), &request, &kind, &g.object[p], &room);
	if (g.made[p] == 0 || g.made[p] == -EEXIST)
		expect_whole(g.object[p]);
	return g.made[p];
}

/* NULL: there is no such object. */
static void *find(const char *name)
{
	uint32_t entry, kind;
	uint64_t room;
	void *start;

	if (object_find(segment_world_own(), name, &entry) != 0)
		return NULL;
	explore_check(object_at(segment_world_own(), entry, &kind, &start, &room) == 0 && kind == KIND &&
	                      room == bytes_of(name),
	              "a name of nothing");
	expect_whole(start);
	return start;
}

/* ---- what processes do ---- */

static void make_it(void *name)
{
	make(name);
}

static void open_it(void *name)
{
	unsigned p = explore_own_process();

	g.object[p] = find(name);
	if (g.object[p])
		explore_check(find(name) == g.object[p],
		              "a name that means two objects, one after the other");
}

/* By number, not by name: also one that is just being linked. */
static void list_all(void *unused)
{
	const struct stoa_segment *segment = segment_world_own();

	(void)unused;
	for (uint32_t entry = 0; entry < segment->entries; entry++) {
		uint32_t kind;
		uint64_t room;
		void *start;
		int rc = object_at(segment, entry, &kind, &start, &room);

		explore_check(rc == 0 || rc == STOA_EMPTY || rc == -ENOENT, "an entry of nothing: %d", rc);
		if (rc == 0)
			expect_whole(start);
	}
}

static void reap(void *unused)
{
	(void)unused;
	stoa_segment_reap(segment_world_own());
}

/* ---- worlds ---- */

struct plan {
	unsigned room, attached; /* how many times BYTES; processes */
	unsigned waste;          /* that may be lost between sizes */
	bool impatient;          /* creators do not take turns, as where all of them have waited too long */
	struct {
		const char *called;
		void (*does)(void *);
		const char *name;
		bool mortal;
	} threads[3];
};

static void set_up(void)
{
	const struct plan *plan = explore_parameters();

	segment_world_make(plan->attached, plan->room, 4096, plan->attached);
	explore_state(&g, sizeof g);
	if (plan->impatient)
		explore_refuse_locks(1ull << 62);
	/* What the page has more than was asked for is not to be had. */
	for (unsigned p = 1; p <= plan->attached; p++)
		w->segments[p]->bytes = w->segments[p]->heap_offset + (uint64_t)plan->room * BYTES;
	for (unsigned t = 0; t < 3 && plan->threads[t].called; t++) {
		explore_process(t + 2);
		(plan->threads[t].mortal ? explore_mortal
		                         : explore_thread)(plan->threads[t].called, plan->threads[t].does,
		                                           (void *)(uintptr_t)plan->threads[t].name);
	}
}

/* In units of BYTES. */
static unsigned published(const struct stoa_segment *segment)
{
	uint32_t objects;
	uint64_t room;

	object_count(segment, &objects, &room);
	return objects + (find("b") != NULL);
}

/* Whoever made something, or was told that it is there, finds it. */
static void check_found(unsigned attached)
{
	const char *made = NULL;

	for (unsigned p = 2; p <= attached; p++) {
		if (!g.name[p] || (g.made[p] != 0 && g.made[p] != -EEXIST))
			continue;
		explore_check(find(g.name[p]) == g.object[p], "%s is not where it was", g.name[p]);
		explore_check(!made || g.made[p] != 0 || strcmp(made, g.name[p]) != 0, "%s was made twice",
		              made);
		if (g.made[p] == 0)
			made = g.name[p];
	}
}

/* All space that is left can be used, but what somebody holds who was stopped. */
static void check(void)
{
	const struct plan *plan = explore_parameters();
	unsigned stopped = 0, count;
	char name[2] = "p";

	segment_world_audit(0);
	explore_process(1);
	check_found(plan->attached);
	for (unsigned t = 0; t < 3 && plan->threads[t].called; t++)
		stopped += !explore_returned(t) && !explore_process_ended(t + 2);
	while (make(name) == 0)
		name[0]++;
	explore_check(g.made[1] == -ENOSPC, "no object where there is room: %d", g.made[1]);
	count = published(w->segments[1]);
	explore_check(count + stopped + plan->waste >= plan->room, "room for %u, and %u are there",
	              plan->room, count);
	explore_check(count <= plan->room, "room for %u, and %u are there", plan->room, count);
}

/* All who were not killed made theirs, or found it. */
static void check_made(void)
{
	const struct plan *plan = explore_parameters();

	for (unsigned t = 0; t < 3 && plan->threads[t].called; t++) {
		if (plan->threads[t].does == make_it && explore_returned(t))
			explore_check(g.made[t + 2] == 0 || g.made[t + 2] == -EEXIST, "%s: %d",
			              plan->threads[t].called, g.made[t + 2]);
	}
	check();
}

#define PLAN(id, words_, deaths, halts, big, ...)                                                            \
	{                                                                                                    \
		.name = "directory/" id, .about = words_, .set_up = set_up, .check = check_made,             \
		.crashes = deaths, .stops = halts, .large = big, .parameters = &(const struct plan)          \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

const struct explore_scenario directory_scenarios[] = {
	PLAN("one-name", "two create one object, and there is room for one", 0, 0, false, .room = 1,
	     .attached = 3, .threads = { { "one", make_it, "a", false }, { "two", make_it, "a", false } }),
	PLAN("race/two", "two create one object, and do not take turns", 0, 0, false, .room = 2,
	     .attached = 3, .impatient = true,
	     .threads = { { "one", make_it, "a", false }, { "two", make_it, "a", false } }),
	PLAN("race/killed", "the same, and one is killed", 1, 0, false, .room = 2, .attached = 3,
	     .impatient = true, .threads = { { "one", make_it, "a", true }, { "two", make_it, "a", false } }),
	PLAN("race/open", "the same, and a third opens it", 0, 0, false, .room = 2, .attached = 4,
	     .impatient = true,
	     .threads = { { "one", make_it, "a", false },
	                  { "two", make_it, "a", false },
	                  { "opener", open_it, "a", false } }),
	PLAN("race/three", "three create one object", 0, 0, true, .room = 3, .attached = 4, .impatient = true,
	     .threads = { { "one", make_it, "a", false },
	                  { "two", make_it, "a", false },
	                  { "three", make_it, "a", false } }),
	PLAN("race/reap", "two create one object, one of them is killed, a third reaps", 1, 0, true,
	     .room = 2, .attached = 4, .impatient = true,
	     .threads = { { "one", make_it, "a", true },
	                  { "two", make_it, "a", false },
	                  { "reaper", reap, NULL, false } }),
	PLAN("two-names", "two create two, and there is room for both", 0, 0, false, .room = 2, .attached = 3,
	     .threads = { { "one", make_it, "a", false }, { "two", make_it, "c", false } }),
	PLAN("open", "one creates, one opens", 0, 0, false, .room = 1, .attached = 3,
	     .threads = { { "maker", make_it, "a", false }, { "opener", open_it, "a", false } }),
	PLAN("list", "one creates, one lists", 0, 0, false, .room = 1, .attached = 3,
	     .threads = { { "maker", make_it, "a", false }, { "lister", list_all, NULL, false } }),
	PLAN("killed/list", "a creator is killed, one reaps, one lists", 1, 0, false, .room = 1,
	     .attached = 4,
	     .threads = { { "maker", make_it, "a", true },
	                  { "reaper", reap, NULL, false },
	                  { "lister", list_all, NULL, false } }),
	PLAN("killed/two", "a creator is killed, another comes for the same space", 1, 0, false, .room = 1,
	     .attached = 3, .threads = { { "one", make_it, "a", true }, { "two", make_it, "a", false } }),
	PLAN("killed/names", "of two who create two one is killed", 1, 0, false, .room = 2, .attached = 3,
	     .threads = { { "one", make_it, "a", true }, { "two", make_it, "c", false } }),
	PLAN("killed/open", "a creator is killed, one opens", 1, 0, false, .room = 1, .attached = 3,
	     .threads = { { "maker", make_it, "a", true }, { "opener", open_it, "a", false } }),
	PLAN("killed/reap", "a creator is killed, one reaps", 1, 0, false, .room = 1, .attached = 3,
	     .threads = { { "maker", make_it, "a", true }, { "reaper", reap, NULL, false } }),
	PLAN("sizes/spare", "two create two of different sizes", 0, 0, false, .room = 4, .waste = 1,
	     .attached = 3,
	     .threads = { { "small", make_it, "a", false }, { "large", make_it, "b", false } }),
	PLAN("bucket", "two create two whose names share a bucket, a third opens one", 0, 0, false, .room = 2,
	     .attached = 4,
	     .threads = { { "one", make_it, "a", false },
	                  { "two", make_it, "i", false },
	                  { "opener", open_it, "i", false } }),
	PLAN("stopped", "of two who create one object one is stopped", 0, 1, false, .room = 2, .attached = 3,
	     .threads = { { "one", make_it, "a", true }, { "two", make_it, "a", false } }),
	PLAN("killed/three", "two create one object, one of them is killed, a third reaps", 1, 0, false,
	     .room = 2, .attached = 4,
	     .threads = { { "one", make_it, "a", true },
	                  { "two", make_it, "a", false },
	                  { "reaper", reap, NULL, false } }),
	PLAN("killed/both", "two create one object, both are killed, a third reaps", 2, 0, true, .room = 2,
	     .attached = 4,
	     .threads = { { "one", make_it, "a", true },
	                  { "two", make_it, "a", true },
	                  { "reaper", reap, NULL, false } }),
	{ .name = "directory/sizes/exact",
	  .about = "two of different sizes, and room for just both",
	  .set_up = set_up,
	  .check = check_made,
	  .parameters = &(const struct plan){ .room = 3,
	                                      .attached = 3,
	                                      .threads = { { "small", make_it, "a", false },
	                                                   { "large", make_it, "b", false } } } },
	{ .name = "directory/race/back",
	  .about = "of two who create one object one gives its space back, and a third comes for that",
	  .set_up = set_up,
	  .check = check,
	  .bounded = true,
	  .preemptions = 2,
	  .stale = 1,
	  .parameters = &(const struct plan){ .room = 2,
	                                      .attached = 4,
	                                      .impatient = true,
	                                      .threads = { { "one", make_it, "a", false },
	                                                   { "two", make_it, "a", false },
	                                                   { "three", make_it, "c", false } } } },
	{ .name = "directory/killed/room",
	  .about = "a creator is killed, one reaps, another comes for the same space",
	  .set_up = set_up,
	  .check = check_made,
	  .crashes = 1,
	  .bounded = true,
	  .preemptions = 2,
	  .stale = 1,
	  .parameters = &(const struct plan){ .room = 1,
	                                      .attached = 4,
	                                      .threads = { { "one", make_it, "a", true },
	                                                   { "two", make_it, "a", false },
	                                                   { "reaper", reap, NULL, false } } } },
	{ 0 },
};
