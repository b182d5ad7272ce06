/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_survivors.c - orders that no scenario needs, and why they are there all the same.
 *
 * A line says down to which order an operation may go, that and all stronger ones being weaker than what it
 * has in src.  Nothing here is waste on x86-64, where a load is a load and an exchange is an exchange.
 */
#include <string.h>

#include "explore_request.h"

/* The explorer runs sequentially consistent operations in the one order S that C11 asks for, and so whatever
 * was read before such an operation came before it in S, too, even by a relaxed load.  C11 and aarch64 promise
 * that only of what was acquired. */
#define S_ORDER                                                                                              \
	"a sequentially consistent operation orders it, by execution; outside of the explorer it does not"
/* atomic.h has sequentially consistent read-modify-writes alone: on x86-64 all are one, and those of aarch64
 * that are weaker would be in no place where it counts.  Besides, an exchange keeps its release: against load
 * buffering, which is not modelled. */
#define NO_WEAKER "there is no weaker exchange in src/atomic.h, and every exchange keeps its release"
#define DEATH "read after the death's proof, which brings all that the dead one knew"
#define ROLE "comes with the handle's role, which was acquired"
#define REAPERS                                                                                              \
	"the words of the dead go forward by exchanges alone, and come to the next owner with the role"
#define WRAP "counts where the 13 bits of an intent's sequence have wrapped around"
#define CELLS "the cells that are read in between were acquired, and bring it"
#define ONE_ORDER                                                                                            \
	"acquire is enough here; proofs take all steps in one order, and no processor asks more for that"
#define WHOM "tells only whose death to look into"
#define EXCHANGED "the exchange that follows acquires it, or fails"
#define OWN "the reader's own word, or one that came with the role"
#define FUTEX "the system call that follows is a full fence"
#define FENCE_ALL "os_fence_all() orders it, or the fence of who cannot register for that"
#define LOOK "only who looks at marks reads it, and no more than the mark"
#define CLOSER "who closed the ring has read all that lies before"
#define LOCKED "the lock of a byte orders it: the kernel's look at that comes in between"
#define BUFFERING "comes behind what reapers have read: against load buffering, which is not modelled"
#define ONE_THREAD "for two threads of a process, or its child after fork(): here each has one"
#define FORK "for who has the lock of its parent after fork(), which is not modelled"
#define ONCE "is written once, and was read before on the same path"
#define IN_ORDER "ends of extents are read in their order, or come with an entry's state or a bucket"
#define AGAIN "who reads it old looks once more"
#define THREE                                                                                                \
	"needed where one permit is freed and another taken by two who know nothing of each other, while a " \
	"third looks: no scenario has them"
#define TWICE "another acquire on the same path does it, too: --together notices"

