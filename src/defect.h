/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * defect.h - defects planted on purpose, to show that the stress suite finds them.
 *
 * Only a build with -DSTOA_DEFECTS has them, and there only the one whose number is in
 * stoa_defect; in every other build DEFECT() is the constant false.
 *
 * Each is a mistake that somebody could make, and that the suite finds (stoa-stress mutate).  What it does not
 * find is told in docs/testing.md.
 */
#ifndef STOA_DEFECT_H
#define STOA_DEFECT_H

/* X(name, words), in the order of their numbers, from 1: new ones go to the end of the last list. */

#define DEFECTS_FIRST(X) \
	X(INTENT_AFTER, "a sender's intent is written after the exchange") \
	X(INTENT_DROPPED, "a receiver's intent is not written") \
	X(ACKNOWLEDGE, "an acknowledgement is not written") \
	X(PLAIN_STORE, "a reaper stores where it must compare and swap: an intent") \
	X(NO_HAZARD, "a reaper does not say at which slot it is") \
	X(SAME_LAP, "a redelivery does not advance the lap of its orphan cell") \
	X(GENERATION, "a reader does not look whether its block was recycled") \
	X(PERMIT_STORE, "a reaper stores where it must compare and swap: a dead one's permit") \
	X(PERMIT_UNTOLD, "post does not say that a permit has become free behind the eyes of others") \
	X(LOCK_STORE, "a reaper stores where it must compare and swap: a dead one's lock") \
	X(ROUND_SAME, "an arrival is taken back, and the barrier's word stays the same") \
	X(ROUND_OF_DEAD, "a round ends though one of its parties has died")

#define DEFECTS_XRING(X) \
	X(HINT_AHEAD, "a hint is one position ahead of what was taken") \
	X(CATCH_UP_FAR, "a handle that was away goes on a lap too far") \
	X(CLOSE_STORE, "a receiver that ends a drain stores where it must compare and swap") \
	X(DELIVERIES_KEPT, "a message counts the deliveries of the one before in its slot")

#define DEFECTS_EXCHANGE(X) \
	X(ORPHAN_IGNORED, "a slot whose orphan nobody has taken counts as empty") \
	X(HANDLE_EARLY, "a handle is given to anybody before its orphans are gone") \
	X(CLAIM_STORE, "a handle is claimed by a store") \
	X(DISCARD_TWICE, "a discard is counted by each reaper that comes") \
	X(RETAKE_STORE, "an owner takes its orphan back by a store") \
	X(RETAKE_TALLY, "an owner that takes its orphan back does not say how often it came") \
	X(ORPHAN_INTENT, "who takes an orphan does not write its intent")

#define DEFECTS_SETTLE(X) \
	X(SCAN_MOVING, "a reaper uses slots that changed during its scan") \
	X(SCAN_ONE_LINK, "a reaper does not follow chains of slots") \
	X(REDELIVER_STORE, "a reaper fills an orphan cell by a store") \
	X(DISCARD_UNCOUNTED, "a message of the dead is discarded and not counted") \
	X(RETAKEN_SETTLED, "what a dead owner had taken back counts as acknowledged") \
	X(HELD_MOVING, "a message that goes from hand to hand is overlooked")

#define DEFECTS_RING(X) \
	X(TAIL_EARLY, "a sender moves the tail before the payload is there") \
	X(RELEASED_EARLY, "a receiver frees the place before it has copied the message") \
	X(LEASE_FREED, "a lease that is released out of order frees the places before it") \
	X(TAKEN_EARLY, "a lease is told before its mark is wiped") \
	X(DRAIN_UNLOOKED, "a receiver does not look at the tail again before it closes") \
	X(VERDICT_UNASKED, "a sender does not ask whether the ring was closed before its message") \
	X(SUCCESSOR_SHORT, "a successor takes the last lease of the dead for a new message") \
	X(SUCCESSOR_FAR, "a successor starts behind what the dead had taken and acknowledged only in part") \
	X(DISCARD_UNMARKED, "a successor does not mark that it is discarding")

