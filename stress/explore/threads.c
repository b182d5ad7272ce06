/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads of one process, which share the slots of a handle.  One of them calls in the middle of another's
 * update, as a thread does that is quicker: whatever instruction the process is killed at, its slots are
 * settled.  And two that exchange at once have a slot each, also where one is the first, which takes its slots
 * without a locked operation until the other comes.
 */
#include <string.h>

#include <stoa/value.h>

#include "scenarios.h"
#include "segment_world.h"
#include "value.h"

#define WORDS 5
#define PEOPLE 3
#define VALUES (2 + CELL_SLOTS) /* of threads/exchange */

static struct world {
	struct stoa_value *values[3];
	unsigned calls;            /* of threads/update */
	unsigned seen[VALUES];     /* how often each number was found and replaced */
	struct cell_writer writer; /* of threads/first */
	uint64_t held[CELL_SLOTS]; /* plain: by who has that slot */
} w;

static void fill(uint64_t words[WORDS], uint64_t number)
{
	for (unsigned i = 0; i < WORDS; i++)
		words[i] = number;
}

/* The other thread stores: the block of the version that this one saw is in the slot whose turn is next. */
static int add_one(void *bytes, void *unused)
{
	uint64_t words[WORDS];

	(void)unused;
	fill(words, 10);
	for (unsigned i = 0; w.calls == 0 && i < CELL_SLOTS; i++)
		explore_check(stoa_value_store(w.values[2], words) == 0, "store fails");
	w.calls++;
	memcpy(words, bytes, sizeof words);
	fill(words, words[0] + 1);
	memcpy(bytes, words, sizeof words);
	return 0;
}

static void update(void *unused)
{
	uint64_t words[WORDS];

	explore_check(stoa_value_update(w.values[2], add_one, unused) == 0, "update fails");
	explore_check(stoa_value_load(w.values[2], words) == 0 && words[0] == 11 && w.calls == 2,
	              "%d after %u calls", (int)words[0], w.calls);
}

/* Process 3 stands for another thread of process 2: it has the same handle. */
static void exchange(uint64_t number)
{
	uint64_t words[WORDS], before[WORDS];

	fill(words, number);
	explore_check(stoa_value_exchange(w.values[2], words, before) == 0, "exchange fails");
	explore_check(before[0] < VALUES, "%d was there, which nobody stored", (int)before[0]);
	w.seen[before[0]]++;
}

static void exchange_once(void *unused)
{
	(void)unused;
	exchange(1);
}

/* Until it would be the turn of the first slot again. */
static void exchange_all_around(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < CELL_SLOTS; i++)
		exchange(2 + i);
}

static void make_value(void)
{
	struct stoa_value_config config = {
		.struct_size = sizeof config,
		.type = STOA_BYTES,
		.size = WORDS * sizeof(uint64_t),
		.writers = 1,
	};

	explore_process(1);
	explore_state(&w, sizeof w);
	segment_world_make(PEOPLE, 1, 4096, 2);
	explore_process(1);
	explore_check(stoa_value_create(segment_world_own(), "v", &config, &w.values[1]) == 0, "no value");
	explore_process(2);
	explore_check(stoa_value_open(segment_world_own(), "v", NULL, &w.values[2]) == 0, "no value");
}

static void updates(void)
{
	make_value();
	explore_mortal("updater", update, NULL);
}

static void exchanges(void)
{
	uint64_t zeroes[WORDS] = { 0 };

	make_value();
	explore_check(stoa_value_store(w.values[2], zeroes) == 0,
	              "store fails"); /* from now on it has slots */
	explore_thread("thread", exchange_once, NULL);
	explore_process(3);
	explore_thread("other thread", exchange_all_around, NULL);
}

/* ---- the slots alone, in memory that the explorer sees ---- */

static void take_and_give(void *context)
{
	const unsigned *times = context;
	struct slot *slot;
	uint64_t *held;

	for (unsigned i = 0; i < *times; i++) {
		explore_check(cell_take(&w.writer, &w.values[2]->cell, w.values[2]->handle.segment, &slot) ==
		                      0,
		              "no slot");
		held = &w.held[slot - w.writer.slots];
		explore_check(explore_get(held) == 0, "another has the slot");
		explore_set(held, 1);
		explore_set(held, 0);
		cell_give(&w.writer, slot);
	}
}

/* The handle was claimed by thread `first`, as it were. */
static void slots_of(unsigned first)
{
	uint64_t zeroes[WORDS] = { 0 };

	make_value();
	explore_check(stoa_value_store(w.values[2], zeroes) == 0, "store fails");
	w.writer = w.values[2]->writer;
	w.writer.first = first;
	w.writer.turn = 0; /* all begin with the same slot */
	explore_name(&w.writer.state, 8, 1, "state");
	explore_name(&w.writer.inside, 8, 1, "inside");
}

/* Each in a process of its own, for the explorer; they stand for threads of one. */
static void threads(unsigned count, unsigned first_takes, unsigned others_take)
{
	static const unsigned takes[] = { 0, 1, 2, 3 }, processes[] = { 2, 3, 1 };

	for (unsigned i = 0; i < count; i++) {
		explore_process(processes[i]);
		explore_thread(i ? "other thread" : "first thread", take_and_give,
		               (void *)&takes[i ? others_take : first_takes]);
	}
}

static void first_and_other(void)
{
	slots_of(0);
	threads(2, 2, 1);
}

static void first_and_others(void)
{
	slots_of(0);
	threads(3, 2, 1);
}

/* The first one, who has ended, wrote once; another has come since. */
static void others(void)
{
	static const unsigned once = 1;

	slots_of(PEOPLE);
	take_and_give((void *)&once);
	threads(2, 3, 1); /* the third one is the other's */
}

/* No slot is anybody's. */
static void check_given(void)
{
	explore_check((atom64_load_seq(&w.writer.state) & 0xf) == 0 && atom64_load_seq(&w.writer.inside) == 0,
	              "a slot was not given back");
}

/* Each number was replaced by one, or is there in the end. */
static void check_exchanged(void)
{
	uint64_t words[WORDS];

	explore_process(1);
	explore_check(stoa_value_load(w.values[1], words) == 0, "load fails");
	for (unsigned number = 0; number < VALUES; number++)
		explore_check(w.seen[number] + (words[0] == number) == 1,
		              "%u was replaced %u times, and %d is there", number, w.seen[number],
		              (int)words[0]);
}

/* Reaped, and its slot, the only one, is another's. */
static void check(void)
{
	uint64_t words[WORDS];

	segment_world_audit(0);
	if (!explore_process_ended(2))
		return;
	fill(words, 20);
	explore_process(1);
	explore_check(stoa_value_store(w.values[1], words) == 0, "the slot of the dead one is lost");
}

const struct explore_scenario threads_scenarios[] = {
	{ .name = "threads/update",
	  .about = "one thread stores while another updates, and both are killed",
	  .set_up = updates,
	  .check = check,
	  .crashes = 1 },
	{ .name = "threads/exchange",
	  .about = "two threads exchange at once",
	  .set_up = exchanges,
	  .check = check_exchanged },
	{ .name = "threads/first",
	  .about = "another thread comes while the first one has slots without a locked operation",
	  .set_up = first_and_other,
	  .check = check_given },
	{ .name = "threads/shared",
	  .about = "two other threads have slots in turn",
	  .set_up = others,
	  .check = check_given },
	{ .name = "threads/first/3",
	  .about = "two other threads come",
	  .set_up = first_and_others,
	  .check = check_given,
	  .large = true },
	{ 0 },
};
