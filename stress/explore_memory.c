/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_memory.c - what C11 allows a load to read, and a store to be hidden behind.
 *
 * A location is the list of all stores to it (messages) in modification order.  A store goes behind any
 * message that its thread has not seen a successor of, not just to the end; each gets a time stamp between
 * its neighbours'.  A load reads any message that is not older than what its thread has seen there.
 *
 * A view says of each location which stamp is the oldest one still readable; of each thread, by a vector
 * clock, what happened before.  Of a thread T and a message M:
 *
 *   T.now      what T has read and written itself, and all that it has acquired.  Coherence: reads and
 *              writes of T stay at or behind it.
 *   T.pending  views of messages read without acquire: an acquire fence adds them to `now`
 *   T.fenced   `now` at T's last release fence: what its relaxed stores release
 *   M.view     what M releases: T.now for a releasing store, else T.fenced.  The write of a
 *              read-modify-write adds what the message releases that it read: release sequences, in the
 *              form of C++20, by read-modify-writes only
 *   seq        of all that is sequentially consistent: the order of execution is the order S.  Such an
 *              access of location x reads and writes at or behind seq[x], and moves it; it learns nothing of
 *              other locations by that.  Such a fence joins `now` and `seq` into each other.
 *
 * A read-modify-write writes right behind the message that it reads, and nothing ever comes between
 * (`extended`), so no two read the same one.  A failed compare-and-swap is a load.
 *
 * This is C11 as published, with S in agreement with happens-before, less two things.  No operation reads
 * from the future: r1 = x; y = 1 against r2 = y; x = 1 never gives 1, 1 (load buffering), though C11 and
 * aarch64 allow it where nothing orders the two; a model of that must undo guesses.  And what RC11 allows
 * besides, for POWER's sake, S against happens-before, is not tried: x86-64 and aarch64 do not do it.
 *
 * Sizes.  A location is an address with a size; the 8 bytes around it are only accessed in that size, unless
 * nobody has written to them in this execution.  Anything else ends the run: C11 has no meaning for it, and
 * silence would be worse.
 */
#include <stdlib.h>
#include <string.h>

#include "explore_engine.h"

#define MESSAGES_MAX 65536u
#define WORDS_MAX (1u << 23)
#define BUCKETS 4096u
#define STAMP_STEP (1u << 18)

struct memory memory;

/* The aligned 8 bytes around an address: all of one size. */
struct granule {
	uintptr_t key;
	uint32_t run; /* valid in this execution only */
	unsigned size;
	struct location *locations[8];
	struct location *others[4]; /* of another size */
};

static struct granule granules[BUCKETS];
static struct message messages[MESSAGES_MAX];
static uint32_t words[WORDS_MAX];
static uint32_t message_count, word_count, run_number;

/* ---- views ---- */

static unsigned view_length(void)
{
	return THREADS_MAX + memory.count;
}

static void join(uint32_t *into, const uint32_t *from, unsigned length)
{
	for (unsigned i = 0; i < length; i++)
		into[i] = into[i] > from[i] ? into[i] : from[i];
}

static void join_message(struct view *view, const struct message *message)
{
	if (message->view)
		join(view->at, message->view, message->view_length);
}

static uint32_t *seen(struct view *view, const struct location *location)
{
	return &view->at[THREADS_MAX + location->index];
}

void memory_reset(void)
{
	unsigned length = THREADS_MAX + memory.most;

	for (unsigned t = 0; t < THREADS_MAX; t++) {
		struct memory_thread *thread = &memory.threads[t];

		memset(thread->now.at, 0, length * sizeof *thread->now.at);
		memset(thread->pending.at, 0, length * sizeof *thread->pending.at);
		memset(thread->fenced.at, 0, length * sizeof *thread->fenced.at);
		thread->now.at[t] = 1;
	}
	memset(memory.seq.at, 0, length * sizeof *memory.seq.at);
	memory.count = memory.stores = 0;
	message_count = word_count = 0;
	run_number++;
	plain_reset();
}

/* ---- locations ---- */

static struct granule *granule_of(uintptr_t key)
{
	for (unsigned i = (unsigned)(key * 2654435761u >> 7) % BUCKETS;; i = (i + 1) % BUCKETS) {
		struct granule *granule = &granules[i];

		if (granule->run == run_number && granule->key == key)
			return granule;
		if (granule->run != run_number) {
			*granule = (struct granule){ .key = key, .run = run_number };
			return granule;
		}
	}
}

static struct message *new_message(void)
{
	if (message_count == MESSAGES_MAX)
		run_fail("limit", "more than %u stores in one execution", MESSAGES_MAX);
	return &messages[message_count++];
}

