/* SPDX-License-Identifier: BSD-2-Clause */
/* A segment is called broken where it is, and nowhere else: not while it is used, not when its users were killed. */
#include "queue_helpers.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "queue.h"
#include "sync.h"
#include "value.h"

/* ---- what was said ---- */

struct heard {
	uint32_t kinds[STOA_MOVING + 1];
	char text[4000];
};

static void hear(void *context, enum stoa_finding finding, const char *object, const char *what)
{
	struct heard *heard = context;
	size_t length = strlen(heard->text);

	heard->kinds[finding]++;
	snprintf(heard->text + length, sizeof heard->text - length, "%s: %s\n", object ? object : "(segment)",
	         what);
}

static int check(struct stoa_segment *segment, struct heard *heard)
{
	memset(heard, 0, sizeof *heard);
	return stoa_segment_check(segment, hear, heard);
}

#define assert_whole(segment)                                                                                \
	do {                                                                                                 \
		struct heard heard_;                                                                         \
		int rc_ = check(segment, &heard_);                                                           \
                                                                                                             \
		if (rc_)                                                                                     \
			print_message("%s", heard_.text);                                                    \
		assert_int_equal(rc_, 0);                                                                    \
	} while (0)

/* ---- a segment with one of everything ---- */

struct world {
	struct stoa_segment *segment;
	struct stoa_value *number, *bytes;
	struct stoa_array *array, *ranges;
	struct stoa_queue *many, *one, *small; /* exchange ring; SPSC with blocks; SPSC in place */
	struct stoa_semaphore *semaphore, *permits;
	struct stoa_event *event;
	struct stoa_barrier *barrier;
	struct stoa_lock *lock;
	struct stoa_sender *senders[3];
	struct stoa_receiver *receivers[3];
	struct stoa_message leases[3];
};

static void open_world(struct world *world, const char *name)
{
	struct stoa_segment_config segment = { .struct_size = sizeof segment,
		                               .bytes = 1 << 18,
		                               .participants = 8 };
	struct stoa_value_config bytes = { .struct_size = sizeof bytes, .size = 40, .writers = 3 };
	struct stoa_array_config array = { .struct_size = sizeof array, .count = 10 };
	struct stoa_array_config ranges = { .struct_size = sizeof ranges,
		                            .count = 10,
		                            .flags = STOA_ATOMIC_RANGES };
	struct stoa_queue_config many = shape(topologies[0], 5, 100), one = shape(topologies[3], 5, 100),
				 small = shape(topologies[3], 5, 16);
	struct stoa_semaphore_config permits = { .struct_size = sizeof permits,
		                                 .flags = STOA_PERMITS_RETURN,
		                                 .maximum = 3 };
	struct stoa_barrier_config barrier = { .struct_size = sizeof barrier, .parties = 3 };

	memset(world, 0, sizeof *world);
	ok(stoa_segment_create(name, &segment, &world->segment));
	ok(stoa_value_create(world->segment, "number", NULL, &world->number));
	ok(stoa_value_create(world->segment, "bytes", &bytes, &world->bytes));
	ok(stoa_array_create(world->segment, "array", &array, &world->array));
	ok(stoa_array_create(world->segment, "ranges", &ranges, &world->ranges));
	ok(stoa_queue_create(world->segment, "many", &many, &world->many));
	ok(stoa_queue_create(world->segment, "one", &one, &world->one));
	ok(stoa_queue_create(world->segment, "small", &small, &world->small));
	ok(stoa_semaphore_create(world->segment, "semaphore", NULL, &world->semaphore));
	ok(stoa_semaphore_create(world->segment, "permits", &permits, &world->permits));
	ok(stoa_event_create(world->segment, "event", NULL, &world->event));
	ok(stoa_barrier_create(world->segment, "barrier", &barrier, &world->barrier));
	ok(stoa_lock_create(world->segment, "lock", NULL, &world->lock));
}

static struct stoa_queue *queue_of(struct world *world, int i)
{
	return i == 0 ? world->many : i == 1 ? world->one : world->small;
}

