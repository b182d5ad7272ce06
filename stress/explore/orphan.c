/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Orphan cells and handles: a message that its receiver gives back, and takes again while another one takes
 * it; a message that goes from hand to hand, and is seen in one at every moment; handles that change owners.
 */
#include "xring_world.h"

static struct xring_world *const w = &xring_world;

/* The size is read before the message is taken; all are of 8 bytes. */
static int accept_whole(const void *context, uint32_t block)
{
	uint64_t size;
	int rc = xring_fits(&w->ring, block, 8, &size);

	(void)context;
	explore_check(rc == STOA_OK && size == 8, "a message of %d bytes waits", (int)size);
	return rc;
}

static const struct acceptance all = { .accept = accept_whole };

/* ---- given back, and taken again ---- */

static void give_back_and_retake(void *context)
{
	struct user *user = context;
	uint32_t deliveries, blocks = w->ring.exchange.blocks;

	explore_check(explore_get(xring_bytes(user->slot.block)) == 1, "another message was taken");
	slot_give_back(&user->slot);
	if (slot_retake(&user->slot, blocks, &all, &deliveries) == STOA_OK) {
		explore_check(explore_get(xring_bytes(user->slot.block)) == 1, "another message was retaken");
		w->again[1]++;
		slot_settle(&user->slot, user->slot.block);
		w->acknowledged[1]++;
	} else {
		explore_check(slot_reclaim(&user->slot, blocks), "neither retaken nor reclaimed");
	}
	explore_set(xring_bytes(user->slot.block), 0); /* an empty block, and ours alone */
}

/* What is read and acknowledged is an empty block; so is what the taker leaves behind. */
static void take_orphans(void *context)
{
	struct user *user = context;

	explore_set(xring_bytes(user->slot.block), 0);
	xring_receive_orphan(user);
	explore_set(xring_bytes(user->slot.block), 0);
}

static void nothing(void *unused)
{
	(void)unused;
}

/* The first receiver has taken message 1, and not acknowledged it. */
static void lease_one(void)
{
	struct user *user = &w->users[1];
	uint64_t size;

	explore_check(xring_pop(&w->ring, &user->cursor, &user->slot, 8, false, &size) == STOA_OK,
	              "nothing there");
	w->got[1] = 1;
}

static void receiver_by_turns(void *context)
{
	if (context == &w->users[1])
		give_back_and_retake(context);
	else
		take_orphans(context);
}

static void retake(void)
{
	xring_make(nothing, receiver_by_turns);
	lease_one();
}

/* ---- from hand to hand ---- */

static void pass_on(void *context)
{
	struct user *user = context;
	uint32_t deliveries;

	if (user == &w->users[1])
		slot_give_back(&user->slot);
	else if (slot_take_orphan(&user->slot, &w->ring.exchange, &all, &deliveries) == STOA_OK &&
	         user == &w->users[2])
		slot_give_back(&user->slot);
}

static void look_for_holder(void *unused)
{
	(void)unused;
	explore_check(exchange_held(&w->ring.exchange, NULL) == 1, "nobody holds the message");
}

static void hand_to_hand(void)
{
	xring_make(look_for_holder, pass_on);
	lease_one();
}

/* ---- handles ---- */

static struct {
	struct exchange exchange;
	struct atom64 cell;
	uint64_t data;
	_Alignas(64) uint8_t handle[128];
} h;

static void claim_and_release(void *context)
{
	uint32_t owner = *(const uint32_t *)context, handle;
	struct slot slot;
	uint64_t role;

	if (exchange_claim(&h.exchange, ROLE_SENDER, owner, false, &handle, &role, &slot) != 0)
		return;
	explore_check(slot.block == 1, "a new owner finds block %u", slot.block);
	explore_set(&h.data, explore_get(&h.data) + 1);
	exchange_release(&h.exchange, handle, role);
}

static void handles(void)
{
	static const uint32_t owners[] = { 1, 2 };

	explore_state(&h, sizeof h);
	exchange_view(&h.exchange, &h.cell, 1, BLOCKS_MAX - 1, h.handle, 1, 1);
	exchange_format(&h.exchange);
	explore_name(&exchange_handle(&h.exchange, 0)->role, 8, 1, "role");
	explore_name(&h.data, 8, 1, "data");
	explore_thread("one", claim_and_release, (void *)(uintptr_t)&owners[0]);
	explore_thread("two", claim_and_release, (void *)(uintptr_t)&owners[1]);
}

/* ---- a handle whose orphan is being taken ---- */

