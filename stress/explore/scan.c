/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What somebody reads in the exchange ring while it moves on: a reaper in the middle of its scan, a receiver
 * that looks at a size, one that drops a message which another one takes; and what a message says of how
 * often it came, where its taker is killed.
 */
#include "xring_world.h"

static struct xring_world *const w = &xring_world;

#define DEAD 2u /* users of scan/orphan: 0 reaps, 1 lives */

static int accept_any(const void *context, uint32_t block)
{
	(void)context;
	(void)block;
	return 0;
}

static const struct acceptance any = { .accept = accept_any };

static void nothing(void *unused)
{
	(void)unused;
}

/* The user takes message 1 and gives it back: it waits in the user's orphan cell. */
static void take_and_return(struct user *user)
{
	uint64_t size;

	explore_check(xring_pop(&w->ring, &user->cursor, &user->slot, 8, false, &size) == STOA_OK,
	              "nothing there");
	w->got[1] = 1;
	slot_give_back(&user->slot);
}

/* ---- a scan, and one who is a lap further in its end than in its beginning ---- */

/* Has an empty block again; takes message 2, gives it back, takes it again: all that in another lap. */
static void go_a_lap_on(void *context)
{
	struct user *user = context;
	uint32_t deliveries;
	uint64_t size;

	if (user != &w->users[1])
		return;
	explore_check(slot_reclaim(&user->slot, w->ring.exchange.blocks), "nobody has taken it");
	explore_check(xring_pop(&w->ring, &user->cursor, &user->slot, 8, false, &size) == STOA_OK,
	              "message 2 is not there");
	slot_give_back(&user->slot);
	explore_check(slot_retake(&user->slot, w->ring.exchange.blocks, &any, &deliveries) == STOA_OK,
	              "not retaken, and nobody else is there");
	slot_settle(&user->slot, user->slot.block);
}

static void reap_the_dead(void *unused)
{
	(void)unused;
	xring_reap(&w->users[DEAD]);
}

/* One has given message 1 back, and one who has taken it has died; message 2 waits in the ring. */
static void make_moving(void)
{
	uint32_t deliveries;

	xring_make(reap_the_dead, go_a_lap_on);
	take_and_return(&w->users[1]);
	explore_check(slot_take_orphan(&w->users[DEAD].slot, &w->ring.exchange, &any, &deliveries) == STOA_OK,
	              "nothing came back");
	xring_send(&w->users[0], 2);
}

static void check_moving(void)
{
	struct exchange_slot *slot = w->users[DEAD].slot.shared;
	uint64_t intent = atom64_load_seq(&slot->intent), orphan = atom64_load_seq(&slot->orphan);

	explore_check(intent_kind(intent) == INTENT_REDELIVER && orphan_state(orphan) == ORPHAN_FULL &&
	                      orphan_block(orphan) == w->users[DEAD].slot.block,
	              "what the dead one held comes to nobody");
}

/* ---- a size that is another message's ---- */

static int push_of(uint64_t value, uint64_t size)
{
	struct user *sender = &w->users[0];

	explore_set(xring_bytes(sender->slot.block), value);
	return xring_push(&w->ring, &sender->cursor, &sender->slot, size);
}

static void pop_wide(void)
{
	struct user *user = &w->users[2];
	uint64_t size;

	if (xring_pop(&w->ring, &user->cursor, &user->slot, 8, false, &size) == STOA_OK)
		slot_acknowledge(&user->slot);
}

/* The block of message 2 comes back to the sender, who has a larger one in mind, and finds no room for it. */
static void send_around(void *unused)
{
	(void)unused;
	pop_wide();
	push_of(3, 4);
	pop_wide();
	push_of(4, 4);
	w->sent[5] = push_of(5, 8) == STOA_OK;
}

static void pop_narrow(void *context)
{
	struct user *user = context;
	uint64_t size;
	int rc;

	if (user != &w->users[1])
		return;
	rc = xring_pop(&w->ring, &user->cursor, &user->slot, 4, false, &size);
	explore_check(rc == STOA_OK || rc == STOA_EMPTY || (rc == -EMSGSIZE && w->sent[5]),
	              "a message of 8 bytes was never in line, and pop says %d", rc);
}

/* One lap has gone by, so that its first look tells the narrow one nothing. */
static void make_sizes(void)
{
	xring_make(send_around, pop_narrow);
	push_of(1, 4);
	pop_wide();
	explore_check(push_of(2, 4) == STOA_OK, "no room");
}

/* ---- a discard ---- */

/* After STOA_NOW anybody may have a handle whose messages nobody has taken. */
static void claim_and_drop(void *unused)
{
	uint32_t handle;
	uint64_t role;
	struct slot slot;

	(void)unused;
	explore_check(exchange_claim(&w->ring.exchange, ROLE_SENDER, 9, true, &handle, &role, &slot) == 0,
	              "no handle");
}

static void take_what_waits(void *context)
{
	if (context == &w->users[2])
		xring_receive_orphan(context);
}

static void make_dropped(void)
{
	xring_make(claim_and_drop, take_what_waits);
	take_and_return(&w->users[1]);
	exchange_release(&w->ring.exchange, w->users[1].handle, w->users[1].role);
}

static void check_dropped(void)
{
	struct exchange_stat stat;

	exchange_stat(&w->ring.exchange, &stat);
	explore_check(stat.discarded + w->again[1] == 1, "received %u times, discarded %u times", w->again[1],
	              (unsigned)stat.discarded);
}

/* ---- how often a message came ---- */

static void take_orphan(void *context)
{
	if (context == &w->users[1])
		xring_receive_orphan(context);
}

/* The second receiver has given message 1 back. */
static void make_taken(void)
{
	xring_make(nothing, take_orphan);
	take_and_return(&w->users[2]);
}

/* Who had it at all had it for the second time. */
static void check_taken(void)
{
	uint64_t orphan;

	if (!explore_returned(1))
		xring_reap(&w->users[1]);
	orphan = atom64_load_seq(&w->users[1].slot.shared->orphan);
	explore_check(orphan_state(orphan) != ORPHAN_FULL || orphan_deliveries(orphan) == 2,
	              "a message that came twice says %u", orphan_deliveries(orphan));
	xring_audit();
}

static const struct xring_shape three = { .capacity = 1, .senders = 1, .receivers = 2, .filled = 1 };
static const struct xring_shape empty = { .capacity = 1, .senders = 1, .receivers = 2 };
static const struct xring_shape mortal = {
	.capacity = 1,
	.senders = 1,
	.receivers = 2,
	.filled = 1,
	.mortal_receivers = true,
};

const struct explore_scenario scan_scenarios[] = {
	{ .name = "scan/orphan",
	  .about = "a reaper looks, while another slot goes on by a lap",
	  .set_up = make_moving,
	  .check = check_moving,
	  .parameters = &three },
	{ .name = "scan/size",
	  .about = "a receiver with little room, and a block that goes around",
	  .set_up = make_sizes,
	  .parameters = &empty },
	{ .name = "scan/discard",
	  .about = "a message is dropped with its handle, while somebody takes it",
	  .set_up = make_dropped,
	  .check = check_dropped,
	  .parameters = &three },
	{ .name = "scan/deliveries",
	  .about = "who takes a message that came back is killed",
	  .set_up = make_taken,
	  .check = check_taken,
	  .crashes = 1,
	  .parameters = &mortal },
	{ 0 },
};
