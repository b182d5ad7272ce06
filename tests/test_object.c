/* SPDX-License-Identifier: BSD-2-Clause */
/* The directory: objects are published whole or not at all, found by name, and their space comes back. */
#include "support.h"

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stoa.h>

#include "atomic.h"
#include "object.h"
#include "participant.h"

#define ok(rc) assert_int_equal(rc, 0)
#define KIND 9u /* no kind of the library's: nobody settles it */

struct board {
	volatile int up, go, in;
	volatile int created[8];
	volatile int faults;
};

static struct board *board;

static int setup(void **state)
{
	(void)state;
	if (!board)
		board = shared_memory(sizeof *board);
	memset(board, 0, sizeof *board);
	return 0;
}

static struct stoa_segment *segment_of(uint64_t bytes, uint32_t objects)
{
	struct stoa_segment_config config = { .struct_size = sizeof config, .bytes = bytes, .participants = 16,
		                              .objects = objects };
	struct stoa_segment *segment = NULL;
	int rc = stoa_segment_create(NULL, &config, &segment);

	if (rc || !segment) {
		print_error("create: %s\n", stoa_strerror(rc));
		abort();
	}
	return segment;
}

static uint64_t free_bytes(const struct stoa_segment *segment)
{
	struct stoa_segment_info info = { .struct_size = sizeof info };

	ok(stoa_segment_info(segment, &info));
	return info.free_bytes;
}

/* ---- objects for tests: a header, and then bytes that are all `fill` ---- */

struct fill {
	uint8_t byte;
	uint64_t bytes;
	int was_dirty;
	void (*before)(void);
};

static void build_fill(void *start, void *context)
{
	struct fill *fill = context;
	uint8_t *at = start;

	for (uint64_t i = sizeof(struct object_header); i < fill->bytes; i++)
		fill->was_dirty |= at[i];
	memset(at + sizeof(struct object_header), fill->byte, fill->bytes - sizeof(struct object_header));
	if (fill->before)
		fill->before();
}

static int make_with(struct stoa_segment *segment, const char *name, struct fill *fill, void **start)
{
	struct object_request request = { .name = name, .kind = KIND, .bytes = fill->bytes, .build = build_fill,
		                          .context = fill };
	uint64_t room;
	uint32_t kind;
	int rc = object_create(segment, &request, &kind, start, &room);

	if ((rc == 0 || rc == -EEXIST) && (kind != KIND || room != fill->bytes))
		return 1;
	return rc;
}

static int make(struct stoa_segment *segment, const char *name, uint64_t bytes)
{
	struct fill fill = { .byte = 0xa5, .bytes = bytes };
	void *start;
	int rc = make_with(segment, name, &fill, &start);

	return fill.was_dirty ? 2 : rc;
}

/* 0 where the object is there and all of its bytes are `fill`. */
static int check(const struct stoa_segment *segment, const char *name, uint64_t bytes, uint8_t fill)
{
	uint32_t entry, kind;
	uint64_t room;
	void *start;
	int rc = object_find(segment, name, &entry);

	if (rc)
		return rc;
	rc = object_at(segment, entry, &kind, &start, &room);
	if (rc)
		return rc;
	if (kind != KIND || room != bytes)
		return 1;
	for (uint64_t i = sizeof(struct object_header); i < bytes; i++)
		if (((uint8_t *)start)[i] != fill)
			return 2;
	return 0;
}

static struct directory_entry *entry_of(const struct stoa_segment *segment, uint32_t index)
{
	uint64_t offset = segment->directory_offset + segment->buckets * sizeof(struct atom64);

	return (struct directory_entry *)(void *)(segment->base + offset) + index;
}

static unsigned entry_kind(const struct stoa_segment *segment, uint32_t index)
{
	return atom64_load_seq(&entry_of(segment, index)->state) & 0xff;
}

/* ---- names, creating, finding ---- */

