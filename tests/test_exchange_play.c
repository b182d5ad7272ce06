/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exchange at random: owners die between any two steps, several reap at once, the living go on
 * meanwhile; and the test knows the truth.
 */
#include "exchange_helpers.h"

#include <pthread.h>
#include <unistd.h>

#include "os.h"

/* ---- worlds played at random, in which owners die between any two steps ---- */

enum phase {
	HAS_EMPTY,   /* an empty block */
	HAS_LEASE,   /* a message, by an exchange */
	HAS_RETAKEN, /* a message, out of its own orphan cell */
	OPEN_CELL,   /* the intent is out, the compare-and-swap on a cell is still to come */
	OPEN_ORPHAN, /* the same on another slot's orphan cell */
	GIVING,      /* the intent to redeliver is out, the orphan cell still to be filled */
	GIVEN,
	RETAKING, /* the tally is written, the orphan cell still to be changed */
};

/* What the test knows of a slot. */
struct truth {
	struct slot slot;
	enum phase phase;
	uint32_t block; /* that it holds; GIVEN: that its orphan cell has */
	uint32_t deliveries;
	bool orphaned; /* GIVEN, and nobody has taken it */
	/* the operation that is open */
	enum intent_kind kind;
	uint32_t place; /* cell, or slot of the orphan cell */
	uint64_t word;
};

struct play {
	struct world world;
	struct truth truth[SLOTS_MAX];
	uint32_t owner[HANDLES_MAX];
	uint64_t roles[HANDLES_MAX];
	bool alive[HANDLES_MAX];
	uint64_t seed, discards;
};

static uint32_t below(struct play *play, uint32_t limit)
{
	return (uint32_t)(random_next(&play->seed) >> 20) % limit;
}

static void begin_exchange(struct play *play, struct truth *t)
{
	t->kind = below(play, 2) ? INTENT_TAKE : INTENT_OFFER;
	t->place = below(play, (uint32_t)play->world.exchange.cell_count);
	t->word = atom64_load_seq(&play->world.cells[t->place]);
	if (t->slot.redelivered)
		slot_deliveries(&t->slot, 0);
	slot_intend(&t->slot, t->kind, t->block, t->word & (STAMP - 1));
	t->phase = OPEN_CELL;
}

static void begin_orphan(struct play *play, struct truth *t)
{
	uint32_t n = below(play, slots_of(&play->world));
	uint64_t word = orphan_of(&play->world, n);

	if (orphan_state(word) != ORPHAN_FULL)
		return;
	t->place = n;
	t->word = word;
	t->deliveries = orphan_deliveries(word) + 1;
	slot_deliveries(&t->slot, t->deliveries);
	slot_intend(&t->slot, INTENT_TAKE, t->block, orphan_block(word));
	t->phase = OPEN_ORPHAN;
}

static void end_cell(struct play *play, struct truth *t)
{
	uint64_t word = t->word;
	uint32_t got = word & (STAMP - 1);

	if (!atom64_cas_seq(&play->world.cells[t->place], &word,
	                    ((word & ~(STAMP - 1)) + STAMP) | t->block)) {
		slot_settle(&t->slot, t->block);
		t->phase = HAS_EMPTY;
		return;
	}
	t->slot.block = t->block = got;
	t->phase = t->kind == INTENT_TAKE ? HAS_LEASE : HAS_EMPTY;
	t->deliveries = 1;
}

static void end_orphan(struct play *play, struct truth *t)
{
	struct truth *from = &play->truth[t->place];
	uint64_t word = t->word;

	if (!atom64_cas_seq(&slot_at(&play->world, t->place)->orphan, &word,
	                    orphan_word(orphan_lap(word), 0, ORPHAN_FREE, t->block))) {
		slot_settle(&t->slot, t->block);
		t->phase = HAS_EMPTY;
		return;
	}
	from->block = t->block;
	from->orphaned = false;
	t->slot.block = t->block = orphan_block(word);
	t->phase = HAS_LEASE;
}

static void begin_giving(struct play *play, struct truth *t, uint32_t n)
{
	uint32_t lap = (orphan_lap(orphan_of(&play->world, n)) + 1) % ORPHAN_LAPS;

	t->word = orphan_of(&play->world, n);
	slot_intend(&t->slot, INTENT_REDELIVER, t->block, lap);
	t->phase = GIVING;
}

