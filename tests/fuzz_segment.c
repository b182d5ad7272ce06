/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A segment that is damaged at random, and every call on it: each returns, and answers what its header says.
 *
 * An input is a list of bytes, and every list means something.  The first ones choose the world: how the
 * segment is made, and up to six objects of any shape.  The others are steps, until they run out: damage to
 * words of the segment, through a mapping of its own; calls of any kind; opening anew; children that play
 * some of the steps and are then killed, or stopped and killed later.  Every buffer has the exact size that
 * the call asks for, so that the address sanitizer sees a byte too many.
 *
 * LLVMFuzzerTestOneInput() fits libFuzzer and AFL++; fuzz_main.c runs it without either.  A wrong answer
 * aborts.  Time is the driver's to guard, but in children, which have an alarm of their own.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stoa.h>

#include "atomic.h"
#include "layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define OBJECTS 6
#define ENDS 2 /* senders, and receivers, of a queue */
#define CHILDREN 2
#define CHILD_SECONDS 100
#define STEPS 200
#define LARGE 4096 /* a damaged shape may speak of more; buffers do not follow it */
#define KINDS 7

union config {
	size_t struct_size;
	struct stoa_value_config value;
	struct stoa_array_config array;
	struct stoa_queue_config queue;
	struct stoa_semaphore_config semaphore;
	struct stoa_event_config event;
	struct stoa_barrier_config barrier;
	struct stoa_lock_config lock;
};

struct object {
	uint32_t kind;
	char name[24];
	union config config, info; /* as it was asked for; as it was opened */
	void *handle;
	struct stoa_sender *senders[ENDS];
	struct stoa_receiver *receivers[ENDS];
	void *reserved[ENDS];
	size_t reserved_size[ENDS];
	struct stoa_message leased[ENDS];
	bool has_lease[ENDS];
};

struct world {
	const uint8_t *at, *end; /* of the input */
	char name[32];           /* "": anonymous */
	int fd;                  /* a duplicate: outlives every handle */
	uint8_t *base, *good;    /* a mapping of its own; its bytes when all was well */
	uint64_t bytes, objects_start[OBJECTS + 1];
	struct segment_header header; /* when all was well */
	struct stoa_segment *segment;
	struct object objects[OBJECTS];
	size_t count;
	pid_t children[CHILDREN]; /* stopped; 0 for none */
	bool in_child;
};

/* ---- the input ---- */

static uint8_t byte(struct world *world)
{
	return world->at < world->end ? *world->at++ : 0;
}

static uint64_t word(struct world *world, int bytes)
{
	uint64_t word = 0;

	while (bytes--)
		word = word << 8 | byte(world);
	return word;
}

/* One of `count`; up to 65,536. */
static uint64_t choose(struct world *world, uint64_t count)
{
	return word(world, count > 256 ? 2 : 1) % count;
}

/* A short deadline; none of them is NULL. */
static const struct timespec *deadline(struct world *world, struct timespec *at)
{
	uint8_t how = byte(world);

	if (how % 4)
		return &stoa_now;
	*at = stoa_deadline((how / 4 - 8) * 10000ll);
	return at;
}

/* ---- what may be answered ---- */

static void may(int line, const char *call, int rc, const int *others, size_t count)
{
	if (rc == 0 && *stoa_strerror(rc))
		return;
	for (size_t i = 0; i < count; i++) {
		if (rc == others[i])
			return;
	}
	fprintf(stderr, "line %d: %s answers %d, %s\n", line, call, rc, stoa_strerror(rc));
	abort();
}

