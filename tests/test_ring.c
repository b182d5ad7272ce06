/* SPDX-License-Identifier: BSD-2-Clause */
/* The SPSC ring by itself, in plain memory: its two halves, its words, its successors, its drain. */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <stoa/queue.h>

#include "os.h"
#include "ring.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define LARGEST 5000

enum {
	ASK = 1,
	COMMITTED = 2,
	CLOSED = 3
}; /* a verdict, over its position << 2 */

static const uint64_t capacities[] = { 1, 2, 3, 7, 8, 1000 };
static const uint64_t sizes[] = { 1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 4096, LARGEST };

struct world {
	struct stoa_queue_config config;
	struct ring ring;
	void *memory;
	uint64_t bytes;
	struct ring_sender sender;
	struct ring_receiver receiver;
};

static void format_world(struct world *world, uint64_t capacity, uint64_t message_size, uint32_t holds)
{
	struct ring_layout plan, *shared;

	memset(world, 0, sizeof *world);
	world->config = (struct stoa_queue_config){ .capacity = capacity,
		                                    .message_size = message_size,
		                                    .holds = holds };
	assert_int_equal(ring_plan(&world->config, sizeof(struct queue_layout), &plan, &world->bytes), 0);
	assert_int_equal(world->bytes % 64, 0);
	assert_int_equal(posix_memalign(&world->memory, 64, world->bytes), 0);
	memset(world->memory, 0, world->bytes);
	shared = &((struct ring_object *)world->memory)->ring;
	*shared = plan;
	ring_view(&world->ring, &world->config, world->memory, shared, &plan);
	ring_format(&world->ring);
}

/* As close_with() in queue_roles.c. */
static void begin_drain(struct queue_layout *queue)
{
	event_close_short_way(&queue->readable);
	event_close_short_way(&queue->writable);
	atom64_store_seq(&queue->closing, STOA_DRAIN);
}

static void open_ends(struct world *world)
{
	assert_int_equal(ring_sender_open(&world->sender, &world->ring), 0);
	assert_int_equal(ring_receiver_open(&world->receiver, &world->ring, false), 0);
}

static void make_world(struct world *world, uint64_t capacity, uint64_t message_size, uint32_t holds)
{
	format_world(world, capacity, message_size, holds);
	open_ends(world);
}

static void close_ends(struct world *world)
{
	ring_sender_close(&world->sender);
	ring_receiver_close(&world->receiver);
}

static void free_world(struct world *world)
{
	close_ends(world);
	free(world->memory);
}