static void end_giving(struct play *play, struct truth *t, uint32_t n)
{
	uint64_t word = t->word;
	uint32_t lap = intent_got(t->slot.intent);

	atom64_cas_seq(&slot_at(&play->world, n)->orphan, &word,
	               orphan_word(lap, t->deliveries, ORPHAN_FULL, t->block));
	t->phase = GIVEN;
	t->orphaned = true;
}

static void end_retaking(struct play *play, struct truth *t, uint32_t n)
{
	uint64_t word = t->word;

	t->phase = GIVEN;
	if (!atom64_cas_seq(&slot_at(&play->world, n)->orphan, &word,
	                    orphan_word(orphan_lap(word), t->deliveries, ORPHAN_RETAKEN, orphan_block(word))))
		return;
	t->slot.block = t->block;
	t->orphaned = false;
	t->phase = HAS_RETAKEN;
}

static void play_given(struct play *play, struct truth *t, uint32_t n)
{
	uint64_t word = orphan_of(&play->world, n);

	if (!t->orphaned) {
		assert_true(slot_reclaim(&t->slot, play->world.exchange.blocks));
		assert_int_equal(t->slot.block, t->block);
		t->phase = HAS_EMPTY;
	} else if (below(play, 3) == 0) {
		t->word = word;
		t->deliveries = orphan_deliveries(word) + 1;
		slot_deliveries(&t->slot, t->deliveries);
		t->phase = RETAKING;
	}
}

/* One step of slot n, whose owner lives. */
static void play_step(struct play *play, uint32_t n)
{
	struct truth *t = &play->truth[n];

	switch (t->phase) {
	case HAS_EMPTY:
		if (below(play, 3) == 0)
			begin_orphan(play, t);
		else
			begin_exchange(play, t);
		break;
	case HAS_LEASE:
	case HAS_RETAKEN:
		if (below(play, 2)) {
			begin_giving(play, t, n);
		} else {
			if (t->phase == HAS_LEASE)
				slot_acknowledge(&t->slot);
			else
				slot_settle(&t->slot, t->block);
			t->phase = HAS_EMPTY;
		}
		break;
	case OPEN_CELL:
		end_cell(play, t);
		break;
	case OPEN_ORPHAN:
		end_orphan(play, t);
		break;
	case GIVING:
		end_giving(play, t, n);
		break;
	case RETAKING:
		end_retaking(play, t, n);
		break;
	case GIVEN:
		play_given(play, t, n);
		break;
	}
}

static void open_handle(struct play *play, uint32_t owner)
{
	struct slot slots[HOLDS_MAX];
	uint32_t h;
	uint64_t role;

	if (exchange_claim(&play->world.exchange, ROLE_RECEIVER, owner, false, &h, &role, slots) != 0)
		return;
	play->alive[h] = true;
	play->owner[h] = owner;
	play->roles[h] = role;
	for (uint32_t k = 0; k < play->world.exchange.holds; k++) {
		struct truth *t = &play->truth[h * play->world.exchange.holds + k];

		if (slots[k].given) { /* what the owner before left there still waits */
			assert_int_equal(t->phase, GIVEN);
			t->slot = slots[k];
			continue;
		}
		if (t->slot.shared) /* not its first owner: it finds what was left */
			assert_int_equal(slots[k].block, t->block);
		*t = (struct truth){ .slot = slots[k], .block = slots[k].block };
	}
}

/* What must have become of a slot whose owner died. */
static void check_dead_slot(struct play *play, uint32_t n, bool discard)
{
	struct truth *t = &play->truth[n];
	bool message = t->phase == HAS_LEASE || t->phase == HAS_RETAKEN || t->phase == GIVING;

	if (message && discard) {
		play->discards++;
		assert_true(is_settled(&play->world, n, t->block));
	} else if (message) {
		assert_true(waits_as_orphan(&play->world, n, t->block, t->deliveries));
		t->orphaned = true;
		t->phase = GIVEN;
		return;
	} else if ((t->phase == GIVEN || t->phase == RETAKING) && t->orphaned) {
		assert_int_equal(orphan_state(orphan_of(&play->world, n)), ORPHAN_FULL);
		assert_int_equal(orphan_block(orphan_of(&play->world, n)), t->block);
		t->phase = GIVEN;
		return;
	} else {
		assert_true(is_settled(&play->world, n, t->block));
	}
	t->phase = HAS_EMPTY;
}

static void die(struct play *play, uint32_t h, bool discard)
{
	uint32_t holds = play->world.exchange.holds;

	assert_int_equal(settle(&play->world, play->owner[h], discard), 0);
	if (below(play, 2)) /* another reaper comes, too */
		assert_int_equal(settle(&play->world, play->owner[h], discard), 0);
	for (uint32_t k = 0; k < holds; k++)
		check_dead_slot(play, h * holds + k, discard);
	assert_int_equal(exchange_free(&play->world.exchange, play->owner[h]), 1);
	play->alive[h] = false;
}