/* 0 or one of these. */
#define MAY(rc, ...)                                                                                         \
	do {                                                                                                 \
		const int others_[] = { __VA_ARGS__ };                                                       \
		may(__LINE__, #rc, (rc), others_, sizeof others_ / sizeof *others_);                         \
	} while (0)

static void expect(bool true_, const char *what)
{
	if (true_)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}
#define EXPECT(condition) expect((condition), #condition)

/* Every byte can be read. */
static void look_at(const void *bytes, size_t size)
{
	const volatile uint8_t *at = bytes;
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += at[i];
	(void)sum;
}

static void *buffer(size_t size, uint8_t with)
{
	void *bytes = malloc(size);

	EXPECT(bytes || !size);
	if (bytes)
		memset(bytes, with, size);
	return bytes;
}

static size_t least(uint64_t size)
{
	return size < LARGE ? size : LARGE;
}

/* ---- objects: configs, create, open, close, info ---- */

static uint32_t topology(uint8_t bits)
{
	return bits & 1 ? STOA_ONE : STOA_MANY;
}

static void choose_queue(struct world *world, struct stoa_queue_config *config)
{
	static const uint64_t capacities[] = { 1, 2, 8, 3 }, sizes[] = { 8, 1, 48, 70 };
	uint8_t how = byte(world), more = byte(world);

	config->senders = topology(how);
	config->receivers = topology(how >> 1);
	config->on_death = how & 4 ? STOA_DISCARD : STOA_REDELIVER;
	config->flags = how & 8 ? STOA_CLOSE_WITH_SENDERS : 0;
	config->capacity = capacities[how >> 4 & 3];
	config->message_size = sizes[how >> 6];
	config->handles = 2 + more % 4;
	config->holds = 1 + more / 4 % 3;
}

static void choose_shape(struct world *world, struct object *object)
{
	union config *config = &object->config;
	uint8_t how;

	memset(config, 0, sizeof *config);
	object->kind = STOA_KIND_VALUE + (uint32_t)choose(world, KINDS);
	if (object->kind == STOA_KIND_QUEUE) {
		config->queue.struct_size = sizeof config->queue;
		choose_queue(world, &config->queue);
		return;
	}
	how = byte(world);
	switch (object->kind) {
	case STOA_KIND_VALUE:
		config->value = (struct stoa_value_config){ .struct_size = sizeof config->value };
		config->value.type = how & 0x80 ? STOA_BYTES : 1 + how % STOA_BOOL;
		config->value.size = how & 0x80 ? 1 + how % 64 * 3u : 0;
		config->value.writers = how & 0x80 ? 1 + how % 3 : 0;
		break;
	case STOA_KIND_ARRAY:
		config->array = (struct stoa_array_config){ .struct_size = sizeof config->array };
		config->array.type = 1 + how % STOA_BOOL;
		config->array.flags = how & 0x80 ? STOA_ATOMIC_RANGES : 0;
		config->array.count = 1 + how / 4 % 32 * 5u;
		config->array.writers = how & 0x80 ? 1 + how % 3 : 0;
		break;
	case STOA_KIND_SEMAPHORE:
		config->semaphore = (struct stoa_semaphore_config){ .struct_size = sizeof config->semaphore };
		config->semaphore.flags = how & 0x80 ? STOA_PERMITS_RETURN : 0;
		config->semaphore.initial = how & 0x80 ? 1 + how % 5 : how % 3;
		config->semaphore.maximum = how & 0x40 ? config->semaphore.initial + !(how & 0x80) : 0;
		break;
	case STOA_KIND_EVENT:
		config->event = (struct stoa_event_config){ sizeof config->event, 0, how % 2 };
		break;
	case STOA_KIND_BARRIER:
		config->barrier = (struct stoa_barrier_config){ sizeof config->barrier, 0, 1 + how % 3 };
		break;
	default:
		config->lock = (struct stoa_lock_config){ .struct_size = sizeof config->lock };
	}
}

#define BY_KIND(kind, call)                                                                                  \
	switch (kind) {                                                                                      \
	case STOA_KIND_VALUE:                                                                                \
		call(value);                                                                                 \
	case STOA_KIND_ARRAY:                                                                                \
		call(array);                                                                                 \
	case STOA_KIND_QUEUE:                                                                                \
		call(queue);                                                                                 \
	case STOA_KIND_SEMAPHORE:                                                                            \
		call(semaphore);                                                                             \
	case STOA_KIND_EVENT:                                                                                \
		call(event);                                                                                 \
	case STOA_KIND_BARRIER:                                                                              \
		call(barrier);                                                                               \
	default:                                                                                             \
		call(lock);                                                                                  \
	}

static int create_object(struct stoa_segment *segment, struct object *object)
{
	uint64_t bytes = 0;

#define CALL(noun)                                                                                           \
	MAY(stoa_##noun##_footprint(&object->config.noun, &bytes), -EINVAL, -EOVERFLOW);                     \
	return stoa_##noun##_create(segment, object->name, &object->config.noun, (void *)&object->handle)
	BY_KIND(object->kind, CALL)
#undef CALL
}

static int open_object(struct stoa_segment *segment, struct object *object, bool as_it_was)
{
#define CALL(noun)                                                                                           \
	return stoa_##noun##_open(segment, object->name, as_it_was ? &object->config.noun : NULL,            \
	                          (void *)&object->handle)
	BY_KIND(object->kind, CALL)
#undef CALL
}

static int info_object(struct object *object)
{
	memset(&object->info, 0xee, sizeof object->info);
#define CALL(noun)                                                                                           \
	object->info.struct_size = sizeof object->info.noun;                                                 \
	return stoa_##noun##_info(object->handle, &object->info.noun)
	BY_KIND(object->kind, CALL)
#undef CALL
}

static int close_handle(struct object *object)
{
	void *handle = object->handle;

	object->handle = NULL;
#define CALL(noun) return stoa_##noun##_close(handle)
	BY_KIND(object->kind, CALL)
#undef CALL
}

static void close_sender(struct object *object, size_t i)
{
	MAY(stoa_sender_close(object->senders[i]));
	object->senders[i] = NULL;
	object->reserved[i] = NULL;
}

static void close_receiver(struct object *object, size_t i)
{
	MAY(stoa_receiver_close(object->receivers[i]));
	object->receivers[i] = NULL;
	object->has_lease[i] = false;
}

static void close_object(struct object *object)
{
	if (!object->handle)
		return;
	for (size_t i = 0; i < ENDS; i++) {
		close_sender(object, i);
		close_receiver(object, i);
	}
	MAY(close_handle(object));
}

static void opened(struct object *object, int rc)
{
	if (rc) {
		object->handle = NULL;
		return;
	}
	EXPECT(object->handle);
	MAY(info_object(object));
}

static void create(struct world *world, struct object *object)
{
	int rc = create_object(world->segment, object);

	MAY(rc, -EEXIST, -EPROTOTYPE, -ENOSPC, -EACCES, -EBADMSG, -ENOMEM, -EUSERS);
	opened(object, rc);
}

static void reopen_object(struct world *world, struct object *object)
{
	int rc;

	close_object(object);
	rc = open_object(world->segment, object, choose(world, 2));
	MAY(rc, -ENOENT, -EPROTOTYPE, -EBADMSG, -ENOMEM);
	opened(object, rc);
}

/* ---- values and arrays ---- */

#define READ_FAULTS -EBADMSG, -EINVAL
#define WRITE_FAULTS -EUSERS, -EACCES, -EBADMSG, -EINVAL
#define FETCH_FAULTS -EPROTOTYPE, -EACCES, -EINVAL

static int change(void *bytes, void *context)
{
	int *answer = context;

	*(uint8_t *)bytes ^= 0x11;
	return *answer;
}

static void use_value(struct world *world, struct object *object)
{
	struct stoa_value *value = object->handle;
	size_t size = object->info.value.size ? object->info.value.size
	                                      : stoa_type_size(object->info.value.type);
	struct timespec soon;
	uint8_t *in, *out;
	int answer = 0;

	EXPECT(size && size <= world->bytes);
	in = buffer(size, byte(world));
	out = buffer(size, 0);
	switch (choose(world, 14)) {
	case 0:
		MAY(stoa_value_store(value, in), WRITE_FAULTS);
		break;
	case 1:
		MAY(stoa_value_exchange(value, in, out), WRITE_FAULTS);
		break;
	case 2:
		if (stoa_value_load(value, out) == 0)
			MAY(stoa_value_compare_exchange(value, out, in), STOA_CHANGED, WRITE_FAULTS);
		break;
	case 3:
		MAY(stoa_value_fetch_add(value, in, out), FETCH_FAULTS);
		break;
	case 4:
		MAY(stoa_value_fetch_sub(value, in, NULL), FETCH_FAULTS);
		break;
	case 5:
		MAY(stoa_value_fetch_and(value, in, out), FETCH_FAULTS);
		break;
	case 6:
		MAY(stoa_value_fetch_or(value, in, out), FETCH_FAULTS);
		break;
	case 7:
		MAY(stoa_value_fetch_xor(value, in, out), FETCH_FAULTS);
		break;
	case 8:
		MAY(stoa_value_fetch_min(value, in, out), FETCH_FAULTS);
		break;
	case 9:
		MAY(stoa_value_fetch_max(value, in, out), FETCH_FAULTS);
		break;
	case 10:
		answer = (int)choose(world, 2) * 77;
		MAY(stoa_value_update(value, change, &answer), 77, -ENOMEM, WRITE_FAULTS);
		break;
	case 11:
		MAY(stoa_value_wait(value, in, deadline(world, &soon)), STOA_TIMEOUT, -EINTR, -EACCES,
		    READ_FAULTS);
		break;
	case 12:
		MAY(stoa_value_compare_exchange(value, in, out), STOA_CHANGED, WRITE_FAULTS);
		break;
	default:
		MAY(stoa_value_load(value, out), READ_FAULTS);
	}
	free(in);
	free(out);
}

static void use_element(struct world *world, struct stoa_array *array, uint64_t index, size_t size)
{
	uint8_t *in = buffer(size, byte(world)), *out = buffer(size, 0);
#define ALSO -EPROTOTYPE, WRITE_FAULTS

	switch (choose(world, 11)) {
	case 0:
		MAY(stoa_array_load(array, index, out), READ_FAULTS);
		break;
	case 1:
		MAY(stoa_array_store(array, index, in), WRITE_FAULTS);
		break;
	case 2:
		MAY(stoa_array_exchange(array, index, in, out), WRITE_FAULTS);
		break;
	case 3:
		MAY(stoa_array_compare_exchange(array, index, in, out), STOA_CHANGED, WRITE_FAULTS);
		break;
	case 4:
		MAY(stoa_array_fetch_add(array, index, in, out), ALSO);
		break;
	case 5:
		MAY(stoa_array_fetch_sub(array, index, in, out), ALSO);
		break;
	case 6:
		MAY(stoa_array_fetch_and(array, index, in, NULL), ALSO);
		break;
	case 7:
		MAY(stoa_array_fetch_or(array, index, in, out), ALSO);
		break;
	case 8:
		MAY(stoa_array_fetch_xor(array, index, in, out), ALSO);
		break;
	case 9:
		MAY(stoa_array_fetch_min(array, index, in, out), ALSO);
		break;
	default:
		MAY(stoa_array_fetch_max(array, index, in, out), ALSO);
	}
	free(in);
	free(out);
}

static void use_array(struct world *world, struct object *object)
{
	const struct stoa_array_config *info = &object->info.array;
	struct stoa_array *array = object->handle;
	size_t size = stoa_type_size(info->type);
	uint64_t first = choose(world, 4) ? choose(world, least(info->count))
	                                  : info->count - choose(world, 2);
	uint64_t count = choose(world, least(info->count) + 1);
	uint8_t *bytes;

	EXPECT(size && info->count && info->count <= world->bytes / size);
	switch (choose(world, 8)) {
	case 0:
		bytes = stoa_array_data(array);
		EXPECT(!bytes == !!(info->flags & STOA_ATOMIC_RANGES));
		if (bytes)
			look_at(bytes, info->count * size);
		break;
	case 1:
	case 2:
		bytes = buffer(count * size, 0);
		MAY(stoa_array_read(array, first, count, bytes), READ_FAULTS);
		free(bytes);
		break;
	case 3:
	case 4:
		bytes = buffer(count * size, byte(world));
		MAY(stoa_array_write(array, first, count, bytes), WRITE_FAULTS);
		free(bytes);
		break;
	default:
		use_element(world, array, first, size);
	}
}

/* ---- queues ---- */

#define OPEN_FAULTS -EBUSY, -EUSERS, -EACCES, -ENOMEM, -EBADMSG, -EINVAL
#define SEND_FAULTS STOA_CLOSED, -EMSGSIZE, -ENOBUFS, -EBUSY, -EUSERS, -EBADMSG, -EINVAL
#define RECEIVE_FAULTS STOA_CLOSED, -ENOBUFS, -EBUSY, -EUSERS, -EBADMSG, -EINVAL

static void commit(struct world *world, struct object *object, size_t i)
{
	struct timespec soon;
	size_t size = object->reserved_size[i];
	int rc;

	if (choose(world, 4)) {
		rc = stoa_sender_commit(object->senders[i], object->reserved[i],
		                        size - (size ? choose(world, size) : 0), deadline(world, &soon));
		MAY(rc, STOA_FULL, STOA_TIMEOUT, STOA_CLOSED, -EINTR, -EMSGSIZE, -EINVAL, -ESTALE, -EBADMSG);
		if (rc)
			return;
	} else {
		MAY(stoa_sender_abort(object->senders[i], object->reserved[i]), -EINVAL, -ESTALE);
	}
	object->reserved[i] = NULL;
}

static void send(struct world *world, struct object *object, size_t i)
{
	struct stoa_sender *sender = object->senders[i];
	size_t size = choose(world, least(object->info.queue.message_size) + 2), done = 99;
	uint8_t *bytes = buffer(4 * size, (uint8_t)size);
	struct timespec soon;
	int rc;

	switch (choose(world, 5)) {
	case 0:
		close_sender(object, i);
		break;
	case 1:
		MAY(stoa_sender_push(sender, bytes, size), STOA_FULL, SEND_FAULTS);
		break;
	case 2:
		MAY(stoa_sender_send(sender, bytes, size, deadline(world, &soon)), STOA_FULL, STOA_TIMEOUT,
		    -EINTR, SEND_FAULTS);
		break;
	case 3:
		MAY(stoa_sender_push_many(sender, bytes, size, 4, &done), STOA_FULL, SEND_FAULTS);
		EXPECT(done <= 4);
		break;
	default:
		if (object->reserved[i]) {
			commit(world, object, i);
			break;
		}
		rc = stoa_sender_reserve(sender, size, &object->reserved[i]);
		MAY(rc, -EMSGSIZE, -ENOBUFS, -EBUSY, -EUSERS, -EINVAL, -EBADMSG);
		if (rc)
			object->reserved[i] = NULL;
		else
			memset(object->reserved[i], 0x77, size);
		object->reserved_size[i] = size;
	}
	free(bytes);
}

static void take(struct world *world, struct object *object, size_t i)
{
	struct stoa_message *message = &object->leased[i];
	struct timespec soon;
	int rc;

	if (!object->has_lease[i]) {
		rc = stoa_receiver_take(object->receivers[i], message, deadline(world, &soon));
		MAY(rc, STOA_EMPTY, STOA_TIMEOUT, -EINTR, RECEIVE_FAULTS);
		object->has_lease[i] = rc == 0;
		if (rc == 0) {
			EXPECT(message->size <= object->info.queue.message_size);
			look_at(message->bytes, message->size);
		}
		return;
	}
	look_at(message->bytes, message->size);
	if (choose(world, 2))
		MAY(stoa_receiver_release(object->receivers[i], message), -EINVAL, -ESTALE);
	else
		MAY(stoa_receiver_return(object->receivers[i], message), -EINVAL, -ESTALE);
	object->has_lease[i] = false;
}

static void receive(struct world *world, struct object *object, size_t i)
{
	struct stoa_receiver *receiver = object->receivers[i];
	size_t room = least(object->info.queue.message_size), sizes[4], size, done = 99;
	uint8_t *bytes;
	struct timespec soon;

	room -= choose(world, 8) ? 0 : choose(world, room + 1);
	bytes = buffer(4 * room, 0);
	switch (choose(world, 6)) {
	case 0:
		close_receiver(object, i);
		break;
	case 1:
		MAY(stoa_receiver_pop(receiver, bytes + 3 * room, room, &size), STOA_EMPTY, -EMSGSIZE,
		    RECEIVE_FAULTS);
		break;
	case 2:
		MAY(stoa_receiver_recv(receiver, bytes + 3 * room, room, NULL, deadline(world, &soon)),
		    STOA_EMPTY, STOA_TIMEOUT, -EINTR, -EMSGSIZE, RECEIVE_FAULTS);
		break;
	case 3:
		MAY(stoa_receiver_pop_many(receiver, bytes, room, sizes, 4, &done), STOA_EMPTY, -EMSGSIZE,
		    RECEIVE_FAULTS);
		EXPECT(done <= 4);
		break;
	default:
		take(world, object, i);
	}
	free(bytes);
}

static void use_queue_itself(struct world *world, struct stoa_queue *queue)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };
	int rc;

	switch (choose(world, 8)) {
	case 0:
		MAY(stoa_queue_shutdown(queue, 1 + (unsigned)choose(world, 3)), -EINVAL, -EACCES);
		break;
	case 1:
		rc = stoa_queue_fd(queue, 1 + (unsigned)choose(world, 3));
		MAY(rc < 0 ? rc : 0, -EACCES, -ENOMEM, -EMFILE, -EAGAIN);
		break;
	default:
		MAY(stoa_queue_stat(queue, &stat), -EBADMSG);
	}
}