/* Something lies in each, and something is held of each. */
static void use_world(struct world *world)
{
	char bytes[40] = "bytes";
	int64_t element = 5;

	for (int i = 0; i < 3; i++) {
		ok(stoa_sender_open(queue_of(world, i), &world->senders[i]));
		ok(stoa_receiver_open(queue_of(world, i), &world->receivers[i]));
		for (int k = 0; k < 8; k++) {
			ok(stoa_sender_push(world->senders[i], bytes, i == 2 ? 16 : 40));
			if (k < 5)
				ok(stoa_receiver_pop(world->receivers[i], bytes, 40, NULL));
		}
		ok(stoa_receiver_take(world->receivers[i], &world->leases[i], NULL));
	}
	for (int k = 0; k < 5; k++) {
		ok(stoa_value_store(world->bytes, bytes));
		ok(stoa_array_write(world->ranges, 3, 1, &element));
	}
	ok(stoa_semaphore_post(world->semaphore));
	ok(stoa_semaphore_wait(world->permits, NULL));
	ok(stoa_lock_acquire(world->lock, NULL));
	assert_int_equal(stoa_barrier_wait(world->barrier, &stoa_now), STOA_TIMEOUT);
}

static void close_world(struct world *world)
{
	for (int i = 0; i < 3; i++) {
		stoa_sender_close(world->senders[i]);
		stoa_receiver_close(world->receivers[i]);
		stoa_queue_close(queue_of(world, i));
	}
	stoa_value_close(world->number);
	stoa_value_close(world->bytes);
	stoa_array_close(world->array);
	stoa_array_close(world->ranges);
	stoa_semaphore_close(world->semaphore);
	stoa_semaphore_close(world->permits);
	stoa_event_close(world->event);
	stoa_barrier_close(world->barrier);
	stoa_lock_close(world->lock);
	stoa_segment_close(world->segment);
}

static void what_is_used_as_it_should_be_is_whole(void **state)
{
	struct world world;

	(void)state;
	open_world(&world, NULL);
	assert_whole(world.segment);
	use_world(&world);
	assert_whole(world.segment);
	for (int i = 0; i < 3; i++)
		ok(stoa_receiver_return(world.receivers[i], &world.leases[i]));
	assert_whole(world.segment);
	for (int i = 0; i < 3; i++)
		ok(stoa_queue_shutdown(queue_of(&world, i), i == 1 ? STOA_NOW : STOA_DRAIN));
	assert_whole(world.segment);
	close_world(&world);
}

/* ---- one word is another ---- */

static struct exchange *exchange_of(struct world *world)
{
	return &world->many->view.xring.exchange;
}

static struct ring *ring_of(struct world *world, int i)
{
	return &queue_of(world, i)->view.ring;
}

static struct sync *sync_of(void *handle)
{
	return handle;
}

static struct directory_entry *entry_of(struct world *world, uint32_t i)
{
	struct stoa_segment *segment = world->segment;

	return (struct directory_entry *)(void *)(segment->base + segment->directory_offset +
	                                          segment->buckets * sizeof(struct atom64)) +
	       i;
}

static void change(struct atom64 *word, uint64_t xor)
{
	atom64_store_seq(word, atom64_load_seq(word) ^ xor);
}

/* A sender's slot is settled; the receiver's first stands in the middle of a take. */
static struct exchange_slot *senders_slot(struct world *world)
{
	return exchange_slot(exchange_of(world), 0, 1);
}

static struct exchange_slot *receivers_slot(struct world *world)
{
	return exchange_slot(exchange_of(world), 1, 0);
}

