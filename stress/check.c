/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * check.c - what must hold in a segment, whatever happened: by walking its words.
 *
 * Called when the survivors have closed all that they had, and reaped; check_any_moment() at any moment.
 */
#include "step.h"

#include <string.h>

#include <stoa/inspect.h>

#include "queue.h"
#include "value.h"

/* ---- at any moment ---- */

static void hear(void *context, enum stoa_finding finding, const char *object, const char *what)
{
	require(context, finding == STOA_UNSETTLED, "%s: %s", object ? object : "the segment", what);
}

void check_any_moment(struct world *world)
{
	if (world->segment)
		stoa_segment_check(world->segment, hear, world);
}

/* ---- participants ---- */

static const char *const participant_states[] = { "FREE", "CLAIMED", "LIVE", "SETTLED", "DEAD", "RELEASED" };

void check_participants(struct world *world, uint32_t least, uint32_t most)
{
	uint32_t alive = 0;

	for (uint32_t i = 0; i < world->segment->participants; i++) {
		uint64_t state = atom64_load_seq(&segment_participant(world->segment, i)->state);
		uint32_t what = state & 0xff;

		require(world, what == PARTICIPANT_FREE || what == PARTICIPANT_LIVE,
		        "participant %u stays %s after reaping", i,
		        what < 6 ? participant_states[what] : "?");
		alive += what == PARTICIPANT_LIVE;
	}
	require(world, alive <= most, "%u participants are left, not %u: a dead one was not reaped", alive,
	        most);
	require(world, alive >= least, "%u participants are left, not %u: a living one was reaped", alive,
	        least);
}

/* ---- the directory ---- */

void check_directory(struct world *world, uint32_t published)
{
	const struct stoa_segment *segment = world->segment;
	const struct atom64 *buckets = (const void *)(segment->base + segment->directory_offset);
	const struct directory_entry *entries = (const void *)(buckets + segment->buckets);
	uint32_t linked = 0, count = 0;
	uint64_t end = segment->heap_offset;

	for (uint32_t i = 0; i < segment->entries; i++) {
		uint64_t extent = atom64_load_seq(&entries[i].extent_end);
		uint32_t state = atom64_load_seq(&entries[i].state) & 0xff;

		require(world, state == ENTRY_FREE || state == ENTRY_PUBLISHED,
		        "entry %u of the directory stays BUILDING after reaping", i);
		count += state == ENTRY_PUBLISHED;
		require(world, !extent || extent >= end, "the extent of entry %u overlaps the one before", i);
		end = extent ? extent : end;
	}
	for (uint32_t b = 0; b < segment->buckets; b++) {
		uint64_t head = atom64_load_seq(&buckets[b]);

		for (uint32_t steps = 0; head; steps++) {
			require(world, head <= segment->entries && steps < segment->entries,
			        "the chain of bucket %u is broken", b);
			require(world, (atom64_load_seq(&entries[head - 1].state) & 0xff) == ENTRY_PUBLISHED,
			        "entry %u is linked and not published", (uint32_t)head - 1);
			linked++;
			head = atom64_load_rlx(&entries[head - 1].next);
		}
	}
	require(world, linked == count, "%u entries are published, %u are linked", count, linked);
	require(world, count == published, "%u objects are there, not %u", count, published);
}

/* ---- blocks ---- */

struct places {
	struct world *world;
	uint32_t blocks, found;
	uint8_t seen[4096];
};

static void place(struct places *places, uint64_t block, const char *what, uint64_t where)
{
	require(places->world, block < places->blocks, "%s %lu has block %lu of %u", what,
	        (unsigned long)where, (unsigned long)block, places->blocks);
	require(places->world, !places->seen[block], "block %lu is in two places, one of them %s %lu",
	        (unsigned long)block, what, (unsigned long)where);
	places->seen[block] = 1;
	places->found++;
}

