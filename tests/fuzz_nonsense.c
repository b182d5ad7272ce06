/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What no caller should ask for: configs of any bytes, nothing where something is needed, blocks and messages
 * that are not the caller's.  All of it is refused.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

/* Never 0: -EINVAL, or one of these. */
#define REFUSED(call, ...)                                                                                   \
	do {                                                                                                 \
		int answer_ = (call);                                                                        \
		if (answer_ != -EINVAL)                                                                      \
			MAY(answer_ ? answer_ : INT_MAX, __VA_ARGS__);                                       \
	} while (0)

/* ---- configs ---- */

/* Of any size, in a buffer of just that. */
static void *odd_config(struct world *world, const struct object *object)
{
	size_t own = config_size(object->kind), sizes[] = { own, own, own, own - 4, 8, 4, 0, own + 8, 4097 };
	size_t size = sizes[byte(world) % (sizeof sizes / sizeof *sizes)];
	size_t there = size == 0 ? own : size < 8 || size > 4096 ? 8 : size;
	uint8_t *bytes = buffer(there, 0), times = byte(world) % 4;
	size_t initial = 0;

	memcpy(bytes, &object->config, there < own ? there : own);
	memcpy(bytes, &size, sizeof size);
	for (; times && there >= 12; times--) {
		static const uint32_t values[] = {
			0, 1, UINT32_MAX, STOA_EXCLUSIVE, 0x80000000, 4097, 65537
		};
		uint8_t what = byte(world);
		uint32_t value = what < 0x80 ? values[what % 7] : what < 0xc0 ? 1u << what % 32 : what % 64;

		memcpy(bytes + 8 + choose(world, (there - 8) / 4) * 4, &value, sizeof value);
	}
	/* A pointer is the caller's to get right. */
	if (object->kind == STOA_KIND_VALUE)
		initial = offsetof(struct stoa_value_config, initial);
	else if (object->kind == STOA_KIND_ARRAY)
		initial = offsetof(struct stoa_array_config, initial);
	for (size_t i = initial; i < initial + sizeof(void *) && i < there && initial; i++)
		bytes[i] = 0;
	return bytes;
}

static void ask_oddly(struct world *world)
{
	static const char *const names[] = { "n0", "n1", "o0", "odd", "", NULL };
	struct object object = { 0 };
	const char *name = names[byte(world) % (sizeof names / sizeof *names)];
	void *config;
	int rc;

	choose_shape(world, &object);
	config = odd_config(world, &object);
	memset(object.name, name ? 0 : 'x', sizeof object.name - 1);
	if (name)
		memcpy(object.name, name, strlen(name));
	if (choose(world, 3)) {
		rc = create_object(world->segment, &object, config);
		MAY(rc, -EEXIST, -EPROTOTYPE, -EINVAL, -EOVERFLOW, -ENOSPC, -EACCES, -EBADMSG, -ENOMEM,
		    -EUSERS);
	} else {
		rc = open_object(world->segment, &object, config);
		MAY(rc, -ENOENT, -EPROTOTYPE, -EINVAL, -EBADMSG, -ENOMEM, -EOVERFLOW);
	}
	free(config);
	opened(&object, rc);
	if (object.handle)
		use_object(world, &object);
	close_object(&object);
}

/* ---- nobody, and nothing ---- */

static void nobody_asks(struct world *world)
{
	uint64_t word = 0;

	REFUSED(stoa_segment_create(NULL, NULL, NULL));
	REFUSED(stoa_segment_open("", 0, &world->segment));
	REFUSED(stoa_segment_fd(NULL));
	REFUSED(stoa_segment_info(world->segment, NULL));
	REFUSED(stoa_segment_object(world->segment, 0, NULL));
	REFUSED(stoa_segment_participant(world->segment, 0, NULL));
	REFUSED(stoa_segment_reap(NULL));
	MAY(stoa_segment_close(NULL));
	REFUSED(stoa_value_load(NULL, &word));
	REFUSED(stoa_value_store(NULL, &word));
	REFUSED(stoa_value_type(NULL));
	REFUSED(stoa_value_wait(NULL, &word, &stoa_now));
	REFUSED(stoa_array_load(NULL, 0, &word));
	REFUSED(stoa_array_read(NULL, 0, 1, &word));
	REFUSED(stoa_queue_shutdown(NULL, STOA_NOW));
	REFUSED(stoa_queue_fd(NULL, STOA_READABLE));
	REFUSED(stoa_sender_push(NULL, &word, 1));
	REFUSED(stoa_receiver_pop(NULL, &word, 8, NULL));
	REFUSED(stoa_semaphore_post(NULL));
	REFUSED(stoa_event_set(NULL));
	REFUSED(stoa_barrier_wait(NULL, &stoa_now));
	REFUSED(stoa_lock_acquire(NULL, &stoa_now));
	MAY(stoa_value_close(NULL));
	MAY(stoa_array_close(NULL));
	MAY(stoa_queue_close(NULL));
	MAY(stoa_sender_close(NULL));
	MAY(stoa_receiver_close(NULL));
	EXPECT(*stoa_strerror((int)word - 1000 * (int)byte(world)) && *stoa_version());
}

