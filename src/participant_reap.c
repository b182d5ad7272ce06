/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * participant_reap.c - what the dead held is settled, released, and their slots are free again.  The essay is at the
 * head of participant.c.
 */
#include "participant_slot.h"

#define PIDS_AT_ONCE 8
#define PARTICIPANTS_ALL UINT32_MAX
#define REAP_TRIES 10
#define REAP_PAUSE_NS 100000u

/* The state of a slot, after its owner has been marked as dead where that is proven. */
static uint64_t look(const struct stoa_segment *segment, uint32_t slot, struct lookups *lookups)
{
	struct atom64 *word = &segment_participant(segment, slot)->state;
	uint64_t state = atom64_load_seq(word); /* [P1] acquire (seq) */
	uint64_t dead = state_word(generation_of(state), PARTICIPANT_DEAD);

	if (!is_attached(state) || is_self(segment, slot))
		return state;
	/* Alive; or not LIVE any more: somebody else has marked it. */
	if (!participant_proven_dead(segment, slot, state, lookups))
		return atom64_load_seq(word);
	return atom64_cas_seq(word, &state, dead) ? dead : state;
}

/* A reaper: whose hazard word it uses, and what it came across. */
struct reaper {
	struct stoa_segment *segment;
	uint32_t anchor;
	struct lookups lookups;
	bool held; /* another reaper is at one of the dead */
	int freed;
	int fault;
};

static uint64_t hazard_word(uint32_t slot, uint64_t generation)
{
	return generation << 16 | (slot + 1);
}

/* Enters a step: false where the state has moved on. */
static bool enter(struct reaper *reaper, uint32_t slot, uint64_t state, uint64_t step)
{
	struct participant_record *own = segment_participant(reaper->segment, reaper->anchor);
	const struct participant_record *record = segment_participant(reaper->segment, slot);

	if (!DEFECT(DEFECT_NO_HAZARD)) /* [P2] release (seq) */
		atom64_store_seq(&own->hazard, hazard_word(slot, generation_of(state)) | step);
	if (atom64_load_seq(&record->state) == state || DEFECT(DEFECT_ENTER_BLIND)) /* [P2] acquire (seq) */
		return true;
	atom64_store_seq(&own->hazard, 0);
	return false;
}

static void leave(struct reaper *reaper)
{
	/* [P2] release: whatever was done in the step comes before.  Seq, as the hazards are looked at next: of
	 * two who leave a step at once one sees that the other has left, and goes on. */
	atom64_store_seq(&segment_participant(reaper->segment, reaper->anchor)->hazard, 0);
}

/* Whether another reaper who lives is at this slot and generation: settling, or in any step. */
static bool in_hazard(const struct reaper *reaper, uint32_t slot, uint64_t state, bool any_step)
{
	const struct stoa_segment *segment = reaper->segment;
	uint64_t settling = hazard_word(slot, generation_of(state));

	for (uint32_t i = 0; i < segment->participants; i++) {
		/* [P2] acquire (seq) */
		uint64_t hazard = atom64_load_seq(&segment_participant(segment, i)->hazard);

		if (i == reaper->anchor)
			continue;
		if (hazard != settling && !(any_step && hazard == (settling | HAZARD_RELEASING)))
			continue;
		if (os_byte_locked(segment->fd, byte_of(segment, i)) != 0) /* locked, or it cannot be told */
			return true;
	}
	return false;
}

static uint64_t advance(const struct reaper *reaper, uint32_t slot, uint64_t state, unsigned to)
{
	struct atom64 *word = &segment_participant(reaper->segment, slot)->state;
	uint64_t next = state_word(generation_of(state), to);

	return atom64_cas_seq(word, &state, next) ? next : state; /* [P2] */
}

static uint64_t settle(struct reaper *reaper, uint32_t slot, uint64_t state)
{
	int rc;

	if (!enter(reaper, slot, state, 0))
		return atom64_load_seq(&segment_participant(reaper->segment, slot)->state);
	if (DEFECT(DEFECT_LEFT_UNSETTLED) && slot == reaper->anchor)
		rc = 0;
	else
		rc = reap_settle(reaper->segment, slot);
	if (rc)
		reaper->fault = rc;
	else
		state = advance(reaper, slot, state, PARTICIPANT_SETTLED);
	leave(reaper);
	return state;
}

