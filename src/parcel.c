/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * parcel.c - several messages in one block: what one exchange carries.
 *
 * In a queue whose `pack` is more than 1 a block has room for that many messages, and what a block carries
 * is a parcel: push() makes one of one message, push_many() of up to `pack` of one size, side by side.  To
 * the ring and to recovery a parcel is what a message is otherwise: it goes by one exchange, whole, to one
 * receiver, and is acknowledged, given back, or redelivered as one.  All that is new lies inside of it.
 *
 * Words in the trailer of a block, and who writes them
 *   size       each | count - 1: the sender, before the exchange.  One message: just its size, as ever
 *   consumed   how many messages have been received.  The sender, before the exchange: 0; then who has taken
 *              the parcel, after each copy.  Only of a parcel of several
 *
 * Receiving.  Who wants less than a parcel has keeps it open, in its slot, as it would a lease.  Its next
 * calls go on there first.  A copy is followed by a store of `consumed`; the last one by the
 * acknowledgement of the whole (slot_acknowledge(), or slot_settle()).
 *
 * Death.  Nobody but who has taken the parcel reads `consumed` (tools apart) or writes it, and whoever takes
 * it next has it from the orphan cell, into which the reaper, who knows all that the dead one did, or the
 * receiver itself has put it.  So the rest goes on where it stood.  A death between a copy and its store
 * delivers these messages again, as a death between a copy and the acknowledgement does elsewhere.
 * `consumed` stays below the count, since the last message is acknowledged by another word.
 *
 * Each number is read once from shared memory, and checked, when a parcel is opened.
 */
#include "parcel.h"

#include <errno.h>
#include <string.h>

#include "defect.h"
#include "xring_short.h"

uint64_t parcel_fill(const struct xring *ring, uint32_t block, const void *messages, uint64_t each,
                     uint32_t count)
{
	if (each)
		memcpy(xring_payload(ring, block), messages, each * count);
	/* Relaxed: published by the ring's compare-and-swap. */
	if (count > 1 && !DEFECT(DEFECT_CONSUMED_KEPT))
		atom64_store_rlx(&xring_trailer_of(ring, block)->consumed, 0);
	return parcel_size(each, count);
}

int parcel_open(const struct xring *ring, uint32_t block, struct parcel *parcel)
{
	struct xring_trailer *trailer = xring_trailer_of(ring, block);
	/* Relaxed: the word that named the block was acquired ([R1], [X4]). */
	uint64_t size = atom64_load_rlx(&trailer->size), consumed = 0;

	*parcel = (struct parcel){ .consumed = &trailer->consumed };
	if (!parcel_is_sound(ring, size))
		return -EBADMSG;
	if (parcel_count(size) > 1 && !DEFECT(DEFECT_CONSUMED_UNREAD))
		consumed = atom64_load_rlx(parcel->consumed); /* relaxed: as above */
	if (consumed >= parcel_count(size))
		return -EBADMSG;
	parcel->each = parcel_each(size);
	parcel->id = atom64_load_rlx(&trailer->id); /* relaxed: as above */
	parcel->next = (const uint8_t *)xring_payload(ring, block) + consumed * parcel->each;
	parcel->count = parcel_count(size);
	parcel->left = parcel->count - (uint32_t)consumed;
	return 0;
}

size_t parcel_receive(struct parcel *parcel, void *out, size_t room, size_t most)
{
	uint32_t count = most < parcel->left ? (uint32_t)most : parcel->left;
	uint8_t *to = out;

	parcel->left -= count;
	if (DEFECT(DEFECT_CONSUMED_EARLY) && parcel->left)
		atom64_store_rel(parcel->consumed, parcel->count - parcel->left);
	if (parcel->each == room && room) {
		memcpy(to, parcel->next, count * room);
	} else if (parcel->each) {
		for (uint32_t i = 0; i < count; i++)
			memcpy(to + i * room, parcel->next + i * parcel->each, parcel->each);
	}
	parcel->next += count * parcel->each;
	/* Release: the copy comes first; else one who dies in between has said that it has what it has not. */
	if (parcel->left && !DEFECT(DEFECT_CONSUMED_UNTOLD))
		atom64_store_rel(parcel->consumed, parcel->count - parcel->left);
	return count;
}