static void nothing_is_given(struct object *object)
{
	void *handle = object->handle;
	size_t done;

	switch (object->kind) {
	case STOA_KIND_VALUE:
		REFUSED(stoa_value_load(handle, NULL));
		REFUSED(stoa_value_store(handle, NULL), -EACCES);
		REFUSED(stoa_value_update(handle, NULL, NULL), -EACCES);
		REFUSED(stoa_value_wait(handle, NULL, &stoa_now), -EACCES);
		EXPECT(stoa_value_type(handle) == (int)object->info.value.type);
		break;
	case STOA_KIND_ARRAY:
		REFUSED(stoa_array_load(handle, 0, NULL));
		REFUSED(stoa_array_read(handle, 0, 1, NULL));
		REFUSED(stoa_array_write(handle, 0, 1, NULL), -EACCES);
		break;
	case STOA_KIND_QUEUE:
		REFUSED(stoa_queue_stat(handle, NULL));
		REFUSED(stoa_queue_length(handle, NULL));
		REFUSED(stoa_sender_open(handle, NULL));
		REFUSED(stoa_receiver_open(handle, NULL));
		REFUSED(stoa_queue_fd(handle, 8), -EACCES);
		if (object->senders[0]) {
			REFUSED(stoa_sender_push(object->senders[0], NULL, 1));
			REFUSED(stoa_sender_push_many(object->senders[0], NULL, 1, 2, &done));
			REFUSED(stoa_sender_reserve(object->senders[0], 1, NULL));
		}
		if (object->receivers[0]) {
			REFUSED(stoa_receiver_pop(object->receivers[0], NULL, 1, NULL));
			REFUSED(stoa_receiver_take(object->receivers[0], NULL, &stoa_now));
			REFUSED(stoa_receiver_release(object->receivers[0], NULL));
		}
		break;
	default:
		break;
	}
}

/* ---- what is somebody else's ---- */

/* One block more than this sender may have, perhaps. */
static void reserve_another(struct stoa_sender *sender)
{
	void *bytes = NULL;
	int rc = stoa_sender_reserve(sender, 1, &bytes);

	MAY(rc, -ENOBUFS, -EMSGSIZE, -EBUSY, -EUSERS, -EBADMSG, -EINVAL);
	if (rc == 0)
		MAY(stoa_sender_abort(sender, bytes));
}

static void forge(struct world *world, struct object *object)
{
	struct stoa_message message = object->leased[0];
	struct stoa_sender *sender = object->senders[0];
	struct stoa_receiver *receiver = object->receivers[0];
	uint64_t *words = (void *)&message;
	uint8_t *bytes = object->reserved[0], times = 1 + byte(world) % 3;

	if (sender) {
		bytes = bytes ? bytes + 1 + choose(world, 64) : (void *)&message;
		REFUSED(stoa_sender_commit(sender, bytes, 1, &stoa_now), -ESTALE);
		REFUSED(stoa_sender_abort(sender, bytes), -ESTALE);
		if (object->reserved[0])
			REFUSED(stoa_sender_commit(sender, object->reserved[0], object->reserved_size[0] + 1,
			                           &stoa_now),
			        -EMSGSIZE, -ESTALE);
		reserve_another(sender);
	}
	for (; receiver && times; times--) {
		size_t i = choose(world, sizeof message / sizeof *words);

		words[i] = choose(world, 2) ? choose(world, 8) : words[i] ^ 1ull << choose(world, 64);
	}
	if (!receiver || !memcmp(&message, &object->leased[0], sizeof message))
		return;
	if (choose(world, 2))
		MAY(stoa_receiver_release(receiver, &message), -EINVAL, -ESTALE);
	else
		MAY(stoa_receiver_return(receiver, &message), -EINVAL, -ESTALE);
	object->has_lease[0] = false; /* it may well have been that one: its number was left as it was */
}

void talk_nonsense(struct world *world, struct object *object)
{
	switch (choose(world, 4)) {
	case 0:
		nobody_asks(world);
		break;
	case 1:
		if (object->handle)
			nothing_is_given(object);
		break;
	case 2:
		if (object->handle && object->kind == STOA_KIND_QUEUE)
			forge(world, object);
		break;
	default:
		ask_oddly(world);
	}
}