static void spoil_cell_block(struct world *world)
{
	atom64_store_seq(&exchange_of(world)->cells[0],
	                 atom64_load_seq(&exchange_of(world)->cells[0]) | 0xffffff);
}
static void spoil_cell_twice(struct world *world)
{
	struct atom64 *cells = exchange_of(world)->cells;
	uint64_t other = atom64_load_seq(&cells[1]) & 0xffffff;

	atom64_store_seq(&cells[0], (atom64_load_seq(&cells[0]) & ~0xffffffull) | other);
}
static void spoil_cell_lap(struct world *world)
{
	atom64_add_seq(&exchange_of(world)->cells[2], 1ull << 26);
}
static void spoil_cell_state(struct world *world)
{
	atom64_store_seq(&exchange_of(world)->cells[2],
	                 atom64_load_seq(&exchange_of(world)->cells[2]) | 3ull << 24);
}
static void spoil_hint(struct world *world)
{
	atom64_store_seq(&world->many->view.xring.shared->tail_hint, 1000);
}
static void spoil_settled_slot(struct world *world)
{
	change(&senders_slot(world)->intent, 1);
}
static void spoil_open_slot(struct world *world)
{
	uint64_t intent = atom64_load_seq(&receivers_slot(world)->intent);

	/* Both of its blocks are in cells. */
	atom64_store_seq(&receivers_slot(world)->intent,
	                 (intent & ~0xffffffull) |
	                         (atom64_load_seq(&exchange_of(world)->cells[0]) & 0xffffff));
	intent = atom64_load_seq(&receivers_slot(world)->intent);
	atom64_store_seq(&receivers_slot(world)->intent,
	                 (intent & ~0xffffff000000ull) |
	                         (atom64_load_seq(&exchange_of(world)->cells[1]) & 0xffffff) << 24);
}
static void spoil_orphan(struct world *world)
{
	atom64_store_seq(&senders_slot(world)->orphan, orphan_word(1, 1, ORPHAN_FULL, 1));
}
static void spoil_redelivery(struct world *world)
{
	atom64_store_seq(&senders_slot(world)->intent, intent_next(0, INTENT_REDELIVER, 1, 77));
}
static void spoil_role(struct world *world)
{
	change(&exchange_handle(exchange_of(world), 0)->role, ROLE_SENDER ^ ROLE_WRITER);
}
static void spoil_role_owner(struct world *world)
{
	change(&exchange_handle(exchange_of(world), 0)->role, 5 << 8);
}
static void spoil_free_handle(struct world *world)
{
	struct exchange_slot *slot = exchange_slot(exchange_of(world), 5, 0);
	uint64_t intent = atom64_load_seq(&slot->intent);

	atom64_store_seq(&slot->intent, intent_next(intent, INTENT_OFFER, intent_out(intent), 0));
}
static void spoil_closing(struct world *world)
{
	change(&world->many->view.shared->closing, 1 << 7);
}
static void spoil_sole(struct world *world)
{
	change(&world->many->view.shared->sole[0], ROLE_SENDER);
}
static void spoil_message_size(struct world *world)
{
	const struct xring *ring = &world->many->view.xring;

	for (uint32_t b = 0; b < ring->exchange.blocks; b++)
		atom64_store_seq((struct atom64 *)(void *)((uint8_t *)xring_payload(ring, b) +
		                                           ring->trailer_offset +
		                                           offsetof(struct xring_trailer, size)),
		                 101);
}
static void spoil_message_id(struct world *world)
{
	const struct xring *ring = &world->many->view.xring;

	for (uint32_t b = 0; b < ring->exchange.blocks; b++)
		atom64_store_seq(
			(struct atom64 *)(void *)((uint8_t *)xring_payload(ring, b) + ring->trailer_offset),
			1);
}
static void spoil_tail(struct world *world)
{
	atom64_add_seq(&ring_of(world, 1)->shared->tail, 20);
}
static void spoil_taken(struct world *world)
{
	atom64_add_seq(&ring_of(world, 1)->shared->taken, 3);
}
static void spoil_verdict(struct world *world)
{
	atom64_store_seq(&ring_of(world, 1)->shared->verdict, 8 << 2 | 3);
}
static void spoil_place(struct world *world)
{
	struct atom64 *places = ring_of(world, 1)->sizes;

	atom64_store_seq(&places[0], atom64_load_seq(&places[1]));
}
static void spoil_place_block(struct world *world)
{
	atom64_store_seq((struct atom64 *)ring_of(world, 1)->sizes, 0xffffff);
}
static void spoil_place_size(struct world *world)
{
	struct atom64 *places = ring_of(world, 1)->sizes;

	for (int i = 0; i < 5; i++)
		change(&places[i], 1ull << 60);
}
static void spoil_small_size(struct world *world)
{
	for (int i = 0; i < 5; i++)
		atom32_store_rlx((struct atom32 *)ring_of(world, 2)->sizes + i, 15);
}
static void spoil_marks(struct world *world)
{
	/* Five messages, three holds: all of them handed out, none acknowledged. */
	ring_of(world, 2)->holds = 1;
	world->small->view.shared->holds = 1;
	atom64_add_seq(&ring_of(world, 2)->shared->taken, 2);
	for (int i = 0; i < 5; i++)
		atom32_store_rlx(&ring_of(world, 2)->marks[i], 0);
}
static void spoil_shape(struct world *world)
{
	world->many->view.shared->capacity = 1 << 20;
}
static void spoil_current(struct world *world)
{
	atom64_add_seq(world->bytes->cell.word, 1 << VALUE_BLOCK_BITS);
}
static void spoil_writer_block(struct world *world)
{
	change(&exchange_slot(&world->bytes->cell.exchange, 2, 0)->intent, 1);
}
static void spoil_type(struct world *world)
{
	world->number->layout->type = 99;
}
static void spoil_count(struct world *world)
{
	struct stoa_object_info info = { .struct_size = sizeof info };
	struct array_layout *array;

	ok(stoa_segment_object(world->segment, 2, &info));
	array = (struct array_layout *)(void *)(world->segment->base + info.offset);
	array->count = 1 << 20;
}
static void spoil_semaphore(struct world *world)
{
	atom64_store_seq(&sync_of(world->semaphore)->shared->word, 1ull << 40);
}
static void spoil_permit(struct world *world)
{
	atom64_store_seq(&sync_of(world->permits)->cells[1], 1 << 24 | 6 << 8 | PERMIT_HELD);
}
static void spoil_permit_state(struct world *world)
{
	atom64_store_seq(&sync_of(world->permits)->cells[1], 9);
}
static void spoil_seat(struct world *world)
{
	atom64_add_seq(&sync_of(world->barrier)->cells[0], 5 << 18);
}
static void spoil_lock(struct world *world)
{
	change(&sync_of(world->lock)->shared->word, 3 << 2);
}
static void spoil_lock_owner(struct world *world)
{
	change(&sync_of(world->lock)->shared->word, 3 << 2 | LOCK_HELD);
}
static void spoil_participant(struct world *world)
{
	atom64_store_seq(&segment_participant(world->segment, 3)->state, 1 << 8 | 77);
}
static void spoil_hazard(struct world *world)
{
	atom64_store_seq(&segment_participant(world->segment, 3)->hazard, 1 << 16 | 500);
}
static void spoil_entry_state(struct world *world)
{
	change(&entry_of(world, 2)->state, ENTRY_PUBLISHED);
}
static void spoil_entry_hash(struct world *world)
{
	change(&entry_of(world, 2)->hash, 1 << 20);
}
static void spoil_entry_name(struct world *world)
{
	entry_of(world, 2)->name[0] = 'X';
}
static void spoil_extent(struct world *world)
{
	atom64_add_seq(&entry_of(world, 2)->extent_end, 1 << 16);
}
static void spoil_entry_bytes(struct world *world)
{
	entry_of(world, 2)->bytes = 1 << 16;
}
static void spoil_entry_kind(struct world *world)
{
	entry_of(world, 2)->kind = 40;
}
static void spoil_loop(struct world *world)
{
	for (uint32_t i = 0; i < 12; i++) {
		if (!atom64_load_rlx(&entry_of(world, i)->next)) {
			atom64_store_rlx(&entry_of(world, i)->next, i + 1);
			return;
		}
	}
}
static void spoil_unlinked(struct world *world)
{
	uint64_t hash = atom64_load_rlx(&entry_of(world, 2)->hash);
	struct atom64 *buckets = (struct atom64 *)(void *)(world->segment->base +
	                                                   world->segment->directory_offset);

	atom64_store_seq(&buckets[hash & (world->segment->buckets - 1)], 0);
}
static void spoil_making(struct world *world)
{
	atom64_store_seq(&entry_of(world, 12)->extent_end,
	                 atom64_load_seq(&entry_of(world, 11)->extent_end) + 64);
	atom64_store_seq(&entry_of(world, 12)->state, 1 << 24 | 7 << 8 | ENTRY_BUILDING);
}