/* Every handle is given back; every block is in one cell or in one slot. */
static void check_exchange(struct world *world, const struct exchange *exchange)
{
	struct places places = { .world = world, .blocks = exchange->blocks };

	require(world, exchange->blocks <= sizeof places.seen, "too many blocks for this check");
	for (uint64_t i = 0; i < exchange->cell_count; i++)
		place(&places, atom64_load_seq(&exchange->cells[i]) & exchange->block_mask, "cell", i);
	for (uint32_t n = 0; n < exchange->handle_count * exchange->holds; n++) {
		const struct exchange_slot *slot = exchange_slot(exchange, n / exchange->holds,
		                                                 n % exchange->holds);
		uint64_t role = atom64_load_seq(&exchange_handle(exchange, n / exchange->holds)->role);
		uint64_t intent = atom64_load_seq(&slot->intent), orphan = atom64_load_seq(&slot->orphan);

		require(world, role_of(role) == ROLE_FREE || role_of(role) == ROLE_ORPHANED,
		        "handle %u is not free: role %u", n / exchange->holds, role_of(role));
		if (orphan_state(orphan) == ORPHAN_FULL && world->was_closed) {
			place(&places, orphan_block(orphan), "orphan cell", n); /* never received: STOA_NOW */
			continue;
		}
		require(world, orphan_state(orphan) != ORPHAN_FULL, "a message is left in orphan cell %u", n);
		if (intent_kind(intent) == INTENT_SETTLED) {
			place(&places, intent_out(intent), "slot", n);
		} else {
			require(world,
			        intent_kind(intent) == INTENT_REDELIVER &&
			                orphan_state(orphan) == ORPHAN_FREE &&
			                orphan_lap(orphan) == intent_got(intent),
			        "slot %u is not settled", n);
			place(&places, orphan_block(orphan), "orphan cell", n);
		}
	}
	require(world, places.found == exchange->blocks, "%u of %u blocks are found", places.found,
	        exchange->blocks);
}

static void check_ring(struct world *world, const struct ring *ring)
{
	struct places places = { .world = world, .blocks = ring->blocks };
	uint64_t tail = atom64_load_seq(&ring->shared->tail);
	uint64_t released = atom64_load_seq(&ring->shared->released);

	require(world, tail == released || world->was_closed, "the ring is drained, and %lu are left",
	        (unsigned long)(tail - released));
	require(world, ring->blocks <= sizeof places.seen, "too many blocks for this check");
	for (uint64_t i = 0; ring->blocks && i < ring->capacity; i++)
		place(&places, atom64_load_rlx((struct atom64 *)ring->sizes + i) & (BLOCKS_MAX - 1), "place",
		      i);
}

/* Of a ring that was drained: cell i waits for one of the next `capacity` positions. */
static void check_cells(struct world *world, const struct xring *ring)
{
	uint64_t sent, received;

	require(world, xring_positions(ring, &sent, &received) == 0, "the cells make no sense");
	if (world->was_closed)
		return;
	require(world, sent == received, "the ring is drained, and %lu are left",
	        (unsigned long)(sent - received));
	for (uint64_t i = 0; i < ring->capacity; i++) {
		uint64_t word = atom64_load_seq(&ring->exchange.cells[i]);
		uint64_t position = (word >> (BLOCK_BITS + 2)) * ring->capacity + i;

		require(world,
		        (word >> BLOCK_BITS & 3) == 0 && position >= sent && position < sent + ring->capacity,
		        "cell %lu waits for position %lu, and %lu were sent", (unsigned long)i,
		        (unsigned long)position, (unsigned long)sent);
	}
}

void check_queue_blocks(struct world *world)
{
	const struct queue_view *view = &world->queue->view;

	for (int end = 0; end < 2; end++)
		require(world, role_of(atom64_load_seq(&view->shared->sole[end])) == ROLE_FREE,
		        "the only %s's place is not free", end ? "receiver" : "sender");
	if (view->spsc) {
		check_ring(world, &view->ring);
	} else {
		check_exchange(world, &view->xring.exchange);
		check_cells(world, &view->xring);
	}
}

void check_value_blocks(struct world *world)
{
	uint32_t kind, entry;
	uint64_t room;
	struct value_cell cell;
	void *start;

	require(world, object_find(world->segment, "thing", &entry) == 0 &&
	        object_at(world->segment, entry, &kind, &start, &room) == 0, "the value has gone");
	if (kind == STOA_KIND_ARRAY) {
		const struct array_layout *array = start;

		start = (uint8_t *)start + array->data_offset;
		room -= array->data_offset;
	}
	if (((struct value_layout *)start)->type != STOA_BYTES)
		return;
	require(world, cell_view(&cell, start, room) == 0, "the value's layout makes no sense");
	check_exchange(world, &cell.exchange);
}
