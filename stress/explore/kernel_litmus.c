/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated kernel itself: what a lock, its absence and the end of a process tell of another one's stores.
 */
#include <errno.h>

#include "atomic.h"
#include "os.h"
#include "scenarios.h"

#define BYTE 64

static struct world {
	struct atom64 x, y;
	int fd, locked, look;
	uint64_t seen;
	int order[4];
} w;

/* Process 1 has the lock; process 2 is somebody else. */
static void make_world(void)
{
	explore_process(1);
	explore_state(&w, sizeof w);
	explore_name(&w.x, 8, 1, "x");
	explore_name(&w.y, 8, 1, "y");
	w.fd = os_memfd("test", false);
	os_allocate(w.fd, 4096);
	w.locked = os_reopen(w.fd, false);
	os_lock_byte(w.locked, BYTE);
	w.fd = explore_pass(w.fd);
}

static void store_twice(void *unused)
{
	(void)unused;
	atom64_store_rlx(&w.x, 1);
	atom64_store_rlx(&w.x, 2);
}

static void store_and_unlock(void *unused)
{
	(void)unused;
	atom64_store_rlx(&w.x, 1);
	os_unlock_byte(w.locked, BYTE);
	atom64_store_rlx(&w.x, 2);
}

static void probe(void *unused)
{
	(void)unused;
	w.look = os_byte_locked(w.fd, BYTE);
	w.seen = atom64_load_rlx(&w.x);
}

static void lock_it(void *unused)
{
	(void)unused;
	w.look = os_lock_byte(os_reopen(w.fd, false), BYTE);
	w.seen = atom64_load_rlx(&w.x);
}

static void look_at_pid(void *unused)
{
	struct os_process self;

	(void)unused;
	os_self(&self);
	w.look = os_process_gone(self.pid - 1, self.start_time - 1);
	w.seen = atom64_load_rlx(&w.x);
}

static void pair(void (*first)(void *), void (*second)(void *))
{
	make_world();
	explore_mortal("owner", first, NULL);
	explore_process(2);
	explore_thread("other", second, NULL);
}

static void death_and_probe(void)
{
	pair(store_twice, probe);
}

static void death_and_lock(void)
{
	pair(store_twice, lock_it);
}

static void death_and_pid(void)
{
	pair(store_twice, look_at_pid);
}

static void unlock_and_lock(void)
{
	pair(store_and_unlock, lock_it);
}

static void tell_look(void)
{
	explore_outcome("%d %llu of %llu", w.look, (unsigned long long)w.seen,
	                (unsigned long long)atom64_load_rlx(&w.x));
}

/* ---- two want one lock; one looks at two owners ---- */

static void try_lock(void *which)
{
	w.order[(uintptr_t)which] = os_lock_byte(os_reopen(w.fd, false), BYTE + 1) == 0;
}

static void two_want(void)
{
	make_world();
	explore_mortal("one", try_lock, (void *)0);
	explore_process(2);
	explore_thread("two", try_lock, (void *)1);
}

static void tell_order(void)
{
	explore_outcome("%d %d %s", w.order[0], w.order[1], explore_returned(0) ? "" : "dead");
}

/* Dekker by locks: each takes its own, and looks at the other's. */
static void lock_and_look(void *which)
{
	uint64_t mine = (uintptr_t)which;

	os_lock_byte(os_reopen(w.fd, false), BYTE + 1 + mine);
	w.order[mine] = os_byte_locked(w.fd, BYTE + 2 - mine);
}

static void both_look(void)
{
	make_world();
	explore_thread("one", lock_and_look, (void *)0);
	explore_process(2);
	explore_thread("two", lock_and_look, (void *)1);
}

/* Two owners, who may both die, and one who looks at one lock after the other. */
static void own(void *which)
{
	atom64_store_rlx((uintptr_t)which ? &w.y : &w.x, 1);
}

static void look_at_both(void *unused)
{
	(void)unused;
	w.order[1] = os_byte_locked(w.fd, BYTE + 2);
	w.order[0] = os_byte_locked(w.fd, BYTE + 1);
}

static void two_owners(void)
{
	make_world();
	os_lock_byte(w.locked, BYTE + 1);
	explore_mortal("one", own, (void *)0);
	explore_process(2);
	os_lock_byte(os_reopen(w.fd, false), BYTE + 2);
	explore_mortal("two", own, (void *)1);
	explore_process(3);
	explore_thread("other", look_at_both, NULL);
}

static void tell_owners(void)
{
	explore_outcome("%d%s %d%s", w.order[0], explore_returned(0) ? "" : " dead", w.order[1],
	                explore_returned(1) ? "" : " dead");
}

static const char *const deaths_seen[] = { "0 0 of 0", "0 1 of 1", "0 2 of 2", "1 0 of 0", "1 0 of 1",
	                                   "1 0 of 2", "1 1 of 1", "1 1 of 2", "1 2 of 2", NULL };
static const char *const ends_seen[] = { "0 0 of 0", "0 0 of 1", "0 0 of 2", "0 1 of 1", "0 1 of 2",
	                                 "0 2 of 2", "1 0 of 0", "1 1 of 1", "1 2 of 2", NULL };
static const char *const locks_seen[] = { "-11 0 of 0", "-11 0 of 1", "-11 0 of 2", "-11 1 of 1",
	                                  "-11 1 of 2", "-11 2 of 2", "0 0 of 0",   "0 1 of 1",
	                                  "0 2 of 2",   NULL };
static const char *const unlocks_seen[] = { "-11 0 of 0", "-11 0 of 1", "-11 0 of 2", "-11 1 of 1",
	                                    "-11 1 of 2", "-11 2 of 2", "0 0 of 0",   "0 1 of 1",
	                                    "0 1 of 2",   "0 2 of 2",   NULL };
static const char *const takers[] = { "1 0 ", "0 1 ", "1 0 dead", "0 1 dead", "1 1 dead", NULL };
static const char *const lookers[] = { "1 0 ", "0 1 ", "1 1 ", NULL };
static const char *const owners[] = {
	"1 1",           "1 1 dead",      "1 0 dead",      "1 dead 1",      "0 dead 1",
	"1 dead 1 dead", "1 dead 0 dead", "0 dead 1 dead", "0 dead 0 dead", NULL
};

#define KERNEL(id, words, prepare, tell, deaths, expected)                                                   \
	{                                                                                                    \
		.name = "kernel/" id, .about = words, .set_up = prepare, .check = tell, .crashes = deaths,   \
		.stops = 1, .outcomes = expected                                                             \
	}

const struct explore_scenario kernel_scenarios[] = {
	KERNEL("probe", "a free lock tells of the dead", death_and_probe, tell_look, 1, deaths_seen),
	KERNEL("lock", "so does taking it", death_and_lock, tell_look, 1, locks_seen),
	KERNEL("pid", "so does the end of a process", death_and_pid, tell_look, 1, ends_seen),
	KERNEL("unlock", "a lock that was dropped tells of what was before", unlock_and_lock, tell_look, 1,
	       unlocks_seen),
	KERNEL("two", "one lock, two takers, one may die", two_want, tell_order, 1, takers),
	KERNEL("dekker", "each takes a lock and looks at the other's", both_look, tell_order, 0, lookers),
	KERNEL("owners", "two owners die, a third looks", two_owners, tell_owners, 2, owners),
	{ 0 },
};