static void use_queue(struct world *world, struct object *object)
{
	uint8_t how = byte(world);
	size_t i = how >> 7;
	int rc;

	if (how % 8 == 0) {
		use_queue_itself(world, object->handle);
	} else if (how & 1) {
		if (object->senders[i]) {
			send(world, object, i);
			return;
		}
		rc = stoa_sender_open(object->handle, &object->senders[i]);
		MAY(rc, OPEN_FAULTS);
		if (rc)
			object->senders[i] = NULL;
	} else {
		if (object->receivers[i]) {
			receive(world, object, i);
			return;
		}
		rc = stoa_receiver_open(object->handle, &object->receivers[i]);
		MAY(rc, OPEN_FAULTS);
		if (rc)
			object->receivers[i] = NULL;
	}
}

/* ---- semaphore, event, barrier, lock ---- */

#define WAIT_FAULTS STOA_TIMEOUT, -EINTR, -EACCES, -EINVAL

static void use_sync(struct world *world, struct object *object)
{
	void *handle = object->handle;
	struct timespec soon;
	bool wait = choose(world, 2);

	switch (object->kind) {
	case STOA_KIND_SEMAPHORE:
		if (wait)
			MAY(stoa_semaphore_wait(handle, deadline(world, &soon)), -EUSERS, WAIT_FAULTS);
		else
			MAY(stoa_semaphore_post(handle), -EOVERFLOW, -EPERM, -EUSERS, -EACCES, -EINVAL);
		break;
	case STOA_KIND_EVENT:
		if (wait)
			MAY(stoa_event_wait(handle, deadline(world, &soon)), WAIT_FAULTS);
		else if (choose(world, 2))
			MAY(stoa_event_set(handle), -EACCES, -EINVAL);
		else
			MAY(stoa_event_clear(handle), -EACCES, -EINVAL);
		break;
	case STOA_KIND_BARRIER:
		MAY(stoa_barrier_wait(handle, deadline(world, &soon)), -EUSERS, -EBADMSG, WAIT_FAULTS);
		break;
	default:
		if (wait)
			MAY(stoa_lock_acquire(handle, deadline(world, &soon)), STOA_OWNER_DIED, -EDEADLK,
			    -EUSERS, -EBADMSG, WAIT_FAULTS);
		else
			MAY(stoa_lock_release(handle), -EPERM, -EACCES, -EUSERS, -EINVAL);
	}
}