static uint64_t real_value(const struct location *location)
{
	uint64_t value = 0;

	memcpy(&value, location->at, location->size);
	return value;
}

static struct location *new_location(const void *at, unsigned size)
{
	struct location *location = &memory.locations[memory.count];
	struct message *initial = new_message();

	if (memory.count == LOCATIONS_MAX)
		run_fail("limit", "more than %u locations", LOCATIONS_MAX);
	*location = (struct location){
		.at = at,
		.size = size,
		.index = memory.count++,
		.messages = 1,
		.last = initial,
		.usage = usage_of(at),
	};
	if (memory.count > memory.most)
		memory.most = memory.count;
	*initial = (struct message){
		.value = real_value(location),
		.thread = -1,
		.undefined = plain_is_undefined(at),
	};
	return location;
}

static bool is_written(const struct granule *granule)
{
	for (unsigned i = 0; i < 8; i++) {
		if (granule->locations[i] && granule->locations[i]->messages > 1)
			return true;
	}
	return false;
}

static struct location *other_location(struct granule *granule, const void *at, unsigned size)
{
	unsigned i = 0;

	while (i < 4 && granule->others[i] &&
	       (granule->others[i]->at != at || granule->others[i]->size != size))
		i++;
	if (i == 4 || is_written(granule))
		run_fail("misuse", "an atomic of %u bytes at %p, where others are of %u", size, at,
		         granule->size);
	if (!granule->others[i])
		granule->others[i] = new_location(at, size);
	return granule->others[i];
}

struct location *memory_location(const void *at, unsigned size)
{
	uintptr_t address = (uintptr_t)at;
	struct granule *granule = granule_of(address >> 3);
	struct location **place = &granule->locations[address & 7];

	if (address % size)
		run_fail("misuse", "an atomic of %u bytes at %p is not aligned", size, at);
	if (granule->size && granule->size != size)
		return other_location(granule, at, size);
	granule->size = size;
	if (!*place)
		*place = new_location(at, size);
	else if ((*place)->last->value != real_value(*place))
		run_fail("misuse", "the atomic at %p was overwritten by plain code", at);
	return *place;
}

void memory_overwrite(const void *at, size_t size)
{
	uintptr_t from = ((uintptr_t)at + 7) >> 3, to = ((uintptr_t)at + size) >> 3;

	for (uintptr_t key = from; key < to; key++) {
		struct granule *granule = granule_of(key);

		granule->size = 0;
		memset(granule->locations, 0, sizeof granule->locations);
		memset(granule->others, 0, sizeof granule->others);
	}
}

/* ---- what may be read, and written ---- */

struct message *memory_nth(const struct location *location, unsigned distance)
{
	struct message *message = location->last;

	while (distance--)
		message = message->before;
	return message;
}

static uint32_t oldest(unsigned thread, const struct location *location, unsigned order)
{
	uint32_t stamp = *seen(&memory.threads[thread].now, location);
	uint32_t seq = *seen(&memory.seq, location);

	return order == EXPLORE_SEQ && seq > stamp ? seq : stamp;
}

uint64_t memory_readable(unsigned thread, const struct location *location, unsigned order,
                         uint32_t from_number)
{
	uint32_t stamp = oldest(thread, location, order);
	uint64_t options = 0, bit = 1;

	for (const struct message *m = location->last; m && bit && m->stamp >= stamp;
	     m = m->before, bit <<= 1) {
		if (m->number >= from_number)
			options |= bit;
	}
	return options;
}

uint64_t memory_exchangeable(unsigned thread, const struct location *location, unsigned order, bool compare,
                             uint64_t expected)
{
	uint32_t stamp = oldest(thread, location, order);
	uint64_t options = 0, bit = 1;

	for (const struct message *m = location->last; m && bit && m->stamp >= stamp;
	     m = m->before, bit <<= 1) {
		if (!m->extended || (compare && m->value != expected))
			options |= bit;
	}
	return options;
}

uint64_t memory_storable(unsigned thread, const struct location *location, unsigned order)
{
	uint32_t stamp = oldest(thread, location, order);
	uint64_t options = 0, bit = 1;

	for (const struct message *m = location->last; m && bit && m->stamp >= stamp;
	     m = m->before, bit <<= 1) {
		if (!m->extended)
			options |= bit;
	}
	return options;
}

/* ---- reading, writing ---- */

static void raise_to(uint32_t *stamp, uint32_t to)
{
	if (*stamp < to)
		*stamp = to;
}

