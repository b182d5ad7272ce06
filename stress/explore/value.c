/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Struct values: read whole, never older than what the reader has seen before, written over by
 * compare-and-swap only; whole also where a writer is killed.  One slot of each writer is used again and
 * again, so a block is recycled by every second store.
 */
#include "value_cell.h"

#include <stdlib.h>
#include <string.h>

#include <stoa/base.h>

#include "scenarios.h"

struct value_shape {
	unsigned writers, stores, adds, readers, loads;
	bool mortal, reaper;
};

static struct world {
	const struct value_shape *shape;
	struct value_cell cell;
	struct slot slots[2][CELL_SLOTS];
	uint64_t added;
	_Alignas(64) uint8_t memory[2048];
	/* a second value, for who stores one and loads the other */
	struct value_cell other;
	struct slot other_slots[CELL_SLOTS];
	uint64_t saw[2];
	_Alignas(64) uint8_t other_memory[2048];
} w;

struct pair {
	uint64_t a, b;
};

static void read_pairs(void *unused)
{
	struct pair before = { 0, 0 };

	(void)unused;
	for (unsigned i = 0; i < w.shape->loads; i++) {
		struct pair pair;

		explore_check(cell_load(&w.cell, &pair) == 0, "a load fails");
		explore_check(pair.a == pair.b, "torn: %d and %d", (int)pair.a, (int)pair.b);
		explore_check(w.shape->writers > 1 || pair.a >= before.a, "%d after %d", (int)pair.a,
		              (int)before.a);
		before = pair;
	}
}

static void store_pair(const struct value_cell *cell, struct slot *slot, uint64_t number)
{
	struct pair pair = { number, number };
	uint64_t word;

	copy_racy_in(cell_begin(cell, slot), &pair, sizeof pair);
	word = atom64_load_seq(cell->word);
	while (!cell_publish(cell, slot, &word))
		;
}

/* As stoa_value_update() does. */
static void add_one(struct slot *slot)
{
	struct cell_look look = { 0 };
	struct pair pair;
	uint8_t *bytes;

	do {
		explore_check(cell_copy(&w.cell, slot, &look, &bytes) == 0, "a copy fails");
		copy_racy_out(&pair, bytes, sizeof pair);
		pair.a++;
		pair.b++;
		copy_racy_in(bytes, &pair, sizeof pair);
	} while (!cell_publish(&w.cell, slot, &look.word));
	w.added++;
}

static void write_pairs(void *context)
{
	struct slot *slot = context;

	for (unsigned i = 1; i <= w.shape->stores; i++)
		store_pair(&w.cell, slot, i);
	for (unsigned i = 0; i < w.shape->adds; i++)
		add_one(slot);
}

/* ---- two values ---- */

static void store_and_load(const struct value_cell *mine, struct slot *slot, const struct value_cell *other,
                           int (*load)(const struct value_cell *cell, void *pair), uint64_t *saw)
{
	struct pair pair;

	store_pair(mine, slot, 1);
	explore_check(load(other, &pair) == 0, "a load fails");
	*saw = pair.a;
}

static int look_and_load(const struct value_cell *cell, void *pair)
{
	struct cell_look look = { 0 };

	return cell_read(cell, &look, pair);
}

static void store_first(void *unused)
{
	(void)unused;
	store_and_load(&w.cell, w.slots[0], &w.other, look_and_load, &w.saw[0]);
}

static void store_second(void *unused)
{
	(void)unused;
	store_and_load(&w.other, w.other_slots, &w.cell, cell_load, &w.saw[1]);
}

static void two_values(void)
{
	uint64_t role;
	uint32_t handle;

	explore_state(&w, sizeof w);
	cell_format(&w.cell, w.memory, sizeof(struct pair), 1);
	cell_format(&w.other, w.other_memory, sizeof(struct pair), 1);
	explore_name(w.cell.word, 8, 1, "cell");
	explore_name(w.other.word, 8, 1, "other cell");
	exchange_claim(&w.cell.exchange, ROLE_WRITER, 1, false, &handle, &role, w.slots[0]);
	exchange_claim(&w.other.exchange, ROLE_WRITER, 2, false, &handle, &role, w.other_slots);
	explore_thread("first", store_first, NULL);
	explore_thread("second", store_second, NULL);
}

