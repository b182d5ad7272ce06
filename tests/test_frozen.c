/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * test_frozen.c - a segment that a release made opens for ever, and has in it what was put there.
 *
 * tests/frozen/ has one for each layout version, as text: its words in hexadecimal, 32 bytes a line, lines of zeros
 * left out.  Once its release is out such a file is never made anew, and what this test asks of it never less.
 *
 *	test_frozen FILE           the test: of that file, and of a segment made now in the same way
 *	test_frozen --make FILE    makes such a file, for a new layout version
 *
 * One process makes the segment, and leaves.  Another one comes, takes hold of what there is, and is killed: what it
 * held was not settled when the segment was kept, so that its words are frozen, too.
 */
#include "support.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <stoa.h>

#define WORDS_A_LINE 4
#define FROZEN_MAX (1u << 20)
#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const char *frozen_file;

/* ---- what is in it ---- */

static const struct {
	const char *name;
	uint32_t type;
	union {
		int64_t i; /* little-endian: its first bytes are the smaller number */
		float f32;
		double f64;
	} number;
} numbers[] = {
	{ "i8", STOA_I8, { .i = -8 } },           { "i16", STOA_I16, { .i = -1616 } },
	{ "i32", STOA_I32, { .i = -323232 } },    { "i64", STOA_I64, { .i = -6464646464 } },
	{ "u8", STOA_U8, { .i = 208 } },          { "u16", STOA_U16, { .i = 61616 } },
	{ "u32", STOA_U32, { .i = 4032323232 } }, { "u64", STOA_U64, { .i = 6464646464 } },
	{ "f32", STOA_F32, { .f32 = -1.5f } },    { "f64", STOA_F64, { .f64 = 2.25 } },
	{ "bool", STOA_BOOL, { .i = 1 } },
};

static const struct stoa_value_config bytes_config = { .struct_size = sizeof bytes_config,
	                                               .size = 40,
	                                               .writers = 2 };
static const char bytes[3][40] = { "the first", "the second", "the one that was written last" };

static const uint16_t elements[5] = { 1, 2, 3, 4, 65535 };
static const struct stoa_array_config array_config = { .struct_size = sizeof array_config,
	                                               .type = STOA_U16,
	                                               .count = LENGTH(elements) };
static const int32_t range[3] = { -1, 0, 1 };
static const struct stoa_array_config range_config = { .struct_size = sizeof range_config,
	                                               .type = STOA_I32,
	                                               .count = LENGTH(range),
	                                               .writers = 2,
	                                               .flags = STOA_ATOMIC_RANGES };

/* Each gets messages 0 to `sent` - 1, "0", "11", "222", ..., and the first `received` of them are received.  One
 * more is taken by the process that dies. */
static const struct {
	const char *name;
	struct stoa_queue_config config;
	int sent, received;
	bool whole;    /* messages of message_size each, zeros behind the text */
	bool together; /* sent by one stoa_sender_push_many() */
	int shutdown;
	const char *left; /* what is to come out, sorted; "!": redelivered */
} queues[] = {
	{ .name = "many",
	  .config = { .capacity = 3, .message_size = 24, .handles = 4, .holds = 2 },
	  .sent = 10,
	  .received = 7,
	  .left = "77777777! 888888888 9999999999 " },
	{ .name = "dropped",
	  .config = { .capacity = 2, .message_size = 8, .handles = 4, .holds = 1, .on_death = STOA_DISCARD },
	  .sent = 2,
	  .left = "11 " },
	{ .name = "closed",
	  .config = { .capacity = 2,
	              .message_size = 8,
	              .handles = 4,
	              .holds = 1,
	              .flags = STOA_CLOSE_WITH_SENDERS },
	  .sent = 2,
	  .shutdown = STOA_DRAIN,
	  .left = "0! 11 " },
	{ .name = "parcels",
	  .config = { .capacity = 3, .message_size = 8, .handles = 4, .holds = 1, .pack = 4 },
	  .sent = 6,
	  .whole = true,
	  .together = true,
	  .left = "0! 11! 222! 3333! 44444 555555 " },
	{ .name = "one",
	  .config = { .capacity = 4,
	              .message_size = 100,
	              .senders = STOA_ONE,
	              .receivers = STOA_ONE,
	              .holds = 2 },
	  .sent = 9,
	  .received = 6,
	  .left = "6666666! 77777777 888888888 " },
	{ .name = "small",
	  .config = { .capacity = 5,
	              .message_size = 8,
	              .senders = STOA_ONE,
	              .receivers = STOA_ONE,
	              .holds = 1 },
	  .sent = 6,
	  .received = 4,
	  .whole = true,
	  .left = "44444! 555555 " },
	{ .name = "fan out",
	  .config = { .capacity = 4, .message_size = 16, .senders = STOA_ONE, .handles = 3, .holds = 1 },
	  .sent = 5,
	  .received = 2,
	  .shutdown = STOA_DRAIN,
	  .left = "222! 3333 44444 " },
};

