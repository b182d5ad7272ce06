/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Known mistakes, which the explorer must find, each with its cure, with which it must find nothing.
 */
#include "atomic.h"
#include "scenarios.h"

static struct world {
	struct atom64 flag, other, turn, top, next[3];
	uint64_t data, taken[3];
} w;

static void make_world(void)
{
	explore_state(&w, sizeof w);
	explore_name(&w.flag, 8, 1, "flag");
	explore_name(&w.other, 8, 1, "other");
	explore_name(&w.top, 8, 1, "top");
	explore_name(&w.next, 8, 3, "next");
	explore_name(&w.data, 8, 1, "data");
}

/* ---- a ticket that is published before its payload ---- */

static void ticket_first(void *unused)
{
	(void)unused;
	atom64_store_rel(&w.flag, 1);
	explore_set(&w.data, 7);
}

static void payload_first(void *unused)
{
	(void)unused;
	explore_set(&w.data, 7);
	atom64_store_rel(&w.flag, 1);
}

static void read_acquired(void *unused)
{
	(void)unused;
	if (atom64_load_acq(&w.flag))
		explore_check(explore_get(&w.data) == 7, "old data");
}

static void read_relaxed(void *unused)
{
	(void)unused;
	if (atom64_load_rlx(&w.flag))
		explore_check(explore_get(&w.data) == 7, "old data");
}

static void ticket(void)
{
	make_world();
	explore_thread("writer", ticket_first, NULL);
	explore_thread("reader", read_acquired, NULL);
}

static void ticket_fixed(void)
{
	make_world();
	explore_thread("writer", payload_first, NULL);
	explore_thread("reader", read_acquired, NULL);
}

static void acquire(void)
{
	make_world();
	explore_thread("writer", payload_first, NULL);
	explore_thread("reader", read_relaxed, NULL);
}

/* ---- initialised once, under a lock, and looked at without ---- */

static void once(bool acquires)
{
	uint64_t free = 0;

	if (acquires ? atom64_load_acq(&w.flag) : atom64_load_rlx(&w.flag)) {
		explore_check(explore_get(&w.data) == 7, "not initialised");
		return;
	}
	if (!atom64_cas_seq(&w.other, &free, 1))
		return;
	if (!atom64_load_rlx(&w.flag)) {
		explore_set(&w.data, 7);
		atom64_store_rel(&w.flag, 1);
	}
	atom64_store_rel(&w.other, 0);
}

static void once_relaxed(void *unused)
{
	(void)unused;
	once(false);
}

static void once_acquired(void *unused)
{
	(void)unused;
	once(true);
}

static void checked_twice(void)
{
	make_world();
	explore_thread("one", once_relaxed, NULL);
	explore_thread("two", once_relaxed, NULL);
}

static void checked_twice_fixed(void)
{
	make_world();
	explore_thread("one", once_acquired, NULL);
	explore_thread("two", once_acquired, NULL);
}

/* ---- a stack of three whose top has no lap: A comes back (ABA) ---- */

#define LAP (1ull << 8)

static uint64_t pop(uint64_t lap)
{
	uint64_t top = atom64_load_seq(&w.top);

	for (;;) {
		uint64_t item = top % LAP, next;

		if (item == 0)
			return 0;
		next = atom64_load_acq(&w.next[item - 1]);
		if (atom64_cas_seq(&w.top, &top, (top / LAP + lap) * LAP | next))
			return item;
	}
}

static void push(uint64_t item, uint64_t lap)
{
	uint64_t top = atom64_load_seq(&w.top);

	do
		atom64_store_rel(&w.next[item - 1], top % LAP);
	while (!atom64_cas_seq(&w.top, &top, (top / LAP + lap) * LAP | item));
}

static void take(uint64_t item)
{
	if (item)
		explore_check(w.taken[item - 1]++ == 0, "item %d was taken twice", (int)item);
}

static void pop_two(void *lap)
{
	take(pop(*(const uint64_t *)lap));
	take(pop(*(const uint64_t *)lap));
}

static void pop_two_push_one(void *lap)
{
	uint64_t by = *(const uint64_t *)lap, first = pop(by);

	take(pop(by));
	if (first)
		push(first, by);
}

static void make_stack(const uint64_t *lap)
{
	make_world();
	atom64_store_seq(&w.top, 1);
	atom64_store_seq(&w.next[0], 2);
	atom64_store_seq(&w.next[1], 3);
	atom64_store_seq(&w.next[2], 0);
	explore_thread("slow", pop_two, (void *)(uintptr_t)lap);
	explore_thread("quick", pop_two_push_one, (void *)(uintptr_t)lap);
}

static void aba(void)
{
	static const uint64_t no_lap = 0;

	make_stack(&no_lap);
}

static void aba_fixed(void)
{
	static const uint64_t a_lap = 1;

	make_stack(&a_lap);
}

