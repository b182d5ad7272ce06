/* SPDX-License-Identifier: BSD-2-Clause */
/* The exchange ring by itself, in plain memory: cells, cursors, hints, the closed frontier, garbage. */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <stoa/queue.h>

#include "os.h"
#include "xring.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define LARGEST 5000
#define HOLDS 2
#define LAP_SHIFT 26
#define LAPS (1ull << 38)

enum {
	FREE = 0,
	FULL = 1,
	CLOSED = 2
};

static const uint64_t capacities[] = { 1, 2, 3, 7, 8, 1000 };
static const uint64_t sizes[] = { 1, 31, 32, 33, 48, 49, 63, 64, 65, 4096, LARGEST };

struct end {
	struct xring_cursor cursor;
	struct slot slots[HOLDS];
	uint32_t handle;
	uint64_t role;
};

struct world {
	struct stoa_queue_config config;
	struct xring ring;
	void *memory;
	uint64_t bytes;
	struct end sender, receiver;
};

static void format_world(struct world *world, uint64_t capacity, uint64_t message_size, uint32_t handles)
{
	struct xring_layout plan;

	memset(world, 0, sizeof *world);
	world->config = (struct stoa_queue_config){
		.capacity = capacity,
		.message_size = message_size,
		.handles = handles,
		.holds = HOLDS,
		.pack = 1,
	};
	assert_int_equal(xring_plan(&world->config, 0, &plan, &world->bytes), 0);
	assert_int_equal(world->bytes % 64, 0);
	assert_int_equal(posix_memalign(&world->memory, 64, world->bytes), 0);
	memset(world->memory, 0, world->bytes);
	memcpy(world->memory, &plan, sizeof plan);
	assert_int_equal(xring_view(&world->ring, &world->config, world->memory, world->memory, &plan), 0);
	xring_format(&world->ring);
}

static int open_end(struct world *world, struct end *end, uint32_t role)
{
	int rc = exchange_claim(&world->ring.exchange, role, 1, false, &end->handle, &end->role, end->slots);

	if (role == ROLE_SENDER)
		xring_start_send(&world->ring, &end->cursor);
	else
		xring_start_receive(&world->ring, &end->cursor);
	return rc;
}

static void make_world(struct world *world, uint64_t capacity, uint64_t message_size)
{
	format_world(world, capacity, message_size, 3);
	assert_int_equal(open_end(world, &world->sender, ROLE_SENDER), 0);
	assert_int_equal(open_end(world, &world->receiver, ROLE_RECEIVER), 0);
}

static void free_world(struct world *world)
{
	free(world->memory);
}

static uint64_t word(uint64_t lap, unsigned state, uint64_t block)
{
	return lap << LAP_SHIFT | (uint64_t)state << BLOCK_BITS | block;
}

static uint64_t cell(const struct world *world, uint64_t index)
{
	return atom64_load_seq(&world->ring.exchange.cells[index]);
}

static void set_cell(const struct world *world, uint64_t index, uint64_t to)
{
	atom64_store_seq(&world->ring.exchange.cells[index], to);
}

/* As if so many messages had gone through before. */
static void start_at(struct world *world, uint64_t position)
{
	uint64_t capacity = world->ring.capacity;

	for (uint64_t i = 0; i < capacity; i++)
		set_cell(world, i, word(position / capacity + (i < position % capacity), FREE, i));
	atom64_store_seq(&world->ring.shared->tail_hint, position);
	atom64_store_seq(&world->ring.shared->head_hint, position);
}