static const struct spoil {
	void (*spoil)(struct world *world);
	const char *said;
} spoils[] = {
	{ spoil_cell_block, "many: cell 0 has block 16777215 of" },
	{ spoil_cell_twice, "is in two places: cell 0 and cell 1" },
	{ spoil_cell_lap, "many: cell 2 is" },
	{ spoil_cell_state, "many: cell 2 is in state 3" },
	{ spoil_hint, "many: the hints say" },
	{ spoil_settled_slot, "is in two places: slot" },
	{ spoil_open_slot, "slot 0 of handle 1 has no block" },
	{ spoil_orphan, "slot 1 of handle 0 has a block, and so has its orphan cell" },
	{ spoil_redelivery, "waits for lap 77 of its orphan cell" },
	{ spoil_role, "many: handle 0 has role 3" },
	{ spoil_role_owner, "many: handle 0 is of participant 5, and nobody is there" },
	{ spoil_free_handle, "slot 0 of handle 5 is nobody's" },
	{ spoil_closing, "how it was shut down" },
	{ spoil_sole, "many: the place of the only sender" },
	{ spoil_message_size, "has 101 bytes, and the largest 100" },
	{ spoil_message_id, "says of itself that it is 1" },
	{ spoil_tail, "more than 5 between them" },
	{ spoil_taken, "were handed out, and" },
	{ spoil_verdict, "one: its end was found" },
	{ spoil_place, "one: block" },
	{ spoil_place_block, "one: place 0 has block 16777215" },
	{ spoil_place_size, "bytes, and the largest 100" },
	{ spoil_small_size, "nothing says that sizes vary" },
	{ spoil_marks, "and a receiver holds 1 at most" },
	{ spoil_shape, "many: its shape" },
	{ spoil_current, "bytes: its current version" },
	{ spoil_writer_block, "bytes: block" },
	{ spoil_type, "number: it has type 99" },
	{ spoil_count, "array: its 1048576 elements" },
	{ spoil_semaphore, "semaphore: it counts" },
	{ spoil_permit, "permits: permit 1 is of participant 6" },
	{ spoil_permit_state, "permits: permit 1 is in state 9" },
	{ spoil_seat, "barrier: seat 0 is of round" },
	{ spoil_lock, "lock: the lock, acquisition 1 is of participant 3" },
	{ spoil_lock_owner, "lock: it is free, and names an owner" },
	{ spoil_participant, "(segment): participant 3 is in state 77" },
	{ spoil_hazard, "participant 3 reaps participant 499 of 8" },
	{ spoil_entry_state, "entry 2 is linked, and free" },
	{ spoil_entry_hash, "entry 2, \"array\", is in the chain" },
	{ spoil_entry_name, "entry 2, \"Xrray\", is in the chain" },
	{ spoil_extent, "the space of entry 3 ends at" },
	{ spoil_entry_bytes, "entry 2 says 65536 bytes" },
	{ spoil_entry_kind, "entry 2 is of kind 40" },
	{ spoil_loop, "is linked twice" },
	{ spoil_unlinked, "is published, and in no chain" },
	{ spoil_making, "an object in the making, entry 12 is of participant 7" },
};