static void object_names_have_one_to_63_bytes(void **state)
{
	struct stoa_segment *segment = segment_of(65536, 8);
	char name[100];
	uint32_t entry;

	(void)state;
	memset(name, 'x', sizeof name);
	name[64] = '\0';
	assert_int_equal(object_name_check(NULL), -EINVAL);
	assert_int_equal(object_name_check(""), -EINVAL);
	assert_int_equal(object_name_check(name), -ENAMETOOLONG);
	assert_int_equal(make(segment, "", 64), -EINVAL);
	assert_int_equal(make(segment, NULL, 64), -EINVAL);
	assert_int_equal(make(segment, name, 64), -ENAMETOOLONG);
	assert_int_equal(object_find(segment, name, &entry), -ENAMETOOLONG);
	name[63] = '\0';
	ok(make(segment, name, 64));
	ok(check(segment, name, 64, 0xa5));
	name[62] = '\0';
	assert_int_equal(object_find(segment, name, &entry), -ENOENT);
	ok(stoa_segment_close(segment));
}

static void what_was_created_is_found_and_created_once(void **state)
{
	struct stoa_segment *segment = segment_of(65536, 8);
	struct fill fill = { .byte = 1, .bytes = 100 }, other = { .byte = 2, .bytes = 100 };
	void *start, *again;

	(void)state;
	ok(make_with(segment, "one", &fill, &start));
	assert_int_equal((uintptr_t)start % 64, 0);
	assert_int_equal(make_with(segment, "one", &other, &again), -EEXIST);
	assert_ptr_equal(start, again);
	ok(check(segment, "one", 100, 1));
	ok(make(segment, "two", 20));
	ok(stoa_segment_close(segment));
}

static void objects_too_small_for_their_header_are_refused(void **state)
{
	struct stoa_segment *segment = segment_of(65536, 8);

	(void)state;
	assert_int_equal(make(segment, "none", 15), -EINVAL);
	ok(make(segment, "least", 16));
	assert_int_equal(make(segment, "most", UINT64_MAX), -ENOSPC);
	assert_int_equal(make(segment, "much", UINT64_MAX / 2), -ENOSPC);
	ok(stoa_segment_close(segment));
}

static void objects_are_told_by_their_place(void **state)
{
	struct stoa_segment *segment = segment_of(65536, 8);
	struct stoa_object_info info = { .struct_size = sizeof info };
	int published = 0, rc;

	(void)state;
	ok(make(segment, "one", 100));
	ok(make(segment, "two", 2000));
	for (uint32_t i = 0; (rc = stoa_segment_object(segment, i, &info)) != -ENOENT; i++) {
		if (rc == STOA_EMPTY)
			continue;
		ok(rc);
		assert_int_equal(info.kind, KIND);
		assert_string_equal(info.name, published ? "two" : "one");
		assert_int_equal(info.bytes, published ? 2000 : 100);
		published++;
	}
	assert_int_equal(published, 2);
	assert_int_equal(stoa_segment_object(segment, 2, &info), -ENOENT); /* the rest was never used */
	assert_int_equal(stoa_segment_object(segment, 8, &info), -ENOENT);
	assert_int_equal(stoa_segment_object(segment, UINT32_MAX, &info), -ENOENT);
	assert_int_equal(stoa_segment_object(segment, 0, NULL), -EINVAL);
	assert_int_equal(stoa_segment_object(NULL, 0, &info), -EINVAL);
	ok(stoa_segment_close(segment));
}

static void entries_and_room_run_out_with_enospc(void **state)
{
	struct stoa_segment *segment = segment_of(65536, 8);
	char name[16];

	(void)state;
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof name, "n%d", i);
		ok(make(segment, name, 64));
	}
	assert_int_equal(make(segment, "n8", 64), -ENOSPC);
	assert_int_equal(make(segment, "n7", 64), -EEXIST);
	ok(stoa_segment_close(segment));

	segment = segment_of(65536, 64);
	ok(make(segment, "large", free_bytes(segment) / 64 * 64)); /* all of it */
	assert_int_equal(make(segment, "more", 64), -ENOSPC);
	ok(stoa_segment_close(segment));
}

static void thousands_of_objects_are_found(void **state)
{
	struct stoa_segment *segment = segment_of(4u << 20, 5000);
	char name[16];
	uint32_t entry;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof name, "object-%d", i);
		ok(make(segment, name, 64 + (uint64_t)i % 300));
	}
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof name, "object-%d", i);
		ok(check(segment, name, 64 + (uint64_t)i % 300, 0xa5));
	}
	assert_int_equal(object_find(segment, "object-5000", &entry), -ENOENT);
	ok(stoa_segment_close(segment));
}

