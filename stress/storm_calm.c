/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * storm_calm.c - the calm: everybody has ended, and one process looks at everything.
 *
 * It takes what is left in the queue, checks the books (storm_audit.c), and then that all is as on the first
 * day: every place, handle, block and permit, the directory, the size of the segment.
 */
#include "storm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifdef STRESS_CAN_STEP
#include "storm_blocks.h"
#endif

static void ok(struct storm_worker *me, enum storm_call call, int rc)
{
	must(me, rc == 0, call, rc);
}

static struct stoa_queue_stat stat_now(struct storm_worker *me)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };

	ok(me, CALL_STAT, stoa_queue_stat(me->queue, &stat));
	return stat;
}

/* ---- the rest ---- */

static void enter_rest(struct storm_worker *me, const struct stoa_message *message)
{
	bool again = message->flags & STOA_REDELIVERED;
	struct entry entry = {
		.id = message->id,
		.deliveries = (uint16_t)message->deliveries,
	};
	const uint8_t *bytes = message->bytes;
	size_t size = message->size / message->count;
	uint32_t sender, number;

	if (again != (message->deliveries > 1))
		storm_fault("a message comes with %u deliveries, and flags %#x", message->deliveries,
		            message->flags);
	for (uint32_t i = 0; i < message->count; i++) {
		if (note_read(bytes + i * size, size, &sender, &number) != size)
			storm_fault("a torn message of %zu bytes was left in the queue", size);
		entry.sender = (uint8_t)sender;
		entry.number = number;
		entry.what = again ? ENTRY_TAKEN_AGAIN : ENTRY_TAKEN;
		storm_enter(me->seat, entry);
		entry.what = ENTRY_RELEASED;
		storm_enter(me->seat, entry);
	}
}

static void take_the_rest(struct storm_worker *me)
{
	uint64_t end = os_now_ns() + PATIENCE_NS;
	struct stoa_message message;
	struct stoa_queue_stat stat;

	ok(me, CALL_RECEIVER_OPEN, stoa_receiver_open(me->queue, &me->receiver));
	do {
		struct timespec soon = stoa_deadline(100 * MS);
		int rc;

		while ((rc = stoa_receiver_take(me->receiver, &message, &stoa_now)) == 0) {
			enter_rest(me, &message);
			ok(me, CALL_RELEASE, stoa_receiver_release(me->receiver, &message));
		}
		must(me, rc == STOA_EMPTY, CALL_TAKE, rc);
		stat = stat_now(me);
		if (stat.length + stat.held == 0)
			break;
		rc = stoa_receiver_take(me->receiver, &message, &soon);
		must(me, rc == 0 || rc == STOA_TIMEOUT, CALL_TAKE, rc);
		if (rc)
			continue;
		enter_rest(me, &message);
		ok(me, CALL_RELEASE, stoa_receiver_release(me->receiver, &message));
	} while (os_now_ns() < end);
	if (stat.length + stat.held)
		storm_fault("%lu messages and %lu that are held stay in the queue, and nobody gets them",
		            (unsigned long)stat.length, (unsigned long)stat.held);
	stoa_receiver_close(me->receiver);
	me->receiver = NULL;
	stat = stat_now(me);
	if (stat.senders || stat.receivers || stat.sent != stat.received)
		storm_fault("of an empty queue that nobody uses it is said: %u senders, %u receivers, %lu "
		            "sent, %lu "
		            "received",
		            stat.senders, stat.receivers, (unsigned long)stat.sent,
		            (unsigned long)stat.received);
}

/* ---- the queue is as large as it was ---- */

static void fits_exactly(struct storm_worker *me, struct stoa_sender *sender, struct stoa_receiver *receiver)
{
	uint64_t word = 0, got;
	size_t size;

	for (; word < storm->scenario.capacity; word++)
		ok(me, CALL_PUSH, stoa_sender_push(sender, &word, sizeof word));
	if (stoa_sender_push(sender, &word, sizeof word) != STOA_FULL)
		storm_fault("more than %u messages fit", storm->scenario.capacity);
	for (word = 0; word < storm->scenario.capacity; word++) {
		ok(me, CALL_POP, stoa_receiver_pop(receiver, &got, sizeof got, &size));
		if (got != word || size != sizeof got)
			storm_fault("message %lu came out where %lu was due", (unsigned long)got,
			            (unsigned long)word);
	}
	if (stoa_receiver_pop(receiver, &got, sizeof got, &size) != STOA_EMPTY)
		storm_fault("a message came out of an empty queue");
}