static void play_world(uint64_t seed, bool discard)
{
	static struct play play;
	struct exchange_stat stat;
	uint32_t next_owner = 100, handles;

	memset(&play, 0, sizeof play);
	play.seed = seed;
	handles = 1 + below(&play, HANDLES_MAX);
	make_world(&play.world, 1 + below(&play, CELLS_MAX), handles, 1 + below(&play, HOLDS_MAX));
	for (int i = 0; i < 400; i++) {
		uint32_t n = below(&play, slots_of(&play.world)), h = n / play.world.exchange.holds;

		if (below(&play, 12) == 0)
			open_handle(&play, next_owner++);
		else if (play.alive[h] && below(&play, 40) == 0)
			die(&play, h, discard);
		else if (play.alive[h])
			play_step(&play, n);
	}
	for (uint32_t h = 0; h < handles; h++) {
		if (play.alive[h])
			die(&play, h, discard);
	}
	assert_true(is_whole(&play.world));
	exchange_stat(&play.world.exchange, &stat);
	assert_int_equal(stat.discarded, play.discards);
	assert_int_equal(stat.receivers, 0);
}

static void owners_that_die_anywhere_are_settled_as_the_truth_is(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4000; seed++)
		play_world(seed * 0x9e3779b97f4a7c15ull, seed % 4 == 0);
}

/* ---- several reapers at once ---- */

#define ROUNDS 2000
#define REAPERS 3

struct reapers {
	struct play play;
	pthread_barrier_t start, end;
	bool discard, stop;
	int rc[REAPERS];
};

struct reaper {
	struct reapers *all;
	int number;
};

static void *reap_rounds(void *context)
{
	struct reaper *reaper = context;
	struct reapers *reapers = reaper->all;
	struct play *play = &reapers->play;

	for (;;) {
		pthread_barrier_wait(&reapers->start);
		if (reapers->stop)
			return NULL;
		reapers->rc[reaper->number] = 0;
		for (uint32_t h = 0; h < play->world.exchange.handle_count; h++) {
			int rc;

			if (!play->alive[h])
				continue;
			while ((rc = settle(&play->world, play->owner[h], reapers->discard)) == -EAGAIN)
				; /* another one is at it */
			if (rc)
				reapers->rc[reaper->number] = rc;
		}
		pthread_barrier_wait(&reapers->end);
	}
}

static void any_number_of_reapers_do_it_once(void **state)
{
	static struct reapers reapers;
	struct play *play = &reapers.play;
	struct reaper reaper[REAPERS];
	pthread_t threads[REAPERS];
	struct exchange_stat stat;

	(void)state;
	pthread_barrier_init(&reapers.start, NULL, REAPERS + 1);
	pthread_barrier_init(&reapers.end, NULL, REAPERS + 1);
	for (int i = 0; i < REAPERS; i++) {
		reaper[i] = (struct reaper){ .all = &reapers, .number = i };
		assert_int_equal(pthread_create(&threads[i], NULL, reap_rounds, &reaper[i]), 0);
	}
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		memset(play, 0, sizeof *play);
		play->seed = round * 0x9e3779b97f4a7c15ull;
		make_world(&play->world, 4, 4, 2);
		for (uint32_t h = 0; h < 4; h++)
			open_handle(play, 100 + h);
		for (int i = 0; i < 60; i++)
			play_step(play, below(play, 8));
		reapers.discard = round % 4 == 0;
		pthread_barrier_wait(&reapers.start);
		pthread_barrier_wait(&reapers.end);
		for (int i = 0; i < REAPERS; i++)
			assert_int_equal(reapers.rc[i], 0);
		for (uint32_t n = 0; n < 8; n++)
			check_dead_slot(play, n, reapers.discard);
		assert_true(is_whole(&play->world));
		exchange_stat(&play->world.exchange, &stat);
		assert_int_equal(stat.discarded, play->discards);
	}
	reapers.stop = true;
	pthread_barrier_wait(&reapers.start);
	for (int i = 0; i < REAPERS; i++)
		pthread_join(threads[i], NULL);
}

/* ---- reaping while the living move ---- */

#define LIVING 3

struct living {
	struct world *world;
	struct party party;
	uint64_t seed;
	struct atom32 *stop;
	struct atom64 operations;
};

