/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exchange ring and death: users are killed between any two stores, reapers come at once, in pairs, and
 * are killed themselves, while the others go on.  Nothing is lost, nothing comes twice but what its
 * receiver had not acknowledged, and every block is in one place.
 */
#include "xring_world.h"

static struct xring_world *const w = &xring_world;

static void send_some(void *context)
{
	struct user *user = context;

	for (unsigned n = 0; n < w->shape->pushes; n++)
		xring_send(user, xring_value(user, n));
}

static void receive_some(void *context)
{
	for (unsigned n = 0; n < w->shape->pops; n++) {
		if (xring_receive_orphan(context) != STOA_OK)
			xring_receive(context);
	}
}

static void set_up(void)
{
	xring_make(send_some, receive_some);
}

#define CRASH(id, words, deaths, ...)                                                                        \
	{                                                                                                    \
		.name = "crash/" id, .about = words, .set_up = set_up, .check = xring_audit,                 \
		.crashes = deaths, .parameters = &(const struct xring_shape)                                 \
		{                                                                                            \
			__VA_ARGS__                                                                          \
		}                                                                                            \
	}

const struct explore_scenario crash_scenarios[] = {
	CRASH("push", "a sender is killed, a reaper comes", 1, .capacity = 1, .senders = 1, .receivers = 1,
	      .pushes = 2, .pops = 1, .mortal_senders = true, .reapers = 1),
	CRASH("pop", "a receiver is killed, a reaper comes", 1, .capacity = 1, .senders = 1, .receivers = 1,
	      .pushes = 1, .pops = 2, .filled = 1, .mortal_receivers = true, .reapers = 1),
	CRASH("push/reapers", "two reapers", 1, .capacity = 1, .senders = 1, .receivers = 1, .pushes = 1,
	      .pops = 1, .mortal_senders = true, .reapers = 2),
	CRASH("pop/reapers", "two reapers", 1, .capacity = 1, .senders = 1, .receivers = 1, .pushes = 1,
	      .pops = 1, .filled = 1, .mortal_receivers = true, .reapers = 2),
	CRASH("push/reaper", "a reaper is killed, too", 2, .capacity = 1, .senders = 1, .receivers = 1,
	      .pushes = 1, .pops = 1, .filled = 1, .mortal_senders = true, .reapers = 1,
	      .mortal_reapers = true),
	CRASH("pop/reaper", "a reaper is killed, too", 2, .capacity = 1, .senders = 1, .receivers = 1,
	      .pushes = 1, .pops = 1, .filled = 1, .mortal_receivers = true, .reapers = 1,
	      .mortal_reapers = true),
	CRASH("pops", "two receivers are killed", 2, .capacity = 1, .senders = 1, .receivers = 2, .pushes = 1,
	      .pops = 1, .filled = 1, .mortal_receivers = true),
	CRASH("orphan", "a receiver dies, and the one who takes its orphan", 2, .capacity = 2, .senders = 1,
	      .receivers = 2, .pushes = 0, .pops = 1, .filled = 2, .mortal_receivers = true, .reapers = 1),
	CRASH("orphan/reapers", "two reapers, and one who takes the orphan", 1, .capacity = 1, .senders = 1,
	      .receivers = 2, .pops = 1, .filled = 1, .mortal_receivers = true, .reapers = 2),
	{ .name = "crash/pop/stopped",
	  .about = "a receiver is killed, and one of two reapers, or stopped for ever",
	  .set_up = set_up,
	  .check = xring_audit,
	  .crashes = 2,
	  .stops = 1,
	  .parameters = &(const struct xring_shape){ .capacity = 1,
	                                             .senders = 1,
	                                             .receivers = 1,
	                                             .pops = 1,
	                                             .filled = 1,
	                                             .mortal_receivers = true,
	                                             .reapers = 2,
	                                             .mortal_reapers = true } },
	{ .name = "crash/all",
	  .about = "two of each, both receivers may die, two reapers",
	  .set_up = set_up,
	  .check = xring_audit,
	  .crashes = 2,
	  .large = true,
	  .parameters = &(const struct xring_shape){ .capacity = 2,
	                                             .senders = 2,
	                                             .receivers = 2,
	                                             .pushes = 2,
	                                             .pops = 2,
	                                             .filled = 1,
	                                             .mortal_receivers = true,
	                                             .reapers = 2 } },
	{ 0 },
};
