/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * parcel.h - several messages in one block: what one exchange carries.
 */
#ifndef STOA_PARCEL_H
#define STOA_PARCEL_H

#include <stddef.h>

#include "xring.h"

/* A parcel that its receiver has taken, and not received to the end. */
struct parcel {
	const uint8_t *next; /* message */
	struct atom64 *consumed;
	uint64_t each; /* bytes of a message */
	uint64_t id;
	uint32_t count;
	uint32_t left; /* messages not received; 0: no parcel is open */
};

/*
 * Copies `count` messages of `each` bytes, side by side in memory, into a block that is the caller's, where
 * there is room for them.  Returns what xring_push() sends.
 */
uint64_t parcel_fill(const struct xring *ring, uint32_t block, const void *messages, uint64_t each,
                     uint32_t count);

/* The parcel in a block that the caller has taken, from its first message that nobody has received.  0;
 * -EBADMSG (`*parcel` is open nowhere). */
int parcel_open(const struct xring *ring, uint32_t block, struct parcel *parcel);

/*
 * Copies up to `most` of the messages that are left, `room` bytes apart, each of which fits, and says so in
 * the block, unless none is left: then the caller acknowledges the block.  Returns how many.
 */
size_t parcel_receive(struct parcel *parcel, void *out, size_t room, size_t most);

#endif
