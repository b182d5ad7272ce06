/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * storm_value.c - what everybody does with the struct values, the array, the semaphore and the lock.
 *
 * value    counts its updates, each seat's and all.  A process writes down that it tries one, and that it was
 *          done; whoever has the seat after it looks which of the two is true in the value, and there is no
 *          third.  So every update is accounted for, those of the killed too.
 * stamps   is overwritten by anybody with a seat and a number that grows.  For every reader the numbers of
 *          one seat only grow.
 * array    has groups that are written whole, and are always read as such.
 */
#include "storm.h"

#include <errno.h>
#include <string.h>

/* ---- value ---- */

static uint64_t hash(const void *words, size_t bytes)
{
	const uint8_t *at = words;
	uint64_t sum = bytes, word;

	for (; bytes >= sizeof word; bytes -= sizeof word, at += sizeof word) {
		memcpy(&word, at, sizeof word);
		sum = (sum ^ word) * 0x9fb21c651e98df25u;
		sum ^= sum >> 29;
	}
	return sum;
}

static void seal(struct version *version)
{
	for (uint32_t i = 0; i < VERSION_FILL; i++)
		version->fill[i] = version->counter * (i + 3);
	version->check = hash(version, offsetof(struct version, check));
}

void version_first(struct version *version)
{
	memset(version, 0, sizeof *version);
	seal(version);
}

/* Whole, and no older than what we have seen. */
void check_version(struct storm_worker *me, const struct version *version)
{
	uint64_t sum = 0;

	if (version->check != hash(version, offsetof(struct version, check)))
		storm_fault("a torn value was read: its counter is %lu", (unsigned long)version->counter);
	for (uint32_t i = 0; i < SEATS_MAX; i++)
		sum += version->share[i];
	if (sum != version->counter)
		storm_fault("the value counts %lu updates, and the seats' are %lu",
		            (unsigned long)version->counter, (unsigned long)sum);
	if (version->counter < me->counter_seen)
		storm_fault("the value went back from %lu to %lu", (unsigned long)me->counter_seen,
		            (unsigned long)version->counter);
	me->counter_seen = version->counter;
}

static void raise_floor(uint64_t counter)
{
	uint64_t floor = atom64_load_seq(&storm->floor);

	while (floor < counter && !atom64_cas_seq(&storm->floor, &floor, counter))
		;
}

static void load(struct storm_worker *me, struct version *version)
{
	uint64_t floor = atom64_load_seq(&storm->floor);
	int rc;

	call_begins(me, CALL_LOAD);
	rc = stoa_value_load(me->value, version);
	call_ends(me);
	must(me, rc == 0, CALL_LOAD, rc);
	check_version(me, version);
	if (version->counter < floor)
		storm_fault("the value is at %lu, and somebody had brought it to %lu before",
		            (unsigned long)version->counter, (unsigned long)floor);
}

void value_after_death(struct storm_worker *me)
{
	uint64_t done = atom64_load_seq(&me->desk->updates_done), share;
	uint64_t maybe = atom64_load_seq(&me->desk->updates_tried);
	struct version version;

	load(me, &version);
	share = version.share[me->seat];
	if (share != done && share != maybe)
		storm_fault("the value has %lu updates of process %u, which did %lu and tried %lu",
		            (unsigned long)share, me->seat, (unsigned long)done, (unsigned long)maybe);
	atom64_store_seq(&me->desk->updates_tried, share);
	atom64_store_seq(&me->desk->updates_done, share);
}

struct update {
	struct storm_worker *me;
	uint64_t counter; /* as it would be */
	bool torn;
};

static void advance(struct version *version, uint32_t seat)
{
	version->counter++;
	version->share[seat]++;
	seal(version);
}

static int on_copy(void *bytes, void *context)
{
	struct update *update = context;
	struct version version;

	memcpy(&version, bytes, sizeof version);
	update->torn = version.check != hash(&version, offsetof(struct version, check));
	advance(&version, update->me->seat);
	update->counter = version.counter;
	memcpy(bytes, &version, sizeof version);
	return update->torn ? -EILSEQ : 0;
}

static void update_tried(struct storm_worker *me)
{
	atom64_store_seq(&me->desk->updates_tried, atom64_load_seq(&me->desk->updates_done) + 1);
}

