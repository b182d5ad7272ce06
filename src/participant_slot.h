/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * participant_slot.h - a slot, its word and its bytes, for participant.c, which has the essay, participant_death.c
 * and participant_reap.c.
 */
#ifndef STOA_PARTICIPANT_SLOT_H
#define STOA_PARTICIPANT_SLOT_H

#include <errno.h>
#include <string.h>

#include "atomic.h"
#include "defect.h"
#include "os.h"
#include "participant.h"
#include "segment.h"

static inline uint64_t state_word(uint64_t generation, unsigned what)
{
	return generation << 8 | what;
}

static inline unsigned state_of(uint64_t state)
{
	return state & 0xff;
}

static inline uint64_t generation_of(uint64_t state)
{
	return state >> 8;
}

static inline bool is_attached(uint64_t state)
{
	return state_of(state) == PARTICIPANT_CLAIMED || state_of(state) == PARTICIPANT_LIVE;
}

static inline uint64_t byte_of(const struct stoa_segment *segment, uint32_t slot)
{
	return segment->participants_offset + (uint64_t)slot * sizeof(struct participant_record);
}

/* Locked by who is about to claim the slot, or to keep others from it. */
static inline uint64_t claim_byte_of(const struct stoa_segment *segment, uint32_t slot)
{
	return byte_of(segment, slot) + 1;
}

static inline bool joined(const struct stoa_segment *segment)
{
	/* [P3] acquire (seq); pairs with the release in join(): the slot before the epoch. */
	return atom64_load_seq(&segment->joined) == stoa_fork_epoch;
}

static inline bool is_self(const struct stoa_segment *segment, uint32_t slot)
{
	return joined(segment) && segment->self == slot;
}

/*
 * Locks the byte of a slot that has no owner, and its claim byte, for lock_fd.  Nobody else claims it now;
 * `*state` is never CLAIMED or LIVE.  0; -EAGAIN: it has an owner, or somebody else has a lock; others of fcntl(2).
 */
static inline int keep_off(const struct stoa_segment *segment, int lock_fd, uint32_t slot, uint64_t *state)
{
	int rc = os_lock_byte(lock_fd, claim_byte_of(segment, slot));

	if (rc)
		return rc;
	*state = atom64_load_seq(&segment_participant(segment, slot)->state);
	rc = is_attached(*state) ? -EAGAIN : os_lock_byte(lock_fd, byte_of(segment, slot));
	if (rc)
		os_unlock_byte(lock_fd, claim_byte_of(segment, slot));
	return rc;
}

static inline void let_in(const struct stoa_segment *segment, int lock_fd, uint32_t slot)
{
	os_unlock_byte(lock_fd, byte_of(segment, slot));
	os_unlock_byte(lock_fd, claim_byte_of(segment, slot));
}

/* ---- participant_death.c ---- */

/* Which pids may be looked up where a byte is locked. */
struct lookups {
	unsigned left;
	bool forked_only;
};

/*
 * Whether the owner of a slot in that state, CLAIMED or LIVE and not our own, is proven dead.
 * `lookups`: NULL for any number.
 */
bool participant_proven_dead(const struct stoa_segment *segment, uint32_t slot, uint64_t state,
                             struct lookups *lookups);

/* ---- participant_reap.c ---- */

/* Reaps without a slot of one's own: see the essay.  How many became free. */
int participant_reap_from_dead(struct stoa_segment *segment, int lock_fd);
/* Our own slot, which is DEAD now: as far as it goes. */
void participant_bury_own(struct stoa_segment *segment, uint64_t state);

#endif