uint64_t memory_read(unsigned thread, struct location *location, struct message *message, unsigned order)
{
	struct memory_thread *t = &memory.threads[thread];

	if (message->undefined)
		run_fail("uninitialised", "nothing was ever written to what is read at %p", location->at);
	raise_to(seen(&t->now, location), message->stamp);
	if (order & EXPLORE_ACQUIRE)
		join_message(&t->now, message);
	else
		join_message(&t->pending, message);
	if (order == EXPLORE_SEQ)
		raise_to(seen(&memory.seq, location), message->stamp);
	return message->value;
}

static uint32_t stamp_behind(const struct message *before)
{
	uint32_t stamp = before->after ? before->stamp + (before->after->stamp - before->stamp) / 2
	                               : before->stamp + STAMP_STEP;

	if (stamp <= before->stamp)
		run_fail("limit", "no time stamp is left between two stores");
	return stamp;
}

static void release_view(struct message *message, const struct memory_thread *t, unsigned order,
                         const struct location *location)
{
	const struct view *view = order & EXPLORE_RELEASE ? &t->now : &t->fenced;
	unsigned length = view_length();
	uint32_t *own = &words[word_count];

	if (word_count + length > WORDS_MAX)
		run_fail("limit", "too many stores to too many locations");
	word_count += length;
	memcpy(own, view->at, length * sizeof *own);
	own[THREADS_MAX + location->index] = message->stamp;
	message->view = own;
	message->view_length = length;
}

static void insert(struct location *location, struct message *message, struct message *before)
{
	message->before = before;
	message->after = before->after;
	before->after = message;
	if (message->after)
		message->after->before = message;
	else
		location->last = message;
}

void memory_write(unsigned thread, struct location *location, struct message *before, unsigned order,
                  uint64_t value, bool update)
{
	struct memory_thread *t = &memory.threads[thread];
	struct message *message = new_message();

	if (granule_of((uintptr_t)location->at >> 3)->others[0])
		run_fail("misuse", "%u bytes at %p are written that were read in two sizes", location->size,
		         location->at);
	*message = (struct message){
		.value = value,
		.stamp = stamp_behind(before),
		.number = location->messages++,
		.thread = (int)thread,
		.step = engine.step_count - 1,
	};
	raise_to(seen(&t->now, location), message->stamp);
	release_view(message, t, order, location);
	if (update) {
		before->extended = true;
		if (before->view)
			join(&words[message->view - words], before->view, before->view_length);
	}
	t->now.at[thread]++; /* what comes now is not released with this */
	insert(location, message, before);
	if (order == EXPLORE_SEQ)
		raise_to(seen(&memory.seq, location), message->stamp);
	/* Real memory has the newest: what check() and plain code see. */
	if (location->last == message)
		memcpy((void *)(uintptr_t)location->at, &value, location->size);
	memory.stores++;
}

static void join_seq(struct view *view)
{
	join(view->at + THREADS_MAX, memory.seq.at + THREADS_MAX, memory.count);
}

void memory_fence(unsigned thread, unsigned order)
{
	struct memory_thread *t = &memory.threads[thread];

	if (order & EXPLORE_ACQUIRE)
		join(t->now.at, t->pending.at, view_length());
	if (order == EXPLORE_SEQ) {
		join_seq(&t->now);
		join(memory.seq.at + THREADS_MAX, t->now.at + THREADS_MAX, memory.count);
	}
	if (order & EXPLORE_RELEASE) {
		memcpy(t->fenced.at, t->now.at, view_length() * sizeof *t->now.at);
		t->now.at[thread]++;
	}
}

/* The others' fences come between two of the caller's; of each other they need not know. */
void memory_fence_all(unsigned thread)
{
	struct view before;

	memory_fence(thread, EXPLORE_SEQ);
	memcpy(before.at, memory.seq.at, view_length() * sizeof *before.at);
	for (unsigned t = 0; t < THREADS_MAX; t++) {
		struct memory_thread *other = &memory.threads[t];

		memory_fence(t, EXPLORE_ACQUIRE);
		join(other->now.at + THREADS_MAX, before.at + THREADS_MAX, memory.count);
		join(memory.seq.at + THREADS_MAX, other->now.at + THREADS_MAX, memory.count);
		memory_fence(t, EXPLORE_RELEASE);
	}
	memory_fence(thread, EXPLORE_SEQ);
}

void memory_learn(unsigned thread, unsigned other)
{
	join(memory.threads[thread].now.at, memory.threads[other].now.at, view_length());
}

void memory_refresh(unsigned thread)
{
	for (uint32_t i = 0; i < memory.count; i++)
		raise_to(seen(&memory.threads[thread].now, &memory.locations[i]),
		         memory.locations[i].last->stamp);
}