const struct survivor survivors[] = {
	{ "event.c", "event_announce/load_seq#1", EXPLORE_RELAXED, S_ORDER },
	{ "event.c", "wake_one/cas_seq#1", EXPLORE_RELAXED, FUTEX },
	{ "event.c", "wake_one/cas_seq#2", EXPLORE_RELAXED, FUTEX },
	{ "event.c", "wake_all/cas_seq#1", EXPLORE_RELAXED, FUTEX },
	{ "event.c", "event_wake_announced/load_seq#1", EXPLORE_RELAXED,
	  "event_awaited() has read the same word; this is no older" },
	{ "event.c", "event_close_short_way/load_seq#1", EXPLORE_RELAXED,
	  "needed where two shut a queue down while a third sends and a fourth drains: no scenario has them" },
	{ "event.c", "event_close_short_way/cas_seq#1", EXPLORE_RELAXED,
	  "the exchange of add_closing(), or the release of tail, follows" },

	{ "xring.c", "start_at/load_acq#1", EXPLORE_RELAXED, S_ORDER },
	{ "xring_short.h", "xring_leave_hint/store_rel#1", EXPLORE_RELAXED, S_ORDER },
	{ "xring.c", "close_frontier/cas_seq#1", EXPLORE_RELAXED, NO_WEAKER },
	{ "xring.c", "inspect/fence_acq#1", EXPLORE_RELAXED, TWICE },
	{ "xring.c", "inspect/load_seq#1", EXPLORE_RELAXED, "[R4] orders it" },
	{ "xring_short.h", "xring_push_at_once/store_rel#1", EXPLORE_RELAXED, S_ORDER },
	{ "xring_short.h", "xring_push_at_once/load_seq#1", EXPLORE_RELAXED, EXCHANGED },
	{ "xring_short.h", "xring_pop_at_once/load_seq#1", EXPLORE_ACQUIRE, EXCHANGED },

	{ "value_cell_write.c", "cell_store/load_seq#1", EXPLORE_RELAXED, EXCHANGED },
	{ "value_cell_write.c", "take_first/load_acq#1", EXPLORE_RELAXED, ONE_THREAD },
	{ "value_cell_write.c", "take_shared/load_acq#1", EXPLORE_RELAXED, EXCHANGED },
	{ "value_cell_write.c", "take_shared/cas_seq#1", EXPLORE_ACQUIRE, NO_WEAKER },
	{ "value_cell_write.c", "give/add_seq#1", EXPLORE_RELEASE, NO_WEAKER },
	{ "value_cell_write.c", "writer_share/cas_seq#1", EXPLORE_RELAXED, FENCE_ALL },
	{ "value_cell_write.c", "writer_share/cas_seq#2", EXPLORE_RELAXED, FENCE_ALL },
	{ "inline_number.h", "stoa_number_awaited/load_seq#1", EXPLORE_RELAXED,
	  "the same look as event_awaited(), by which waiting is explored" },
	{ "value_access.c", "publish_over/load_seq#1", EXPLORE_RELAXED,
	  "the slot was acquired from who changed the word to get its block" },

	/* [X1] */
	{ "exchange.h", "slot_intend/store_rel#2", EXPLORE_RELAXED, S_ORDER },
	{ "exchange.h", "slot_acknowledge/store_rel#1", EXPLORE_RELAXED, DEATH },
	{ "exchange_settle.c", "read_intents/load_seq#1", EXPLORE_RELAXED, WRAP },
	{ "exchange_settle.c", "read_intents/load_seq#2", EXPLORE_RELAXED, S_ORDER },
	{ "exchange_settle.c", "reread_intents/load_seq#1", EXPLORE_RELAXED, CELLS },
	{ "exchange_settle.c", "reread_intents/load_seq#2", EXPLORE_RELAXED, WRAP },
	{ "exchange_settle.c", "scan_world/load_seq#1", EXPLORE_ACQUIRE, ONE_ORDER },
	{ "exchange_settle.c", "scan_world/load_seq#2", EXPLORE_ACQUIRE, ONE_ORDER },
	{ "exchange_settle.c", "exchange_settle/load_seq#1", EXPLORE_RELAXED, DEATH },
	{ "exchange_settle.c", "exchange_free/load_seq#1", EXPLORE_RELAXED, DEATH },
	{ "exchange_settle.c", "settle_slot/load_seq#1", EXPLORE_RELAXED, REAPERS },
	{ "exchange_settle.c", "settle_slot/load_seq#2", EXPLORE_RELAXED, REAPERS },
	{ "exchange_settle.c", "settle_slot/cas_seq#1", EXPLORE_RELAXED, REAPERS },
	{ "exchange_settle.c", "after_exchange/load_seq#1", EXPLORE_RELAXED, DEATH },
	{ "exchange_settle.c", "redeliver_step/load_seq#1", EXPLORE_ACQUIRE, ONE_ORDER },
	{ "exchange_settle.c", "redeliver_step/load_seq#2", EXPLORE_RELAXED, DEATH },
	{ "exchange_settle.c", "redeliver_step/load_seq#3", EXPLORE_RELAXED, REAPERS },
	{ "exchange_settle.c", "redeliver_step/cas_seq#1", EXPLORE_RELEASE, NO_WEAKER },
	{ "exchange_settle.c", "redeliver_step/cas_seq#2", EXPLORE_RELAXED, REAPERS },
	{ "exchange_settle.c", "redeliver_step/cas_seq#3", EXPLORE_RELAXED, REAPERS },

	/* [X3] */
	{ "exchange.c", "tidy/load_acq#1", EXPLORE_RELAXED, ROLE },
	{ "exchange.c", "tidy/cas_seq#1", EXPLORE_RELEASE, NO_WEAKER },
	{ "exchange.c", "slots_open/add_seq#1", EXPLORE_RELAXED, WRAP },
	{ "exchange.c", "slots_open/load_acq#1", EXPLORE_RELAXED, ROLE },
	{ "exchange.c", "slots_open/load_acq#2", EXPLORE_RELAXED, ROLE },
	{ "exchange.c", "claim_handle/load_acq#2", EXPLORE_RELAXED, EXCHANGED },
	{ "exchange.c", "claim_handle/cas_seq#1", EXPLORE_RELAXED, NO_WEAKER },
	{ "exchange.c", "exchange_release/cas_seq#1", EXPLORE_RELEASE, NO_WEAKER },
	{ "exchange.c", "drop_orphan/load_acq#1", EXPLORE_RELAXED, EXCHANGED },
	{ "exchange.c", "drop_orphan/cas_seq#1", EXPLORE_RELAXED, NO_WEAKER },
	{ "exchange.c", "drop_orphan/store_rel#1", EXPLORE_RELAXED, OWN },
	{ "exchange_settle.c", "exchange_any_orphan/load_acq#1", EXPLORE_RELAXED,
	  "tells only whether to look" },
	{ "exchange.c", "slot_count_discard/load_seq#1", EXPLORE_RELAXED, EXCHANGED },
	{ "exchange.c", "slot_count_discard/cas_seq#1", EXPLORE_RELAXED, REAPERS },

	/* [X2], [X4] */
	{ "exchange.c", "slot_give_back/load_acq#1", EXPLORE_RELAXED, OWN },
	{ "exchange.c", "slot_give_back/cas_seq#1", EXPLORE_RELEASE, NO_WEAKER },
	{ "exchange.c", "slot_retake/load_acq#1", EXPLORE_RELAXED, OWN },
	{ "exchange.c", "slot_retake/cas_seq#1", EXPLORE_RELAXED, NO_WEAKER },
	{ "exchange.c", "take_orphan/load_seq#1", EXPLORE_ACQUIRE, ONE_ORDER },
	{ "exchange.c", "take_orphan/cas_seq#1", EXPLORE_RELEASE, NO_WEAKER },

	{ "ring_send.c", "ring_sender_open/load_seq#1", EXPLORE_RELAXED, DEATH },
	{ "ring_send.c", "ring_sender_open/load_acq#1", EXPLORE_RELAXED, DEATH },
	{ "ring_send.c", "ring_sender_open/load_acq#2", EXPLORE_RELAXED, DEATH },
	{ "ring_receive.c", "ring_receiver_open/load_acq#1", EXPLORE_RELAXED, DEATH },
	{ "ring_receive.c", "ring_receiver_open/load_acq#2", EXPLORE_RELAXED, DEATH },
	{ "ring_receive.c", "inherit/load_acq#1", EXPLORE_RELAXED, DEATH },
	{ "ring_receive.c", "inherit/store_rel#1", EXPLORE_RELAXED, LOOK },
	{ "ring_receive.c", "lease_again/store_rel#1", EXPLORE_RELAXED, LOOK },
	{ "ring_receive.c", "pop_long/store_rel#1", EXPLORE_RELAXED, LOOK },
	{ "ring_receive.c", "ring_return/store_rel#1", EXPLORE_RELAXED, LOOK },
	{ "ring_send.c", "ask_verdict/load_seq#1", EXPLORE_RELAXED, FENCE_ALL },
	{ "ring_send.c", "ask_verdict/cas_seq#1", EXPLORE_RELAXED, FENCE_ALL },
	{ "ring_send.c", "ask_verdict/store_rel#1", EXPLORE_RELAXED, CLOSER },
	{ "ring_receive.c", "ask_closed/load_seq#1", EXPLORE_RELAXED, FENCE_ALL },
	{ "ring_receive.c", "ask_closed/load_seq#2", EXPLORE_RELAXED, FENCE_ALL },
	{ "ring_receive.c", "ask_closed/cas_seq#2", EXPLORE_RELAXED, FENCE_ALL },
	{ "ring_half.h", "committed/load_seq#1", EXPLORE_RELAXED, FENCE_ALL },
	{ "ring.c", "look_at_positions/load_acq#1", EXPLORE_RELAXED, "the second look decides" },
	{ "ring.c", "look_at_positions/load_acq#2", EXPLORE_RELAXED, LOOK },
	{ "ring.c", "ring_stat/load_acq#1", EXPLORE_RELAXED, LOOK },
	{ "ring.c", "ring_readable/load_acq#1", EXPLORE_RELAXED, "tells only from where to look" },
	{ "ring.c", "ring_readable/load_acq#2", EXPLORE_RELAXED, LOOK },

	{ "parcel.c", "parcel_receive/store_rel#2", EXPLORE_RELAXED, DEATH },

	/* [Q3], [Q4] */
	{ "queue_roles.c", "queue_claim_sole/load_acq#1", EXPLORE_RELAXED, TWICE },
	{ "queue_roles.c", "queue_claim_sole/cas_seq#1", EXPLORE_RELAXED, TWICE },
	{ "queue_roles.c", "queue_release_sole/cas_seq#1", EXPLORE_RELEASE, NO_WEAKER },
	{ "queue_roles.c", "queue_settle/load_seq#1", EXPLORE_RELAXED, DEATH },
	{ "queue_wait.c", "queue_orphaned/add_seq#1", EXPLORE_RELAXED, S_ORDER },
	{ "queue_wait.c", "queue_look_after/add_seq#1", EXPLORE_RELAXED, S_ORDER },
	{ "receiver_pop.c", "pop_exchange/load_acq#1", EXPLORE_RELAXED, S_ORDER },
	{ "receiver_next.c", "receiver_next/load_acq#1", EXPLORE_RELAXED, S_ORDER },
	{ "receiver_next.c", "take_orphan/load_acq#1", EXPLORE_RELAXED, S_ORDER },
	{ "queue_roles.c", "add_closing/load_acq#1", EXPLORE_RELAXED, EXCHANGED },
	{ "queue_roles.c", "add_closing/cas_seq#1", EXPLORE_RELEASE, NO_WEAKER },
	{ "queue_roles.c", "queue_drain_if_alone/load_acq#1", EXPLORE_RELAXED,
	  "bits are only ever added, and who misses one looks again" },
	{ "queue_roles.c", "nth_role/load_seq#1", EXPLORE_RELAXED,
	  "the place of the only sender: whatever is read there was so at a moment" },
	{ "queue_roles.c", "nth_role/load_seq#2", EXPLORE_ACQUIRE, ONE_ORDER },
	{ "queue_roles.c", "owner_lives/load_acq#1", EXPLORE_RELAXED, ROLE },

	/* [P1] to [P5] */
	{ "participant_slot.h", "joined/load_seq#1", EXPLORE_RELAXED, ONE_THREAD },
	{ "participant_death.c", "participant_proven_dead/fence_acq#1", EXPLORE_RELAXED, FORK },
	{ "participant_death.c", "participant_proven_dead/load_seq#1", EXPLORE_RELAXED, LOCKED },
	{ "participant_death.c", "participant_dead/load_seq#1", EXPLORE_ACQUIRE, ONE_ORDER },
	{ "participant_death.c", "participant_dead/load_seq#2", EXPLORE_RELAXED, LOCKED },
	{ "participant_death.c", "participant_lost/load_seq#1", EXPLORE_RELAXED, LOCKED },
	{ "participant_death.c", "forked/load_seq#1", EXPLORE_RELAXED, FORK },
	{ "participant_reap.c", "look/load_seq#1", EXPLORE_ACQUIRE, ONE_ORDER },
	{ "participant_reap.c", "look/load_seq#2", EXPLORE_RELAXED, LOCKED },
	{ "participant_reap.c", "look/cas_seq#1", EXPLORE_RELEASE, NO_WEAKER },
	{ "participant_reap.c", "settle/load_seq#1", EXPLORE_RELAXED, EXCHANGED },
	{ "participant_reap.c", "release/load_seq#1", EXPLORE_RELAXED, EXCHANGED },
	{ "participant_reap.c", "set_free/cas_seq#1", EXPLORE_RELAXED, BUFFERING },
	{ "participant_slot.h", "keep_off/load_seq#1", EXPLORE_RELAXED, EXCHANGED },
	{ "participant.c", "claim/load_seq#1", EXPLORE_RELAXED, EXCHANGED },
	{ "participant.c", "claim/cas_seq#1", EXPLORE_RELAXED, BUFFERING },
	{ "participant.c", "introduce/cas_seq#1", EXPLORE_RELEASE, NO_WEAKER },
	{ "participant.c", "participant_leave/cas_seq#1", EXPLORE_RELAXED, REAPERS },
	/* [S1] */
	{ "segment_life.c", "life_leave/load_seq#1", EXPLORE_RELAXED, EXCHANGED },

	/* [O1] to [O3] */
	{ "object.c", "object_extent/load_seq#1", EXPLORE_RELAXED, IN_ORDER },
	{ "object.c", "object_extent/load_seq#2", EXPLORE_RELAXED, IN_ORDER },
	{ "object_create.c", "cut/load_seq#1", EXPLORE_RELAXED, ONCE },
	{ "object_create.c", "cut/cas_seq#1", EXPLORE_RELAXED, IN_ORDER },
	{ "object.c", "object_is_linked/load_seq#1", EXPLORE_ACQUIRE, ONE_ORDER },
	{ "object.c", "object_find/load_seq#1", EXPLORE_ACQUIRE, ONE_ORDER },
	{ "object.c", "object_at/load_seq#1", EXPLORE_ACQUIRE, ONE_ORDER },
	{ "object_create.c", "first_unsettled/load_seq#1", EXPLORE_RELAXED,
	  "tells only from where to look, and is never too far" },
	{ "object_create.c", "best_fit/load_seq#1", EXPLORE_RELAXED, TWICE },
	{ "object_create.c", "claim/load_seq#1", EXPLORE_RELAXED, TWICE },
	{ "object_create.c", "claim/cas_seq#1", EXPLORE_RELAXED, TWICE },
	{ "object_create.c", "give_back/cas_seq#1", EXPLORE_RELEASE, NO_WEAKER },
	{ "object_create.c", "publish/load_seq#1", EXPLORE_ACQUIRE, ONE_ORDER },
	{ "object_create.c", "publish/cas_seq#1", EXPLORE_BOTH, NO_WEAKER },
	{ "object_create.c", "publish/cas_seq#2", EXPLORE_RELEASE, NO_WEAKER },
	{ "object_create.c", "object_reap/load_seq#1", EXPLORE_RELAXED, DEATH },
	{ "object_create.c", "object_reap/load_seq#2", EXPLORE_RELAXED, DEATH },
	{ "object_create.c", "object_reap/cas_seq#1", EXPLORE_RELEASE, NO_WEAKER },

	/* [Y1] */
	{ "sync_lock.c", "try_acquire/cas_seq#1", EXPLORE_ACQUIRE, NO_WEAKER },
	{ "sync_lock.c", "inspect/load_seq#1", EXPLORE_RELAXED, WHOM },
	{ "sync_lock.c", "stoa_lock_release/load_seq#1", EXPLORE_RELAXED, OWN },
	{ "sync_lock.c", "stoa_lock_break/load_seq#1", EXPLORE_RELAXED,
	  "who breaks a lock knows that it is held from who told so; the compare-and-swap decides" },
	{ "sync_lock.c", "lock_settle/load_seq#1", EXPLORE_RELAXED, DEATH },
	/* [Y2] */
	{ "sync_event.c", "stoa_event_set/load_seq#1", EXPLORE_RELAXED, EXCHANGED },
	/* [Y3] */
	{ "sync_semaphore.c", "post_count/load_seq#1", EXPLORE_RELAXED, EXCHANGED },
	{ "sync_semaphore.c", "change_one/load_seq#1", EXPLORE_RELAXED,
	  "the count of posts or of takes brings it, or has moved" },
	{ "sync_semaphore.c", "take_permit/load_seq#1", EXPLORE_RELAXED, AGAIN },
	{ "sync_semaphore.c", "take_permit/load_seq#2", EXPLORE_RELAXED, THREE },
	{ "sync_semaphore.c", "take_permit/add_seq#1", EXPLORE_RELAXED, THREE },
	{ "sync_semaphore.c", "post_permit/load_seq#1", EXPLORE_RELAXED, AGAIN },
	{ "sync_semaphore.c", "post_permit/load_seq#2", EXPLORE_RELAXED, THREE },
	{ "sync_semaphore.c", "post_permit/add_seq#1", EXPLORE_RELAXED, THREE },
	{ "sync_semaphore.c", "semaphore_settle/add_seq#1", EXPLORE_RELAXED, THREE },
	{ "sync_semaphore.c", "take_count/cas_seq#1", EXPLORE_ACQUIRE, NO_WEAKER },
	{ "sync_semaphore.c", "change_one/cas_seq#1", EXPLORE_BOTH, NO_WEAKER },
	{ "sync_semaphore.c", "set_free/cas_seq#1", EXPLORE_RELEASE, NO_WEAKER },
	{ "sync_semaphore.c", "semaphore_settle/load_seq#1", EXPLORE_RELAXED, DEATH },
	/* [Y4] */
	{ "sync_barrier.c", "look_at_seats/load_seq#2", EXPLORE_RELAXED,
	  "the first look at the seat has acquired it" },
	{ "sync_barrier.c", "end_round/load_seq#1", EXPLORE_ACQUIRE, ONE_ORDER },
	{ "sync_barrier.c", "take_seat/add_seq#1", EXPLORE_RELAXED, "tells only where to begin" },
	{ "sync_barrier.c", "take_seat/load_seq#1", EXPLORE_RELAXED, EXCHANGED },
	{ "sync_barrier.c", "take_seat/load_seq#2", EXPLORE_RELAXED, EXCHANGED },
	{ "sync_barrier.c", "take_seat/cas_seq#1", EXPLORE_RELEASE, NO_WEAKER },
	{ "sync_barrier.c", "has_passed/load_seq#1", EXPLORE_ACQUIRE, ONE_ORDER },
	{ "sync_barrier.c", "has_passed/load_seq#2", EXPLORE_ACQUIRE, ONE_ORDER },
	{ "sync_barrier.c", "vacate/load_seq#1", EXPLORE_ACQUIRE, ONE_ORDER },
	{ "sync_barrier.c", "vacate/cas_seq#1", EXPLORE_ACQUIRE, NO_WEAKER },
	{ "sync_barrier.c", "vacate/cas_seq#2", EXPLORE_RELAXED, NO_WEAKER },
	{ "sync_barrier.c", "give_up/cas_seq#1", EXPLORE_RELAXED, NO_WEAKER },
	{ "sync_barrier.c", "inspect/load_seq#1", EXPLORE_RELAXED, WHOM },
	{ "sync_barrier.c", "barrier_settle/load_seq#1", EXPLORE_RELAXED, EXCHANGED },
	{ "sync_barrier.c", "barrier_settle/load_seq#2", EXPLORE_RELAXED, EXCHANGED },
	{ "sync_barrier.c", "barrier_settle/cas_seq#1", EXPLORE_RELAXED, NO_WEAKER },
	{ 0 },
};

bool survivor_is(const struct survivor *survivor, const struct place *place)
{
	return strcmp(survivor->file, place->file) == 0 && strcmp(survivor->place, place->name) == 0;
}

const struct survivor *survivor_find(const struct place *place, unsigned order)
{
	for (const struct survivor *survivor = survivors; survivor->file; survivor++) {
		if ((order & survivor->order) == survivor->order && survivor_is(survivor, place))
			return survivor;
	}
	return NULL;
}