static struct stoa_queue_config queue_config(size_t i)
{
	struct stoa_queue_config config = queues[i].config;

	config.struct_size = sizeof config;
	return config;
}

static const struct stoa_semaphore_config count_config = { .struct_size = sizeof count_config, .initial = 3 };
static const struct stoa_semaphore_config permits_config = { .struct_size = sizeof permits_config,
	                                                     .flags = STOA_PERMITS_RETURN,
	                                                     .maximum = 2 };
static const struct stoa_barrier_config barrier_config = { .struct_size = sizeof barrier_config,
	                                                   .parties = 1 };

#define OBJECTS (LENGTH(numbers) + 3 + LENGTH(queues) + 6)

/* ---- making it: in children, so nothing asserts ---- */

#define TRY(call)                                                                                            \
	do {                                                                                                 \
		int rc_ = (call);                                                                            \
                                                                                                             \
		if (rc_) {                                                                                   \
			fprintf(stderr, "%s: %s\n", #call, stoa_strerror(rc_));                              \
			return 1;                                                                            \
		}                                                                                            \
	} while (0)

/* The text of a message, and its size. */
static size_t message(size_t queue, int i, char text[24])
{
	memset(text, 0, 24);
	memset(text, '0' + i, (size_t)i + 1);
	return queues[queue].whole ? queues[queue].config.message_size : (size_t)i + 1;
}

static int push_together(struct stoa_sender *sender, char (*text)[24], int count)
{
	char side_by_side[10][8];
	size_t done;

	for (int k = 0; k < count; k++)
		memcpy(side_by_side[k], text[k], 8);
	return stoa_sender_push_many(sender, side_by_side, 8, (size_t)count, &done);
}

static int fill_queue(struct stoa_segment *segment, size_t i)
{
	struct stoa_queue_config config = queue_config(i);
	struct stoa_queue *queue;
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
	char text[10][24];
	size_t size;

	TRY(stoa_queue_create(segment, queues[i].name, &config, &queue));
	TRY(stoa_sender_open(queue, &sender));
	TRY(stoa_receiver_open(queue, &receiver));
	for (int k = 0; k < queues[i].sent; k++) {
		size = message(i, k, text[k]);
		if (!queues[i].together)
			TRY(stoa_sender_push(sender, text[k], size));
		if (k < queues[i].received)
			TRY(stoa_receiver_pop(receiver, text[k], sizeof text[k], &size));
	}
	if (queues[i].together)
		TRY(push_together(sender, text, queues[i].sent));
	if (queues[i].shutdown)
		TRY(stoa_queue_shutdown(queue, (unsigned)queues[i].shutdown));
	TRY(stoa_receiver_close(receiver));
	TRY(stoa_sender_close(sender));
	return stoa_queue_close(queue);
}

static int fill_values(struct stoa_segment *segment)
{
	struct stoa_value *value;
	struct stoa_array *array;

	for (size_t i = 0; i < LENGTH(numbers); i++) {
		struct stoa_value_config config = { .struct_size = sizeof config, .type = numbers[i].type };

		TRY(stoa_value_create(segment, numbers[i].name, &config, &value));
		TRY(stoa_value_store(value, &numbers[i].number));
		TRY(stoa_value_close(value));
	}
	TRY(stoa_value_create(segment, "bytes", &bytes_config, &value));
	TRY(stoa_value_store(value, bytes[0]));
	TRY(stoa_value_store(value, bytes[1]));
	TRY(stoa_value_close(value));
	TRY(stoa_array_create(segment, "array", &array_config, &array));
	TRY(stoa_array_write(array, 0, LENGTH(elements), elements));
	TRY(stoa_array_close(array));
	TRY(stoa_array_create(segment, "ranges", &range_config, &array));
	TRY(stoa_array_write(array, 0, LENGTH(range), range));
	return stoa_array_close(array);
}

static int fill_sync(struct stoa_segment *segment)
{
	struct stoa_semaphore *semaphore;
	struct stoa_event *event;
	struct stoa_barrier *barrier;
	struct stoa_lock *lock;

	TRY(stoa_semaphore_create(segment, "count", &count_config, &semaphore));
	TRY(stoa_semaphore_wait(semaphore, NULL));
	TRY(stoa_semaphore_close(semaphore));
	TRY(stoa_semaphore_create(segment, "permits", &permits_config, &semaphore));
	TRY(stoa_semaphore_close(semaphore));
	TRY(stoa_event_create(segment, "set", NULL, &event));
	TRY(stoa_event_set(event));
	TRY(stoa_event_close(event));
	TRY(stoa_event_create(segment, "cleared", NULL, &event));
	TRY(stoa_event_set(event));
	TRY(stoa_event_clear(event));
	TRY(stoa_event_close(event));
	TRY(stoa_barrier_create(segment, "barrier", &barrier_config, &barrier));
	for (int round = 0; round < 3; round++)
		TRY(stoa_barrier_wait(barrier, NULL));
	TRY(stoa_barrier_close(barrier));
	TRY(stoa_lock_create(segment, "lock", NULL, &lock));
	TRY(stoa_lock_acquire(lock, NULL));
	TRY(stoa_lock_release(lock));
	return stoa_lock_close(lock);
}

static int maker(void *name)
{
	struct stoa_segment_config config = { .struct_size = sizeof config,
		                              .bytes = 12288,
		                              .participants = 4,
		                              .objects = 32,
		                              .flags = STOA_EXCLUSIVE };
	struct stoa_segment *segment;

	TRY(stoa_segment_create(name, &config, &segment));
	if (fill_values(segment))
		return 1;
	for (size_t i = 0; i < LENGTH(queues); i++)
		if (fill_queue(segment, i))
			return 1;
	if (fill_sync(segment))
		return 1;
	return stoa_segment_close(segment);
}

static int victim(void *name)
{
	struct stoa_segment *segment;
	struct stoa_value *value;
	struct stoa_queue *queue;
	struct stoa_receiver *receiver;
	struct stoa_semaphore *permits;
	struct stoa_lock *lock;
	struct stoa_message taken;

	TRY(stoa_segment_open(name, 0, &segment));
	TRY(stoa_value_open(segment, "bytes", &bytes_config, &value));
	TRY(stoa_value_store(value, bytes[2]));
	for (size_t i = 0; i < LENGTH(queues); i++) {
		TRY(stoa_queue_open(segment, queues[i].name, NULL, &queue));
		TRY(stoa_receiver_open(queue, &receiver));
		TRY(stoa_receiver_take(receiver, &taken, NULL));
	}
	TRY(stoa_semaphore_open(segment, "permits", &permits_config, &permits));
	TRY(stoa_semaphore_wait(permits, NULL));
	TRY(stoa_lock_open(segment, "lock", NULL, &lock));
	TRY(stoa_lock_acquire(lock, NULL));
	return raise(SIGKILL);
}

static bool make_segment(const char *name)
{
	return in_child(maker, (void *)(uintptr_t)name) == 0 &&
	       in_child(victim, (void *)(uintptr_t)name) == CHILD_SIGNAL + SIGKILL;
}

/* The words of a new one, and how many bytes they are; 0 where it could not be made. */
static size_t make_words(const char *name, uint64_t *words)
{
	FILE *file = make_segment(name) ? fopen(test_path(name), "r") : NULL;
	size_t count = 0;

	if (file) {
		count = fread(words, 8, FROZEN_MAX / 8, file);
		fclose(file);
	}
	stoa_segment_unlink(name);
	return count * 8;
}

/* ---- as text ---- */

static int make_text(const char *path)
{
	static uint64_t words[FROZEN_MAX / 8];
	const char *name = test_name("made");
	FILE *text = fopen(path, "w");
	size_t count = make_words(name, words) / 8;

	if (!text || !count)
		return 1;
	fprintf(text,
	        "# A segment made by stoa %s: see tests/test_frozen.c.  Not to be made anew.\n%zu bytes\n",
	        stoa_version(), count * 8);
	for (const uint64_t *line = words; line < words + count; line += WORDS_A_LINE)
		if (line[0] | line[1] | line[2] | line[3])
			fprintf(text, "%06zx  %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64 "\n",
			        (size_t)(line - words) * 8, line[0], line[1], line[2], line[3]);
	return fclose(text) != 0;
}

/* Its words, and how many bytes they are; 0 where the file is not as it should be. */
static size_t read_text(uint64_t *words)
{
	FILE *text = fopen(frozen_file, "r");
	size_t size = 0, at;
	char line[128];

	memset(words, 0, FROZEN_MAX);
	if (!text)
		return 0;
	if (!fgets(line, sizeof line, text) || fscanf(text, "%zu bytes\n", &size) != 1 || size > FROZEN_MAX)
		size = 0;
	while (size && fgets(line, sizeof line, text)) {
		uint64_t *word = words;

		if (sscanf(line, "%zx", &at) != 1 || at % 32 || at >= size) {
			size = 0;
			break;
		}
		word += at / 8;
		if (sscanf(line, "%*x %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64, word, word + 1, word + 2,
		           word + 3) != WORDS_A_LINE)
			size = 0;
	}
	fclose(text);
	return size;
}

/* ---- the tests: of the file, and of one made now ---- */

static bool make_frozen(const char *name)
{
	static uint64_t words[FROZEN_MAX / 8];
	size_t size = read_text(words);

	return size && write_file(test_path(name), words, size) == 0;
}

struct source {
	bool (*make)(const char *name);
	char name[64];
};

static int set_up(void **state)
{
	struct source *source = *state;

	snprintf(source->name, sizeof source->name, "%s", test_name("frozen"));
	return source->make(source->name) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct source *source = *state;

	stoa_segment_unlink(source->name);
	return 0;
}

static struct stoa_segment *opened(void **state, unsigned flags)
{
	const struct source *source = *state;
	struct stoa_segment *segment;

	assert_int_equal(stoa_segment_open(source->name, flags, &segment), 0);
	return segment;
}

static void values_are_right(struct stoa_segment *segment)
{
	struct stoa_value *value;
	struct stoa_array *array;
	char there[40];

	for (size_t i = 0; i < LENGTH(numbers); i++) {
		struct stoa_value_config config = { .struct_size = sizeof config, .type = numbers[i].type };

		assert_int_equal(stoa_value_open(segment, numbers[i].name, &config, &value), 0);
		assert_int_equal(stoa_value_load(value, there), 0);
		assert_memory_equal(there, &numbers[i].number, stoa_type_size(config.type));
		stoa_value_close(value);
	}
	assert_int_equal(stoa_value_open(segment, "bytes", &bytes_config, &value), 0);
	assert_int_equal(stoa_value_load(value, there), 0);
	assert_memory_equal(there, bytes[2], sizeof bytes[2]);
	stoa_value_close(value);
	assert_int_equal(stoa_array_open(segment, "array", &array_config, &array), 0);
	assert_int_equal(stoa_array_read(array, 0, LENGTH(elements), there), 0);
	assert_memory_equal(there, elements, sizeof elements);
	stoa_array_close(array);
	assert_int_equal(stoa_array_open(segment, "ranges", &range_config, &array), 0);
	assert_int_equal(stoa_array_read(array, 0, LENGTH(range), there), 0);
	assert_memory_equal(there, range, sizeof range);
	stoa_array_close(array);
}

static int by_text(const void *one, const void *other)
{
	return strcmp(one, other);
}

/* Everything that can be taken, sorted: "text ", or "text! " where somebody had held it. */
static void take_all(struct stoa_receiver *receiver, int end, char *all)
{
	char found[16][24];
	struct stoa_message taken;
	size_t count = 0;
	int rc;

	while (!(rc = stoa_receiver_take(receiver, &taken, &stoa_now))) {
		const char *text = taken.bytes;
		size_t each = taken.size / taken.count;

		for (uint32_t k = 0; k < taken.count; k++, text += each) {
			assert_in_range(count, 0, LENGTH(found) - 1);
			snprintf(found[count++], sizeof found[0], "%.*s%s ", (int)each, text,
			         taken.flags & STOA_REDELIVERED ? "!" : "");
		}
		assert_int_equal(stoa_receiver_release(receiver, &taken), 0);
	}
	assert_int_equal(rc, end);
	qsort(found, count, sizeof found[0], by_text);
	for (size_t k = 0; k < count; k++)
		all = stpcpy(all, found[k]);
}

static void queue_is_right(struct stoa_segment *segment, size_t i)
{
	struct stoa_queue_config config = queue_config(i);
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };
	struct stoa_queue *queue;
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
	char all[400] = "";

	assert_int_equal(stoa_queue_open(segment, queues[i].name, &config, &queue), 0);
	assert_int_equal(stoa_receiver_open(queue, &receiver), 0);
	take_all(receiver, queues[i].shutdown ? STOA_CLOSED : STOA_EMPTY, all);
	assert_string_equal(all, queues[i].left);
	assert_int_equal(stoa_queue_stat(queue, &stat), 0);
	assert_int_equal(stat.discarded, config.on_death == STOA_DISCARD);
	assert_int_equal(stat.held, 0);
	if (!queues[i].shutdown) { /* all of its room is there */
		assert_int_equal(stoa_sender_open(queue, &sender), 0);
		for (uint64_t k = 0; k < config.capacity; k++)
			assert_int_equal(stoa_sender_push(sender, "again", 5), 0);
		assert_int_equal(stoa_sender_push(sender, "again", 5), STOA_FULL);
		stoa_sender_close(sender);
	}
	stoa_receiver_close(receiver);
	stoa_queue_close(queue);
}