static void a_read_only_segment_finds_but_creates_nothing(void **state)
{
	const char *name = test_name("object");
	struct stoa_segment *segment, *reader;

	(void)state;
	ok(stoa_segment_create(name, NULL, &segment));
	ok(make(segment, "there", 100));
	ok(stoa_segment_open(name, STOA_READ_ONLY, &reader));
	ok(check(reader, "there", 100, 0xa5));
	assert_int_equal(make(reader, "there", 100), -EEXIST);
	assert_int_equal(make(reader, "new", 100), -EACCES);
	ok(stoa_segment_close(reader));
	ok(stoa_segment_close(segment));
	ok(stoa_segment_unlink(name));
	assert_int_equal(names_left(), 0);
}

/* ---- creators that are killed, stopped, many ---- */

static struct stoa_segment *shared;

static void say_and_stay(void)
{
	set_word(&board->up, 1);
	await_word(&board->go, 1);
}

static int create_slowly(void *context)
{
	struct fill fill = { .byte = 3, .bytes = 1000, .before = say_and_stay };
	void *start;

	return make_with(shared, context, &fill, &start) == -EEXIST ? 40 : 1;
}

static void a_killed_creators_space_is_used_again_zeroed(void **state)
{
	uint64_t before;
	uint32_t entry;
	pid_t pid;

	(void)state;
	shared = segment_of(65536, 8);
	ok(make(shared, "first", 64));
	pid = child_start(create_slowly, (void *)(uintptr_t) "slow");
	assert_true(await_word(&board->up, 1));
	before = free_bytes(shared);
	assert_int_equal(object_find(shared, "slow", &entry), -ENOENT); /* not before it is whole */
	assert_int_equal(entry_kind(shared, 1), ENTRY_BUILDING);
	child_kill(pid);
	assert_int_equal(object_find(shared, "slow", &entry), -ENOENT);
	assert_int_equal(stoa_segment_reap(shared), 1);
	assert_int_equal(entry_kind(shared, 1), ENTRY_FREE);
	ok(make(shared, "slow", 900)); /* fits; and make() looks that it is zero */
	ok(check(shared, "slow", 900, 0xa5));
	assert_int_equal(free_bytes(shared), before);
	ok(stoa_segment_close(shared));
}

static void a_stopped_creator_is_overtaken(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	shared = segment_of(65536, 8);
	pid = child_start(create_slowly, (void *)(uintptr_t) "slow");
	assert_true(await_word(&board->up, 1));
	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	ok(make(shared, "slow", 1000)); /* nobody waits for a creator */
	ok(make(shared, "another", 1000));
	set_word(&board->go, 1);
	kill(pid, SIGCONT);
	assert_int_equal(child_end(pid), 40); /* finds that it came second */
	ok(check(shared, "slow", 1000, 0xa5));
	assert_int_equal(entry_kind(shared, 0), ENTRY_FREE);
	ok(stoa_segment_close(shared));
}

static int attach_and_die(void *context)
{
	uint32_t slot;

	(void)context;
	return participant_self(shared, &slot);
}

static int create_unhurried(void *context)
{
	struct fill fill = { .byte = 3, .bytes = 1000, .before = say_and_stay };
	void *start;

	return make_with(shared, context, &fill, &start);
}

static void the_death_of_another_does_not_touch_a_creator(void **state)
{
	pid_t pid;

	(void)state;
	shared = segment_of(65536, 8);
	pid = child_start(create_unhurried, (void *)(uintptr_t) "slow");
	assert_true(await_word(&board->up, 1));
	ok(in_child(attach_and_die, NULL));
	assert_int_equal(stoa_segment_reap(shared), 1);
	assert_int_equal(entry_kind(shared, 0), ENTRY_BUILDING);
	set_word(&board->go, 1);
	ok(child_end(pid));
	ok(check(shared, "slow", 1000, 3));
	ok(stoa_segment_close(shared));
}

static void take_a_while(void)
{
	set_word(&board->up, 1);
	sleep_ms(150);
}

static int create_in_a_while(void *context)
{
	struct fill fill = { .byte = 3, .bytes = 4096, .before = take_a_while };
	void *start;

	return make_with(shared, context, &fill, &start);
}