/* ---- Dekker: each says that it wants, and then looks at the other ---- */

static void enter(struct atom64 *mine, struct atom64 *other, bool seq)
{
	if (seq)
		atom64_store_seq(mine, 1);
	else
		atom64_store_rel(mine, 1);
	if (seq ? atom64_load_seq(other) : atom64_load_acq(other))
		return;
	explore_set(&w.data, explore_get(&w.data) + 1); /* alone, it believes */
}

static void enter_weak(void *first)
{
	enter(first ? &w.flag : &w.other, first ? &w.other : &w.flag, false);
}

static void enter_seq(void *first)
{
	enter(first ? &w.flag : &w.other, first ? &w.other : &w.flag, true);
}

static void dekker(void)
{
	make_world();
	explore_thread("one", enter_weak, &w);
	explore_thread("two", enter_weak, NULL);
}

static void dekker_fixed(void)
{
	make_world();
	explore_thread("one", enter_seq, &w);
	explore_thread("two", enter_seq, NULL);
}

/* ---- a seqlock whose reader lets its copy slip behind the second look ---- */

static void write_lock(void *unused)
{
	(void)unused;
	atom64_store_rlx(&w.turn, 1);
	fence_rel();
	atom64_store_rlx(&w.next[0], 5);
	atom64_store_rlx(&w.next[1], 5);
	atom64_store_rel(&w.turn, 2);
}

static void read_lock(bool fences)
{
	uint64_t turn = atom64_load_acq(&w.turn), a, b;

	if (turn & 1)
		return;
	a = atom64_load_rlx(&w.next[0]);
	b = atom64_load_rlx(&w.next[1]);
	if (fences)
		fence_acq();
	if (atom64_load_rlx(&w.turn) == turn)
		explore_check(a == b, "torn: %d and %d", (int)a, (int)b);
}

static void read_without_fence(void *unused)
{
	(void)unused;
	read_lock(false);
}

static void read_with_fence(void *unused)
{
	(void)unused;
	read_lock(true);
}

static void seqlock(void)
{
	make_world();
	explore_thread("writer", write_lock, NULL);
	explore_thread("reader", read_without_fence, NULL);
}

static void seqlock_fixed(void)
{
	make_world();
	explore_thread("writer", write_lock, NULL);
	explore_thread("reader", read_with_fence, NULL);
}

/* ---- waiting for what never comes; reading what nobody wrote ---- */

static void wait_for_ever(void *unused)
{
	(void)unused;
	while (!atom64_load_acq(&w.flag))
		cpu_pause();
}

static void wait_in_vain(void)
{
	make_world();
	explore_thread("one", wait_for_ever, NULL);
}

static void wait_fixed(void)
{
	make_world();
	explore_thread("one", wait_for_ever, NULL);
	explore_thread("two", payload_first, NULL);
}

static void read_anyhow(void *unused)
{
	(void)unused;
	explore_get(&w.data);
}

static void unwritten(void)
{
	make_world();
	explore_undefined(&w.data, sizeof w.data);
	explore_thread("one", read_anyhow, NULL);
}

const struct explore_scenario broken_scenarios[] = {
	{ .name = "broken/ticket",
	  .about = "a ticket before its payload",
	  .set_up = ticket,
	  .broken = "race" },
	{ .name = "fixed/ticket", .about = "its cure", .set_up = ticket_fixed },
	{ .name = "broken/acquire",
	  .about = "a flag that is not acquired",
	  .set_up = acquire,
	  .broken = "race" },
	{ .name = "broken/once",
	  .about = "a double-checked flag without acquire",
	  .set_up = checked_twice,
	  .broken = "race" },
	{ .name = "fixed/once", .about = "its cure", .set_up = checked_twice_fixed },
	{ .name = "broken/aba", .about = "a stack without laps", .set_up = aba, .broken = "assertion" },
	{ .name = "fixed/aba", .about = "its cure", .set_up = aba_fixed },
	{ .name = "broken/dekker",
	  .about = "Dekker by release and acquire",
	  .set_up = dekker,
	  .broken = "race" },
	{ .name = "fixed/dekker", .about = "its cure", .set_up = dekker_fixed },
	{ .name = "broken/seqlock",
	  .about = "a seqlock without the reader's fence",
	  .set_up = seqlock,
	  .broken = "assertion" },
	{ .name = "fixed/seqlock", .about = "its cure", .set_up = seqlock_fixed },
	{ .name = "broken/wait",
	  .about = "waiting for nobody",
	  .set_up = wait_in_vain,
	  .broken = "livelock" },
	{ .name = "fixed/wait", .about = "its cure", .set_up = wait_fixed },
	{ .name = "broken/unwritten",
	  .about = "reading what nobody wrote",
	  .set_up = unwritten,
	  .broken = "race" },
	{ 0 },
};
