/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads of one process, which share the slots of a handle.  One of them calls in the middle of another's
 * update, as a thread does that is quicker: whatever instruction the process is killed at, its slots are
 * settled.  And two that exchange at once have a slot each.
 */
#include <string.h>

#include <stoa/value.h>

#include "scenarios.h"
#include "segment_world.h"
#include "value_cell.h"

#define WORDS 5
#define VALUES (2 + CELL_SLOTS) /* of threads/exchange */

static struct world {
	struct stoa_value *values[3];
	unsigned calls;        /* of threads/update */
	unsigned seen[VALUES]; /* how often each number was found and replaced */
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
	segment_world_make(3, 1, 4096, 2);
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
	{ 0 },
};
