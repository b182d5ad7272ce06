/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * participant_death.c - the proof of death.  The essay is at the head of participant.c.
 */
#include "participant_slot.h"

/* The PID namespace of this process.  0: unknown. */
static uint64_t own_namespace(void)
{
	struct os_process self;

	os_self(&self);
	return self.pid_namespace;
}

/* The word `forks`: how many children of that generation's owner may still have its lock. */
static uint64_t forks_word(uint64_t generation, uint64_t children)
{
	return generation << 16 | children;
}

static uint64_t forks_in(uint64_t word, uint64_t generation)
{
	return word >> 16 == (generation << 16) >> 16 ? word & 0xffff : 0;
}

/* Whether the process that wrote its identity into the record has surely ended. */
static bool identity_gone(const struct participant_record *record)
{
	/* Relaxed: the caller looks at the state once more, and it does not change within a generation. */
	uint64_t namespace = atom64_load_rlx(&record->pid_namespace);
	int32_t pid = (int32_t)atom64_load_rlx(&record->pid);

	return namespace && namespace == own_namespace() &&
	       os_process_gone(pid, atom64_load_rlx(&record->start_time));
}

/* Whether a child of the owner in that state may still have its lock. */
static bool forked(const struct participant_record *record, uint64_t state)
{
	/* [P5] acquire (seq); pairs with participant_fork_begins(): a child has the lock, perhaps alone. */
	return forks_in(atom64_load_seq(&record->forks), generation_of(state)) > 0;
}

static bool may_look_up(struct lookups *lookups, const struct participant_record *record, uint64_t state)
{
	if (!lookups->left || (lookups->forked_only && !forked(record, state)))
		return false;
	lookups->left--;
	return true;
}

bool participant_proven_dead(const struct stoa_segment *segment, uint32_t slot, uint64_t state,
                             struct lookups *lookups)
{
	const struct participant_record *record = segment_participant(segment, slot);
	int locked = os_byte_locked(segment->fd, byte_of(segment, slot));

	if (locked < 0)
		return false;
	if (locked) {
		if (state_of(state) != PARTICIPANT_LIVE || (lookups && !may_look_up(lookups, record, state)))
			return false;
		if (!identity_gone(record))
			return false;
	}
	fence_acq(); /* [P1] the identity that was read, with the CAS (seq, release) in introduce() */
	return atom64_load_seq(&record->state) == state;
}

bool participant_dead(const struct stoa_segment *segment, uint32_t slot, uint64_t generation)
{
	struct atom64 *word;
	uint64_t state;

	if (slot >= segment->participants)
		return true; /* nobody can be there */
	word = &segment_participant(segment, slot)->state;
	/* [P1] acquire (seq); pairs with introduce(): the identity before LIVE. */
	state = atom64_load_seq(word);
	if (generation_of(state) != generation || !is_attached(state))
		return true;
	if (is_self(segment, slot))
		return false;
	if (participant_proven_dead(segment, slot, state, NULL))
		return true;
	state = atom64_load_seq(word); /* it may have moved on meanwhile */
	return generation_of(state) != generation || !is_attached(state);
}

bool participant_lost(const struct stoa_segment *segment, uint32_t slot)
{
	const struct participant_record *record;
	uint64_t state;

	if (slot >= segment->participants)
		return true;
	if (is_self(segment, slot))
		return false;
	if (os_byte_locked(segment->fd, byte_of(segment, slot)) == 0)
		return true;
	/* Only now: it may be locked by somebody who reaps from this slot, and then it is DEAD already. */
	record = segment_participant(segment, slot);
	state = atom64_load_seq(&record->state);
	if (!is_attached(state))
		return true;
	return forked(record, state) && participant_proven_dead(segment, slot, state, NULL);
}

void participant_fork_begins(const struct stoa_segment *segment)
{
	struct participant_record *own = segment_participant(segment, segment->self);
	uint64_t word = atom64_load_seq(&own->forks), children;

	if (!joined(segment))
		return;
	do
		children = forks_in(word, segment->generation);
	while (children < 0xffff && /* [P5] release (seq): before there is a child */
	       !atom64_cas_seq(&own->forks, &word, forks_word(segment->generation, children + 1)));
}

void participant_fork_ends(const struct stoa_segment *segment)
{
	struct participant_record *parent = segment_participant(segment, segment->self);
	uint64_t word = atom64_load_seq(&parent->forks), children;

	do
		children = forks_in(word, segment->generation); /* 0: its slot is another's by now */
	while (children > 0 &&
	       !atom64_cas_seq(&parent->forks, &word, forks_word(segment->generation, children - 1)));
}

bool participant_others(const struct stoa_segment *segment)
{
	for (uint32_t slot = 0; slot < segment->participants; slot++) {
		uint64_t state = atom64_load_seq(&segment_participant(segment, slot)->state);

		if (!is_attached(state) || is_self(segment, slot) ||
		    participant_proven_dead(segment, slot, state, NULL))
			continue;
		/* Alive, or it has moved on meanwhile: gone, or somebody else's already. */
		if (is_attached(atom64_load_seq(&segment_participant(segment, slot)->state)))
			return true;
	}
	return false;
}