/* The damage is done in a child's view of a copy: whatever it does to the handles, they are never used again. */
static int spoil_and_check(void *context)
{
	const struct spoil *spoil = context;
	struct world world;
	struct heard heard;
	int rc;

	open_world(&world, NULL);
	use_world(&world);
	spoil->spoil(&world);
	rc = check(world.segment, &heard);
	if (rc == -EBADMSG && strstr(heard.text, spoil->said))
		return 0;
	fprintf(stderr, "wanted \"%s\", answer %d:\n%s", spoil->said, rc, heard.text);
	return 1;
}

static void every_word_that_is_wrong_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(spoils); i++)
		assert_int_equal(in_child(spoil_and_check, (void *)(uintptr_t)&spoils[i]), 0);
}

/* ---- parcels ---- */

struct word_of_parcel {
	bool orphan; /* of the one that came back in part; else of the one in its cell */
	size_t at;   /* in the trailer */
	uint64_t word;
	const char *said;
};

static struct atom64 *word_of(const struct xring *ring, const struct word_of_parcel *which)
{
	uint64_t word = atom64_load_seq(&ring->exchange.cells[1]);

	for (uint32_t n = 0; which->orphan && n < exchange_slots(&ring->exchange); n++) {
		word = atom64_load_seq(&exchange_nth_slot(&ring->exchange, n)->orphan);
		if (orphan_state(word) == ORPHAN_FULL)
			break;
	}
	return (struct atom64 *)(void *)((uint8_t *)xring_payload(ring, (uint32_t)(word & (BLOCKS_MAX - 1))) +
	                                 ring->trailer_offset + which->at);
}

