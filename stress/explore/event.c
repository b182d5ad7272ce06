/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event words: whoever has announced itself and looked once more is woken.  Nobody has a deadline here, so a
 * wake-up that is lost is a deadlock.
 */
#include "event.h"

#include "atomic.h"
#include "os.h"
#include "scenarios.h"

static struct world {
	struct event_word event;
	struct atom64 items;
} w;

static void make_world(void)
{
	explore_state(&w, sizeof w);
	explore_name(&w.event, 8, 1, "event");
	explore_name(&w.items, 8, 1, "items");
}

static bool take_item(void)
{
	uint64_t items = atom64_load_seq(&w.items);

	while (items) {
		if (atom64_cas_seq(&w.items, &items, items - 1))
			return true;
	}
	return false;
}

static void wait_for_item(void *unused)
{
	(void)unused;
	while (!take_item()) {
		uint32_t announced = event_announce(&w.event);

		if (take_item())
			return;
		event_wait(&w.event, announced, UINT64_MAX);
	}
}

static void post_item(void *unused)
{
	(void)unused;
	atom64_add_seq(&w.items, 1);
	event_wake_one(&w.event);
}

static void post_two(void *unused)
{
	(void)unused;
	atom64_add_seq(&w.items, 2);
	event_wake_all(&w.event);
}

static void one_waits(void)
{
	make_world();
	explore_thread("waiter", wait_for_item, NULL);
	explore_thread("waker", post_item, NULL);
}

static void two_wait_for_two(void)
{
	make_world();
	explore_thread("waiter", wait_for_item, NULL);
	explore_thread("waiter 2", wait_for_item, NULL);
	explore_thread("waker", post_item, NULL);
	explore_thread("waker 2", post_item, NULL);
}

static void two_wait_for_one(void)
{
	make_world();
	explore_thread("waiter", wait_for_item, NULL);
	explore_thread("waiter 2", wait_for_item, NULL);
	explore_thread("waker", post_two, NULL);
}

static void post_one_by_one(void *unused)
{
	post_item(unused);
	post_item(unused);
}

static void one_wakes_twice(void)
{
	make_world();
	explore_thread("waiter", wait_for_item, NULL);
	explore_thread("waiter 2", wait_for_item, NULL);
	explore_thread("waker", post_one_by_one, NULL);
}

/* Who is killed when it has been woken has swallowed that wake-up, and no other. */
static void one_waiter_dies(void)
{
	make_world();
	explore_mortal("waiter", wait_for_item, NULL);
	explore_thread("waiter 2", wait_for_item, NULL);
	explore_thread("waker", post_one_by_one, NULL);
}

/* ---- a waker without a fence: the waiter makes everybody pass one ---- */

static void wait_with_fences(void *unused)
{
	(void)unused;
	while (!atom64_load_acq(&w.items)) {
		uint32_t announced = event_announce(&w.event);

		os_fence_all();
		if (atom64_load_acq(&w.items))
			return;
		event_wait(&w.event, announced, UINT64_MAX);
	}
}

static void post_without_fence(void *unused)
{
	(void)unused;
	atom64_store_rel(&w.items, 1);
	fence_light();
	event_wake_one(&w.event);
}

static void asymmetric(void)
{
	make_world();
	explore_thread("waiter", wait_with_fences, NULL);
	explore_thread("waker", post_without_fence, NULL);
}

/* ---- mistakes ---- */

static void wait_without_look(void *unused)
{
	(void)unused;
	if (!atom64_load_seq(&w.items))
		event_wait(&w.event, event_announce(&w.event), UINT64_MAX);
}

static void no_look(void)
{
	make_world();
	explore_thread("waiter", wait_without_look, NULL);
	explore_thread("waker", post_item, NULL);
}

static void no_fence(void)
{
	make_world();
	explore_thread("waiter", wait_for_item, NULL);
	explore_thread("waker", post_without_fence, NULL);
}

const struct explore_scenario event_scenarios[] = {
	{ .name = "event/1", .about = "one waits for one", .set_up = one_waits },
	{ .name = "event/2",
	  .about = "two wait, two wake one each",
	  .set_up = two_wait_for_two,
	  .bounded = true,
	  .preemptions = 2,
	  .stale = 1 },
	{ .name = "event/twice",
	  .about = "two wait, one wakes one twice",
	  .set_up = one_wakes_twice,
	  .bounded = true,
	  .preemptions = 3,
	  .stale = 1 },
	{ .name = "event/all", .about = "two wait, one wakes all", .set_up = two_wait_for_one },
	{ .name = "event/crash",
	  .about = "one of two who wait is killed, one wakes one twice",
	  .set_up = one_waiter_dies,
	  .crashes = 1,
	  .bounded = true,
	  .preemptions = 3,
	  .stale = 1 },
	{ .name = "event/asymmetric",
	  .about = "the waker has no fence, the waiter all",
	  .set_up = asymmetric },
	{ .name = "broken/event-look",
	  .about = "no second look before sleeping",
	  .set_up = no_look,
	  .broken = "deadlock" },
	{ .name = "broken/event-fence",
	  .about = "no fence on either side",
	  .set_up = no_fence,
	  .broken = "deadlock" },
	{ 0 },
};