/* Takes, gives back, takes again, acknowledges, sends: as fast as it can. */
static void *live(void *context)
{
	struct living *me = context;
	const struct exchange *exchange = &me->world->exchange;
	uint32_t deliveries;

	while (!atom32_load_seq(me->stop)) {
		struct slot *slot = &me->party.slots[random_next(&me->seed) % exchange->holds];
		enum intent_kind kind = intent_kind(slot->intent);
		uint64_t choice = random_next(&me->seed) >> 8;

		atom64_add_seq(&me->operations, 1);
		if (kind == INTENT_REDELIVER) {
			if (slot_reclaim(slot, exchange->blocks))
				continue;
			if (choice % 2 && slot_retake(slot, exchange->blocks, &all, &deliveries) == STOA_OK)
				slot_settle(slot, slot->block);
		} else if (choice % 4 == 0 &&
		           slot_take_orphan(slot, exchange, &all, &deliveries) == STOA_OK) {
			if (choice % 8)
				slot_give_back(slot);
			else
				slot_acknowledge(slot);
		} else if (take_cell(me->world, slot,
		                     (uint32_t)(choice >> 4) % (uint32_t)exchange->cell_count)) {
			if (choice % 3)
				slot_give_back(slot);
			else
				slot_acknowledge(slot);
		}
	}
	return NULL;
}

/* The victim dies somewhere in an operation; tells whether its one compare-and-swap was done. */
static bool last_operation(struct world *world, struct slot *slot, uint64_t choice, uint32_t *block,
                           bool *message)
{
	uint32_t place = (uint32_t)(choice >> 8) % (uint32_t)world->exchange.cell_count;
	uint64_t word = atom64_load_seq(&world->cells[place]);
	uint32_t got = word & (STAMP - 1), out = slot->block, deliveries;

	*message = false;
	*block = out;
	if (choice % 2 && slot_take_orphan(slot, &world->exchange, &all, &deliveries) == STOA_OK) {
		*block = slot->block;
		return *message = true;
	}
	if (slot->redelivered)
		slot_deliveries(slot, 0);
	slot_intend(slot, choice % 8 < 4 ? INTENT_TAKE : INTENT_OFFER, out, got);
	if (choice % 16 < 8)
		return false;
	if (!atom64_cas_seq(&world->cells[place], &word, ((word & ~(STAMP - 1)) + STAMP) | out))
		return false;
	*block = got;
	*message = choice % 8 < 4;
	return true;
}

static void one_death_among_the_living(struct world *world, uint64_t choice)
{
	struct party victim;
	uint32_t block, n, lap;
	bool message;
	int rc;

	if (exchange_claim(&world->exchange, ROLE_RECEIVER, 99, false, &victim.handle, &victim.role, victim.slots) !=
	    0)
		return; /* its last orphan still waits */
	if (victim.slots[0].given && !slot_reclaim(&victim.slots[0], world->exchange.blocks)) {
		exchange_release(&world->exchange, victim.handle, victim.role);
		return;
	}
	n = victim.handle * world->exchange.holds;
	lap = orphan_lap(orphan_of(world, n));
	last_operation(world, &victim.slots[0], choice, &block, &message);
	while ((rc = settle(world, 99, false)) == -EAGAIN)
		;
	assert_int_equal(rc, 0);
	if (!message) {
		assert_true(is_settled(world, n, block));
	} else {
		assert_int_equal(orphan_lap(orphan_of(world, n)), (lap + 1) % ORPHAN_LAPS);
		/* one of the living may have taken it already, and then the slot is settled */
		if (intent_kind(intent_of(world, n)) == INTENT_REDELIVER)
			assert_int_equal(intent_out(intent_of(world, n)), block);
	}
	exchange_free(&world->exchange, 99);
}

static void decisions_are_right_while_the_living_move(void **state)
{
	static struct world world;
	static struct living living[LIVING];
	uint64_t seed = 0x1234567, end = os_now_ns() + 3000000000ull;
	struct atom32 stop = { 0 };
	pthread_t threads[LIVING];

	(void)state;
	make_world(&world, 2, LIVING + 2, 2);
	for (int i = 0; i < LIVING; i++) {
		living[i] = (struct living){ .world = &world, .seed = 77 + (uint64_t)i, .stop = &stop };
		join(&world, &living[i].party, ROLE_RECEIVER, 1 + (uint32_t)i);
		assert_int_equal(pthread_create(&threads[i], NULL, live, &living[i]), 0);
	}
	while (os_now_ns() < end)
		one_death_among_the_living(&world, random_next(&seed) >> 8);
	atom32_store_seq(&stop, 1);
	for (int i = 0; i < LIVING; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(settle(&world, 1 + (uint32_t)i, false), 0);
	}
	assert_true(is_whole(&world));
}