#define DEFECTS_QUEUE(X) \
	X(LEASE_FORGOTTEN, "a queue says that it is closed while leases are open that may come back") \
	X(SOLE_KEPT, "a dead one's place for one stays taken") \
	X(LEASE_KEPT, "a receiver that closes forgets a lease")

#define DEFECTS_VALUE(X) \
	X(GENERATION_LEFT, "a writer leaves its generation to the block that it fills anew") \
	X(PUBLISHED_EARLY, "a struct is published before it is copied") \
	X(SLOT_SHARED, "two threads write into one slot") \
	X(EDIT_STALE, "a write to a range that lost against another goes over that") \
	X(COMPARE_LATER, "a compare_exchange swaps another version than it has compared") \
	X(FIRST_UNFENCED, "a second thread does not let the first one pass a fence") \
	X(FIRST_UNLOOKED, "the first thread of a process to write does not look whether another has come") \
	X(FETCH_STORE, "a maximum is stored where it must be compared and swapped")

#define DEFECTS_WAKE(X) \
	X(WAKE_UNCOUNTED, "a wake-up is not counted") \
	X(WAKE_LAST, "who finds nobody asleep does not wake who fell asleep just then") \
	X(ANNOUNCE_STORE, "a waiter announces itself by a store")

#define DEFECTS_SYNC(X) \
	X(EVENT_MISSED, "an event that is cleared at once was never set") \
	X(CLEAR_STORE, "an event is cleared by a store") \
	X(COUNT_STORE, "a count is taken from what it was at the first look") \
	X(PERMIT_ONE_LOOK, "who finds no permit does not look again where one was posted") \
	X(OWNER_DIED_UNTOLD, "the next holder is not told that the last one died") \
	X(LOCK_UNINSPECTED, "who finds a lock held does not ask whether the holder lives") \
	X(SEAT_AT_ONCE, "an arrival that is taken back frees its seat at once") \
	X(ROUND_LATE, "a round's word is read after its seats")

#define DEFECTS_PARTICIPANT(X) \
	X(GENERATION_SAME, "a slot is claimed in the generation of its last owner") \
	X(CLAIM_FIRST, "a slot is claimed before its byte is locked") \
	X(IDENTITY_LATE, "a slot is live with the identity of its last owner") \
	X(ENTER_BLIND, "a reaper does not look again after it has said where it is") \
	X(RELEASED_UNDER, "handles of the dead are given away under a reaper") \
	X(FREED_UNDER, "a slot of the dead becomes free under a reaper") \
	X(LEFT_UNSETTLED, "who leaves settles nothing that it still held") \
	X(LEFT_UNLOCKED, "who leaves unlocks its byte before it clears its slot")

#define DEFECTS_DIRECTORY(X) \
	X(NAME_TWICE, "a creator does not look whether another has published the name") \
	X(BUILT_LATE, "an object is published before it is built") \
	X(REAPED_LINKED, "an object whose creator died before it said that it is there is freed") \
	X(BUILDING_KEPT, "the room of a creator that died is lost") \
	X(LINKED_UNSEEN, "an object is not seen until its creator has said that it is there") \
	X(ROOM_DIRTY, "an object is built over what a dead creator has left") \
	X(CUT_STORE, "the end of a piece of room is stored, though another has cut it") \
	X(ENTRY_STORE, "an entry is claimed by a store")

#define DEFECTS_LIFE(X) \
	X(LAST_UNLOOKED, "the last to leave does not look whether somebody has come") \
	X(JOINED_DOOMED, "a newcomer does not stop the last one from removing the name") \
	X(NAME_UNLOOKED, "a name is removed though it means another file by now")

