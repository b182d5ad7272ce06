/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers as values in a segment, and a number as a struct: no count is lost, who is asked to add, to keep
 * the largest, to compare, is the only one; who sees a number sees what was written before it; and all
 * agree in which order two were stored.
 */
#include <stoa/value.h>

#include "scenarios.h"
#include "segment_world.h"

#define PEOPLE 3u

struct number_shape {
	void (*change)(struct stoa_value *at);
	unsigned type;                /* STOA_I64 and so on */
	void (*does[PEOPLE])(void *); /* what each does */
	uint64_t result;              /* of number 0, in the end; 0: any */
};

static struct world {
	const struct number_shape *shape;
	struct stoa_value *numbers[2][PEOPLE + 1]; /* of each process */
	uint64_t data;                             /* plain: written before number 0 */
	uint64_t saw[PEOPLE + 1];
	unsigned winners;
} w;

static struct stoa_value *number(unsigned which)
{
	return w.numbers[which][explore_own_process()];
}

static uint64_t load(unsigned which)
{
	uint64_t bits = 0;

	explore_check(stoa_value_load(number(which), &bits) == 0, "load fails");
	return bits;
}

static void store(unsigned which, uint64_t bits)
{
	explore_check(stoa_value_store(number(which), &bits) == 0, "store fails");
}

/* ---- what processes do ---- */

static void add_two(void *unused)
{
	const uint64_t one = 1;

	(void)unused;
	for (unsigned i = 0; i < 2; i++)
		explore_check(stoa_value_fetch_add(number(0), &one, NULL) == 0, "fetch_add fails");
}

static void raise_to_process(void *unused)
{
	const uint64_t bits = explore_own_process();
	uint64_t before = 0;

	(void)unused;
	explore_check(stoa_value_fetch_max(number(0), &bits, &before) == 0, "fetch_max fails");
	explore_check(load(0) >= bits && load(0) >= before, "less than the largest");
}

static int add_one(void *bytes, void *unused)
{
	(void)unused;
	++*(uint64_t *)bytes;
	return 0;
}

static void update_one(void *unused)
{
	explore_check(stoa_value_update(number(0), add_one, unused) == 0, "update fails");
}

static void win(void *unused)
{
	const uint64_t mine = explore_own_process();
	uint64_t none = 0;
	int rc = stoa_value_compare_exchange(number(0), &none, &mine);

	(void)unused;
	explore_check(rc == STOA_OK || (rc == STOA_CHANGED && none != 0), "compare_exchange says %d", rc);
	w.winners += rc == STOA_OK;
	if (rc == STOA_OK)
		explore_set(&w.data, mine);
}

static void tell(void *unused)
{
	(void)unused;
	explore_set(&w.data, 7);
	store(0, 1);
}

static void hear(void *unused)
{
	(void)unused;
	if (load(0))
		explore_check(explore_get(&w.data) == 7, "a number came before its data");
}

static void store_one_load_other(void *unused)
{
	unsigned mine = explore_own_process() - 1;

	(void)unused;
	store(mine, 1);
	w.saw[mine] = load(!mine);
}

static void change_one_load_other(void *unused)
{
	unsigned mine = explore_own_process() - 1;

	(void)unused;
	w.shape->change(number(mine));
	w.saw[mine] = load(!mine);
}

static void fetch_one(struct stoa_value *at)
{
	explore_check(stoa_value_fetch_add(at, &(int64_t){ 1 }, NULL) == 0, "add fails");
}

static void swap_one(struct stoa_value *at)
{
	int64_t before;

	explore_check(stoa_value_exchange(at, &(int64_t){ 1 }, &before) == 0, "exchange fails");
}

static void compare_one(struct stoa_value *at)
{
	int64_t zero = 0;

	explore_check(stoa_value_compare_exchange(at, &zero, &(int64_t){ 1 }) == 0, "it is not 0");
}

/* ---- worlds ---- */

static void set_up(void)
{
	static const char *const names[] = { "number 0", "number 1" };
	struct stoa_value_config config = { .struct_size = sizeof config };
	static const char *const people[] = { "first", "second", "third" };

	segment_world_make(PEOPLE, 2, 8192, PEOPLE);
	explore_state(&w, sizeof w);
	w.shape = explore_parameters();
	config.type = w.shape->type;
	config.size = config.type == STOA_BYTES ? sizeof(uint64_t) : 0;
	config.writers = PEOPLE;
	explore_name(&w.data, 8, 1, "data");
	for (unsigned p = 1; p <= PEOPLE; p++) {
		explore_process(p);
		for (unsigned n = 0; n < 2; n++)
			explore_check(stoa_value_create(segment_world_own(), names[n], &config,
			                                &w.numbers[n][p]) == 0,
			              "no number");
		if (w.shape->does[p - 1])
			explore_thread(people[p - 1], w.shape->does[p - 1], NULL);
	}
}

static void check(void)
{
	explore_process(PEOPLE);
	explore_check(!w.shape->result || load(0) == w.shape->result, "it is %d in the end", (int)load(0));
	explore_check(w.winners <= 1, "%u have won", w.winners);
}

static void check_stores(void)
{
	explore_check(w.saw[0] || w.saw[1], "both stored one, and loaded the other as it was before");
}

#define NUMBER(id, words, checks, ...)                                                                       \
	{                                                                                                    \
		.name = "number/" id, .about = words, .set_up = set_up, .check = checks,                     \
		.parameters = &(const struct number_shape)                                                   \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

#define TWO(id, of_type)                                                                                     \
	NUMBER(id, "two numbers: each stores one, then loads the other", check_stores, .type = of_type,      \
	       .does = { store_one_load_other, store_one_load_other }),                                      \
		NUMBER(id "/add", "the same, and each adds", check_stores, .type = of_type,                  \
	               .change = fetch_one, .does = { change_one_load_other, change_one_load_other }),       \
		NUMBER(id "/exchange", "the same, and each exchanges", check_stores, .type = of_type,        \
	               .change = swap_one, .does = { change_one_load_other, change_one_load_other }),        \
		NUMBER(id "/compare", "the same, and each compares and exchanges", check_stores,             \
	               .type = of_type, .change = compare_one,                                               \
	               .does = { change_one_load_other, change_one_load_other })

const struct explore_scenario number_scenarios[] = {
	NUMBER("add", "two add", check, .type = STOA_I64, .does = { add_two, add_two }, .result = 4),
	NUMBER("add/8", "two add to a byte", check, .type = STOA_U8, .does = { add_two, add_two },
	       .result = 4),
	NUMBER("max", "three keep the largest", check, .type = STOA_I32,
	       .does = { raise_to_process, raise_to_process, raise_to_process }, .result = 3),
	NUMBER("update", "two add by a function of theirs, a third adds", check, .type = STOA_U64,
	       .does = { update_one, update_one, add_two }, .result = 4),
	NUMBER("compare", "three want to be the first", check, .type = STOA_I64, .does = { win, win, win }),
	NUMBER("tell", "a number says that data is there", check, .type = STOA_I16, .does = { tell, hear }),
	TWO("two", STOA_I64),
	TWO("two/32", STOA_U32),
	TWO("two/16", STOA_I16), /* the long way */
	NUMBER("struct/update", "two add to a struct by a function of theirs", check, .type = STOA_BYTES,
	       .does = { update_one, update_one }, .result = 2),
	NUMBER("struct/compare", "two want to be the first in a struct", check, .type = STOA_BYTES,
	       .does = { win, win }),
	NUMBER("struct/tell", "a struct says that data is there", check, .type = STOA_BYTES,
	       .does = { tell, hear }),
	{ 0 },
};
