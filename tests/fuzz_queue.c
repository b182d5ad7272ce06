/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls on queues, their senders and receivers, and what each may answer.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define OPEN_FAULTS -EBUSY, -EUSERS, -EACCES, -ENOMEM, -EBADMSG, -EINVAL
#define SEND_FAULTS STOA_CLOSED, -EMSGSIZE, -ENOBUFS, -EBUSY, -EUSERS, -EBADMSG, -EINVAL
#define RECEIVE_FAULTS STOA_CLOSED, -ENOBUFS, -EBUSY, -EUSERS, -EBADMSG, -EINVAL

static void commit(struct world *world, struct object *object, size_t i)
{
	struct timespec soon;
	size_t size = object->reserved_size[i];
	int rc;

	if (choose(world, 4)) {
		size -= size ? choose(world, size) : 0;
		rc = stoa_sender_commit(object->senders[i], object->reserved[i], size,
		                        deadline(world, &soon));
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
			EXPECT(message->count >= 1 && message->count <= object->info.queue.pack);
			EXPECT(message->size <= message->count * object->info.queue.message_size);
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

static void peek(struct world *world, const struct stoa_queue *queue)
{
	struct stoa_peek_cursor cursor = { { choose(world, 4), choose(world, 8) } };
	struct stoa_peek_info info = { .struct_size = sizeof info };
	size_t room = choose(world, LARGE);
	uint8_t *bytes = buffer(room, 0);
	int rc;

	do {
		rc = stoa_queue_peek(queue, &cursor, bytes, room, &info);
		MAY(rc, STOA_EMPTY, -EBADMSG);
		EXPECT(rc || info.copied <= room);
	} while (rc == 0);
	free(bytes);
}

/* Each place, and each slot, has one message at most. */
static void ask_for_length(struct stoa_queue *queue)
{
	struct stoa_queue_config shape = { .struct_size = sizeof shape };
	uint64_t length = 0;
	int rc = stoa_queue_length(queue, &length);

	MAY(rc, STOA_FULL, -EBADMSG);
	EXPECT(stoa_queue_info(queue, &shape) == 0);
	EXPECT(length <= shape.capacity + (uint64_t)shape.handles * shape.holds);
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
	case 2:
	case 3:
		peek(world, queue);
		break;
	case 4:
	case 5:
		ask_for_length(queue);
		break;
	default:
		MAY(stoa_queue_stat(queue, &stat), -EBADMSG);
	}
}

void use_queue(struct world *world, struct object *object)
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