static void use_object(struct world *world, struct object *object)
{
	if (!object->handle)
		reopen_object(world, object);
	else if (choose(world, 16) == 0)
		MAY(info_object(object));
	else if (object->kind == STOA_KIND_VALUE)
		use_value(world, object);
	else if (object->kind == STOA_KIND_ARRAY)
		use_array(world, object);
	else if (object->kind == STOA_KIND_QUEUE)
		use_queue(world, object);
	else
		use_sync(world, object);
}

/* ---- the segment ---- */

static void list(const struct stoa_segment *segment)
{
	struct stoa_segment_info info = { .struct_size = sizeof info };
	struct stoa_object_info object = { .struct_size = sizeof object };
	struct stoa_participant_info participant = { .struct_size = sizeof participant };
	uint32_t i;
	int rc;

	MAY(stoa_segment_info(segment, &info));
	for (i = 0; (rc = stoa_segment_object(segment, i, &object)) != -ENOENT; i++) {
		MAY(rc, STOA_EMPTY, -EBADMSG);
		EXPECT(i < info.objects);
		EXPECT(rc || memchr(object.name, 0, sizeof object.name));
	}
	for (i = 0; (rc = stoa_segment_participant(segment, i, &participant)) != -ENOENT; i++) {
		MAY(rc, STOA_EMPTY);
		EXPECT(i < info.participants);
		EXPECT(rc || memchr(participant.comm, 0, sizeof participant.comm));
	}
}