/* As if so many messages had gone through before. */
static void start_at(struct world *world, uint64_t position)
{
	struct ring_layout *shared = world->ring.shared;

	atom64_store_seq(&shared->tail, position);
	atom64_store_seq(&shared->released, position);
	atom64_store_seq(&shared->taken, position);
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

/* The size of message `tag`: all from 0 to the largest come. */
static uint64_t size_of(const struct world *world, uint64_t tag)
{
	return world->config.message_size - tag % (world->config.message_size + 1);
}

static int push(struct world *world, uint64_t tag)
{
	uint8_t bytes[LARGEST];
	uint64_t size = size_of(world, tag);

	fill(bytes, size, tag);
	return ring_push(&world->sender, size ? bytes : NULL, size);
}

static void pop(struct world *world, uint64_t tag)
{
	uint8_t bytes[LARGEST];
	uint64_t size = 0;

	assert_int_equal(ring_pop(&world->receiver, bytes, sizeof bytes, false, &size), STOA_OK);
	assert_int_equal(size, size_of(world, tag));
	assert_true(is_filled(bytes, size, tag));
}

static int pop_nothing(struct world *world, bool drain)
{
	uint8_t bytes[LARGEST];
	uint64_t size;

	return ring_pop(&world->receiver, bytes, sizeof bytes, drain, &size);
}

/* Leases the next message, which is `tag`, and says as which hold. */
static uint32_t take(struct world *world, uint64_t tag, uint32_t deliveries)
{
	struct ring_message message;
	uint32_t k;

	assert_int_equal(ring_take(&world->receiver, false, &k, &message), STOA_OK);
	assert_int_equal(message.size, size_of(world, tag));
	assert_true(is_filled(message.bytes, message.size, tag));
	assert_int_equal((uintptr_t)message.bytes % 64, 0);
	assert_int_equal(message.deliveries, deliveries);
	return k;
}

static struct ring_stat stat_of(const struct world *world)
{
	struct ring_stat stat;

	assert_int_equal(ring_stat(&world->ring, &stat), 0);
	return stat;
}

/* ---- plan ---- */

static void a_plan_holds_all_its_parts_apart_and_aligned(void **state)
{
	(void)state;
	for (size_t c = 0; c < LENGTH(capacities); c++) {
		for (size_t s = 0; s < LENGTH(sizes); s++) {
			struct stoa_queue_config config = { .capacity = capacities[c],
				                            .message_size = sizes[s],
				                            .holds = 3 };
			bool in_place = sizes[s] <= 64;
			struct ring_layout plan;
			uint64_t end;

			assert_int_equal(ring_plan(&config, 128, &plan, &end), 0);
			assert_true(plan.marks_offset >= 128 + sizeof plan);
			assert_true(plan.sizes_offset >= plan.marks_offset + 4 * capacities[c]);
			assert_true(plan.payload_offset >=
			            plan.sizes_offset + (in_place ? 4 : 8) * capacities[c]);
			assert_true(plan.payload_stride >= sizes[s]);
			assert_int_equal(plan.blocks, in_place ? 0 : capacities[c] + 3);
			assert_true(end >=
			            plan.payload_offset +
			                    plan.payload_stride * (in_place ? capacities[c] : plan.blocks));
			assert_int_equal(plan.payload_offset % 64, 0);
			assert_int_equal(plan.payload_stride % (sizes[s] <= 32 ? 8 : 64), 0);
		}
	}
}

static void a_plan_beyond_what_can_be_numbered_overflows(void **state)
{
	static const struct stoa_queue_config configs[] = {
		{ .capacity = UINT64_MAX, .message_size = 1, .holds = 1 },
		{ .capacity = UINT64_MAX / 4, .message_size = 8, .holds = 1 },
		{ .capacity = 1ull << 61, .message_size = 64, .holds = 1 },
		{ .capacity = 1, .message_size = UINT64_MAX, .holds = 1 },
		{ .capacity = 1, .message_size = 1ull << 40, .holds = 1 },
		{ .capacity = BLOCKS_MAX, .message_size = 65, .holds = 1 },
		{ .capacity = BLOCKS_MAX - 1, .message_size = 65, .holds = 1 },
	};
	struct ring_layout plan;
	uint64_t end;

	(void)state;
	for (size_t i = 0; i < LENGTH(configs); i++)
		assert_int_equal(ring_plan(&configs[i], 128, &plan, &end), -EOVERFLOW);
}

/* ---- copies ---- */

static void full_and_empty_are_exact_at_every_capacity_and_size(void **state)
{
	(void)state;
	for (size_t c = 0; c < LENGTH(capacities); c++) {
		for (size_t s = 0; s < LENGTH(sizes); s++) {
			struct world world;
			uint64_t sent = 0, received = 0;

			make_world(&world, capacities[c], sizes[s], 2);
			for (int lap = 0; lap < 3; lap++) {
				assert_int_equal(pop_nothing(&world, false), STOA_EMPTY);
				for (uint64_t i = 0; i < capacities[c]; i++)
					assert_int_equal(push(&world, sent++), STOA_OK);
				assert_int_equal(push(&world, sent), STOA_FULL);
				pop(&world, received++);
				assert_int_equal(push(&world, sent++), STOA_OK);
				assert_int_equal(push(&world, sent), STOA_FULL);
				while (received < sent)
					pop(&world, received++);
			}
			assert_int_equal(stat_of(&world).sent, sent);
			assert_int_equal(stat_of(&world).received, sent);
			free_world(&world);
		}
	}
}

static void positions_go_on_across_every_wrap(void **state)
{
	static const uint64_t starts[] = { UINT32_MAX - 4ull, (1ull << 38) - 5, (1ull << 61) - 5,
		                           (1ull << 62) - 50 };

	(void)state;
	for (size_t c = 0; c < LENGTH(capacities); c++) {
		for (size_t i = 0; i < LENGTH(starts); i++) {
			struct world world;
			uint32_t a, b;

			format_world(&world, capacities[c], 100, 2);
			start_at(&world, starts[i]);
			open_ends(&world);
			for (uint64_t tag = 0; tag < 20; tag++) {
				assert_int_equal(push(&world, tag), STOA_OK);
				pop(&world, tag);
				assert_int_equal(pop_nothing(&world, false), STOA_EMPTY);
			}
			for (uint64_t tag = 0; tag < capacities[c]; tag++)
				assert_int_equal(push(&world, tag), STOA_OK);
			assert_int_equal(push(&world, 0), STOA_FULL);
			a = take(&world, 0, 1);
			if (capacities[c] > 1) {
				b = take(&world, 1, 1);
				ring_release(&world.receiver, b);
			}
			assert_int_equal(push(&world, 0), STOA_FULL);
			ring_release(&world.receiver, a);
			assert_int_equal(push(&world, 0), STOA_OK);
			free_world(&world);
		}
	}
}

static void a_message_longer_than_the_room_stays_first_in_line(void **state)
{
	struct world world;
	uint8_t bytes[8];
	uint64_t size = 0;

	(void)state;
	make_world(&world, 4, 8, 2);
	assert_int_equal(ring_push(&world.sender, "12345678", 8), STOA_OK);
	assert_int_equal(ring_push(&world.sender, "", 0), STOA_OK);
	for (uint64_t room = 0; room < 8; room++) {
		assert_int_equal(ring_pop(&world.receiver, bytes, room, false, &size), -EMSGSIZE);
		assert_int_equal(size, 8);
	}
	assert_int_equal(ring_pop(&world.receiver, bytes, 8, false, &size), STOA_OK);
	assert_memory_equal(bytes, "12345678", 8);
	assert_int_equal(ring_pop(&world.receiver, NULL, 0, false, &size), STOA_OK);
	assert_int_equal(size, 0);
	free_world(&world);
}

/* ---- in place ---- */

static void write_reserved(struct world *world, uint32_t k, uint64_t tag)
{
	void *bytes = ring_reserved(&world->sender, k);

	assert_int_equal((uintptr_t)bytes % 64, 0);
	fill(bytes, size_of(world, tag), tag);
}

static void reserved_blocks_are_committed_in_any_order(void **state)
{
	(void)state;
	for (size_t s = 0; s < LENGTH(sizes); s++) {
		struct world world;
		uint64_t tag = 0;

		make_world(&world, 3, sizes[s], 3);
		for (int lap = 0; lap < 10; lap++) {
			for (uint32_t k = 0; k < 3; k++)
				write_reserved(&world, k, tag + 2 - k);
			for (uint32_t k = 3; k-- > 0;)
				assert_int_equal(ring_commit(&world.sender, k, size_of(&world, tag + 2 - k)),
				                 STOA_OK);
			write_reserved(&world, 1, tag + 3);
			assert_int_equal(ring_commit(&world.sender, 1, size_of(&world, tag + 3)), STOA_FULL);
			pop(&world, tag);
			assert_int_equal(ring_commit(&world.sender, 1, size_of(&world, tag + 3)), STOA_OK);
			for (int i = 1; i < 4; i++)
				pop(&world, tag + (uint64_t)i);
			tag += 4;
		}
		free_world(&world);
	}
}

/* Every block is in one place or one spare. */
static void check_blocks(const struct world *world)
{
	const struct ring *ring = &world->ring;
	uint32_t found[64] = { 0 };

	assert_true(ring->blocks && ring->blocks <= LENGTH(found));
	for (uint64_t i = 0; i < ring->capacity; i++)
		found[atom64_load_seq((struct atom64 *)ring->sizes + i) & (BLOCKS_MAX - 1)]++;
	for (uint32_t k = 0; k < ring->holds; k++)
		found[world->sender.spares[k]]++;
	for (uint32_t b = 0; b < ring->blocks; b++)
		assert_int_equal(found[b], 1);
}

/* The sender dies at a step of a commit of hold 1; its successor takes over. */
static void sender_dies_in_a_commit(int step)
{
	struct world world;
	uint64_t unread = 2;

	make_world(&world, 5, 100, 3);
	for (uint64_t tag = 0; tag < 7; tag++) {
		write_reserved(&world, (uint32_t)tag % 3, tag);
		assert_int_equal(ring_commit(&world.sender, (uint32_t)tag % 3, size_of(&world, tag)),
		                 STOA_OK);
		if (tag < 5)
			pop(&world, tag);
	}
	write_reserved(&world, 1, 7);
	if (step >= 1) /* the place has its block, tail says nothing of it */
		atom64_store_seq((struct atom64 *)world.ring.sizes +
		                         (world.sender.hot.position - world.sender.hot.lap),
		                 size_of(&world, 7) << BLOCK_BITS | world.sender.spares[1]);
	if (step >= 2)
		atom64_store_seq(&world.ring.shared->tail, 8);
	ring_sender_close(&world.sender);
	assert_int_equal(ring_sender_open(&world.sender, &world.ring), 0);
	check_blocks(&world);
	unread += step >= 2;
	for (uint64_t tag = 5 + unread; tag < 10; tag++) {
		write_reserved(&world, 2, tag);
		assert_int_equal(ring_commit(&world.sender, 2, size_of(&world, tag)), STOA_OK);
	}
	assert_int_equal(push(&world, 99), STOA_FULL);
	for (uint64_t tag = 5; tag < 10; tag++)
		pop(&world, tag);
	check_blocks(&world);
	free_world(&world);
}

static void a_successor_finds_the_spares_of_a_sender_that_died_at_any_step(void **state)
{
	(void)state;
	for (int step = 0; step <= 2; step++)
		sender_dies_in_a_commit(step);
}

static void what_a_dead_sender_wrote_and_did_not_commit_was_never_sent(void **state)
{
	struct world world;

	(void)state;
	make_world(&world, 3, 16, 1);
	assert_int_equal(push(&world, 0), STOA_OK);
	memset(world.ring.payload + world.ring.stride, 0xee, 16); /* it died while it wrote */
	ring_sender_close(&world.sender);
	assert_int_equal(ring_sender_open(&world.sender, &world.ring), 0);
	assert_int_equal(push(&world, 1), STOA_OK);
	pop(&world, 0);
	pop(&world, 1);
	assert_int_equal(pop_nothing(&world, false), STOA_EMPTY);
	free_world(&world);
}

/* ---- leases ---- */

static void leases_are_released_in_any_order(void **state)
{
	static const uint32_t orders[][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};

	(void)state;
	for (size_t o = 0; o < LENGTH(orders); o++) {
		for (size_t s = 0; s < LENGTH(sizes); s++) {
			struct world world;
			uint64_t tag = 0;

			make_world(&world, 4, sizes[s], 3);
			for (int lap = 0; lap < 5; lap++) {
				struct ring_message message;
				uint32_t holds[3], k;

				for (uint64_t i = 0; i < 4; i++)
					assert_int_equal(push(&world, tag + i), STOA_OK);
				for (uint64_t i = 0; i < 3; i++)
					holds[i] = take(&world, tag + i, 1);
				assert_int_equal(ring_take(&world.receiver, false, &k, &message), -ENOBUFS);
				assert_int_equal(stat_of(&world).held, 3);
				assert_int_equal(push(&world, 0), STOA_FULL); /* a lease keeps its place */
				for (int i = 0; i < 3; i++)
					ring_release(&world.receiver, holds[orders[o][i]]);
				assert_int_equal(stat_of(&world).held, 0);
				pop(&world, tag + 3);
				tag += 4;
			}
			assert_int_equal(pop_nothing(&world, false), STOA_EMPTY);
			free_world(&world);
		}
	}
}

static void pops_go_on_while_a_lease_is_open(void **state)
{
	struct world world;
	uint64_t sent = 0;
	uint32_t k;

	(void)state;
	make_world(&world, 5, 20, 2);
	while (sent < 5)
		assert_int_equal(push(&world, sent++), STOA_OK);
	k = take(&world, 0, 1);
	for (uint64_t tag = 1; tag < 5; tag++)
		pop(&world, tag);
	assert_int_equal(pop_nothing(&world, false), STOA_EMPTY);
	assert_int_equal(stat_of(&world).held, 1);
	assert_int_equal(push(&world, 5), STOA_FULL);
	ring_release(&world.receiver, k);
	while (sent < 10)
		assert_int_equal(push(&world, sent++), STOA_OK);
	assert_int_equal(push(&world, 10), STOA_FULL);
	for (uint64_t tag = 5; tag < 10; tag++)
		pop(&world, tag);
	free_world(&world);
}

static void returned_messages_come_first_and_in_their_order(void **state)
{
	struct world world;
	uint32_t holds[3];

	(void)state;
	make_world(&world, 8, 20, 3);
	for (uint64_t tag = 0; tag < 5; tag++)
		assert_int_equal(push(&world, tag), STOA_OK);
	for (uint64_t tag = 0; tag < 3; tag++)
		holds[tag] = take(&world, tag, 1);
	ring_return(&world.receiver, holds[2]);
	ring_return(&world.receiver, holds[0]);
	assert_true(ring_readable(&world.ring, false));
	assert_int_equal(stat_of(&world).held, 1);
	assert_int_equal(stat_of(&world).unread, 4);
	holds[0] = take(&world, 0, 2);
	pop(&world, 2);
	ring_return(&world.receiver, holds[0]);
	holds[0] = take(&world, 0, 3);
	ring_release(&world.receiver, holds[0]);
	ring_release(&world.receiver, holds[1]);
	assert_int_equal(stat_of(&world).held, 0);
	pop(&world, 3);
	pop(&world, 4);
	assert_int_equal(stat_of(&world).unread, 0);
	assert_int_equal(stat_of(&world).redelivered, 3);
	free_world(&world);
}

static void a_returned_message_that_is_too_long_stays_first(void **state)
{
	struct world world;
	uint8_t bytes[20];
	uint64_t size;
	uint32_t k;

	(void)state;
	make_world(&world, 2, 20, 1);
	assert_int_equal(push(&world, 0), STOA_OK);
	k = take(&world, 0, 1);
	ring_return(&world.receiver, k);
	assert_int_equal(ring_pop(&world.receiver, bytes, 19, false, &size), -EMSGSIZE);
	assert_int_equal(size, 20);
	take(&world, 0, 2);
	free_world(&world);
}

static void readable_is_exact_where_nothing_was_ever_given_back(void **state)
{
	struct world world;
	uint32_t k;

	(void)state;
	make_world(&world, 2, 8, 2);
	assert_false(ring_readable(&world.ring, false));
	assert_true(ring_writable(&world.ring));
	assert_int_equal(push(&world, 0), STOA_OK);
	assert_true(ring_readable(&world.ring, false));
	k = take(&world, 0, 1);
	assert_false(ring_readable(&world.ring, false));
	assert_int_equal(push(&world, 1), STOA_OK);
	assert_false(ring_writable(&world.ring));
	pop(&world, 1);
	assert_false(ring_readable(&world.ring, false));
	assert_false(ring_writable(&world.ring));
	ring_release(&world.receiver, k);
	assert_true(ring_writable(&world.ring));
	free_world(&world);
}

/* ---- successors of receivers ---- */

static void a_successor_gets_what_was_not_acknowledged_first_and_flagged(void **state)
{
	(void)state;
	for (size_t s = 0; s < LENGTH(sizes); s++) {
		struct world world;
		uint32_t holds[3];

		make_world(&world, 6, sizes[s], 3);
		for (uint64_t tag = 0; tag < 6; tag++)
			assert_int_equal(push(&world, tag), STOA_OK);
		for (uint64_t tag = 0; tag < 3; tag++)
			holds[tag] = take(&world, tag, 1);
		ring_release(&world.receiver, holds[1]);
		ring_return(&world.receiver, holds[0]);
		take(&world, 0, 2);
		ring_receiver_close(&world.receiver); /* dead: it held 0 and 2 */
		assert_int_equal(ring_receiver_open(&world.receiver, &world.ring, false), 0);
		assert_true(ring_readable(&world.ring, false));
		assert_int_equal(stat_of(&world).unread, 5);
		take(&world, 0, 3);
		ring_release(&world.receiver, take(&world, 2, 2));
		for (uint64_t tag = 3; tag < 6; tag++)
			pop(&world, tag);
		assert_int_equal(pop_nothing(&world, false), STOA_EMPTY);
		free_world(&world);
	}
}

static void a_successor_is_told_by_readable_of_what_it_inherited(void **state)
{
	struct world world;

	(void)state;
	make_world(&world, 2, 8, 2);
	assert_int_equal(push(&world, 0), STOA_OK);
	take(&world, 0, 1);
	ring_receiver_close(&world.receiver);
	assert_false(ring_readable(&world.ring, false));
	assert_true(ring_readable(&world.ring, true)); /* before there is a successor */
	assert_int_equal(ring_receiver_open(&world.receiver, &world.ring, false), 0);
	assert_true(ring_readable(&world.ring, false));
	assert_int_equal(stat_of(&world).held, 0);
	assert_int_equal(stat_of(&world).unread, 1);
	/* it dies, too, without having taken it: nobody held it meanwhile */
	ring_receiver_close(&world.receiver);
	assert_int_equal(ring_receiver_open(&world.receiver, &world.ring, false), 0);
	take(&world, 0, 2);
	free_world(&world);
}

static void discarding_drops_what_the_dead_held_and_keeps_what_it_gave_back(void **state)
{
	struct world world;
	uint32_t holds[3];

	(void)state;
	make_world(&world, 6, 20, 3);
	for (uint64_t tag = 0; tag < 5; tag++)
		assert_int_equal(push(&world, tag), STOA_OK);
	for (uint64_t tag = 0; tag < 3; tag++)
		holds[tag] = take(&world, tag, 1);
	ring_return(&world.receiver, holds[1]);
	ring_receiver_close(&world.receiver);
	assert_int_equal(ring_receiver_open(&world.receiver, &world.ring, true), 0);
	assert_int_equal(stat_of(&world).discarded, 2);
	pop(&world, 1);
	pop(&world, 3);
	/* once more, with nothing left to drop */
	ring_receiver_close(&world.receiver);
	assert_int_equal(ring_receiver_open(&world.receiver, &world.ring, true), 0);
	assert_int_equal(stat_of(&world).discarded, 2);
	pop(&world, 4);
	assert_int_equal(pop_nothing(&world, false), STOA_EMPTY);
	for (uint64_t tag = 0; tag < 6; tag++)
		assert_int_equal(push(&world, tag), STOA_OK);
	assert_int_equal(push(&world, 6), STOA_FULL);
	free_world(&world);
}

/* The words as a successor leaves them that dies while it discards: the position is marked, or counted as well. */
static void a_discard_is_counted_once_whenever_a_successor_dies(void **state)
{
	(void)state;
	for (uint64_t counted = 0; counted < 2; counted++) {
		struct world world;

		make_world(&world, 6, 20, 3);
		for (uint64_t tag = 0; tag < 4; tag++)
			assert_int_equal(push(&world, tag), STOA_OK);
		for (uint64_t tag = 0; tag < 3; tag++)
			take(&world, tag, 1);
		ring_receiver_close(&world.receiver);
		atom64_store_seq(&world.ring.shared->discarded, 7);
		atom32_store_seq(&world.ring.marks[0], 1u << 29 | 7);
		atom64_store_seq(&world.ring.shared->discarded, 7 + counted);
		assert_int_equal(stat_of(&world).discarded + stat_of(&world).held, 10);
		assert_int_equal(ring_receiver_open(&world.receiver, &world.ring, true), 0);
		assert_int_equal(stat_of(&world).discarded, 10);
		assert_int_equal(stat_of(&world).held, 0);
		pop(&world, 3);
		free_world(&world);
	}
}

/* The words as a receiver leaves them that dies between two of its stores. */
static void a_successor_goes_on_from_every_step_of_a_receiver(void **state)
{
	struct world world;

	(void)state;
	for (int step = 0; step < 5; step++) {
		struct ring_layout *shared;

		make_world(&world, 4, 20, 2);
		shared = world.ring.shared;
		for (uint64_t tag = 0; tag < 4; tag++)
			assert_int_equal(push(&world, tag), STOA_OK);
		pop(&world, 0);
		if (step >= 1) /* take of 1: mark, then taken */
			atom64_store_seq(&shared->taken, 2);
		if (step >= 2) /* pop of 2 meanwhile: mark, taken */
			atom64_store_seq(&shared->taken, 3);
		if (step >= 3) /* acknowledged */
			atom32_store_seq(&world.ring.marks[2], 1u << 31);
		if (step >= 4) /* release of 1, which goes over 2 */
			atom64_store_seq(&shared->released, 3);
		ring_receiver_close(&world.receiver);
		assert_int_equal(ring_receiver_open(&world.receiver, &world.ring, false), 0);
		if (step == 1 || step == 2 || step == 3)
			ring_release(&world.receiver, take(&world, 1, 2));
		else if (step == 0)
			ring_release(&world.receiver, take(&world, 1, 1));
		if (step == 2)
			ring_release(&world.receiver, take(&world, 2, 2));
		else if (step < 2)
			ring_release(&world.receiver, take(&world, 2, 1));
		pop(&world, 3);
		assert_int_equal(pop_nothing(&world, false), STOA_EMPTY);
		assert_int_equal(stat_of(&world).held, 0);
		free_world(&world);
	}
}

/* ---- the drain ---- */

static void a_drained_ring_gives_its_rest_and_then_closed(void **state)
{
	struct world world;
	uint32_t k;

	(void)state;
	make_world(&world, 4, 8, 2);
	for (uint64_t tag = 0; tag < 3; tag++)
		assert_int_equal(push(&world, tag), STOA_OK);
	begin_drain(world.ring.queue);
	assert_int_equal(push(&world, 3), STOA_CLOSED);
	assert_true(ring_readable(&world.ring, false) && ring_writable(&world.ring));
	for (uint64_t tag = 0; tag < 2; tag++) {
		uint8_t bytes[8];
		uint64_t size;

		assert_int_equal(ring_pop(&world.receiver, bytes, 8, true, &size), STOA_OK);
		assert_true(is_filled(bytes, size, tag));
	}
	k = take(&world, 2, 1);
	assert_int_equal(pop_nothing(&world, true), STOA_CLOSED);
	ring_return(&world.receiver, k);
	take(&world, 2, 2);
	assert_int_equal(pop_nothing(&world, true), STOA_CLOSED);
	assert_int_equal(push(&world, 4), STOA_CLOSED);
	free_world(&world);
}

/* The words as they are when a sender was stopped past its look at `closing`, or a receiver died asking. */
static void a_sender_past_its_check_commits_before_the_verdict_or_not_at_all(void **state)
{
	struct world world;
	uint64_t size;
	uint8_t bytes[8];

	(void)state;
	/* It stores tail after CLOSED(0): not committed, and tail is taken back. */
	make_world(&world, 4, 8, 2);
	begin_drain(world.ring.queue);
	assert_int_equal(pop_nothing(&world, true), STOA_CLOSED);
	assert_int_equal(atom64_load_seq(&world.ring.shared->verdict), 0 << 2 | CLOSED);
	atom64_store_seq(&world.ring.shared->tail, 1); /* its store */
	assert_int_equal(pop_nothing(&world, true), STOA_CLOSED);
	assert_int_equal(stat_of(&world).unread, 0);
	/* it dies before it takes tail back: its successor, if there were one, stands at 0 */
	ring_sender_close(&world.sender);
	assert_int_equal(ring_sender_open(&world.sender, &world.ring), 0);
	assert_int_equal(world.sender.hot.position, 0);
	free_world(&world);

	/* The receiver asked at 0 and sees the tail: committed. */
	make_world(&world, 4, 8, 2);
	assert_int_equal(push(&world, 0), STOA_OK);
	begin_drain(world.ring.queue);
	atom64_store_seq(&world.ring.shared->verdict, 0 << 2 | ASK);
	assert_int_equal(ring_pop(&world.receiver, bytes, 8, true, &size), STOA_OK);
	assert_int_equal(ring_pop(&world.receiver, bytes, 8, true, &size), STOA_CLOSED);
	free_world(&world);

	/* The receiver asked at 0 and died; its successor asks again, or sees what was answered. */
	make_world(&world, 4, 8, 2);
	begin_drain(world.ring.queue);
	atom64_store_seq(&world.ring.shared->verdict, 0 << 2 | ASK);
	ring_receiver_close(&world.receiver);
	assert_int_equal(ring_receiver_open(&world.receiver, &world.ring, false), 0);
	assert_int_equal(pop_nothing(&world, true), STOA_CLOSED);
	free_world(&world);
	make_world(&world, 4, 8, 2);
	assert_int_equal(push(&world, 0), STOA_OK);
	begin_drain(world.ring.queue);
	atom64_store_seq(&world.ring.shared->verdict, 0 << 2 | COMMITTED);
	assert_int_equal(ring_pop(&world.receiver, bytes, 8, true, &size), STOA_OK);
	assert_int_equal(pop_nothing(&world, true), STOA_CLOSED);
	assert_int_equal(atom64_load_seq(&world.ring.shared->verdict), 1 << 2 | CLOSED);
	free_world(&world);
}

#define RACE_WORDS 600

struct race {
	struct world world;
	uint64_t message_size;
	uint64_t accepted; /* by the sender */
	int rc;            /* with which it ended */
	struct atom32 go;
};

static void *push_until_closed(void *context)
{
	struct race *race = context;
	uint64_t bytes[RACE_WORDS] = { 0 };

	while (!atom32_load_seq(&race->go))
		cpu_pause();
	for (;;) {
		bytes[0] = race->accepted;
		race->rc = ring_push(&race->world.sender, bytes, race->message_size);
		if (race->rc == STOA_OK)
			race->accepted++;
		else if (race->rc != STOA_FULL)
			return NULL;
	}
}

/* What the receiver got after it set `closing`, at a random moment; UINT64_MAX: not the right ones. */
static uint64_t drain_at_random(struct race *race, uint64_t seed)
{
	uint64_t received = 0, size, bytes[RACE_WORDS];
	unsigned stop = random_next(&seed) % 300;
	int rc;

	for (unsigned i = 0;; i++) {
		if (i == stop)
			begin_drain(race->world.ring.queue);
		rc = ring_pop(&race->world.receiver, bytes, sizeof bytes, i >= stop, &size);
		if (rc == STOA_CLOSED)
			return received;
		if (rc == STOA_OK && bytes[0] != received++)
			return UINT64_MAX;
		if (rc < 0)
			return UINT64_MAX;
	}
}

static void what_a_sender_was_told_is_what_a_draining_receiver_gets(void **state)
{
	static struct race race;

	(void)state;
	for (uint64_t round = 1; round <= 1500; round++) {
		static const uint64_t some[] = { 1, 1, 2, 5 };
		pthread_t thread;
		uint64_t received;

		memset(&race, 0, sizeof race);
		/* A long copy leaves the sender long between its look at `closing` and its commit. */
		race.message_size = round % 4 ? RACE_WORDS * sizeof(uint64_t) : 8;
		make_world(&race.world, some[round / 4 % 4], race.message_size, 1);
		assert_int_equal(pthread_create(&thread, NULL, push_until_closed, &race), 0);
		atom32_store_seq(&race.go, 1);
		alarm(20);
		received = drain_at_random(&race, round * 0x9e3779b97f4a7c15ull);
		pthread_join(thread, NULL);
		alarm(0);
		assert_int_equal(race.rc, STOA_CLOSED);
		assert_int_equal(received, race.accepted);
		free_world(&race.world);
	}
}

/* ---- garbage ---- */

static const uint64_t extremes[] = {
	0,          1,   2,          3,          4,          5,          6,          7,
	8,          100, UINT32_MAX, 1ull << 31, 1ull << 38, 1ull << 62, 1ull << 63, UINT64_MAX - 1,
	UINT64_MAX,
};

static uint64_t garbage(uint64_t *seed)
{
	uint64_t random = random_next(seed);

	return random & 1 ? extremes[(random >> 8) % LENGTH(extremes)] : random_next(seed);
}

/* Spoils some words; the plan at the front is not read again. */
static void spoil(struct world *world, uint64_t *seed)
{
	struct ring_layout *shared = world->ring.shared;
	struct atom64 *words[] = { &shared->tail,        &shared->released,  &shared->taken,
		                   &shared->redelivered, &shared->discarded, &shared->verdict };
	uint64_t first = sizeof *shared / 8, count = world->bytes / 8 - first;

	for (uint64_t i = 0; i < 1 + random_next(seed) % 3; i++)
		atom64_store_seq(words[random_next(seed) % LENGTH(words)], garbage(seed));
	for (uint64_t i = 0; i < random_next(seed) % 8; i++)
		((uint64_t *)world->memory)[first + random_next(seed) % count] = garbage(seed);
}

/* Every operation returns something it may, and writes nowhere else. */
static void use_spoilt(struct world *world, uint64_t *seed)
{
	uint8_t out[LARGEST];
	struct ring_message message;
	struct ring_stat stat;
	bool drain = random_next(seed) % 2;
	uint64_t size;
	uint32_t k;
	int rc;

	for (int i = 0; i < 12; i++) {
		rc = push(world, random_next(seed));
		assert_true(rc == STOA_OK || rc == STOA_FULL || rc == STOA_CLOSED || rc == -EBADMSG);
		memset(out, 0x5a, sizeof out);
		rc = ring_pop(&world->receiver, out, world->config.message_size, drain, &size);
		assert_true(rc == STOA_OK || rc == STOA_EMPTY || rc == STOA_CLOSED || rc == -EBADMSG);
		assert_int_equal(out[world->config.message_size], 0x5a);
		rc = ring_commit(&world->sender, 0, 1);
		assert_true(rc == STOA_OK || rc == STOA_FULL || rc == STOA_CLOSED || rc == -EBADMSG);
		rc = ring_take(&world->receiver, drain, &k, &message);
		assert_true(rc == STOA_OK || rc == STOA_EMPTY || rc == STOA_CLOSED || rc == -EBADMSG ||
		            rc == -ENOBUFS);
		if (rc == STOA_OK) {
			assert_true(message.size <= world->config.message_size);
			fill(out, message.size, *(const uint8_t *)message.bytes);
			if (random_next(seed) % 3)
				ring_release(&world->receiver, k);
			else
				ring_return(&world->receiver, k);
		}
		ring_readable(&world->ring, random_next(seed) % 2);
		ring_writable(&world->ring);
		ring_stat(&world->ring, &stat);
	}
}

static void words_of_garbage_crash_and_loop_nowhere(void **state)
{
	uint64_t seed = 0xabcdef;

	(void)state;
	for (int round = 0; round < 6000; round++) {
		static const uint64_t some[] = { 1, 3, 8 }, of[] = { 1, 33, 64, 100 };
		struct world world;
		bool sender, receiver;
		int rc;

		format_world(&world, some[round % 3], of[round / 3 % 4], 2);
		if (round % 5 == 0)
			begin_drain(world.ring.queue);
		alarm(10);
		if (round % 2) { /* under open ends, or before they open */
			open_ends(&world);
			spoil(&world, &seed);
			use_spoilt(&world, &seed);
		} else {
			spoil(&world, &seed);
			rc = ring_sender_open(&world.sender, &world.ring);
			assert_true(rc == 0 || rc == -EBADMSG);
			sender = rc == 0;
			rc = ring_receiver_open(&world.receiver, &world.ring, round % 4 == 0);
			assert_true(rc == 0 || rc == -EBADMSG);
			receiver = rc == 0;
			if (sender && receiver)
				use_spoilt(&world, &seed);
		}
		alarm(0);
		free_world(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_holds_all_its_parts_apart_and_aligned),
		cmocka_unit_test(a_plan_beyond_what_can_be_numbered_overflows),
		cmocka_unit_test(full_and_empty_are_exact_at_every_capacity_and_size),
		cmocka_unit_test(positions_go_on_across_every_wrap),
		cmocka_unit_test(a_message_longer_than_the_room_stays_first_in_line),
		cmocka_unit_test(reserved_blocks_are_committed_in_any_order),
		cmocka_unit_test(a_successor_finds_the_spares_of_a_sender_that_died_at_any_step),
		cmocka_unit_test(what_a_dead_sender_wrote_and_did_not_commit_was_never_sent),
		cmocka_unit_test(leases_are_released_in_any_order),
		cmocka_unit_test(pops_go_on_while_a_lease_is_open),
		cmocka_unit_test(returned_messages_come_first_and_in_their_order),
		cmocka_unit_test(a_returned_message_that_is_too_long_stays_first),
		cmocka_unit_test(readable_is_exact_where_nothing_was_ever_given_back),
		cmocka_unit_test(a_successor_gets_what_was_not_acknowledged_first_and_flagged),
		cmocka_unit_test(a_successor_is_told_by_readable_of_what_it_inherited),
		cmocka_unit_test(discarding_drops_what_the_dead_held_and_keeps_what_it_gave_back),
		cmocka_unit_test(a_discard_is_counted_once_whenever_a_successor_dies),
		cmocka_unit_test(a_successor_goes_on_from_every_step_of_a_receiver),
		cmocka_unit_test(a_drained_ring_gives_its_rest_and_then_closed),
		cmocka_unit_test(a_sender_past_its_check_commits_before_the_verdict_or_not_at_all),
		cmocka_unit_test(what_a_sender_was_told_is_what_a_draining_receiver_gets),
		cmocka_unit_test(words_of_garbage_crash_and_loop_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
