/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sync_barrier.c - as many as the barrier has parties wait for each other, again and again.
 *
 *   word = changes | round
 *   seat = generation | round | owner's participant slot | FREE, TAKEN or LEAVING;  as many as parties
 *
 * A count of arrivals could not be repaired after a death: did it count the dead one or not?  So to
 * arrive is to take a seat, by one compare-and-swap, and the seat says by whom, and in which round.
 * Who sees all seats TAKEN in this round, be it the last to arrive or anybody who waits, moves
 * the word to the next round, by one compare-and-swap: that is the moment at which all pass.
 *
 * Rounds of seats.  A round ends only with all its seats taken, so the seats of round r say r - 1 (not
 * used in this round yet) or r; r + 1 tells a caller that its idea of the round is old.  A seat may be
 * taken in round r if it says r - 1, whatever its state, or r and FREE.  Such a word shows that round r
 * is not over; as the caller has seen it begin, the compare-and-swap that takes the seat succeeds in
 * round r or not at all.
 *
 * Taking an arrival back, by its owner after the deadline or a signal, or by who reaps the owner:
 *
 *   1  seat: TAKEN -> LEAVING      fails: somebody sits there in the next round, so we have passed
 *   2  word: changes + 1           fails because the round is over: we have passed
 *   3  seat: LEAVING -> FREE
 *
 * Who ends a round reads the word before it looks at the seats and compares that very word after it.  If
 * it saw our seat before 1 and comes after 2, it fails and looks again; if it comes before 2, we counted,
 * and learn it in 2.  It needs every seat, so no round ends without the one in step 1 to 3 unless it was
 * counted, and "the round is over" in 2 always means "with me".  Step 2 may be done by several (an owner
 * has only one life, but reapers are many): one change more makes others look again, and does no harm.
 *
 * The price of it: a process that is stopped between 1 and 3 keeps its seat until it goes on or dies,
 * and somebody who would take its part waits as long.  Elsewhere a stopped process has arrived, or has not.
 *
 * The dead.  An arrival whose process is dead is taken back by barrier_settle().  But its successor
 * may come before anybody has reaped, and then the round would end without the living one that is
 * missing, and the parties would be a round apart for ever.  So who sees all seats taken asks for each owner
 * whether its byte is still locked, and reaps if not: one cheap system call a seat, in a call that is
 * about waiting.  Who dies after that had arrived, and counts.  A round that is over is over: seats of older
 * rounds mean nothing, whoever's they are, and are not settled.
 *
 * Who is killed after its seat was the last to be taken, and before the word moves, is found lost by the
 * others, who wait for its successor.  Who is killed after the word has moved, and before it wakes them: they
 * see it when their slice is over.
 *
 * Wrap-around.  `changes` never starts anew, so the word repeats only after 2^40 changes.  Rounds are
 * compared for equality, modulo 2^24; a waiter that sleeps through so many also looks whether its seat is
 * still its own.
 *
 * [Y4] The seats and the word: release (seq) where a seat is taken, acquire (seq) where all are seen taken;
 * then release (seq) where the word moves on, acquire (seq) in has_passed().  So who passes sees what
 * everybody wrote before arriving.
 */
#include <errno.h>

#include "atomic.h"
#include "defect.h"
#include "segment.h"
#include "sync.h"

#define ROUND_MASK ((1u << ROUND_BITS) - 1)

struct stoa_barrier {
	struct sync sync;
};

static uint32_t round_of(uint64_t word)
{
	return word & ROUND_MASK;
}

static uint64_t word_after(uint64_t word, uint32_t round)
{
	return ((word >> ROUND_BITS) + 1) << ROUND_BITS | (round & ROUND_MASK);
}

static unsigned seat_state(uint64_t seat)
{
	return seat & 3;
}

static uint32_t seat_owner(uint64_t seat)
{
	return seat >> 2 & 0xffff;
}

static uint32_t seat_round(uint64_t seat)
{
	return seat >> 18 & ROUND_MASK;
}

static uint64_t seat_taken(uint64_t before, uint32_t round, uint32_t self)
{
	return ((before >> 42) + 1) << 42 | (uint64_t)round << 18 | (uint64_t)self << 2 | SEAT_TAKEN;
}

static uint64_t seat_with(uint64_t seat, unsigned state)
{
	return (seat & ~3ull) | state;
}

/* ---- the object ---- */

static int shape_of(const struct stoa_barrier_config *given, struct sync_shape *shape, uint32_t *flags)
{
	struct stoa_barrier_config config;
	int rc = config_copy(&config, sizeof config, given);

	if (rc)
		return rc;
	if ((config.flags & ~(uint32_t)STOA_EXCLUSIVE) || !config.parties || config.parties > PARTIES_MAX)
		return -EINVAL;
	*flags = config.flags;
	*shape = (struct sync_shape){ .kind = STOA_KIND_BARRIER, .size = config.parties };
	shape->word = word_after(0, 1); /* the seats say 0 */
	return 0;
}