static void parcels_that_wait_are_looked_into(void **state)
{
	const size_t size = offsetof(struct xring_trailer, size),
		     consumed = offsetof(struct xring_trailer, consumed);
	const struct word_of_parcel words[] = {
		{ false, consumed, 1, "queue: parcel 1 waits, and 1 of its 4 messages were received" },
		{ false, size, parcel_size(8, 5),
		  "queue: parcel 1 has 5 messages of 8 bytes, and the largest 4 of 8" },
		{ true, consumed, 4, "queue: parcel 0 waits, and 4 of its 4 messages were received" },
		{ true, size, parcel_size(9, 4),
		  "queue: parcel 0 has 4 messages of 9 bytes, and the largest 4 of 8" },
		{ true, consumed, 3, NULL },
		{ true, size, 8, NULL }, /* a single message, of which `consumed` says nothing */
	};
	struct stoa_queue_config config = shape(topologies[0], 4, 8);
	struct stoa_receiver *receiver;
	struct stoa_sender *sender;
	struct place place;
	uint64_t numbers[8] = { 0 };
	size_t done;

	(void)state;
	config.pack = 4;
	place = new_place(&config);
	sender = new_sender(&place);
	receiver = new_receiver(&place);
	ok(stoa_sender_push_many(sender, numbers, 8, 8, &done));
	ok(stoa_receiver_pop(receiver, numbers, 8, NULL));
	assert_whole(place.segment);
	ok(stoa_receiver_close(receiver));
	assert_whole(place.segment);
	for (size_t i = 0; i < LENGTH(words); i++) {
		struct atom64 *word = word_of(&place.queue->view.xring, &words[i]);
		uint64_t was = atom64_load_seq(word);
		struct heard heard;

		atom64_store_seq(word, words[i].word);
		assert_int_equal(check(place.segment, &heard), words[i].said ? -EBADMSG : 0);
		assert_true(!words[i].said || strstr(heard.text, words[i].said));
		atom64_store_seq(word, was);
	}
	assert_whole(place.segment);
	ok(stoa_sender_close(sender));
	end_place(&place);
}

/* ---- while it is used ---- */

/* Does a bit of everything, for ever. */
static int work(void *context)
{
	struct world *world = context;
	char bytes[40] = { 0 };
	int64_t element = 0;

	for (uint64_t turn = (uint64_t)getpid();; turn++) {
		struct stoa_queue *queue = queue_of(world, (int)(turn % 3));
		struct stoa_sender *sender = NULL;
		struct stoa_receiver *receiver = NULL;
		struct stoa_message message = { 0 };

		(void)!stoa_sender_open(queue, &sender);
		(void)!stoa_receiver_open(queue, &receiver);
		for (int k = 0; k < 20; k++) {
			if (sender)
				stoa_sender_push(sender, bytes, turn % 7 ? 16 : 5);
			if (receiver && k % 3 == 0)
				stoa_receiver_pop(receiver, bytes, sizeof bytes, NULL);
			if (receiver && stoa_receiver_take(receiver, &message, &stoa_now) == 0)
				(k % 5 ? stoa_receiver_release : stoa_receiver_return)(receiver, &message);
			stoa_value_store(world->bytes, bytes);
			stoa_array_write(world->ranges, (uint64_t)k % 10, 1, &element);
			if (stoa_semaphore_wait(world->permits, &stoa_now) == 0 && k % 2)
				stoa_semaphore_post(world->permits);
			if (stoa_lock_acquire(world->lock, &stoa_now) >= 0)
				stoa_lock_release(world->lock);
			stoa_barrier_wait(world->barrier, &stoa_now);
		}
		stoa_sender_close(sender);
		stoa_receiver_close(receiver);
	}
	return 0;
}

static void require_unbroken(struct stoa_segment *segment)
{
	struct heard heard;

	if (check(segment, &heard) == -EBADMSG) {
		print_message("%s", heard.text);
		fail();
	}
}

static void what_is_used_and_whose_users_are_killed_is_never_called_broken(void **state)
{
	struct world world;
	uint64_t seed = 77;

	(void)state;
	open_world(&world, NULL);
	for (int round = 0; round < 30; round++) {
		pid_t pids[3];

		for (int i = 0; i < 3; i++)
			pids[i] = child_start(work, &world);
		for (int i = 0; i < 3; i++) {
			sleep_ms((int)(random_next(&seed) % 10));
			require_unbroken(world.segment);
			kill(pids[i], SIGSTOP);
			require_unbroken(world.segment);
			child_kill(pids[i]);
		}
		require_unbroken(world.segment);
		if (round % 3 == 0)
			assert_true(stoa_segment_reap(world.segment) >= 0);
	}
	assert_true(stoa_segment_reap(world.segment) >= 0);
	assert_whole(world.segment);
	close_world(&world);
}