/* A sender's or a receiver's blocks, all at once. */
static void holds_all(struct storm_worker *me, struct stoa_sender *sender, struct stoa_receiver *receiver)
{
	bool spsc = storm->scenario.senders == STOA_ONE && storm->scenario.receivers == STOA_ONE;
	uint32_t most = spsc && storm->scenario.capacity < storm->holds ? storm->scenario.capacity
	                                                                : storm->holds;
	struct stoa_message messages[HOLDS_MAX];
	void *bytes[HOLDS_MAX], *more;

	for (uint32_t k = 0; k < storm->holds; k++) {
		ok(me, CALL_RESERVE, stoa_sender_reserve(sender, storm->message_size, &bytes[k]));
		memset(bytes[k], (int)k, storm->message_size);
	}
	if (stoa_sender_reserve(sender, 1, &more) != -ENOBUFS)
		storm_fault("more than `holds` blocks can be reserved");
	for (uint32_t k = 0; k < most; k++) {
		ok(me, CALL_COMMIT, stoa_sender_commit(sender, bytes[k], storm->message_size, &stoa_now));
		ok(me, CALL_TAKE, stoa_receiver_take(receiver, &messages[k], &stoa_now));
	}
	for (uint32_t k = 0; k < most; k++) {
		if (((const uint8_t *)messages[k].bytes)[storm->message_size - 1] != k)
			storm_fault("two blocks that are held are the same");
		ok(me, CALL_RELEASE, stoa_receiver_release(receiver, &messages[k]));
	}
	for (uint32_t k = most; k < storm->holds; k++)
		ok(me, CALL_ABORT, stoa_sender_abort(sender, bytes[k]));
}

/* As many handles as there should be: all of them open at once. */
static void handles_all(struct storm_worker *me)
{
	bool one_sender = storm->scenario.senders == STOA_ONE,
	     one_receiver = storm->scenario.receivers == STOA_ONE;
	struct stoa_sender *senders[4 * SEATS_MAX], *sender;
	struct stoa_receiver *receivers[4 * SEATS_MAX], *receiver;
	uint32_t ss = one_sender ? 1 : one_receiver ? storm->handles - 1 : storm->handles / 2;
	uint32_t rs = one_receiver ? 1 : storm->handles - ss, most;
	int rc;

	for (uint32_t i = 0; i < ss; i++)
		ok(me, CALL_SENDER_OPEN, stoa_sender_open(me->queue, &senders[i]));
	for (uint32_t i = 0; i < rs; i++)
		ok(me, CALL_RECEIVER_OPEN, stoa_receiver_open(me->queue, &receivers[i]));
	rc = stoa_sender_open(me->queue, &sender);
	must(me, rc == (one_sender ? -EBUSY : -EUSERS), CALL_SENDER_OPEN, rc);
	rc = stoa_receiver_open(me->queue, &receiver);
	must(me, rc == (one_receiver ? -EBUSY : -EUSERS), CALL_RECEIVER_OPEN, rc);
	for (int lap = 0; lap < 2; lap++)
		fits_exactly(me, senders[0], receivers[rs - 1]);
	most = ss > rs ? ss : rs;
	for (uint32_t i = 0; i < most; i++)
		holds_all(me, senders[i % ss], receivers[i % rs]);
	for (uint32_t i = 0; i < ss; i++)
		stoa_sender_close(senders[i]);
	for (uint32_t i = 0; i < rs; i++)
		stoa_receiver_close(receivers[i]);
}

/* ---- the others ---- */

static void check_values(struct storm_worker *me)
{
	struct version version;
	struct stamp stamp;
	uint64_t done = 0, floor = atom64_load_seq(&storm->floor);

	ok(me, CALL_LOAD, stoa_value_load(me->value, &version));
	check_version(me, &version);
	for (uint32_t i = 0; i < storm->seats; i++) {
		struct desk *desk = &storm->desks[i];
		uint64_t least = atom64_load_seq(&desk->updates_done),
			 most = atom64_load_seq(&desk->updates_tried);

		if (version.share[i] != least && version.share[i] != most)
			storm_fault("the value has %lu updates of process %u, which did %lu and tried %lu",
			            (unsigned long)version.share[i], i, (unsigned long)least,
			            (unsigned long)most);
		done += version.share[i];
	}
	if (version.counter != done || version.counter < floor)
		storm_fault("the value counts %lu updates, and it were %lu", (unsigned long)version.counter,
		            (unsigned long)done);
	ok(me, CALL_LOAD, stoa_value_load(me->stamps, &stamp));
}