static void reap(const struct world *world)
{
	int rc = stoa_segment_reap(world->segment);

	MAY(rc > 0 ? 0 : rc, -EACCES, -ENOMEM, -EUSERS);
}

static void heal(struct world *world, uint64_t from, uint64_t bytes)
{
	copy_racy_in(world->base + from, world->good + from, bytes);
}

static void leave(struct world *world)
{
	for (size_t i = 0; i < world->count; i++)
		close_object(&world->objects[i]);
	MAY(stoa_segment_close(world->segment));
	world->segment = NULL;
}

/* Opens the segment anew: everything is validated again.  Where that fails, its header is put right. */
static void reopen(struct world *world)
{
	unsigned flags = choose(world, 4) ? 0 : STOA_READ_ONLY;
	int rc;

	leave(world);
	for (int tries = 0; tries < 2 && !world->segment; tries++) {
		rc = stoa_segment_open_fd(world->fd, flags, &world->segment);
		MAY(rc, -EBADMSG, -ENODATA, -EPROTONOSUPPORT, -EPROTOTYPE, -EUSERS);
		if (rc) {
			world->segment = NULL;
			heal(world, 0, sizeof world->header);
		}
	}
	for (size_t i = 0; i < world->count && world->segment; i++)
		reopen_object(world, &world->objects[i]);
}

