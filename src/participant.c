/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * participant.c - who is attached: how one joins and leaves.  The proof of death is in participant_death.c, reaping
 * in participant_reap.c.
 *
 * A slot and its byte.  A process that uses a segment owns one slot of the table, and as long as it
 * lives it holds a lock on one byte of the file, the first of the slot's record.  The lock is an
 * open-file-description lock on a description that nobody else ever gets (os_open_same()), so the kernel
 * drops it exactly when the process has ended, by whatever way and in whatever container, or when a
 * forked child has closed its copy, too, which it does first of all.
 *
 * The word `state` says whose the slot is, and the generation in it makes every word unique:
 *
 *   FREE(g) -> CLAIMED(g+1) -> LIVE(g+1) -> DEAD(g+1) -> SETTLED(g+1) -> RELEASED(g+1) -> FREE(g+1)
 *      claim()       introduce()      |   settle()       release()          set_free()
 *                 CLAIMED(g+1) -------+
 *
 *   claim      lock the byte first, and only then claim, and only a FREE slot.  A slot that is
 *              CLAIMED or LIVE and whose byte is not locked has thus lost its owner for good.  Nor does
 *              another's lock hide that: who locks the byte of a slot that is not its own has locked the
 *              slot's claim byte before, and seen under that lock that the slot has no owner; without
 *              the claim byte it gets none.  The owner keeps both.
 *   DEAD       proven dead by anybody, or left by its owner, who unlocks the byte after that.  From
 *              here the byte says nothing about this generation any more.
 *   SETTLED    nothing that the owner held is left undecided (reap_settle()).
 *   RELEASED   its roles are free for others (reap_release()).
 *
 * Proof of death of a LIVE slot is one of
 *   - the byte is not locked, and the state is still the same word after that look.  Without the second
 *     look the next owner, who locks the byte before it claims the slot, could be meant;
 *   - the byte is locked, but the process is of our PID namespace and gone (os_process_gone()).  So a child
 *     that was stopped between fork() and its handler does not keep its parent alive.  This look costs
 *     some ten system calls and finds hardly ever anything, so reaping by the way does it for
 *     PIDS_AT_ONCE slots in turn; stoa_segment_reap() and participant_dead() do it always, and
 *     participant_lost() and who attaches where a child may have the lock: the word `forks` counts the
 *     children that have not yet given it up [P5].
 * In CLAIMED the identity is not yet valid: only the byte counts.  One's own slot is never probed.
 *
 * Reapers.  Any number of processes may reap one slot at once, and each may be stopped at any
 * instruction and go on much later.  Each step writes by compare-and-swap from exact words, but words of
 * the next owner could come to be equal to the words of the dead one.  So a reaper says in its
 * hazard word which (slot, generation) it is at, and in which of two steps:
 *
 *   settle   publish hazard (g, slot); the state must still be DEAD(g); reap_settle(); -> SETTLED(g)
 *   release  state SETTLED(g): nobody else may be settling (g, slot) still.  Publish hazard (g, slot,
 *            RELEASING); the state must still be SETTLED(g); reap_release(); -> RELEASED(g)
 *   free     state RELEASED(g): nobody else may be at (g, slot) at all -> FREE(g)
 *
 * [P2] The hazard is stored and then the state is read; the state is changed and then the hazards are
 * read; all four sequentially consistent.  So whoever entered a step before the state moved on is seen by
 * who wants to take the step after the next, and who comes later sees the state and does not enter:
 * the dead owner's words stay what they are until the last who looks at them has gone, and a
 * handle is not given to a new owner under the eyes of a reaper.
 *
 * A hazard counts while the byte of its slot is locked: the hazards of the dead go with their
 * locks.  A stopped reaper withholds one dead slot until it wakes up or dies, and nothing else.
 *
 * A full table of dead slots.  Who finds no FREE slot has no hazard word to reap with.  It locks the
 * bytes of a slot whose owner is dead, and reaps from that slot's hazard word: the claim byte keeps
 * others from claiming the slot, the other one makes the hazard count.
 *
 * Leaving is dying in order: state DEAD first, then the same steps on one's own slot, then unlock.
 * Whatever a handle may have forgotten is settled on the way.
 */
#include "participant_slot.h"

#define REGISTER_TRIES 4
#define REGISTER_PAUSE_NS 1000000u
#define LOOKS_MAX 100 /* at a slot that changes under our eyes: it cannot, a hundred times, honestly */

/* ---- joining and leaving ---- */

/* Takes a FREE slot: its byte is locked by lock_fd, its state CLAIMED.  0; -EUSERS; others of fcntl(2). */
static int claim(const struct stoa_segment *segment, int lock_fd, uint32_t *slot, uint64_t *generation)
{
	for (uint32_t i = 0; i < segment->participants; i++) {
		struct atom64 *word = &segment_participant(segment, i)->state;
		uint64_t state = atom64_load_seq(word);
		int rc;

		if (state_of(state) != PARTICIPANT_FREE)
			continue;
		rc = DEFECT(DEFECT_CLAIM_FIRST) ? 0 : keep_off(segment, lock_fd, i, &state);
		if (rc == -EAGAIN)
			continue;
		if (rc)
			return rc;
		*generation = generation_of(state) + !DEFECT(DEFECT_GENERATION_SAME);
		if (state_of(state) == PARTICIPANT_FREE &&
		    atom64_cas_seq(word, &state, state_word(*generation, PARTICIPANT_CLAIMED))) {
			if (DEFECT(DEFECT_CLAIM_FIRST))
				os_lock_byte(lock_fd, byte_of(segment, i));
			*slot = i; /* the claim byte goes with the other one: nobody asks for it meanwhile */
			return 0;
		}
		let_in(segment, lock_fd, i);
	}
	return -EUSERS;
}