static uint64_t release(struct reaper *reaper, uint32_t slot, uint64_t state)
{
	if (in_hazard(reaper, slot, state, false) && !DEFECT(DEFECT_RELEASED_UNDER)) {
		reaper->held = true;
		return state;
	}
	if (!enter(reaper, slot, state, HAZARD_RELEASING))
		return atom64_load_seq(&segment_participant(reaper->segment, slot)->state);
	reap_release(reaper->segment, slot);
	state = advance(reaper, slot, state, PARTICIPANT_RELEASED);
	leave(reaper);
	return state;
}

static void set_free(struct reaper *reaper, uint32_t slot, uint64_t state)
{
	struct atom64 *word = &segment_participant(reaper->segment, slot)->state;

	if (in_hazard(reaper, slot, state, true) && !DEFECT(DEFECT_FREED_UNDER))
		reaper->held = true;
	else if (atom64_cas_seq(word, &state, state_word(generation_of(state), PARTICIPANT_FREE)))
		reaper->freed++;
}

/* Takes a dead slot as far as it goes now. */
static void bury(struct reaper *reaper, uint32_t slot, uint64_t state)
{
	if (state_of(state) == PARTICIPANT_DEAD)
		state = settle(reaper, slot, state);
	if (state_of(state) == PARTICIPANT_SETTLED)
		state = release(reaper, slot, state);
	if (state_of(state) == PARTICIPANT_RELEASED)
		set_free(reaper, slot, state);
}

static void bury_all(struct reaper *reaper)
{
	struct stoa_segment *segment = reaper->segment;
	uint32_t from = atom32_load_rlx(&segment->next_pid); /* relaxed: only where to begin */

	for (uint32_t i = 0; i < segment->participants; i++) {
		uint32_t slot = (uint32_t)((from + (uint64_t)i) % segment->participants);
		unsigned before = reaper->lookups.left;

		bury(reaper, slot, look(segment, slot, &reaper->lookups));
		if (before && !reaper->lookups.left)
			atom32_store_rlx(&segment->next_pid, slot + 1);
	}
}

static int reap(struct stoa_segment *segment, struct lookups lookups, int tries)
{
	struct reaper reaper = { .segment = segment, .lookups = lookups };
	int rc = participant_self(segment, &reaper.anchor);

	if (rc)
		return rc;
	/* Another may be in the middle of reaping what our caller needs: a thread of ours, as there is one
	 * hazard word, or another process.  Mostly it has done in a moment. */
	for (int i = 0; i < tries; i++) {
		if (i)
			os_sleep_ns(REAP_PAUSE_NS);
		reaper.held = pthread_mutex_trylock(&segment->reaping) != 0;
		if (reaper.held)
			continue;
		bury_all(&reaper);
		pthread_mutex_unlock(&segment->reaping);
		if (!reaper.held)
			break;
	}
	/* -EAGAIN: the living moved too much to decide; the next one will. */
	return reaper.freed || reaper.fault == -EAGAIN ? reaper.freed : reaper.fault;
}

int participant_reap_all(struct stoa_segment *segment)
{
	return reap(segment, (struct lookups){ .left = PIDS_AT_ONCE }, REAP_TRIES);
}

int participant_reap_once(struct stoa_segment *segment)
{
	return reap(segment, (struct lookups){ .left = PIDS_AT_ONCE }, 1);
}

int participant_reap_attaching(struct stoa_segment *segment)
{
	return reap(segment, (struct lookups){ .left = PIDS_AT_ONCE, .forked_only = true }, 1);
}

int stoa_segment_reap(struct stoa_segment *segment)
{
	return segment ? reap(segment, (struct lookups){ .left = PARTICIPANTS_ALL }, REAP_TRIES) : -EINVAL;
}

static bool is_dead(uint64_t state)
{
	return state_of(state) == PARTICIPANT_DEAD || state_of(state) == PARTICIPANT_SETTLED ||
	       state_of(state) == PARTICIPANT_RELEASED;
}

int participant_reap_from_dead(struct stoa_segment *segment, int lock_fd)
{
	for (uint32_t slot = 0; slot < segment->participants; slot++) {
		struct reaper reaper = { .segment = segment, .anchor = slot };
		uint64_t state = look(segment, slot, NULL);

		/* FREE by now, perhaps, but nobody claims it. */
		if (!is_dead(state) || keep_off(segment, lock_fd, slot, &state) != 0)
			continue;
		reaper.lookups.left = PARTICIPANTS_ALL;
		bury_all(&reaper);
		let_in(segment, lock_fd, slot);
		if (reaper.freed)
			return reaper.freed;
	}
	return 0;
}

void participant_bury_own(struct stoa_segment *segment, uint64_t state)
{
	struct reaper reaper = { .segment = segment, .anchor = segment->self };

	bury(&reaper, segment->self, state);
}