static void fill(uint8_t *bytes, uint64_t size, uint64_t tag)
{
	for (uint64_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(tag * 31 + i * 7 + (i >> 8));
}

static bool is_filled(const uint8_t *bytes, uint64_t size, uint64_t tag)
{
	for (uint64_t i = 0; i < size; i++) {
		if (bytes[i] != (uint8_t)(tag * 31 + i * 7 + (i >> 8)))
			return false;
	}
	return true;
}

static uint64_t size_of(const struct world *world, uint64_t tag)
{
	return world->config.message_size - tag % (world->config.message_size + 1);
}

static int push_by(struct world *world, struct end *end, uint64_t tag)
{
	struct slot *slot = &end->slots[tag % HOLDS];
	uint64_t size = size_of(world, tag);

	fill(xring_payload(&world->ring, slot->block), size, tag);
	return xring_push(&world->ring, &end->cursor, slot, size);
}

static int push(struct world *world, uint64_t tag)
{
	return push_by(world, &world->sender, tag);
}

static int pop_any(struct world *world, struct end *end, bool drain, uint64_t *size)
{
	return xring_pop(&world->ring, &end->cursor, &end->slots[0], LARGEST, drain, size);
}

/* The next message, which must be `tag`, the id-th; acknowledged. */
static void pop_by(struct world *world, struct end *end, uint64_t tag, uint64_t id)
{
	uint64_t size = 0, told, told_id;
	uint32_t block;

	assert_int_equal(pop_any(world, end, false, &size), STOA_OK);
	block = end->slots[0].block;
	assert_int_equal(size, size_of(world, tag));
	assert_true(is_filled(xring_payload(&world->ring, block), size, tag));
	assert_int_equal(xring_message(&world->ring, block, &told, &told_id), 0);
	assert_int_equal(told, size);
	assert_int_equal(told_id, id);
	assert_int_equal((uintptr_t)xring_payload(&world->ring, block) % 64, 0);
	slot_acknowledge(&end->slots[0]);
}

static void pop(struct world *world, uint64_t tag, uint64_t id)
{
	pop_by(world, &world->receiver, tag, id);
}

static int pop_nothing(struct world *world, bool drain)
{
	uint64_t size;

	return pop_any(world, &world->receiver, drain, &size);
}

/* Where nobody is in an operation: every block is in one cell or one slot. */
static bool is_whole(const struct world *world)
{
	const struct exchange *exchange = &world->ring.exchange;
	uint8_t *found = calloc(exchange->blocks, 1);
	bool whole = true;

	for (uint64_t i = 0; i < exchange->cell_count; i++)
		found[cell(world, i) & (BLOCKS_MAX - 1)]++;
	for (uint32_t h = 0; h < exchange->handle_count; h++) {
		for (uint32_t k = 0; k < exchange->holds; k++) {
			uint64_t intent = atom64_load_seq(&exchange_slot(exchange, h, k)->intent);
			const struct end *ends[] = { &world->sender, &world->receiver };
			uint32_t block = intent_out(intent);

			for (size_t e = 0; e < LENGTH(ends); e++) {
				if (ends[e]->slots[k].shared == exchange_slot(exchange, h, k))
					block = ends[e]->slots[k].block;
			}
			found[block]++;
		}
	}
	for (uint32_t b = 0; b < exchange->blocks; b++)
		whole = whole && found[b] == 1;
	free(found);
	return whole;
}

/* ---- plan ---- */

static void a_plan_holds_all_its_parts_apart_and_aligned(void **state)
{
	(void)state;
	for (size_t c = 0; c < LENGTH(capacities); c++) {
		for (size_t s = 0; s < LENGTH(sizes); s++) {
			struct stoa_queue_config config = {
				.capacity = capacities[c], .message_size = sizes[s], .handles = 5, .holds = 3
			};
			struct xring_layout plan;
			uint64_t end;

			assert_int_equal(xring_plan(&config, 128, &plan, &end), 0);
			assert_true(plan.cells_offset >= 128 + sizeof plan);
			assert_true(plan.handles_offset >= plan.cells_offset + 8 * capacities[c]);
			assert_true(plan.blocks_offset >=
			            plan.handles_offset + 5 * exchange_handle_stride(3));
			assert_true(plan.trailer_offset >= sizes[s] && plan.trailer_offset % 8 == 0);
			assert_true(plan.block_stride >= plan.trailer_offset + offsetof(struct xring_trailer, consumed));
			assert_true(end >= plan.blocks_offset + plan.block_stride * (capacities[c] + 15));
			assert_int_equal(plan.handles_offset % 64, 0);
			assert_int_equal(plan.blocks_offset % 64, 0);
			assert_int_equal(plan.block_stride % 64, 0);
			assert_true(sizes[s] > 48 || plan.block_stride == 64);
		}
	}
}

static void a_plan_beyond_what_can_be_numbered_overflows(void **state)
{
	static const struct stoa_queue_config configs[] = {
		{ .capacity = UINT64_MAX, .message_size = 1, .handles = 1, .holds = 1 },
		{ .capacity = BLOCKS_MAX, .message_size = 1, .handles = 1, .holds = 1 },
		{ .capacity = BLOCKS_MAX - 1, .message_size = 1, .handles = 1, .holds = 1 },
		{ .capacity = 1, .message_size = 1, .handles = 16384, .holds = 4096 },
		{ .capacity = 1, .message_size = UINT64_MAX, .handles = 1, .holds = 1 },
		{ .capacity = 1, .message_size = UINT64_MAX - 16, .handles = 1, .holds = 1 },
		{ .capacity = 1, .message_size = 1ull << 62, .handles = 2, .holds = 2 },
		{ .capacity = 1, .message_size = 1ull << 46, .handles = 1, .holds = 1, .pack = 4 },
		{ .capacity = 1, .message_size = 1ull << 62, .handles = 1, .holds = 1, .pack = 4 },
	};
	struct xring_layout plan;
	uint64_t end;

	(void)state;
	for (size_t i = 0; i < LENGTH(configs); i++)
		assert_int_equal(xring_plan(&configs[i], 128, &plan, &end), -EOVERFLOW);
}

/* ---- one sender, one receiver ---- */

static void full_and_empty_are_exact_at_every_capacity_and_size(void **state)
{
	(void)state;
	for (size_t c = 0; c < LENGTH(capacities); c++) {
		for (size_t s = 0; s < LENGTH(sizes); s++) {
			struct world world;
			uint64_t sent = 0, received = 0, told_sent, told_received;

			make_world(&world, capacities[c], sizes[s]);
			for (int lap = 0; lap < 3; lap++) {
				assert_int_equal(pop_nothing(&world, false), STOA_EMPTY);
				for (uint64_t i = 0; i < capacities[c]; i++, sent++)
					assert_int_equal(push(&world, sent), STOA_OK);
				assert_int_equal(push(&world, sent), STOA_FULL);
				pop(&world, received, received);
				received++;
				assert_int_equal(push(&world, sent++), STOA_OK);
				assert_int_equal(push(&world, sent), STOA_FULL);
				for (; received < sent; received++)
					pop(&world, received, received);
				assert_true(is_whole(&world));
			}
			assert_int_equal(xring_positions(&world.ring, &told_sent, &told_received), 0);
			assert_int_equal(told_sent, sent);
			assert_int_equal(told_received, sent);
			free_world(&world);
		}
	}
}

static void laps_wrap_around(void **state)
{
	(void)state;
	for (size_t c = 0; c < LENGTH(capacities); c++) {
		for (uint64_t before = 0; before < 2 * capacities[c] && before < 20;
		     before += 1 + capacities[c] / 3) {
			struct world world;
			uint64_t first = LAPS * capacities[c] - before, sent, received;
			struct end late;

			format_world(&world, capacities[c], 40, 3);
			start_at(&world, first);
			assert_int_equal(open_end(&world, &world.sender, ROLE_SENDER), 0);
			assert_int_equal(open_end(&world, &world.receiver, ROLE_RECEIVER), 0);
			sent = received = first;
			for (int lap = 0; lap < 5; lap++) {
				assert_int_equal(pop_nothing(&world, false), STOA_EMPTY);
				for (uint64_t i = 0; i < capacities[c]; i++, sent++)
					assert_int_equal(push(&world, sent), STOA_OK);
				assert_int_equal(push(&world, sent), STOA_FULL);
				for (; received < sent; received++)
					pop(&world, received, received);
			}
			/* and a newcomer finds its way by the hints, which are of full width */
			assert_int_equal(open_end(&world, &late, ROLE_RECEIVER), 0);
			assert_int_equal(push(&world, sent), STOA_OK);
			pop_by(&world, &late, received, received);
			free_world(&world);
		}
	}
}

static void a_message_longer_than_the_room_stays_first_in_line(void **state)
{
	struct world world;
	struct slot *slot;
	uint64_t size = 0;

	(void)state;
	make_world(&world, 4, 8);
	slot = &world.receiver.slots[0];
	assert_int_equal(push(&world, 0), STOA_OK); /* of 8 bytes */
	for (uint64_t room = 0; room < 8; room++) {
		assert_int_equal(xring_pop(&world.ring, &world.receiver.cursor, slot, room, false, &size),
		                 -EMSGSIZE);
		assert_int_equal(size, 8);
	}
	assert_int_equal(xring_pop(&world.ring, &world.receiver.cursor, slot, 8, false, &size), STOA_OK);
	assert_true(is_whole(&world));
	free_world(&world);
}

static void readable_and_writable_are_exact(void **state)
{
	struct world world;
	struct xring_cursor head = { 0 }, tail = { 0 };

	(void)state;
	make_world(&world, 2, 8);
	for (uint64_t i = 0; i < 20; i += 2) {
		assert_false(xring_readable(&world.ring, &head));
		assert_true(xring_writable(&world.ring, &tail));
		assert_int_equal(push(&world, i), STOA_OK);
		assert_true(xring_readable(&world.ring, &head));
		assert_true(xring_writable(&world.ring, &tail));
		assert_int_equal(push(&world, i + 1), STOA_OK);
		assert_false(xring_writable(&world.ring, &tail));
		pop(&world, i, i);
		assert_true(xring_writable(&world.ring, &tail));
		pop(&world, i + 1, i + 1);
	}
	free_world(&world);
}

/* ---- handles that were away, hints ---- */

static void a_handle_that_was_away_finds_its_way(void **state)
{
	(void)state;
	for (size_t c = 0; c < LENGTH(capacities); c++) {
		for (uint64_t away = 1; away < 4 * capacities[c] + 3 && away < 200; away += 1 + away / 8) {
			struct world world;
			struct end other;
			uint64_t position = 0;

			make_world(&world, capacities[c], 8);
			assert_int_equal(open_end(&world, &other, ROLE_SENDER), 0);
			for (; position < away; position++) {
				assert_int_equal(push(&world, position), STOA_OK);
				pop(&world, position, position);
			}
			atom64_store_seq(&world.ring.shared->tail_hint, 0); /* no help */
			atom64_store_seq(&world.ring.shared->head_hint, 0);
			assert_int_equal(push_by(&world, &other, position), STOA_OK);
			xring_start_receive(&world.ring, &other.cursor);
			pop_by(&world, &other, position, position);
			xring_start_receive(&world.ring, &other.cursor);
			assert_int_equal(pop_any(&world, &other, false, &position), STOA_EMPTY);
			free_world(&world);
		}
	}
}

static void wrong_hints_are_found_out(void **state)
{
	static const uint64_t hints[] = { 0,          1,          7,          100,
		                          1ull << 20, 1ull << 37, 1ull << 40, UINT64_MAX / 2,
		                          UINT64_MAX };

	(void)state;
	for (size_t c = 0; c < LENGTH(capacities); c++) {
		for (size_t h = 0; h < LENGTH(hints); h++) {
			struct world world;
			struct end late;
			uint64_t sent, received, size;

			if (hints[h] > 30 && hints[h] / capacities[c] == 30 / capacities[c])
				continue; /* within the lap no word tells that it lies */
			make_world(&world, capacities[c], 8);
			for (uint64_t i = 0; i < 30; i++) {
				assert_int_equal(push(&world, i), STOA_OK);
				pop(&world, i, i);
			}
			atom64_store_seq(&world.ring.shared->tail_hint, hints[h]);
			atom64_store_seq(&world.ring.shared->head_hint, hints[h]);
			alarm(10);
			assert_int_equal(open_end(&world, &late, ROLE_SENDER), 0);
			assert_int_equal(push_by(&world, &late, 30), STOA_OK);
			xring_start_receive(&world.ring, &late.cursor);
			late.cursor.lap += late.cursor.lap == 0 ? 0 : 1; /* and its own cursor, too */
			if (hints[h] < LAPS) {
				pop_by(&world, &late, 30, 30);
				assert_int_equal(xring_positions(&world.ring, &sent, &received), 0);
				assert_int_equal(sent, 31);
				assert_int_equal(received, 31);
			} else { /* the words count laps by 38 bits: beyond, a number may be off by that */
				assert_int_equal(pop_any(&world, &late, false, &size), STOA_OK);
				assert_true(
					is_filled(xring_payload(&world.ring, late.slots[0].block), size, 30));
				assert_int_equal(pop_any(&world, &late, false, &size), STOA_EMPTY);
			}
			alarm(0);
			free_world(&world);
		}
	}
}

/* ---- the closed frontier ---- */

static void a_drained_ring_gives_its_rest_and_closes_its_frontier(void **state)
{
	(void)state;
	for (uint64_t count = 0; count <= 4; count++) {
		struct world world;
		uint64_t size, sent, received;

		make_world(&world, 3, 8);
		for (uint64_t i = 0; i < count && i < 3; i++)
			assert_int_equal(push(&world, i), STOA_OK);
		if (count == 4) {
			pop(&world, 0, 0);
			assert_int_equal(push(&world, 3), STOA_OK);
		}
		for (uint64_t i = count == 4; i < count; i++) {
			assert_int_equal(pop_any(&world, &world.receiver, true, &size), STOA_OK);
			slot_acknowledge(&world.receiver.slots[0]);
		}
		assert_int_equal(push(&world, 9), STOA_OK); /* a drain closes nothing before it is empty */
		assert_int_equal(pop_any(&world, &world.receiver, true, &size), STOA_OK);
		slot_acknowledge(&world.receiver.slots[0]);
		assert_int_equal(pop_nothing(&world, true), STOA_CLOSED);
		assert_int_equal(push(&world, 9), STOA_CLOSED);
		assert_int_equal(pop_nothing(&world, true), STOA_CLOSED);
		assert_int_equal(pop_nothing(&world, false), STOA_CLOSED);
		assert_false(xring_readable(&world.ring,
		                            &world.receiver.cursor)); /* whether it ends is queue.c's */
		assert_true(xring_writable(&world.ring, &world.sender.cursor));
		assert_int_equal(xring_positions(&world.ring, &sent, &received), 0);
		assert_int_equal(sent, count + 1);
		assert_int_equal(received, count + 1);
		assert_true(is_whole(&world));
		free_world(&world);
	}
}

static void a_closed_ring_knows_its_positions_whatever_the_hints_say(void **state)
{
	(void)state;
	for (uint64_t count = 0; count < 150; count++) {
		struct world world;
		uint64_t sent, received;
		struct end late;

		make_world(&world, 32, 8);
		for (uint64_t i = 0; i < count; i++) {
			assert_int_equal(push(&world, i), STOA_OK);
			pop(&world, i, i);
		}
		assert_int_equal(pop_nothing(&world, true), STOA_CLOSED);
		for (uint64_t hint = 0; hint <= count; hint += 16) { /* a hint may have been stored late */
			atom64_store_seq(&world.ring.shared->tail_hint, hint);
			atom64_store_seq(&world.ring.shared->head_hint, hint);
			assert_int_equal(xring_positions(&world.ring, &sent, &received), 0);
			assert_int_equal(sent, count);
			assert_int_equal(received, count);
		}
		assert_int_equal(open_end(&world, &late, ROLE_SENDER), 0);
		assert_int_equal(push_by(&world, &late, 0), STOA_CLOSED);
		free_world(&world);
	}
}

/* ---- many threads ---- */

#define THREADS 3
#define MESSAGES 8000

struct crowd {
	struct world world;
	uint8_t seen[THREADS * MESSAGES];
	struct atom64 received;
	struct atom32 wrong, closing;
	struct atom64 accepted[THREADS], got[THREADS];
};

struct member {
	struct crowd *crowd;
	struct end end;
	uint32_t number;
};

static void *send_all(void *context)
{
	struct member *me = context;
	const struct xring *ring = &me->crowd->world.ring;
	uint32_t i = 0;

	while (i < MESSAGES) {
		uint64_t *bytes = xring_payload(ring, me->end.slots[0].block);
		int rc;

		bytes[0] = me->number;
		bytes[1] = i;
		rc = xring_push(ring, &me->end.cursor, &me->end.slots[0], 16);
		if (rc == STOA_OK)
			i++;
		else if (rc != STOA_FULL)
			break;
		else
			os_yield();
	}
	atom64_store_seq(&me->crowd->accepted[me->number], i);
	return NULL;
}

static void *receive_all(void *context)
{
	struct member *me = context;
	struct crowd *crowd = me->crowd;
	const struct xring *ring = &crowd->world.ring;
	uint64_t last[THREADS] = { 0 }, size;

	for (;;) {
		bool drain = atom32_load_seq(&crowd->closing);
		int rc = xring_pop(ring, &me->end.cursor, &me->end.slots[0], 16, drain, &size);
		const uint64_t *bytes;

		if (rc == STOA_EMPTY) {
			if (atom64_load_seq(&crowd->received) == THREADS * MESSAGES)
				return NULL;
			os_yield();
			continue;
		}
		if (rc != STOA_OK) {
			atom32_add_seq(&crowd->wrong, rc != STOA_CLOSED);
			return NULL;
		}
		bytes = xring_payload(ring, me->end.slots[0].block);
		/* in the order of each sender, among what this receiver gets */
		if (size != 16 || bytes[0] >= THREADS || bytes[1] >= MESSAGES ||
		    bytes[1] + 1 <= last[bytes[0]] || crowd->seen[bytes[0] * MESSAGES + bytes[1]]++) {
			atom32_add_seq(&crowd->wrong, 1);
			return NULL;
		}
		last[bytes[0]] = bytes[1] + 1;
		atom64_add_seq(&crowd->got[bytes[0]], 1);
		slot_acknowledge(&me->end.slots[0]);
		atom64_add_seq(&crowd->received, 1);
	}
}

static void run_crowd(struct crowd *crowd, uint64_t capacity, uint32_t senders, uint32_t receivers,
                      int close_after_us)
{
	struct member members[2 * THREADS];
	pthread_t threads[2 * THREADS];
	uint32_t n = senders + receivers;

	memset(crowd, 0, sizeof *crowd);
	format_world(&crowd->world, capacity, 16, n);
	atom64_store_seq(&crowd->received, (uint64_t)(THREADS - senders) * MESSAGES);
	for (uint32_t i = 0; i < n; i++) {
		members[i] = (struct member){ .crowd = crowd, .number = i };
		assert_int_equal(
			open_end(&crowd->world, &members[i].end, i < senders ? ROLE_SENDER : ROLE_RECEIVER),
			0);
	}
	alarm(60);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, i < senders ? send_all : receive_all, &members[i]),
			0);
	if (close_after_us) {
		os_sleep_ns((uint64_t)close_after_us * 1000);
		atom32_store_seq(&crowd->closing, 1);
	}
	for (uint32_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	alarm(0);
	assert_int_equal(atom32_load_seq(&crowd->wrong), 0);
	for (uint32_t i = 0; i < senders; i++)
		assert_int_equal(atom64_load_seq(&crowd->got[i]), atom64_load_seq(&crowd->accepted[i]));
	free_world(&crowd->world);
}