/* One message that is never acknowledged, and goes from hand to hand. */
static void *pass_on(void *context)
{
	struct living *me = context;
	const struct exchange *exchange = &me->world->exchange;
	struct slot *slot = &me->party.slots[0];
	uint32_t deliveries;

	while (!atom32_load_seq(me->stop)) {
		if (intent_kind(slot->intent) == INTENT_REDELIVER) {
			slot_reclaim(slot, exchange->blocks);
		} else if (slot_take_orphan(slot, exchange, &all, &deliveries) == STOA_OK) {
			slot_give_back(slot);
			atom64_add_seq(&me->operations, 1);
		}
	}
	return NULL;
}

static void a_message_that_goes_from_hand_to_hand_is_always_seen_as_held(void **state)
{
	static struct world world;
	static struct living living[LIVING];
	uint64_t end, looks = 0;
	struct atom32 stop = { 0 };
	pthread_t threads[LIVING];
	struct party first;
	int unseen = 0;

	(void)state;
	make_world(&world, 1, LIVING + 1, 1);
	join(&world, &first, ROLE_RECEIVER, 9);
	take_cell(&world, &first.slots[0], 0);
	slot_give_back(&first.slots[0]);
	for (int i = 0; i < LIVING; i++) {
		living[i] = (struct living){ .world = &world, .stop = &stop };
		join(&world, &living[i].party, ROLE_RECEIVER, 1 + (uint32_t)i);
		assert_int_equal(pthread_create(&threads[i], NULL, pass_on, &living[i]), 0);
	}
	for (end = os_now_ns() + 2000000000ull; os_now_ns() < end && !unseen; looks++)
		unseen += exchange_held(&world.exchange, NULL) != 1;
	atom32_store_seq(&stop, 1);
	for (int i = 0; i < LIVING; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(unseen, 0);
	assert_true(looks > 0);
}

/* ---- garbage ---- */

static void words_of_garbage_crash_and_loop_nowhere(void **state)
{
	static struct world world;
	uint64_t seed = 0xdeadbeef;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct exchange_stat stat;
		struct slot slots[HOLDS_MAX];
		uint32_t handle, deliveries;
		uint64_t role, held;
		uint8_t *bytes = world.handles;

		make_world(&world, 4, 4, 2);
		for (int i = 0; i < 1 + round % 24; i++) {
			uint64_t at = random_next(&seed) % (4 * exchange_handle_stride(2) / 8) * 8;
			uint64_t garbage = random_next(&seed);

			if (round % 3 == 0) /* not all too wild */
				garbage &= 0xff0f00000f00000full;
			memcpy(bytes + at, &garbage, 8);
			put_in_cell(&world, (uint32_t)garbage % 4, (uint32_t)(garbage >> 7) & 15);
		}
		if (round % 16) /* an undecided world takes a thousand scans */
			own(&world, (uint32_t)round % 4, ROLE_SENDER, 5);
		alarm(10);
		settle(&world, (uint32_t)round % 16 ? 1000000 : 5, round & 1);
		exchange_free(&world.exchange, 5);
		exchange_held(&world.exchange, &held);
		exchange_stat(&world.exchange, &stat);
		exchange_any_orphan(&world.exchange);
		if (exchange_claim(&world.exchange, ROLE_SENDER, 5, false, &handle, &role, slots) == 0) {
			assert_true(slots[0].block < world.exchange.blocks);
			slot_take_orphan(&slots[0], &world.exchange, &all, &deliveries);
			assert_true(slots[0].block < world.exchange.blocks);
			slot_give_back(&slots[0]);
			slot_retake(&slots[0], world.exchange.blocks, &all, &deliveries);
			slot_reclaim(&slots[0], world.exchange.blocks);
			assert_true(slots[0].block < world.exchange.blocks);
			exchange_release(&world.exchange, handle, role);
		}
		alarm(0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owners_that_die_anywhere_are_settled_as_the_truth_is),
		cmocka_unit_test(any_number_of_reapers_do_it_once),
		cmocka_unit_test(decisions_are_right_while_the_living_move),
		cmocka_unit_test(a_message_that_goes_from_hand_to_hand_is_always_seen_as_held),
		cmocka_unit_test(words_of_garbage_crash_and_loop_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