/* By name there is a life to it: the last to leave removes the name. */
static void reopen_by_name(struct world *world)
{
	struct stoa_segment *second = NULL;
	int rc;

	if (!*world->name)
		return;
	rc = stoa_segment_open(world->name, 0, &second);
	MAY(rc, -ENOENT, -EBADMSG, -ENODATA, -EPROTONOSUPPORT, -EPROTOTYPE, -EUSERS);
	if (rc == 0)
		MAY(stoa_segment_close(second));
}

/* ---- damage ---- */

static uint64_t *word_at(struct world *world, uint64_t offset)
{
	return (void *)(world->base + (offset & ~7ull) % world->bytes);
}

/* Somewhere in the header, the participants, the directory, or, most often, an object: near its start. */
static uint64_t somewhere(struct world *world)
{
	const struct segment_header *header = &world->header;
	uint8_t where = byte(world);
	size_t i = where % world->count;
	uint64_t from = world->objects_start[i], to = world->objects_start[i + 1];

	switch (where >> 4) {
	case 0:
		return choose(world, sizeof *header);
	case 1:
	case 2: /* the first few are in use */
		return header->participants_offset + choose(world, 4 * sizeof(struct participant_record));
	case 3:
		return header->directory_offset +
		       choose(world, header->heap_offset - header->directory_offset);
	case 4: /* the first entries */
		return header->directory_offset + header->buckets * 8 +
		       choose(world, 8 * sizeof(struct directory_entry));
	case 5:
		return word(world, 3) % world->bytes;
	case 6:
	case 7:
		return from + word(world, 2) % (to - from);
	default:
		return from + choose(world, to - from < 256 ? to - from : 256) * (where & 0x40 ? 1 : 2) %
		                      (to - from);
	}
}