static void where_there_is_no_room_for_two_the_second_finds_the_first(void **state)
{
	pid_t pid;

	(void)state;
	shared = segment_of(65536, 8);
	ok(make(shared, "rest", free_bytes(shared) / 64 * 64 - 4096));
	pid = child_start(create_in_a_while, (void *)(uintptr_t) "slow");
	assert_true(await_word(&board->up, 1));
	assert_int_equal(make(shared, "slow", 4096), -EEXIST);
	ok(child_end(pid));
	ok(check(shared, "slow", 4096, 3));
	ok(stoa_segment_close(shared));
}

static void who_died_after_linking_has_created(void **state)
{
	uint64_t was;
	uint32_t entry;

	(void)state;
	shared = segment_of(65536, 8);
	ok(make(shared, "linked", 100));
	was = atom64_load_seq(&entry_of(shared, 0)->state);
	/* as its creator, in slot 5, left it when it was killed between two instructions */
	atom64_store_seq(&segment_participant(shared, 5)->state, 3 << 8 | PARTICIPANT_LIVE);
	atom64_store_seq(&entry_of(shared, 0)->state, (was & ~0xffffffull) | 5 << 8 | ENTRY_BUILDING);
	ok(object_find(shared, "linked", &entry));
	ok(check(shared, "linked", 100, 0xa5));
	assert_int_equal(make(shared, "linked", 100), -EEXIST);
	assert_int_equal(stoa_segment_reap(shared), 1);
	assert_int_equal(entry_kind(shared, 0), ENTRY_PUBLISHED);
	ok(check(shared, "linked", 100, 0xa5));
	ok(stoa_segment_close(shared));
}

#define RACE_OBJECTS 40

static int create_all(void *context)
{
	int me = (int)(intptr_t)context;
	char name[16];

	__atomic_fetch_add(&board->in, 1, __ATOMIC_SEQ_CST);
	if (!await_word(&board->go, 1))
		return 1;
	for (int i = 0; i < RACE_OBJECTS; i++) {
		struct fill fill = { .byte = (uint8_t)(i + 1), .bytes = 64u * (unsigned)(1 + i % 7) };
		void *start;
		int rc;

		snprintf(name, sizeof name, "race-%d", i);
		rc = make_with(shared, name, &fill, &start);
		if (rc != 0 && rc != -EEXIST)
			return rc == -ENOSPC ? 2 : 3;
		if (rc == 0)
			board->created[me]++;
		if (fill.was_dirty || check(shared, name, fill.bytes, fill.byte))
			return 4;
	}
	return 0;
}

static void eight_who_create_at_once_get_the_same_objects_in_hardly_more_room(void **state)
{
	uint64_t need = 0;
	pid_t pids[8];

	(void)state;
	for (int i = 0; i < RACE_OBJECTS; i++)
		need += 64u * (unsigned)(1 + i % 7);
	need += 4 * 64 * 7; /* a creator that is not scheduled for long is overtaken, at a price */
	for (int turn = 0; turn < 10; turn++) {
		int created = 0;

		setup(NULL);
		shared = segment_of(need, RACE_OBJECTS + 4);
		for (int i = 0; i < 8; i++)
			pids[i] = child_start(create_all, (void *)(intptr_t)i);
		assert_true(await_word(&board->in, 8));
		set_word(&board->go, 1);
		for (int i = 0; i < 8; i++)
			ok(child_end(pids[i]));
		for (int i = 0; i < 8; i++)
			created += board->created[i];
		assert_int_equal(created, RACE_OBJECTS);
		ok(stoa_segment_close(shared));
	}
}

static int create_for_ever(void *context)
{
	uint64_t seed = (uint64_t)(intptr_t)context + 1;
	char name[16];

	for (;;) {
		uint64_t n = random_next(&seed) % 60;
		struct fill fill = { .byte = (uint8_t)n, .bytes = 64 * (1 + n % 5) };
		void *start;
		int rc;

		snprintf(name, sizeof name, "k%d", (int)n);
		rc = make_with(shared, name, &fill, &start);
		if ((rc && rc != -EEXIST && rc != -ENOSPC && rc != -EUSERS) || fill.was_dirty)
			board->faults++;
		if (rc == 0 || rc == -EEXIST)
			board->faults += check(shared, name, fill.bytes, fill.byte) != 0;
	}
	return 0;
}

