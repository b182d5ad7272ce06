/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exchange ring, small and busy: whatever it answers, a queue of that capacity could have answered, and
 * payloads are written and read by one at a time.
 */
#include "xring_world.h"

static struct xring_world *const w = &xring_world;

static void send_some(void *context)
{
	struct user *user = context;

	xring_arrive(user);
	for (unsigned n = 0; n < w->shape->pushes; n++) {
		int rc = xring_send(user, xring_value(user, n));

		explore_check(rc == STOA_OK || rc == STOA_FULL, "push says %d", rc);
	}
}

static void receive_some(void *context)
{
	xring_arrive(context);
	for (unsigned n = 0; n < w->shape->pops; n++) {
		int rc = xring_receive(context);

		explore_check(rc == STOA_OK || rc == STOA_EMPTY, "pop says %d", rc);
	}
}

/* ---- the end ---- */

/* Until there will be nothing any more. */
static void receive_all(void *context)
{
	struct user *user = context;
	uint64_t size, value;
	int rc;

	while ((rc = xring_pop(&w->ring, &user->cursor, &user->slot, 8, true, &size)) == STOA_OK) {
		value = explore_get(xring_bytes(user->slot.block));
		explore_check(value < HISTORY_MAX, "nobody sent %llu", (unsigned long long)value);
		w->got[value]++;
		slot_acknowledge(&user->slot);
	}
	explore_check(rc == STOA_CLOSED, "a drain says %d", rc);
}

static void send_to_the_end(void *context)
{
	for (unsigned n = 0; n < w->shape->pushes; n++) {
		int rc = xring_send(context, xring_value(context, n));

		explore_check(rc == STOA_OK || rc == STOA_FULL || rc == STOA_CLOSED, "push says %d", rc);
	}
}

static void set_up_end(void)
{
	xring_make(send_to_the_end, receive_all);
}

static void check_end(void)
{
	for (unsigned v = 1; v < HISTORY_MAX; v++)
		explore_check(w->got[v] == w->sent[v], "message %u was sent %u times, and came %u times", v,
		              w->sent[v], w->got[v]);
	xring_check_blocks();
}

/* ---- a message that is too large ---- */

/* Three of 4 bytes, with the one that is there; the last, of 8, is never looked at. */
static void send_sizes(void *context)
{
	struct user *user = context;

	for (unsigned n = 1; n <= w->shape->pushes; n++) {
		explore_set(xring_bytes(user->slot.block), n);
		if (xring_push(&w->ring, &user->cursor, &user->slot, n < w->shape->pushes ? 4 : 8) != STOA_OK)
			return;
	}
}

/*
 * The first one takes two, and so what the second one looks at may be a block that is being filled with the
 * message of 8 bytes: it has no room for that, and must not say so.
 */
static void receive_sizes(void *context)
{
	struct user *user = context;
	bool first = user == &w->users[w->shape->senders];
	uint64_t size;

	for (unsigned n = 0; n < (first ? 2 : 1); n++) {
		int rc = xring_pop(&w->ring, &user->cursor, &user->slot, 4, false, &size);

		explore_check(rc == STOA_OK || rc == STOA_EMPTY, "pop says %d", rc);
		if (rc != STOA_OK)
			continue;
		explore_check(size == 4, "a message of %d bytes", (int)size);
		explore_get(xring_bytes(user->slot.block));
		slot_acknowledge(&user->slot);
	}
}

static void set_up_sizes(void)
{
	struct user *sender = &w->users[0];

	xring_make(send_sizes, receive_sizes);
	xring_push(&w->ring, &sender->cursor, &sender->slot, 4);
}

static void set_up(void)
{
	xring_make(send_some, receive_some);
}

static void check(void)
{
	explore_check(history_is_fifo(&w->history, w->shape->capacity), "no queue answers so: %s",
	              history_text(&w->history));
	xring_check_blocks();
	history_tell(&w->history);
}

#define XRING(id, words, ...)                                                                                \
	{                                                                                                    \
		.name = "xring/" id, .about = words, .set_up = set_up, .check = check,                       \
		.parameters = &(const struct xring_shape)                                                    \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

const struct explore_scenario xring_scenarios[] = {
	XRING("1p1c/cap1", "one sender, one receiver", .capacity = 1, .senders = 1, .receivers = 1,
	      .pushes = 2, .pops = 2),
	XRING("1p1c/cap2", "one sender, one receiver", .capacity = 2, .senders = 1, .receivers = 1,
	      .pushes = 3, .pops = 3),
	XRING("2p1c/cap1", "two senders", .capacity = 1, .senders = 2, .receivers = 1, .pushes = 1,
	      .pops = 2),
	XRING("2p1c/cap2", "two senders", .capacity = 2, .senders = 2, .receivers = 1, .pushes = 2,
	      .pops = 2),
	XRING("1p2c/cap1", "two receivers", .capacity = 1, .senders = 1, .receivers = 2, .pushes = 2,
	      .pops = 1),
	XRING("1p2c/cap2", "two receivers", .capacity = 2, .senders = 1, .receivers = 2, .pushes = 3,
	      .pops = 2),
	XRING("2p2c/cap1", "two of each", .capacity = 1, .senders = 2, .receivers = 2, .pushes = 1,
	      .pops = 1),
	XRING("2p2c/cap2", "two of each", .capacity = 2, .senders = 2, .receivers = 2, .pushes = 1,
	      .pops = 1),
	XRING("2p2c/cap2/full", "two of each, two messages there", .capacity = 2, .senders = 2,
	      .receivers = 2, .pushes = 1, .pops = 1, .filled = 2),
	XRING("newcomers", "two who begin where a hint tells", .capacity = 1, .senders = 1, .receivers = 2,
	      .pushes = 2, .pops = 1, .filled = 1, .newcomers = true),
	XRING("newcomers/receivers", "the same, and nobody sends", .capacity = 1, .senders = 1,
	      .receivers = 2, .pops = 1, .filled = 1, .newcomers = true),
	{ .name = "xring/drain",
	  .about = "a drain against a push",
	  .set_up = set_up_end,
	  .check = check_end,
	  .parameters = &(
		  const struct xring_shape){ .capacity = 2, .senders = 1, .receivers = 1, .pushes = 3 } },
	{ .name = "xring/drain/2p2c",
	  .about = "two drain, two push",
	  .large = true,
	  .set_up = set_up_end,
	  .check = check_end,
	  .parameters = &(
		  const struct xring_shape){ .capacity = 1, .senders = 2, .receivers = 2, .pushes = 1 } },
	{ .name = "xring/sizes",
	  .about = "a size is looked at while its block is filled anew",
	  .set_up = set_up_sizes,
	  .check = xring_check_blocks,
	  .parameters =
	          &(const struct xring_shape){
			  .capacity = 1,
			  .senders = 1,
			  .receivers = 2,
			  .pushes = 3,

		  } },
	{ .name = "xring/2p2c/twice",
	  .about = "two of each, two operations each",
	  .set_up = set_up,
	  .check = check,
	  .large = true,
	  .parameters =
	          &(const struct xring_shape){
			  .capacity = 2, .senders = 2, .receivers = 2, .pushes = 2, .pops = 2 } },
	{ 0 },
};