static void every_message_comes_once_and_in_its_senders_order(void **state)
{
	static struct crowd crowd;
	static const uint64_t some[] = { 1, 2, 3, 64 };

	(void)state;
	for (size_t c = 0; c < LENGTH(some); c++) {
		run_crowd(&crowd, some[c], THREADS, THREADS, 0);
		run_crowd(&crowd, some[c], 1, 1, 0);
		run_crowd(&crowd, some[c], THREADS, 1, 0);
		run_crowd(&crowd, some[c], 1, THREADS, 0);
	}
}

static void nothing_is_committed_behind_a_closed_frontier(void **state)
{
	static struct crowd crowd;
	static const uint64_t some[] = { 1, 2, 5, 64 };

	(void)state;
	for (int round = 0; round < 60; round++)
		run_crowd(&crowd, some[round % 4], THREADS, 1 + (uint32_t)round % THREADS,
		          20 + round * 23 % 700);
}

/* ---- garbage ---- */

static int expected_push(int rc)
{
	return rc == STOA_OK || rc == STOA_FULL || rc == STOA_CLOSED || rc == -EBADMSG;
}

static int expected_pop(int rc)
{
	return rc == STOA_OK || rc == STOA_EMPTY || rc == STOA_CLOSED || rc == -EBADMSG || rc == -EMSGSIZE;
}