int stoa_barrier_create(struct stoa_segment *segment, const char *name,
                        const struct stoa_barrier_config *config, struct stoa_barrier **barrier)
{
	struct sync_shape shape;
	struct sync *sync;
	uint32_t flags;
	int rc = barrier ? shape_of(config, &shape, &flags) : -EINVAL;

	rc = rc ? rc : sync_create(segment, name, &shape, flags, &sync);
	if (!rc)
		*barrier = (struct stoa_barrier *)sync;
	return rc;
}

int stoa_barrier_open(struct stoa_segment *segment, const char *name,
                      const struct stoa_barrier_config *expect, struct stoa_barrier **barrier)
{
	struct sync_shape shape;
	struct sync *sync;
	uint32_t flags;
	int rc = !barrier ? -EINVAL : expect ? shape_of(expect, &shape, &flags) : 0;

	rc = rc ? rc : sync_open(segment, name, STOA_KIND_BARRIER, expect ? &shape : NULL, &sync);
	if (!rc)
		*barrier = (struct stoa_barrier *)sync;
	return rc;
}

int stoa_barrier_close(struct stoa_barrier *barrier)
{
	return sync_close((struct sync *)barrier);
}

int stoa_barrier_info(const struct stoa_barrier *barrier, struct stoa_barrier_config *info)
{
	struct stoa_barrier_config own = { .struct_size = sizeof own };

	if (!barrier || !info)
		return -EINVAL;
	own.parties = barrier->sync.size;
	return info_copy(info, &own, sizeof own);
}

int stoa_barrier_footprint(const struct stoa_barrier_config *config, uint64_t *bytes)
{
	struct sync_shape shape;
	uint32_t flags;
	int rc = bytes ? shape_of(config, &shape, &flags) : -EINVAL;

	if (!rc)
		*bytes = sync_bytes(&shape);
	return rc;
}

/* ---- the end of a round ---- */

enum fullness { NOT_FULL, FULL, FULL_OF_DEAD };

/* Whether all seats are taken in this round, by processes that live. */
static enum fullness look_at_seats(const struct sync *sync, uint32_t round)
{
	uint32_t alive = UINT32_MAX;
	bool lost = false;

	for (uint32_t i = 0; i < sync->cell_count; i++) {
		uint64_t seat = atom64_load_seq(&sync->cells[i]); /* [Y4] acquire (seq) */

		if (seat_round(seat) != round || seat_state(seat) != SEAT_TAKEN)
			return NOT_FULL;
	}
	/* Only now: the question costs a system call. */
	for (uint32_t i = 0; i < sync->cell_count && !lost; i++) {
		uint32_t owner = seat_owner(atom64_load_seq(&sync->cells[i]));

		lost = !DEFECT(DEFECT_ROUND_OF_DEAD) && owner != alive &&
		       participant_lost(sync->object.segment, owner);
		alive = owner;
	}
	return lost ? FULL_OF_DEAD : FULL;
}

/* Ends the round if it is full.  STOA_OK: it is over; STOA_EMPTY: it is not full. */
static int end_round(struct sync *sync, uint32_t round)
{
	bool reaped = false;

	for (;;) {
		uint64_t word = atom64_load_seq(&sync->shared->word);
		enum fullness fullness;

		if (round_of(word) != round)
			return STOA_OK;
		fullness = look_at_seats(sync, round);
		if (fullness == NOT_FULL || (fullness == FULL_OF_DEAD && reaped))
			return STOA_EMPTY;
		if (fullness == FULL_OF_DEAD) {
			participant_reap_all(sync->object.segment);
			reaped = true;
			continue;
		}
		if (DEFECT(DEFECT_ROUND_LATE))
			word = atom64_load_seq(&sync->shared->word);
		/* [Y4] release (seq).  Fails only if the round was ended or an arrival taken back. */
		if (atom64_cas_seq(&sync->shared->word, &word, word_after(word, round + 1))) {
			event_wake_all(&sync->shared->changed);
			return STOA_OK;
		}
	}
}

/* ---- arriving ---- */

struct arrival {
	struct sync *sync;
	uint32_t self;
	uint32_t round;
	struct atom64 *seat; /* NULL: not arrived */
	uint64_t taken;      /* the seat's word */
};

