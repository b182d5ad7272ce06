/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * participant.c - who is attached, the proof of death, fork, reaping.
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
#include <errno.h>
#include <string.h>

#include "atomic.h"
#include "defect.h"
#include "os.h"
#include "participant.h"
#include "segment.h"

#define PIDS_AT_ONCE 8
#define PARTICIPANTS_ALL UINT32_MAX
#define REAP_TRIES 10
#define REAP_PAUSE_NS 100000u
#define REGISTER_TRIES 4
#define REGISTER_PAUSE_NS 1000000u
#define LOOKS_MAX 100 /* at a slot that changes under our eyes: it cannot, a hundred times, honestly */

static uint64_t state_word(uint64_t generation, unsigned what)
{
	return generation << 8 | what;
}

static unsigned state_of(uint64_t state)
{
	return state & 0xff;
}

static uint64_t generation_of(uint64_t state)
{
	return state >> 8;
}

static bool is_attached(uint64_t state)
{
	return state_of(state) == PARTICIPANT_CLAIMED || state_of(state) == PARTICIPANT_LIVE;
}

static bool is_dead(uint64_t state)
{
	return state_of(state) == PARTICIPANT_DEAD || state_of(state) == PARTICIPANT_SETTLED ||
	       state_of(state) == PARTICIPANT_RELEASED;
}

static uint64_t byte_of(const struct stoa_segment *segment, uint32_t slot)
{
	return segment->participants_offset + (uint64_t)slot * sizeof(struct participant_record);
}

/* Locked by who is about to claim the slot, or to keep others from it. */
static uint64_t claim_byte_of(const struct stoa_segment *segment, uint32_t slot)
{
	return byte_of(segment, slot) + 1;
}

static bool joined(const struct stoa_segment *segment)
{
	/* [P3] acquire (seq); pairs with the release in join(): the slot before the epoch. */
	return atom64_load_seq(&segment->joined) == stoa_fork_epoch;
}

static bool is_self(const struct stoa_segment *segment, uint32_t slot)
{
	return joined(segment) && segment->self == slot;
}

/* ---- proof of death ---- */

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
	/* Relaxed: the caller looks at the state once more, and does not change within a generation. */
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

/* Which pids may be looked up where a byte is locked. */
struct lookups {
	unsigned left;
	bool forked_only;
};

static bool may_look_up(struct lookups *lookups, const struct participant_record *record, uint64_t state)
{
	if (!lookups->left || (lookups->forked_only && !forked(record, state)))
		return false;
	lookups->left--;
	return true;
}

/*
 * Whether the owner of a slot in that state, CLAIMED or LIVE and not our own, is proven dead.
 * `lookups`: NULL for any number.
 */
static bool proven_dead(const struct stoa_segment *segment, uint32_t slot, uint64_t state,
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
	if (proven_dead(segment, slot, state, NULL))
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
	return forked(record, state) && proven_dead(segment, slot, state, NULL);
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
		    proven_dead(segment, slot, state, NULL))
			continue;
		/* Alive, or it has moved on meanwhile: gone, or somebody else's already. */
		if (is_attached(atom64_load_seq(&segment_participant(segment, slot)->state)))
			return true;
	}
	return false;
}

/* ---- reaping ---- */

/* The state of a slot, after its owner has been marked as dead where that is proven. */
static uint64_t look(const struct stoa_segment *segment, uint32_t slot, struct lookups *lookups)
{
	struct atom64 *word = &segment_participant(segment, slot)->state;
	uint64_t state = atom64_load_seq(word); /* [P1] acquire (seq) */
	uint64_t dead = state_word(generation_of(state), PARTICIPANT_DEAD);

	if (!is_attached(state) || is_self(segment, slot))
		return state;
	if (!proven_dead(segment, slot, state,
	                 lookups)) /* alive; or not LIVE any more: somebody else has marked it */
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

/* ---- joining and leaving ---- */

/*
 * Locks the byte of a slot that has no owner, and its claim byte, for lock_fd.  Nobody else claims it now;
 * `*state` is never CLAIMED or LIVE.  0; -EAGAIN: it has an owner, or somebody else has a lock; others of fcntl(2).
 */
static int keep_off(const struct stoa_segment *segment, int lock_fd, uint32_t slot, uint64_t *state)
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

static void let_in(const struct stoa_segment *segment, int lock_fd, uint32_t slot)
{
	os_unlock_byte(lock_fd, byte_of(segment, slot));
	os_unlock_byte(lock_fd, claim_byte_of(segment, slot));
}

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

/* Reaps without a slot of one's own: see the essay.  How many became free. */
static int reap_from_a_dead_slot(struct stoa_segment *segment, int lock_fd)
{
	for (uint32_t slot = 0; slot < segment->participants; slot++) {
		struct reaper reaper = { .segment = segment,
			                 .anchor = slot,
			                 .lookups.left = PARTICIPANTS_ALL };
		uint64_t state = look(segment, slot, NULL);

		/* FREE by now, perhaps, but nobody claims it. */
		if (!is_dead(state) || keep_off(segment, lock_fd, slot, &state) != 0)
			continue;
		bury_all(&reaper);
		let_in(segment, lock_fd, slot);
		if (reaper.freed)
			return reaper.freed;
	}
	return 0;
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
		if (!reap_from_a_dead_slot(segment, lock_fd) && i > 0)
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
	struct reaper reaper = { .segment = segment, .anchor = segment->self };
	uint64_t state = state_word(segment->generation, PARTICIPANT_LIVE);
	uint64_t dead = state_word(segment->generation, PARTICIPANT_DEAD);

	if (!joined(segment))
		return;
	pthread_mutex_lock(&segment->joining);
	atom64_store_seq(&segment->joined, 0);
	if (DEFECT(DEFECT_LEFT_UNLOCKED))
		os_unlock_byte(segment->lock_fd, byte_of(segment, segment->self));
	if (atom64_cas_seq(&segment_participant(segment, segment->self)->state, &state, dead))
		bury(&reaper, segment->self, dead);
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