static void claim_at_last(void *context)
{
	struct user *user = context;
	struct slot slot;
	uint32_t handle;
	uint64_t role;
	int rc = exchange_claim(&w->ring.exchange, ROLE_SENDER, (uint32_t)(user - w->users) + 1, false,
	                        &handle, &role, &slot);

	if (rc == -EUSERS)
		return;
	explore_check(rc == 0, "claiming says %d", rc);
	explore_set(xring_bytes(slot.block), 0); /* what the taker left is ours alone */
	exchange_release(&w->ring.exchange, handle, role);
}

static void by_turns(void *context)
{
	if (context == &w->users[2])
		take_orphans(context);
	else
		claim_at_last(context);
}

static void use_up_handles(void)
{
	struct slot last;
	uint32_t handle;
	uint64_t role;

	explore_check(exchange_claim(&w->ring.exchange, ROLE_SENDER, USERS_MAX + 1, false, &handle, &role,
	                             &last) == 0,
	              "another handle is not to be had");
}

/* The handle of the first receiver is the only one to be had, once its message has been taken. */
static void leave_orphan(void)
{
	struct user *user = &w->users[1];

	xring_make(claim_at_last, by_turns);
	lease_one();
	slot_give_back(&user->slot);
	exchange_release(&w->ring.exchange, user->handle, user->role);
	use_up_handles();
}

/* ---- sent, taken, given back, and its handle left, all at once ---- */

static void send_and_claim(void *context)
{
	xring_send(context, 1);
	claim_at_last(context);
}

static void take_and_leave(struct user *user)
{
	uint64_t size;

	if (xring_pop(&w->ring, &user->cursor, &user->slot, 8, false, &size) == STOA_OK)
		slot_give_back(&user->slot);
	exchange_release(&w->ring.exchange, user->handle, user->role);
}

static void leave_or_take(void *context)
{
	struct user *user = context;
	uint32_t deliveries;

	if (user == &w->users[1]) {
		take_and_leave(user);
	} else if (slot_take_orphan(&user->slot, &w->ring.exchange, &all, &deliveries) == STOA_OK) {
		explore_check(explore_get(xring_bytes(user->slot.block)) == 1, "another message was taken");
		slot_acknowledge(&user->slot);
	}
}

static void leave(void)
{
	xring_make(send_and_claim, leave_or_take);
	use_up_handles();
}

/* ---- a handle of one who was dead before all began, with a message in its hand ---- */

static void reap_and_claim(void *context)
{
	uint32_t orphans;

	for (int i = 0; i < 2; i++)
		explore_check(exchange_settle(&w->ring.exchange, 2, false, &orphans) == 0, "settling fails");
	exchange_free(&w->ring.exchange, 2);
	claim_at_last(context);
}

static void take_of_the_dead(void *context)
{
	if (context != &w->users[1])
		take_orphans(context);
}

static void reaped(void)
{
	xring_make(reap_and_claim, take_of_the_dead);
	lease_one();
	use_up_handles();
}

static const struct xring_shape two = { .capacity = 1, .senders = 1, .receivers = 2, .filled = 1 };
static const struct xring_shape empty = { .capacity = 1, .senders = 1, .receivers = 2 };
static const struct xring_shape three = { .capacity = 1, .senders = 1, .receivers = 3, .filled = 1 };
static const struct xring_shape mortals = {
	.capacity = 1, .senders = 1, .receivers = 2, .filled = 1, .mortal_receivers = true, .reapers = 1
};

const struct explore_scenario orphan_scenarios[] = {
	{ .name = "orphan/retake",
	  .about = "one gives back and retakes, another takes",
	  .set_up = retake,
	  .check = xring_audit,
	  .parameters = &two },
	{ .name = "orphan/retake/crash",
	  .about = "either is killed, a reaper comes",
	  .set_up = retake,
	  .check = xring_audit,
	  .crashes = 1,
	  .parameters = &mortals },
	{ .name = "orphan/hands",
	  .about = "a message goes through two hands, one looks",
	  .set_up = hand_to_hand,
	  .parameters = &two },
	{ .name = "orphan/hands/3",
	  .about = "through three hands",
	  .set_up = hand_to_hand,
	  .parameters = &three,
	  .large = true },
	{ .name = "orphan/tidy",
	  .about = "one takes, two claim the handle that waits for it",
	  .set_up = leave_orphan,
	  .parameters = &two },
	{ .name = "orphan/leave",
	  .about = "a receiver gives back and leaves, one takes that, one wants the handle",
	  .set_up = leave,
	  .parameters = &empty },
	{ .name = "orphan/reaped",
	  .about = "a dead one's message is taken, and its handle given to another",
	  .set_up = reaped,
	  .parameters = &two },
	{ .name = "orphan/handles", .about = "a handle changes its owner", .set_up = handles },
	{ 0 },
};