static void update_done(struct storm_worker *me, bool done, uint64_t counter)
{
	uint64_t share = atom64_load_seq(&me->desk->updates_done);

	if (done) {
		atom64_store_seq(&me->desk->updates_done, share + 1);
		raise_floor(counter);
		count(&me->desk->updates, 1);
	} else {
		atom64_store_seq(&me->desk->updates_tried, share);
	}
	call_ends(me);
}

static void update(struct storm_worker *me)
{
	struct update update = { .me = me };
	int rc;

	update_tried(me);
	call_begins(me, CALL_UPDATE);
	rc = stoa_value_update(me->value, on_copy, &update);
	update_done(me, rc == 0, update.counter);
	if (update.torn)
		storm_fault("an update was given a torn value");
	must(me, rc == 0 || rc == -EUSERS, CALL_UPDATE, rc);
}

static void compare(struct storm_worker *me)
{
	struct version expected, desired;
	uint64_t counter;
	int rc;

	load(me, &expected);
	desired = expected;
	counter = expected.counter;
	advance(&desired, me->seat);
	update_tried(me);
	call_begins(me, CALL_COMPARE);
	rc = stoa_value_compare_exchange(me->value, &expected, &desired);
	update_done(me, rc == 0, desired.counter);
	must(me, rc == 0 || rc == STOA_CHANGED || rc == -EUSERS, CALL_COMPARE, rc);
	if (rc != STOA_CHANGED)
		return;
	check_version(me, &expected);
	if (expected.counter == counter)
		storm_fault("compare_exchange says that it changed, and gives the same value");
}

/* ---- stamps ---- */

static void check_stamp(struct storm_worker *me, const struct stamp *stamp)
{
	if (stamp->check != (stamp->number ? hash(stamp, offsetof(struct stamp, check)) : 0) ||
	    stamp->seat >= SEATS_MAX)
		storm_fault("a torn stamp was read: %lu of process %lu", (unsigned long)stamp->number,
		            (unsigned long)stamp->seat);
	if (stamp->number > atom64_load_seq(&storm->desks[stamp->seat].stored))
		storm_fault("stamp %lu of process %lu was read, which nobody wrote",
		            (unsigned long)stamp->number, (unsigned long)stamp->seat);
	if (stamp->number < me->stamps_seen[stamp->seat])
		storm_fault("the stamps of process %lu went back from %lu to %lu", (unsigned long)stamp->seat,
		            (unsigned long)me->stamps_seen[stamp->seat], (unsigned long)stamp->number);
	me->stamps_seen[stamp->seat] = stamp->number;
}

static void stamp_value(struct storm_worker *me)
{
	struct stamp stamp = { .seat = me->seat }, old;
	bool exchange = below(&me->seed, 2);
	int rc;

	call_begins(me, CALL_LOAD);
	rc = stoa_value_load(me->stamps, &old);
	must(me, rc == 0, CALL_LOAD, rc);
	check_stamp(me, &old);
	stamp.number = atom64_add_seq(&me->desk->stored, 1) + 1;
	for (uint32_t i = 0; i < 4; i++)
		stamp.fill[i] = stamp.number << i;
	stamp.check = hash(&stamp, offsetof(struct stamp, check));
	call_begins(me, exchange ? CALL_EXCHANGE : CALL_STORE);
	rc = exchange ? stoa_value_exchange(me->stamps, &stamp, &old) : stoa_value_store(me->stamps, &stamp);
	must(me, rc == 0 || rc == -EUSERS, exchange ? CALL_EXCHANGE : CALL_STORE, rc);
	if (exchange && rc == 0)
		check_stamp(me, &old);
	call_ends(me);
}

/* ---- array ---- */

static void check_group(struct storm_worker *me, const uint64_t *group, uint32_t n)
{
	uint64_t seat = group[0] >> 48, number = group[0] & ((1ull << 48) - 1);

	for (uint32_t i = 1; i < GROUP_SIZE; i++) {
		if (group[i] != group[0])
			storm_fault("group %u of the array is torn: %#lx beside %#lx", n,
			            (unsigned long)group[i], (unsigned long)group[0]);
	}
	if (seat >= SEATS_MAX || number > atom64_load_seq(&storm->desks[seat].ranged))
		storm_fault("group %u of the array is %#lx, which nobody wrote", n, (unsigned long)group[0]);
	if (number < me->groups_seen[n][seat])
		storm_fault("group %u of the array went back to %#lx", n, (unsigned long)group[0]);
	me->groups_seen[n][seat] = number;
}