/* Operations on words of nonsense: each ends, and uses no block that there is not. */
static void use_garbage(struct world *world, struct end *ends, uint64_t *seed)
{
	uint64_t size = 0, id, sent, received;

	for (int i = 0; i < 10; i++) {
		bool drain = random_next(seed) % 4 == 0;
		uint32_t k = random_next(seed) % HOLDS;

		assert_true(expected_push(xring_push(&world->ring, &ends[0].cursor, &ends[0].slots[k],
		                                     random_next(seed) % 50)));
		assert_true(ends[0].slots[k].block < world->ring.exchange.blocks);
		assert_true(expected_pop(
			xring_pop(&world->ring, &ends[1].cursor, &ends[1].slots[k], 20, drain, &size)));
		assert_true(ends[1].slots[k].block < world->ring.exchange.blocks);
		xring_message(&world->ring, ends[1].slots[k].block, &size, &id);
		slot_acknowledge(&ends[1].slots[k]);
		xring_readable(&world->ring, &ends[1].cursor);
		xring_writable(&world->ring, &ends[0].cursor);
		xring_positions(&world->ring, &sent, &received);
	}
}

static uint64_t garbage_word(uint64_t *seed, bool tame)
{
	uint64_t random = random_next(seed);

	if (tame) /* blocks and states that there are, laps far apart */
		return word(random_next(seed) % LAPS, random % 3, (random >> 8) % 9);
	return random_next(seed);
}

