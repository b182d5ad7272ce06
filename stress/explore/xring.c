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