static void array(struct storm_worker *me)
{
	uint64_t all[GROUPS * GROUP_SIZE], mine[GROUP_SIZE];
	uint32_t n = (uint32_t)below(&me->seed, GROUPS);
	uint64_t number;
	int rc;

	call_begins(me, CALL_READ);
	rc = stoa_array_read(me->array, 0, GROUPS * GROUP_SIZE, all);
	call_ends(me);
	must(me, rc == 0, CALL_READ, rc);
	for (uint32_t i = 0; i < GROUPS; i++)
		check_group(me, all + i * GROUP_SIZE, i);
	if (below(&me->seed, 2))
		return;
	number = atom64_add_seq(&me->desk->ranged, 1) + 1;
	for (uint32_t i = 0; i < GROUP_SIZE; i++)
		mine[i] = (uint64_t)me->seat << 48 | number;
	call_begins(me, CALL_WRITE);
	rc = stoa_array_write(me->array, n * GROUP_SIZE, GROUP_SIZE, mine);
	call_ends(me);
	must(me, rc == 0 || rc == -EUSERS, CALL_WRITE, rc);
}

/* ---- semaphore and lock ---- */

void permit_give_back(struct storm_worker *me)
{
	int rc;

	me->has_permit = false;
	place_left(me, PLACE_PERMIT);
	call_begins(me, CALL_POST);
	rc = stoa_semaphore_post(me->semaphore);
	call_ends(me);
	must(me, rc == 0, CALL_POST, rc);
}

static void permit(struct storm_worker *me)
{
	struct timespec soon = stoa_deadline((int64_t)any_scale(&me->seed, 22));
	int rc;

	if (me->has_permit) {
		permit_give_back(me);
		return;
	}
	call_begins(me, CALL_WAIT);
	rc = stoa_semaphore_wait(me->semaphore, below(&me->seed, 2) ? &stoa_now : &soon);
	call_ends(me);
	must(me, rc == 0 || rc == STOA_TIMEOUT, CALL_WAIT, rc);
	if (rc)
		return;
	me->has_permit = true;
	place_taken(me, PLACE_PERMIT, PERMITS);
	count(&me->desk->permits, 1);
}

/* Under the lock a pair of numbers is counted up, one after the other. */
static void lock(struct storm_worker *me)
{
	struct timespec soon = stoa_deadline((int64_t)any_scale(&me->seed, 22));
	uint64_t left, right;
	int rc;

	call_begins(me, CALL_ACQUIRE);
	rc = stoa_lock_acquire(me->lock, below(&me->seed, 2) ? &stoa_now : &soon);
	if (rc == 0 || rc == STOA_OWNER_DIED)
		place_taken(me, PLACE_LOCK, 1);
	call_ends(me);
	must(me, rc == 0 || rc == STOA_OWNER_DIED || rc == STOA_TIMEOUT, CALL_ACQUIRE, rc);
	if (rc == STOA_TIMEOUT)
		return;
	left = atom64_load_rlx(&storm->pair[0]); /* relaxed, as all of the pair: the lock orders it */
	right = atom64_load_rlx(&storm->pair[1]);
	if (left != right && (rc == 0 || left != right + 1))
		storm_fault("under the lock is %lu, %lu, and the last holder did not die",
		            (unsigned long)left, (unsigned long)right);
	if (left != right)
		atom64_store_rel(&storm->pair[1], left);
	atom64_store_rel(&storm->pair[0], left + 1);
	if (below(&me->seed, 8) == 0)
		os_yield();
	atom64_store_rel(&storm->pair[1], left + 1);
	count(&me->desk->locks, 1);
	count(&me->desk->owners_died, rc == STOA_OWNER_DIED);
	call_begins(me, CALL_LOCK_RELEASE);
	place_left(me, PLACE_LOCK);
	rc = stoa_lock_release(me->lock);
	call_ends(me);
	must(me, rc == 0, CALL_LOCK_RELEASE, rc);
}

void scribe_acts(struct storm_worker *me)
{
	uint64_t what = below(&me->seed, 100);
	struct version version;

	if (what < 25)
		load(me, &version);
	else if (what < 45)
		update(me);
	else if (what < 55)
		compare(me);
	else if (what < 70)
		stamp_value(me);
	else if (what < 85)
		array(me);
	else if (what < 93)
		permit(me);
	else
		lock(me);
}