static void sync_is_right(struct stoa_segment *segment)
{
	struct stoa_semaphore *semaphore;
	struct stoa_event *event;
	struct stoa_barrier *barrier;
	struct stoa_lock *lock;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(stoa_semaphore_open(segment, i ? "permits" : "count",
		                                     i ? &permits_config : NULL, &semaphore),
		                 0);
		assert_int_equal(stoa_semaphore_wait(semaphore, &stoa_now), 0);
		assert_int_equal(stoa_semaphore_wait(semaphore, &stoa_now), 0);
		assert_int_not_equal(stoa_semaphore_wait(semaphore, &stoa_now), 0);
		stoa_semaphore_close(semaphore);
	}
	assert_int_equal(stoa_event_open(segment, "set", NULL, &event), 0);
	assert_int_equal(stoa_event_wait(event, &stoa_now), 0);
	stoa_event_close(event);
	assert_int_equal(stoa_event_open(segment, "cleared", NULL, &event), 0);
	assert_int_not_equal(stoa_event_wait(event, &stoa_now), 0);
	stoa_event_close(event);
	assert_int_equal(stoa_barrier_open(segment, "barrier", &barrier_config, &barrier), 0);
	assert_int_equal(stoa_barrier_wait(barrier, &stoa_now), 0);
	stoa_barrier_close(barrier);
	assert_int_equal(stoa_lock_open(segment, "lock", NULL, &lock), 0);
	assert_int_equal(stoa_lock_acquire(lock, &stoa_now), STOA_OWNER_DIED);
	assert_int_equal(stoa_lock_release(lock), 0);
	stoa_lock_close(lock);
}