static void words_of_garbage_crash_and_loop_nowhere(void **state)
{
	static const uint64_t some[] = { 1, 2, 3, 4, 7, 40 };
	uint64_t seed = 0x5eed;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct world world;
		struct end ends[2];
		bool tame = round % 2, spoil_all = round % 3 == 0;

		format_world(&world, some[round % 6], 40, 2);
		assert_int_equal(open_end(&world, &ends[0], ROLE_SENDER), 0);
		assert_int_equal(open_end(&world, &ends[1], ROLE_RECEIVER), 0);
		for (uint64_t i = 0; i < world.ring.capacity; i++) {
			if (spoil_all || random_next(&seed) % 3 == 0)
				set_cell(&world, i, garbage_word(&seed, tame));
		}
		for (uint32_t b = 0; b < world.ring.exchange.blocks; b++) {
			uint64_t *trailer = (uint64_t *)(void *)((uint8_t *)xring_payload(&world.ring, b) +
			                                         world.ring.trailer_offset);

			trailer[0] = random_next(&seed);
			trailer[1] = random_next(&seed) >> random_next(&seed) % 64;
		}
		atom64_store_seq(&world.ring.shared->tail_hint, garbage_word(&seed, tame));
		atom64_store_seq(&world.ring.shared->head_hint, garbage_word(&seed, tame));
		if (round % 4 == 0)
			xring_start_send(&world.ring, &ends[0].cursor);
		if (round % 5 == 0)
			xring_start_receive(&world.ring, &ends[1].cursor);
		alarm(10);
		use_garbage(&world, ends, &seed);
		alarm(0);
		free_world(&world);
	}
}