static void killed_creators_leave_whole_objects_or_none(void **state)
{
	uint64_t seed = 99;
	char name[16];

	(void)state;
	for (int turn = 0; turn < 60; turn++) {
		pid_t pids[3];

		setup(NULL);
		shared = segment_of(64 * 3 * 60, 80);
		for (int i = 0; i < 3; i++)
			pids[i] = child_start(create_for_ever, (void *)(intptr_t)(turn * 3 + i));
		for (int i = 0; i < 3; i++) {
			sleep_ms((int)(random_next(&seed) % 3));
			child_kill(pids[i]);
		}
		ok(board->faults);
		assert_true(stoa_segment_reap(shared) >= 0);
		for (uint32_t i = 0; i < 80; i++)
			assert_int_not_equal(entry_kind(shared, i), ENTRY_BUILDING);
		for (uint64_t n = 0; n < 60; n++) {
			int rc;

			snprintf(name, sizeof name, "k%d", (int)n);
			rc = check(shared, name, 64 * (1 + n % 5), (uint8_t)n);
			assert_true(rc == 0 || rc == -ENOENT);
		}
		ok(stoa_segment_close(shared));
	}
}

static void *create_in_thread(void *context)
{
	(void)context;
	return (void *)(intptr_t)create_all((void *)(intptr_t)7);
}

static void threads_of_one_process_create_each_object_once(void **state)
{
	pthread_t threads[4];
	void *fault;

	(void)state;
	shared = segment_of(65536, RACE_OBJECTS);
	set_word(&board->go, 1);
	for (int i = 0; i < 4; i++)
		ok(pthread_create(&threads[i], NULL, create_in_thread, NULL));
	for (int i = 0; i < 4; i++) {
		ok(pthread_join(threads[i], &fault));
		assert_null(fault);
	}
	ok(stoa_segment_close(shared));
}

/* ---- corrupt directories ---- */

static void a_corrupt_chain_is_ebadmsg(void **state)
{
	struct stoa_segment *segment = segment_of(65536, 8);
	struct atom64 *buckets = (struct atom64 *)(void *)(segment->base + segment->directory_offset);
	uint32_t entry;

	(void)state;
	ok(make(segment, "one", 100));
	for (uint32_t i = 0; i < segment->buckets; i++)
		atom64_store_seq(&buckets[i], 9);
	assert_int_equal(object_find(segment, "two", &entry), -EBADMSG);
	assert_int_equal(make(segment, "two", 100), -EBADMSG);
	for (uint32_t i = 0; i < segment->buckets; i++)
		atom64_store_seq(&buckets[i], 1);
	atom64_store_seq(&entry_of(segment, 0)->next, 1); /* round and round */
	assert_int_equal(object_find(segment, "two", &entry), -EBADMSG);
	ok(stoa_segment_close(segment));
}

static void a_corrupt_entry_is_ebadmsg(void **state)
{
	struct stoa_segment *segment = segment_of(65536, 8);
	struct directory_entry *entry = entry_of(segment, 1), good;
	struct stoa_object_info info = { .struct_size = sizeof info };
	struct object_header *header;
	void *start;

	(void)state;
	ok(make(segment, "zero", 100));
	ok(make(segment, "one", 100));
	memcpy(&good, entry, sizeof good);
	start = segment->base + atom64_load_seq(&entry_of(segment, 0)->extent_end);
	header = start;
#define WITH(change)                                                                                       \
	do {                                                                                               \
		change;                                                                                    \
		assert_int_equal(stoa_segment_object(segment, 1, &info), -EBADMSG);                        \
		assert_int_equal(make(segment, "one", 100), -EBADMSG);                                     \
		memcpy(entry, &good, sizeof good);                                                         \
		header->kind = KIND;                                                                       \
		header->bytes = 100;                                                                       \
	} while (0)
	WITH(entry->bytes = 15);
	WITH(entry->bytes = 129);
	WITH(entry->bytes = UINT64_MAX);
	WITH(entry->kind = 1);
	WITH(header->kind = 1);
	WITH(header->bytes = 101);
	WITH(atom64_store_seq(&entry->extent_end, UINT64_MAX));
	WITH(atom64_store_seq(&entry->extent_end, segment->bytes + 64));
	WITH(atom64_store_seq(&entry->extent_end, 64));
#undef WITH
	ok(stoa_segment_object(segment, 1, &info));
	ok(stoa_segment_close(segment));
}