static void check_two(void)
{
	explore_check(w.saw[0] || w.saw[1], "both stored one, and loaded the other as it was before");
}

/* ---- a death ---- */

static void reap(void *unused)
{
	uint32_t orphans;

	(void)unused;
	if (explore_await_death(0))
		explore_check(exchange_settle(&w.cell.exchange, 1, false, &orphans) == 0, "settling fails");
}

static void set_up(void)
{
	uint64_t bytes, role;
	uint32_t handle;

	explore_state(&w, sizeof w);
	w.shape = explore_parameters();
	explore_check(cell_footprint(sizeof(struct pair), 2, &bytes) == 0 && bytes <= sizeof w.memory,
	              "no room");
	cell_format(&w.cell, w.memory, sizeof(struct pair), 2);
	explore_name(w.cell.word, 8, 1, "cell");
	for (uint32_t b = 0; b < w.cell.exchange.blocks; b++)
		explore_name(w.cell.blocks + b * w.cell.stride, 8, 4, "block %u", b);
	for (uint32_t i = 0; i < w.shape->writers; i++) {
		exchange_claim(&w.cell.exchange, ROLE_WRITER, i + 1, false, &handle, &role, w.slots[i]);
		(w.shape->mortal ? explore_mortal : explore_thread)(i ? "writer 2" : "writer", write_pairs,
		                                                    w.slots[i]);
	}
	for (unsigned i = 0; i < w.shape->readers; i++)
		explore_thread(i ? "reader 2" : "reader", read_pairs, NULL);
	if (w.shape->reaper)
		explore_thread("reaper", reap, NULL);
}

static void check(void)
{
	struct cell_look look = { 0 };
	uint8_t found[8] = { 0 };
	struct pair pair;
	uint32_t orphans;

	explore_check(cell_read(&w.cell, &look, &pair) == 0 && pair.a == pair.b, "the last version is torn");
	explore_check(!w.shape->adds || pair.a == w.added || w.shape->mortal, "%d added, %d there",
	              (int)w.added, (int)pair.a);
	for (unsigned i = 0; i < 2; i++)
		explore_check(exchange_settle(&w.cell.exchange, i + 1, false, &orphans) == 0,
		              "settling fails");
	found[atom64_load_seq(w.cell.word) & w.cell.exchange.block_mask]++;
	for (uint32_t n = 0; n < exchange_slots(&w.cell.exchange); n++)
		found[intent_out(atom64_load_seq(&exchange_nth_slot(&w.cell.exchange, n)->intent))]++;
	for (uint32_t b = 0; b < w.cell.exchange.blocks; b++)
		explore_check(found[b] == 1, "block %u is in %u places", b, found[b]);
}

#define VALUE(id, words, deaths, ...)                                                                        \
	{                                                                                                    \
		.name = "value/" id, .about = words, .set_up = set_up, .check = check, .crashes = deaths,    \
		.parameters = &(const struct value_shape)                                                    \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

const struct explore_scenario value_scenarios[] = {
	VALUE("1w1r", "one writer, one reader", 0, .writers = 1, .stores = 3, .readers = 1, .loads = 2),
	VALUE("1w2r", "one writer, two readers", 0, .writers = 1, .stores = 2, .readers = 2, .loads = 1),
	VALUE("2w1r", "two writers, one reader", 0, .writers = 2, .stores = 1, .readers = 1, .loads = 1),
	VALUE("2w", "two writers", 0, .writers = 2, .stores = 2),
	VALUE("update", "two add", 0, .writers = 2, .adds = 1),
	VALUE("crash", "the writer is killed, a reaper comes, one reads", 1, .writers = 1, .stores = 2,
	      .readers = 1, .loads = 1, .mortal = true, .reaper = true),
	VALUE("2w2r", "two writers, two readers", 0, .writers = 2, .stores = 1, .readers = 2, .loads = 1),
	VALUE("crash/2w2r", "the same, and one writer is killed", 1, .writers = 2, .stores = 1, .readers = 2,
	      .loads = 1, .mortal = true, .reaper = true),
	VALUE("crash/2w", "one of two writers is killed", 1, .writers = 2, .stores = 1, .mortal = true,
	      .reaper = true),
	{ .name = "value/two",
	  .about = "two values: each stores one, then loads the other",
	  .set_up = two_values,
	  .check = check_two },
	{ 0 },
};