static void laps_that_chase_each_other_around_the_wrap_end_in_a_fault(void **state)
{
	struct world world;
	uint64_t size;

	(void)state;
	/* Each cell looks ahead of the one before it, all around. */
	make_world(&world, 3, 8);
	for (uint64_t i = 0; i < 3; i++)
		set_cell(&world, i, word(LAPS / 3 * i + 10, FULL, i));
	alarm(10);
	assert_int_equal(push(&world, 0), -EBADMSG);
	assert_int_equal(pop_any(&world, &world.receiver, false, &size), -EBADMSG);
	alarm(0);
	free_world(&world);
}

static void unknown_states_and_blocks_are_faults(void **state)
{
	struct world world;
	uint64_t size;

	(void)state;
	make_world(&world, 1, 8);
	set_cell(&world, 0, word(0, 3, 0));
	assert_int_equal(push(&world, 0), -EBADMSG);
	assert_int_equal(pop_any(&world, &world.receiver, false, &size), -EBADMSG);
	set_cell(&world, 0, word(0, FREE, world.ring.exchange.blocks));
	assert_int_equal(push(&world, 0), -EBADMSG);
	set_cell(&world, 0, word(0, FULL, world.ring.exchange.blocks));
	assert_int_equal(pop_any(&world, &world.receiver, false, &size), -EBADMSG);
	set_cell(&world, 0, word(0, FULL, 0));
	memset((uint8_t *)xring_payload(&world.ring, 0) + world.ring.trailer_offset, 0xff, 16);
	assert_int_equal(pop_any(&world, &world.receiver, false, &size), -EBADMSG);
	free_world(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_holds_all_its_parts_apart_and_aligned),
		cmocka_unit_test(a_plan_beyond_what_can_be_numbered_overflows),
		cmocka_unit_test(full_and_empty_are_exact_at_every_capacity_and_size),
		cmocka_unit_test(laps_wrap_around),
		cmocka_unit_test(a_message_longer_than_the_room_stays_first_in_line),
		cmocka_unit_test(readable_and_writable_are_exact),
		cmocka_unit_test(a_handle_that_was_away_finds_its_way),
		cmocka_unit_test(wrong_hints_are_found_out),
		cmocka_unit_test(a_drained_ring_gives_its_rest_and_closes_its_frontier),
		cmocka_unit_test(a_closed_ring_knows_its_positions_whatever_the_hints_say),
		cmocka_unit_test(every_message_comes_once_and_in_its_senders_order),
		cmocka_unit_test(nothing_is_committed_behind_a_closed_frontier),
		cmocka_unit_test(laps_that_chase_each_other_around_the_wrap_end_in_a_fault),
		cmocka_unit_test(unknown_states_and_blocks_are_faults),
		cmocka_unit_test(words_of_garbage_crash_and_loop_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