/* Writes who we are into the slot that we claimed. */
static int introduce(const struct stoa_segment *segment, const struct os_process *self, uint32_t slot,
                     uint64_t generation)
{
	struct participant_record *record = segment_participant(segment, slot);
	uint64_t state = state_word(generation, PARTICIPANT_CLAIMED);
	uint64_t comm[2] = { 0 };

	memcpy(comm, self->comm, sizeof comm);
	/* Relaxed, all of them: published by [P1].  The hazard is of the owner before, if it died reaping. */
	if (!DEFECT(DEFECT_HAZARD_KEPT))
		atom64_store_rlx(&record->hazard, 0);
	if (!DEFECT(DEFECT_IDENTITY_LATE))
		atom64_store_rlx(&record->pid, (uint32_t)self->pid);
	atom64_store_rlx(&record->start_time, self->start_time);
	atom64_store_rlx(&record->pid_namespace, self->pid_namespace);
	atom64_store_rlx(&record->attached_ns, os_realtime_ns());
	atom64_store_rlx(&record->comm[0], comm[0]);
	atom64_store_rlx(&record->comm[1], comm[1]);
	/* [P1] release (seq); pairs with the loads of the state in look() and participant_dead(): else the
	 * pid of the owner before would prove our death. */
	if (!atom64_cas_seq(&record->state, &state, state_word(generation, PARTICIPANT_LIVE)))
		return -EBADMSG; /* nobody may touch it: these are no segment's words any more */
	if (DEFECT(DEFECT_IDENTITY_LATE))
		atom64_store_rlx(&record->pid, (uint32_t)self->pid);
	return 0;
}

static int join(struct stoa_segment *segment)
{
	struct os_process self;
	int rc, lock_fd = os_open_same(segment->path, segment->fd, segment->device, segment->inode);

	if (lock_fd < 0)
		return lock_fd;
	os_self(&self);
	for (int i = 0;; i++) {
		rc = claim(segment, lock_fd, &segment->self, &segment->generation);
		if (rc != -EUSERS || i == REGISTER_TRIES)
			break;
		/* Somebody may be on its way out, or reaping just what we need. */
		if (!participant_reap_from_dead(segment, lock_fd) && i > 0)
			os_sleep_ns(REGISTER_PAUSE_NS);
	}
	if (!rc)
		rc = introduce(segment, &self, segment->self, segment->generation);
	if (rc) {
		os_close(lock_fd);
		return rc;
	}
	segment->lock_fd = lock_fd;
	/* [P3] release; pairs with joined(): who sees the epoch sees the slot. */
	atom64_store_rel(&segment->joined, stoa_fork_epoch);
	return 0;
}

int participant_register(struct stoa_segment *segment)
{
	int rc = 0;

	if (segment->read_only)
		return -EACCES;
	pthread_mutex_lock(&segment->joining);
	if (!joined(segment))
		rc = join(segment);
	pthread_mutex_unlock(&segment->joining);
	return rc;
}

int participant_self(struct stoa_segment *segment, uint32_t *slot)
{
	int rc = likely(joined(segment)) ? 0 : participant_register(segment);

	if (likely(!rc))
		*slot = segment->self;
	return rc;
}

void participant_leave(struct stoa_segment *segment)
{
	uint64_t state = state_word(segment->generation, PARTICIPANT_LIVE);
	uint64_t dead = state_word(segment->generation, PARTICIPANT_DEAD);

	if (!joined(segment))
		return;
	pthread_mutex_lock(&segment->joining);
	atom64_store_seq(&segment->joined, 0);
	if (DEFECT(DEFECT_LEFT_UNLOCKED))
		os_unlock_byte(segment->lock_fd, byte_of(segment, segment->self));
	if (atom64_cas_seq(&segment_participant(segment, segment->self)->state, &state, dead))
		participant_bury_own(segment, dead);
	os_close(segment->lock_fd); /* clear first, then unlock */
	segment->lock_fd = -1;
	pthread_mutex_unlock(&segment->joining);
}

/* ---- telling ---- */

int stoa_segment_participant(const struct stoa_segment *segment, uint32_t index,
                             struct stoa_participant_info *info)
{
	struct stoa_participant_info own = { 0 };
	struct participant_record *record;
	uint64_t state, comm[2];

	if (!segment || !info)
		return -EINVAL;
	if (index >= segment->participants)
		return -ENOENT;
	record = segment_participant(segment, index);
	for (int i = 0;; i++) {
		state = atom64_load_seq(&record->state); /* [P1] acquire (seq) */
		if (state_of(state) == PARTICIPANT_FREE || state_of(state) == PARTICIPANT_CLAIMED ||
		    i == LOOKS_MAX)
			return STOA_EMPTY;
		/* Relaxed: read again where the state has changed meanwhile. */
		own.generation = generation_of(state);
		own.pid = (int32_t)atom64_load_rlx(&record->pid);
		own.start_time = atom64_load_rlx(&record->start_time);
		own.pid_namespace = atom64_load_rlx(&record->pid_namespace);
		own.attached_ns = atom64_load_rlx(&record->attached_ns);
		comm[0] = atom64_load_rlx(&record->comm[0]);
		comm[1] = atom64_load_rlx(&record->comm[1]);
		fence_acq();
		if (atom64_load_seq(&record->state) == state)
			break;
	}
	memcpy(own.comm, comm, sizeof own.comm);
	own.comm[sizeof own.comm - 1] = '\0';
	own.alive = !participant_dead(segment, index, own.generation);
	return info_copy(info, &own, sizeof own);
}