static void count_finding(void *context, enum stoa_finding finding, const char *object, const char *what)
{
	int *counts = context;

	print_message("%s: %s\n", object ? object : "(segment)", what);
	counts[finding]++;
}

static void who_only_reads_finds_what_was_stored_and_nothing_broken(void **state)
{
	struct stoa_segment *segment = opened(state, STOA_READ_ONLY);
	struct stoa_segment_info info = { .struct_size = sizeof info };
	int found[STOA_MOVING + 1] = { 0 };

	assert_int_equal(stoa_segment_info(segment, &info), 0);
	assert_int_equal(info.objects_published, OBJECTS);
	assert_int_equal(info.participants, 4);
	assert_int_equal(info.participants_alive, 0);
	values_are_right(segment);
	stoa_segment_check(segment, count_finding, found);
	assert_int_equal(found[STOA_BROKEN], 0);
	assert_int_equal(found[STOA_MOVING], 0);
	stoa_segment_close(segment);
}

static void what_the_dead_held_comes_back_and_everything_is_right(void **state)
{
	struct stoa_segment *segment = opened(state, 0);
	int found[STOA_MOVING + 1] = { 0 };

	values_are_right(segment);
	for (size_t i = 0; i < LENGTH(queues); i++)
		queue_is_right(segment, i);
	sync_is_right(segment);
	assert_int_equal(stoa_segment_check(segment, count_finding, found), 0);
	assert_int_equal(stoa_segment_close(segment), 0);
}

