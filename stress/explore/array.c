/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arrays in a segment.  With atomic ranges a read sees whole writes only, and no write undoes another's. 
 * Without, who sees an element of a range write sees what came before that write, by an element as by a
 * range read.
 */
#include <stoa/array.h>

#include "scenarios.h"
#include "segment_world.h"

#define PEOPLE 4u
#define COUNT 2u

struct array_shape {
	uint32_t flags;
	unsigned writers, adders, readers; /* one process each */
	unsigned writes;                   /* of each writer */
	void (*reader)(void *);
	uint64_t sum; /* of all elements in the end; 0: any */
};

static struct world {
	const struct array_shape *shape;
	struct stoa_array *arrays[PEOPLE + 1]; /* of each process */
	uint64_t data;                         /* plain: written before the array */
} w;

static struct stoa_array *array(void)
{
	return w.arrays[explore_own_process()];
}

/* ---- with atomic ranges ---- */

static void write_range(void *unused)
{
	(void)unused;
	for (unsigned i = 1; i <= w.shape->writes; i++) {
		const uint64_t range[COUNT] = { i, i };

		explore_check(stoa_array_write(array(), 0, COUNT, range) == 0, "write fails");
	}
}

static void add_to_each(void *unused)
{
	const uint64_t one = 1;

	(void)unused;
	for (uint64_t i = 0; i < COUNT; i++)
		explore_check(stoa_array_fetch_add(array(), i, &one, NULL) == 0, "fetch_add fails");
}

static void read_range(void *unused)
{
	uint64_t range[COUNT];

	(void)unused;
	explore_check(stoa_array_read(array(), 0, COUNT, range) == 0, "read fails");
	explore_check(range[0] == range[1], "torn: %d and %d", (int)range[0], (int)range[1]);
}

/* ---- without ---- */

static void write_data_first(void *unused)
{
	explore_set(&w.data, 7);
	write_range(unused);
}

static void read_last(void *unused)
{
	uint64_t range[COUNT];

	(void)unused;
	explore_check(stoa_array_read(array(), 0, COUNT, range) == 0, "read fails");
	if (range[COUNT - 1])
		explore_check(explore_get(&w.data) == 7, "a range came before its data");
}

static void load_last(void *unused)
{
	uint64_t last = 0;

	(void)unused;
	explore_check(stoa_array_load(array(), COUNT - 1, &last) == 0, "load fails");
	if (last)
		explore_check(explore_get(&w.data) == 7, "an element came before its data");
}

/* ---- worlds ---- */

static void set_up(void)
{
	const struct array_shape *shape = explore_parameters();
	struct stoa_array_config config = { .struct_size = sizeof config, .count = COUNT, .writers = 2 };
	unsigned people = shape->writers + shape->adders + shape->readers;

	segment_world_make(PEOPLE, 1, 4096, people);
	explore_state(&w, sizeof w);
	w.shape = shape;
	config.flags = shape->flags;
	config.type = STOA_U64;
	explore_name(&w.data, 8, 1, "data");
	for (unsigned p = 1; p <= people; p++) {
		explore_process(p);
		explore_check(stoa_array_create(segment_world_own(), "array", &config, &w.arrays[p]) == 0,
		              "no array");
		if (p <= shape->writers)
			explore_thread("writer", shape->flags ? write_range : write_data_first, NULL);
		else if (p <= shape->writers + shape->adders)
			explore_thread("adder", add_to_each, NULL);
		else
			explore_thread("reader", shape->reader, NULL);
	}
}

static void check(void)
{
	uint64_t range[COUNT] = { 0 };

	explore_process(1);
	explore_check(stoa_array_read(array(), 0, COUNT, range) == 0, "read fails");
	explore_check(!w.shape->sum || range[0] + range[1] == w.shape->sum, "%d and %d in the end",
	              (int)range[0], (int)range[1]);
}

#define ARRAY(id, words, ...)                                                                                \
	{                                                                                                    \
		.name = "array/" id, .about = words, .set_up = set_up, .check = check,                       \
		.parameters = &(const struct array_shape)                                                    \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

const struct explore_scenario array_scenarios[] = {
	ARRAY("ranges", "one writes atomic ranges, and uses its blocks again, one reads",
	      .flags = STOA_ATOMIC_RANGES, .writers = 1, .writes = 4, .readers = 1, .reader = read_range),
	ARRAY("ranges/2w", "two write atomic ranges, one reads", .flags = STOA_ATOMIC_RANGES, .writers = 2,
	      .writes = 1, .readers = 1, .reader = read_range),
	ARRAY("ranges/add", "two add to each element of an atomic range", .flags = STOA_ATOMIC_RANGES,
	      .adders = 2, .sum = 4),
	ARRAY("plain/read", "one writes a range, one reads it", .writers = 1, .writes = 1, .readers = 1,
	      .reader = read_last),
	ARRAY("plain/load", "one writes a range, one loads an element", .writers = 1, .writes = 1,
	      .readers = 1, .reader = load_last),
	ARRAY("plain/add", "two add to each element", .adders = 2, .sum = 4),
	{ 0 },
};