static uint64_t spoilt(struct world *world, uint64_t offset, uint64_t old)
{
	switch (choose(world, 14)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return old + 1;
	case 3:
		return old - 1;
	case 4: /* a neighbour */
		return elem64_load_rlx(word_at(world, offset + 8));
	case 5:
		return elem64_load_rlx(word_at(world, offset + world->bytes - 8));
	case 6:
		return old ^ 1ull << choose(world, 64);
	case 7: /* another block */
		return (old & ~0xffffffull) | choose(world, 20);
	case 8:
		return (old & ~0xfffull) | choose(world, 16);
	case 9: /* another state */
		return (old & ~0xffull) | choose(world, 8);
	case 10: /* another participant */
		return (old & ~0xffff00ull) | choose(world, 10) << 8;
	case 11:
		return old + ((uint64_t)1 << choose(world, 64));
	case 12: /* a small number, in either half */
		return choose(world, 2) ? (old & ~0xffffffffull) | choose(world, 70)
		                        : (old & 0xffffffffull) | choose(world, 70) << 32;
	default:
		return word(world, 8);
	}
}

static void damage(struct world *world)
{
	uint64_t from = somewhere(world), words = 1;
	uint8_t how = byte(world);

	if (how >= 0xf0) { /* noise */
		for (uint64_t i = 0; i < how % 16u * 4; i++)
			elem64_store_rlx(word_at(world, from + 8 * i), (i + how) * 0x9e3779b97f4a7c15ull);
	} else if (how >= 0xe0) { /* as it was once */
		from &= ~7ull;
		words = 8 * (1 + how % 16u);
		heal(world, from, words < world->bytes - from ? words : world->bytes - from);
	} else if (how >= 0xc0) {
		elem8_store_rlx(world->base + from % world->bytes, byte(world));
	} else {
		elem64_store_rlx(word_at(world, from),
		                 spoilt(world, from, elem64_load_rlx(word_at(world, from))));
	}
}

/* ---- children ---- */

static void play(struct world *world);

/* Plays the next steps alone; then it is killed, or stopped and killed later. */
static void live_and_die(struct world *world, size_t steps, bool stop)
{
	signal(SIGALRM, SIG_DFL);
	signal(SIGSTOP, SIG_DFL);
	alarm(CHILD_SECONDS);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	world->in_child = true;
	if (steps < (size_t)(world->end - world->at))
		world->end = world->at + steps;
	play(world);
	alarm(0);
	if (stop)
		raise(SIGSTOP);
	raise(SIGKILL);
}

static void bury(pid_t *child)
{
	int status;

	if (!*child)
		return;
	kill(*child, SIGKILL);
	while (waitpid(*child, &status, 0) < 0 && errno == EINTR)
		;
	*child = 0;
}