/* The short ways of both rings, and what was long found by nothing. */
#define DEFECTS_LATER(X) \
	X(SIZE_BELIEVED, "a size that does not fit is believed, though the message has moved on") \
	X(DISCARD_KEPT, "a discard stays counted though somebody took the message after all") \
	X(ORPHAN_DELIVERIES, "who takes an orphan says how often it came when it has it") \
	X(SCAN_ORDER, "a reaper reads the intents after the cells") \
	X(SCAN_ORPHAN, "a reaper believes an orphan cell whose slot has moved") \
	X(INHERITED_UNMARKED, "a successor does not mark what it has inherited") \
	X(AGAIN_UNMARKED, "a message handed out again is not marked") \
	X(SENDER_UNCOUNTED, "a sender that died as it opened was never there") \
	X(SENDERS_ONCE, "the senders are counted once, while they come and go") \
	X(CLOSING_STORE, "a shutdown forgets what another has set meanwhile") \
	X(ORPHAN_UNTOLD, "a message that came back is told to nobody") \
	X(EPOCH_LATE, "a receiver reads the epoch of orphans after it has looked for them") \
	X(UPDATE_UNLOOKED, "an update does not look at the version again once it has a slot") \
	X(WAKE_CLEARS, "who wakes one sleeper forgets the others") \
	X(PERMIT_OF_DEAD_UNTOLD, "a permit of the dead becomes free behind the eyes of others") \
	X(HAZARD_KEPT, "a newcomer keeps the hazard of the dead whose slot it has") \
	X(SIZES_UNTOLD, "a sender does not say that a message has another size") \
	X(SIZES_LATE, "a sender says that sizes vary when the message can be had already") \
	X(LEASE_PASSED, "the short way is open while a message is leased") \
	X(RESERVED_PASSED, "the short way is open while every hold is reserved") \
	X(RUN_TAIL_EARLY, "a sender moves the tail before a run of messages is there") \
	X(RUN_RELEASED_EARLY, "a receiver frees the places of a run before it has copied it") \
	X(ORPHANS_PASSED, "the short way goes past what came back") \
	X(CLOSING_PASSED, "the short way goes on while the queue closes") \
	X(FORK_UNSEEN, "the short way does not see that it is a child's")

#define DEFECTS_PARCEL(X) \
	X(CONSUMED_KEPT, "a parcel begins where the last one in its block ended") \
	X(CONSUMED_UNREAD, "a parcel that comes again comes from its first message on") \
	X(CONSUMED_EARLY, "messages of a parcel count as received before they are copied") \
	X(CONSUMED_UNTOLD, "messages of a parcel are received, and nobody is told") \
	X(PARCEL_ACKNOWLEDGED, "a parcel is acknowledged with its first message") \
	X(PARCEL_KEPT, "a receiver that closes forgets the parcel that it has open") \
	X(PARCEL_AFTER_NOW, "a receiver goes on in its parcel after STOA_NOW")

#define DEFECT_LIST(X) \
	DEFECTS_FIRST(X) \
	DEFECTS_XRING(X) \
	DEFECTS_EXCHANGE(X) \
	DEFECTS_SETTLE(X) \
	DEFECTS_RING(X) \
	DEFECTS_QUEUE(X) \
	DEFECTS_VALUE(X) \
	DEFECTS_WAKE(X) \
	DEFECTS_SYNC(X) \
	DEFECTS_PARTICIPANT(X) \
	DEFECTS_DIRECTORY(X) \
	DEFECTS_LIFE(X) \
	DEFECTS_LATER(X) \
	DEFECTS_PARCEL(X)

#define DEFECT_NUMBER(name, words) DEFECT_##name,
enum defect { DEFECT_NONE, DEFECT_LIST(DEFECT_NUMBER) DEFECTS };
#undef DEFECT_NUMBER

#ifdef STOA_DEFECTS
extern int stoa_defect;
#define DEFECT(which) (stoa_defect == (which))
#else
#define DEFECT(which) 0
#endif

#endif