static void what_moves_is_not_called_whole(void **state)
{
	struct world world;
	struct heard heard;
	pid_t pids[2];
	int rc = 0;

	(void)state;
	open_world(&world, NULL);
	for (int i = 0; i < 2; i++)
		pids[i] = child_start(work, &world);
	for (int i = 0; i < 200 && rc != STOA_CHANGED; i++) {
		rc = check(world.segment, &heard);
		assert_int_not_equal(rc, -EBADMSG);
		assert_int_equal(rc == STOA_CHANGED, heard.kinds[STOA_MOVING] > 0);
	}
	for (int i = 0; i < 2; i++)
		child_kill(pids[i]);
	close_world(&world);
}

/* ---- the dead ---- */

static int hold_and_die(void *context)
{
	struct world *world = context;
	struct stoa_receiver *receiver;
	struct stoa_message message;

	if (stoa_receiver_open(world->many, &receiver) || stoa_receiver_take(receiver, &message, NULL) ||
	    stoa_lock_acquire(world->lock, NULL))
		return 1;
	return 0; /* and ends, holding all that */
}

static void what_the_dead_left_is_unsettled_and_then_whole(void **state)
{
	struct world world;
	struct stoa_sender *sender;
	struct heard heard;

	(void)state;
	open_world(&world, NULL);
	ok(stoa_sender_open(world.many, &sender));
	ok(stoa_sender_push(sender, "a", 1));
	assert_int_equal(in_child(hold_and_die, &world), 0);
	ok(check(world.segment, &heard));
	assert_int_equal(heard.kinds[STOA_UNSETTLED], 1);
	assert_non_null(strstr(heard.text, "participant 1 is dead"));
	assert_int_equal(stoa_segment_reap(world.segment), 1);
	ok(check(world.segment, &heard));
	assert_int_equal(heard.kinds[STOA_UNSETTLED], 0);
	stoa_sender_close(sender);
	close_world(&world);
}

/* ---- copies ---- */

static void copy_file(int from, const char *to)
{
	static char buffer[1 << 16];
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	off_t at = 0;
	ssize_t got;

	assert_true(fd >= 0);
	while ((got = pread(from, buffer, sizeof buffer, at)) > 0) {
		assert_int_equal(write(fd, buffer, (size_t)got), got);
		at += got;
	}
	close(fd);
}

static void a_copy_is_checked_read_only(void **state)
{
	char path[64];
	struct world world;
	struct stoa_segment *copy;
	struct heard heard;

	(void)state;
	snprintf(path, sizeof path, "/tmp/stoa-check-%d", (int)getpid());
	open_world(&world, NULL);
	use_world(&world);
	copy_file(stoa_segment_fd(world.segment), path);
	ok(stoa_segment_open(path, STOA_READ_ONLY, &copy));
	ok(check(copy, &heard));
	assert_int_equal(heard.kinds[STOA_UNSETTLED], 1); /* nobody holds a lock on the copy */
	assert_int_equal(heard.kinds[STOA_BROKEN], 0);
	stoa_segment_close(copy);
	spoil_cell_lap(&world);
	copy_file(stoa_segment_fd(world.segment), path);
	ok(stoa_segment_open(path, STOA_READ_ONLY, &copy));
	assert_int_equal(check(copy, &heard), -EBADMSG);
	assert_int_equal(stoa_segment_check(copy, NULL, NULL), -EBADMSG);
	stoa_segment_close(copy);
	unlink(path);
	atom64_add_seq(&exchange_of(&world)->cells[2], -(1ull << 26));
	close_world(&world);
}

static void nothing_is_no_segment(void **state)
{
	(void)state;
	assert_int_equal(stoa_segment_check(NULL, NULL, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_used_as_it_should_be_is_whole),
		cmocka_unit_test(every_word_that_is_wrong_is_told),
		cmocka_unit_test(parcels_that_wait_are_looked_into),
		cmocka_unit_test(what_is_used_and_whose_users_are_killed_is_never_called_broken),
		cmocka_unit_test(what_moves_is_not_called_whole),
		cmocka_unit_test(what_the_dead_left_is_unsettled_and_then_whole),
		cmocka_unit_test(a_copy_is_checked_read_only),
		cmocka_unit_test(nothing_is_no_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