/*
 * Of a segment: the size of its file, which a file system rounds up; its random name, that of the boot, a time; the
 * record of the participant that died.
 */
static bool is_of_its_own(size_t offset)
{
	return (offset >= 32 && offset < 80) || (offset >= 192 && offset < 192 + 128);
}

/*
 * Two releases may meet in one segment, so it is not enough that each reads what itself has written.  This asks for
 * more than they need: where it fails for a change that every release understands, such as another block being
 * taken first, those words may be left out above, and the reason be written there.
 */
static void a_new_segment_has_the_words_of_the_frozen_one(void **state)
{
	static uint64_t frozen[FROZEN_MAX / 8], now[FROZEN_MAX / 8];
	size_t size = read_text(frozen), changed = 0;

	(void)state;
	assert_int_not_equal(size, 0);
	assert_in_range(make_words(test_name("now"), now), size, FROZEN_MAX);
	for (size_t at = 0; at < size; at += 8) {
		if (is_of_its_own(at) || frozen[at / 8] == now[at / 8])
			continue;
		print_message("at %06zx was %016" PRIx64 ", is %016" PRIx64 "\n", at, frozen[at / 8],
		              now[at / 8]);
		changed++;
	}
	assert_int_equal(changed, 0);
}

int main(int argc, char **argv)
{
	struct source frozen = { .make = make_frozen }, now = { .make = make_segment };
	const struct CMUnitTest tests[] = {
		{ "in_a_frozen_segment_who_only_reads_finds_what_was_stored_and_nothing_broken",
		  who_only_reads_finds_what_was_stored_and_nothing_broken, set_up, tear_down, &frozen },
		{ "in_a_frozen_segment_what_the_dead_held_comes_back_and_everything_is_right",
		  what_the_dead_held_comes_back_and_everything_is_right, set_up, tear_down, &frozen },
		{ "in_a_new_segment_who_only_reads_finds_what_was_stored_and_nothing_broken",
		  who_only_reads_finds_what_was_stored_and_nothing_broken, set_up, tear_down, &now },
		{ "in_a_new_segment_what_the_dead_held_comes_back_and_everything_is_right",
		  what_the_dead_held_comes_back_and_everything_is_right, set_up, tear_down, &now },
		cmocka_unit_test(a_new_segment_has_the_words_of_the_frozen_one),
	};

	if (argc == 3 && !strcmp(argv[1], "--make"))
		return make_text(argv[2]);
	if (argc != 2)
		return 2;
	frozen_file = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