static void check_sync(struct storm_worker *me)
{
	struct stoa_semaphore_config info = { .struct_size = sizeof info };
	uint64_t told = 0;
	int rc;

	ok(me, CALL_WAIT, stoa_semaphore_info(me->semaphore, &info));
	if (info.initial != PERMITS)
		storm_fault("%u permits are free, not %u", info.initial, PERMITS);
	rc = stoa_lock_acquire(me->lock, &stoa_now);
	must(me, rc == 0 || rc == STOA_OWNER_DIED, CALL_ACQUIRE, rc);
	ok(me, CALL_LOCK_RELEASE, stoa_lock_release(me->lock));
	count(&me->desk->owners_died, rc == STOA_OWNER_DIED);
	for (uint32_t i = 0; i <= SEATS_MAX; i++)
		told += atom64_load_seq(&storm->desks[i].owners_died);
	if (told > storm->lock_deaths)
		storm_fault("STOA_OWNER_DIED was told %lu times, and %lu have died at the lock",
		            (unsigned long)told, (unsigned long)storm->lock_deaths);
	/* What a dead holder left half done is put right here, too. */
	atom64_store_seq(&storm->pair[1], atom64_load_seq(&storm->pair[0]));
}

/* ---- nothing creeps ---- */

static void measure(struct storm_worker *me, struct measure *now)
{
	struct stoa_segment_info info = { .struct_size = sizeof info };
	struct stoa_participant_info participant = { .struct_size = sizeof participant };
	struct stat file = { 0 };

	ok(me, CALL_STAT, stoa_segment_info(me->segment, &info));
	if (fstat(storm->segment_fd, &file) != 0)
		storm_fault("the segment's file has gone");
	now->total_bytes = info.total_bytes;
	now->free_bytes = info.free_bytes;
	now->file_bytes = (uint64_t)file.st_size;
	now->file_blocks = (uint64_t)file.st_blocks;
	now->objects = info.objects_published;
	now->participants = 0;
	for (uint32_t i = 0; i < info.participants; i++)
		now->participants += stoa_segment_participant(me->segment, i, &participant) == 0;
	if (now->participants != 1 || info.participants_alive != 1)
		storm_fault(
			"%lu participants are left, %u of them alive: all but one have ended and were reaped",
			(unsigned long)now->participants, info.participants_alive);
	if (now->objects != STORM_OBJECTS)
		storm_fault("%lu objects are in the segment, not %u", (unsigned long)now->objects,
		            STORM_OBJECTS);
}

static void compare(const char *what, uint64_t first, uint64_t now)
{
	if (first != now)
		storm_fault("%s: %lu at the first calm, %lu now", what, (unsigned long)first,
		            (unsigned long)now);
}

static void check_measures(void)
{
	const struct measure *first = &storm->first, *now = &storm->now;

	compare("bytes of the segment", first->total_bytes, now->total_bytes);
	compare("bytes of the segment that were never used", first->free_bytes, now->free_bytes);
	compare("bytes of the segment's file", first->file_bytes, now->file_bytes);
	compare("blocks of the segment's file", first->file_blocks, now->file_blocks);
	compare("objects", first->objects, now->objects);
	compare("descriptors open in the parent of all", first->descriptors, now->descriptors);
}

_Noreturn void storm_audit(bool first)
{
	struct storm_worker me = {
		.seat = SEATS_MAX, .kind = AUDITOR, .desk = &storm->desks[SEATS_MAX], .seed = 1
	};
	struct stoa_queue_stat stat;
	int rc;

	storm->now.descriptors = storm_descriptors(); /* inherited */
	storm_attach(&me);
	do
		rc = stoa_segment_reap(me.segment);
	while (rc > 0);
	must(&me, rc == 0, CALL_REAP, rc);
	take_the_rest(&me);
	stat = stat_now(&me);
	audit_messages(&stat);
	check_values(&me);
	check_sync(&me);
	handles_all(&me);
	measure(&me, &storm->now);
#ifdef STRESS_CAN_STEP
	storm_check_blocks(me.segment, me.queue, STORM_OBJECTS);
#endif
	if (first)
		storm->first = storm->now;
	check_measures();
	storm->stat = stat_now(&me);
	storm_detach(&me);
	_exit(0);
}