/* Takes a seat.  STOA_OK; STOA_EMPTY: there is none in this round, or none any more; -EBADMSG. */
static int take_seat(struct arrival *arrival)
{
	struct sync *sync = arrival->sync;
	uint32_t before, count = sync->cell_count;
	uint32_t at = (uint32_t)(atom64_add_seq(&sync->shared->posts, 1) % count);

	arrival->round = round_of(atom64_load_seq(&sync->shared->word));
	before = (arrival->round - 1) & ROUND_MASK;
	for (uint32_t i = 0; i < count; i++, at = at + 1 < count ? at + 1 : 0) {
		struct atom64 *seat = &sync->cells[at];
		uint64_t word = atom64_load_seq(seat), mine;

		while (seat_round(word) == before ||
		       (seat_round(word) == arrival->round && seat_state(word) == SEAT_FREE)) {
			mine = seat_taken(word, arrival->round, arrival->self);
			if (!atom64_cas_seq(seat, &word, mine)) /* [Y4] release (seq) */
				continue;
			arrival->seat = seat;
			arrival->taken = mine;
			return STOA_OK;
		}
		if (seat_round(word) == arrival->round)
			continue;
		/* The next round has begun; or else it is no barrier's seat. */
		return round_of(atom64_load_seq(&sync->shared->word)) == arrival->round ? -EBADMSG
		                                                                         : STOA_EMPTY;
	}
	return STOA_EMPTY;
}

static bool has_passed(const struct arrival *arrival)
{
	/* [Y4] acquire (seq) */
	return round_of(atom64_load_seq(&arrival->sync->shared->word)) != arrival->round ||
	       atom64_load_seq(arrival->seat) != arrival->taken;
}

static int arrive(void *context)
{
	struct arrival *arrival = context;

	while (!arrival->seat) {
		int rc = take_seat(arrival);

		if (rc < 0)
			return rc;
		/* No seat: a round that is full and that nobody has ended, or we are one too many. */
		if (rc == STOA_EMPTY && end_round(arrival->sync, arrival->round) == STOA_EMPTY)
			return STOA_EMPTY;
	}
	return has_passed(arrival) ? STOA_OK : end_round(arrival->sync, arrival->round);
}

/* Steps 2 and 3 of taking an arrival back.  False: the round is over, with this arrival. */
static bool vacate(struct sync_layout *shared, struct atom64 *seat, uint64_t leaving)
{
	uint64_t word = atom64_load_seq(&shared->word);

	do {
		if (round_of(word) != seat_round(leaving))
			return false; /* [Y4] acquire (seq), as in has_passed() */
	} while (!DEFECT(DEFECT_ROUND_SAME) &&
	         !atom64_cas_seq(&shared->word, &word, word_after(word, round_of(word))));
	return atom64_cas_seq(seat, &leaving, seat_with(leaving, SEAT_FREE));
}

/* Takes the arrival back: `rc`, or STOA_OK where everybody has arrived meanwhile. */
static int give_up(const struct arrival *arrival, int rc)
{
	unsigned to = DEFECT(DEFECT_SEAT_AT_ONCE) ? SEAT_FREE : SEAT_LEAVING;
	uint64_t taken = arrival->taken, leaving = seat_with(taken, to);

	if (!arrival->seat)
		return rc;
	if (!atom64_cas_seq(arrival->seat, &taken, leaving))
		return STOA_OK;
	return vacate(arrival->sync->shared, arrival->seat, leaving) ? rc : STOA_OK;
}

/*
 * Who finds no seat may be hindered by the dead: by one that was leaving, since who ends a round has asked
 * for the others.
 */
static void inspect(void *context)
{
	const struct arrival *arrival = context;
	const struct sync *sync = arrival->sync;
	bool lost = false;

	for (uint32_t i = 0; i < sync->cell_count && !arrival->seat && !lost; i++) {
		uint64_t seat = atom64_load_seq(&sync->cells[i]);

		lost = seat_state(seat) == SEAT_LEAVING && seat_round(seat) == arrival->round &&
		       participant_lost(sync->object.segment, seat_owner(seat));
	}
	if (lost)
		participant_reap_all(sync->object.segment);
}

int stoa_barrier_wait(struct stoa_barrier *barrier, const struct timespec *deadline)
{
	struct arrival arrival = { .sync = (struct sync *)barrier };
	const struct sync_attempt attempt = { arrive, inspect, &arrival };
	int rc = sync_self((struct sync *)barrier, &arrival.self);

	if (rc)
		return rc;
	rc = sync_wait(&barrier->sync, &attempt, deadline);
	return rc ? give_up(&arrival, rc) : 0;
}

/* ---- the dead ---- */

void barrier_settle(struct sync_layout *shared, struct atom64 *seats, uint32_t parties, uint32_t slot)
{
	for (uint32_t i = 0; i < parties; i++) {
		uint64_t seat = atom64_load_seq(&seats[i]);
		uint64_t leaving = seat_with(seat, SEAT_LEAVING);

		if (seat_owner(seat) != slot || seat_state(seat) == SEAT_FREE ||
		    seat_round(seat) != round_of(atom64_load_seq(&shared->word)))
			continue;
		/* Where another reaper was quicker it may be killed before it has vacated: whoever sees the seat
		 * being left finishes that. */
		if (seat == leaving || atom64_cas_seq(&seats[i], &seat, leaving) || seat == leaving)
			vacate(shared, &seats[i], leaving);
	}
}