static void child(struct world *world)
{
	pid_t *place = &world->children[choose(world, CHILDREN)];
	bool stop = choose(world, 2);
	size_t steps = byte(world) / 2;
	int status = 0;

	if (world->in_child)
		return;
	bury(place);
	*place = fork();
	EXPECT(*place >= 0);
	if (*place == 0)
		live_and_die(world, steps, stop);
	while (waitpid(*place, &status, WUNTRACED) < 0 && errno == EINTR)
		;
	if (!WIFSTOPPED(status))
		*place = 0;
	if (!WIFSTOPPED(status) && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) {
		fprintf(stderr, "a child ended with status %#x\n", status);
		abort();
	}
	world->at += steps < (size_t)(world->end - world->at) ? steps : (size_t)(world->end - world->at);
}

/* ---- a world ---- */

static void make_objects(struct world *world)
{
	uint64_t *start = world->objects_start;

	for (size_t i = 0; i < world->count; i++) {
		struct object *object = &world->objects[i];

		snprintf(object->name, sizeof object->name, "o%zu", i);
		choose_shape(world, object);
		MAY(create_object(world->segment, object));
		opened(object, 0);
	}
	/* Objects lie one behind the other, in the order of their making. */
	start[0] = world->header.heap_offset;
	for (size_t i = 0; i < world->count; i++) {
		struct stoa_object_info info = { .struct_size = sizeof info };

		MAY(stoa_segment_object(world->segment, (uint32_t)i, &info));
		start[i + 1] = start[i] + info.bytes;
		EXPECT(start[i + 1] <= world->bytes);
	}
}

static void begin(struct world *world)
{
	struct stoa_segment_config config = { .struct_size = sizeof config, .bytes = 128u << 10 };
	uint8_t how = byte(world);
	struct stat stat;

	config.participants = 3 + how % 4;
	config.objects = 64;
	if (how >= 0xe0) {
		snprintf(world->name, sizeof world->name, "fuzz-%d", (int)getpid());
		config.flags = how & 8 ? STOA_UNLINK_LAST : 0;
	}
	world->count = 1 + how / 8 % OBJECTS;
	MAY(stoa_segment_create(*world->name ? world->name : NULL, &config, &world->segment));
	world->fd = dup(stoa_segment_fd(world->segment));
	EXPECT(world->fd >= 0 && fstat(world->fd, &stat) == 0);
	world->bytes = (uint64_t)stat.st_size;
	world->base = mmap(NULL, world->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, world->fd, 0);
	EXPECT(world->base != MAP_FAILED);
	memcpy(&world->header, world->base, sizeof world->header);
	make_objects(world);
	world->good = malloc(world->bytes);
	EXPECT(world->good);
	memcpy(world->good, world->base, world->bytes);
}

static void finish(struct world *world)
{
	for (size_t i = 0; i < CHILDREN; i++)
		bury(&world->children[i]);
	leave(world);
	if (*world->name)
		MAY(stoa_segment_unlink(world->name), -ENOENT);
	munmap(world->base, world->bytes);
	close(world->fd);
	free(world->good);
}

/* One more object, or one that is there, by a shape that may not be its own. */
static void create_another(struct world *world)
{
	struct object object = { 0 };

	snprintf(object.name, sizeof object.name, "%c%d", choose(world, 4) ? 'n' : 'o',
	         (int)choose(world, 6));
	choose_shape(world, &object);
	create(world, &object);
	if (object.handle)
		use_object(world, &object);
	close_object(&object);
}

static void rare(struct world *world)
{
	switch (choose(world, 8)) {
	case 0:
	case 1:
		reopen(world);
		break;
	case 2:
		create_another(world);
		break;
	case 3:
		reopen_by_name(world);
		break;
	case 4:
		bury(&world->children[choose(world, CHILDREN)]);
		break;
	default:
		child(world);
	}
}

static void step(struct world *world)
{
	uint8_t what = byte(world);
	struct object *object = &world->objects[what / 16 % world->count];

	switch (what % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
		damage(world);
		break;
	case 4:
		if (what & 0x80)
			rare(world);
		else
			reap(world);
		break;
	case 5:
		if (what & 0x80)
			list(world->segment);
		else
			reopen_object(world, object);
		break;
	default:
		use_object(world, object);
	}
}

static void play(struct world *world)
{
	for (int i = 0; i < STEPS && world->at < world->end && world->segment; i++)
		step(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world = { .at = data, .end = data + size };

	begin(&world);
	play(&world);
	finish(&world);
	return 0;
}
