/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * xring.h - the MPMC exchange ring: pure, never sleeping.
 */
#ifndef STOA_XRING_H
#define STOA_XRING_H

#include "exchange.h"

struct stoa_queue_config;

struct xring {
	struct xring_layout *shared;
	struct exchange exchange;
	uint64_t capacity;
	uint64_t message_size;
	uint32_t pack; /* messages that a block has room for */
	uint8_t *blocks;
	uint64_t block_stride;
	uint64_t trailer_offset;
};

/* A handle's own place in the ring: lap and index kept apart, so that no operation divides. */
struct xring_cursor {
	uint64_t lap;
	uint64_t index;
};

/* Room behind the queue_layout that ends at `offset` in the object; offsets into `layout`. */
int xring_plan(const struct stoa_queue_config *config, uint64_t offset, struct xring_layout *layout,
               uint64_t *end);
/* Fills in a view over an object whose shape has been checked against its plan. */
int xring_view(struct xring *ring, const struct stoa_queue_config *config, void *object,
               struct xring_layout *shared, const struct xring_layout *plan);
void xring_format(const struct xring *ring);

static inline void *xring_payload(const struct xring *ring, uint32_t block)
{
	return ring->blocks + block * ring->block_stride;
}

/* The trailer's size where there are `count` messages of `each` bytes, and what such a word says. */
static inline uint64_t parcel_size(uint64_t each, uint32_t count)
{
	return (uint64_t)(count - 1) << PARCEL_EACH_BITS | each;
}
static inline uint64_t parcel_each(uint64_t size)
{
	return size & ((1ull << PARCEL_EACH_BITS) - 1);
}
static inline uint32_t parcel_count(uint64_t size)
{
	return (uint32_t)(size >> PARCEL_EACH_BITS) + 1;
}
static inline bool parcel_is_sound(const struct xring *ring, uint64_t size)
{
	return parcel_each(size) <= ring->message_size && parcel_count(size) <= ring->pack;
}

/* Where a newcomer starts. */
void xring_start_send(const struct xring *ring, struct xring_cursor *cursor);
void xring_start_receive(const struct xring *ring, struct xring_cursor *cursor);

/*
 * Commits the slot's block as a message of `size` bytes (or a parcel: as parcel_size() says) and gets an
 * empty one.
 * STOA_OK, STOA_FULL, STOA_CLOSED, -EBADMSG: the block is still the slot's.
 */
int xring_push(const struct xring *ring, struct xring_cursor *cursor, struct slot *slot, uint64_t size);

/* The same, behind an attempt that led nowhere; `intended`: its compare-and-swap failed. */
int xring_push_on(const struct xring *ring, struct xring_cursor *cursor, struct slot *slot, bool intended);

/*
 * Takes the next message into the slot and leaves its empty block.  `*size` also with -EMSGSIZE,
 * where it is longer than `room`.  With `drain`, closes the frontier where it finds nothing.
 * STOA_OK, STOA_EMPTY, STOA_CLOSED (nothing will ever come), -EMSGSIZE, -EBADMSG.
 */
int xring_pop(const struct xring *ring, struct xring_cursor *cursor, struct slot *slot, uint64_t room,
              bool drain, uint64_t *size);

/* As xring_push_on(). */
int xring_pop_on(const struct xring *ring, struct xring_cursor *cursor, struct slot *slot, uint64_t room,
                 bool drain, uint64_t *size, bool intended);

/* Size (of a parcel: of all its messages) and id of the message in a block that the caller holds; -EBADMSG
 * where a size is beyond the largest. */
int xring_message(const struct xring *ring, uint32_t block, uint64_t *size, uint64_t *id);

/* Whether the message in a block, or each of a parcel, which may be another's again meanwhile, fits: 0,
 * -EMSGSIZE, -EBADMSG; `*size`: its bytes. */
int xring_fits(const struct xring *ring, uint32_t block, uint64_t room, uint64_t *size);

/* How many messages were ever committed, and taken. */
int xring_positions(const struct xring *ring, uint64_t *sent, uint64_t *received);
/* Whether a pop would find a message now (1 also where it would find damage), and whether a push would
 * find room, or anything but FULL. */
int xring_readable(const struct xring *ring, struct xring_cursor *cursor);
int xring_writable(const struct xring *ring, struct xring_cursor *cursor);

#endif