static void a_name_without_its_end_is_cut(void **state)
{
	struct stoa_segment *segment = segment_of(65536, 8);
	struct stoa_object_info info = { .struct_size = sizeof info };

	(void)state;
	ok(make(segment, "one", 100));
	memset(entry_of(segment, 0)->name, 'y', STOA_NAME_ROOM);
	ok(stoa_segment_object(segment, 0, &info));
	assert_int_equal(strlen(info.name), 63);
	ok(stoa_segment_close(segment));
}

/* ---- handles ---- */

struct handle {
	struct object_handle object;
	int opened;
};

static int open_handle(struct object_handle *handle, void *context)
{
	int *times = context;
	uint32_t self;

	((struct handle *)handle)->opened = ++*times;
	return participant_self(handle->segment, &self); /* may have to join: under the same mutex */
}

static int refuse(struct object_handle *handle, void *context)
{
	(void)handle;
	(void)context;
	return -EPROTOTYPE;
}

static void an_object_has_one_handle_in_a_process(void **state)
{
	struct stoa_segment *segment = segment_of(65536, 8);
	struct object_handle *one, *two, *other;
	uint8_t *start = segment->base + segment->heap_offset;
	int times = 0;

	(void)state;
	assert_int_equal(object_handle_get(segment, start, 64, sizeof(struct handle), refuse, NULL, &one),
	                 -EPROTOTYPE);
	ok(object_handle_get(segment, start, 64, sizeof(struct handle), open_handle, &times, &one));
	ok(object_handle_get(segment, start, 64, sizeof(struct handle), open_handle, &times, &two));
	ok(object_handle_get(segment, start + 64, 64, sizeof(struct handle), open_handle, &times, &other));
	assert_ptr_equal(one, two);
	assert_ptr_not_equal(one, other);
	assert_int_equal(times, 2);
	assert_ptr_equal(one->segment, segment);
	assert_ptr_equal(one->start, start);
	assert_int_equal(one->room, 64);
	assert_false(object_handle_put(one));
	assert_true(object_handle_put(two));
	ok(stoa_segment_close(segment)); /* the handles keep it */
	assert_int_equal(start[0], 0);
	object_handle_free(two);
	assert_true(object_handle_put(other));
	object_handle_free(other);
}

static int get_in_child(void *context)
{
	struct object_handle *handle;
	int times = 0;

	(void)context;
	if (object_handle_get(shared, shared->base + shared->heap_offset, 64, sizeof(struct handle), open_handle,
	                      &times, &handle))
		return 1;
	if (object_handle_put(handle))
		object_handle_free(handle);
	stoa_segment_close(shared);
	return 0;
}

static void a_child_may_open_its_first_handle_before_it_has_joined(void **state)
{
	(void)state;
	shared = segment_of(65536, 8);
	ok(in_child(get_in_child, NULL));
	ok(stoa_segment_close(shared));
}

#define TEST(function) cmocka_unit_test_setup(function, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(object_names_have_one_to_63_bytes),
		TEST(what_was_created_is_found_and_created_once),
		TEST(objects_too_small_for_their_header_are_refused),
		TEST(objects_are_told_by_their_place),
		TEST(entries_and_room_run_out_with_enospc),
		TEST(thousands_of_objects_are_found),
		TEST(a_read_only_segment_finds_but_creates_nothing),
		TEST(a_killed_creators_space_is_used_again_zeroed),
		TEST(a_stopped_creator_is_overtaken),
		TEST(the_death_of_another_does_not_touch_a_creator),
		TEST(where_there_is_no_room_for_two_the_second_finds_the_first),
		TEST(who_died_after_linking_has_created),
		TEST(eight_who_create_at_once_get_the_same_objects_in_hardly_more_room),
		TEST(killed_creators_leave_whole_objects_or_none),
		TEST(threads_of_one_process_create_each_object_once),
		TEST(a_corrupt_chain_is_ebadmsg),
		TEST(a_corrupt_entry_is_ebadmsg),
		TEST(a_name_without_its_end_is_cut),
		TEST(an_object_has_one_handle_in_a_process),
		TEST(a_child_may_open_its_first_handle_before_it_has_joined),
	};

	return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}
