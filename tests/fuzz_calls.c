/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls on values, arrays, semaphores, events, barriers and locks, and what each may answer.
 */
#include <stdlib.h>

#include "fuzz.h"

#define READ_FAULTS -EBADMSG, -EINVAL
#define WRITE_FAULTS -EUSERS, -EACCES, -EBADMSG, -EINVAL
#define FETCH_FAULTS -EPROTOTYPE, -EACCES, -EINVAL
#define WAIT_FAULTS STOA_TIMEOUT, -EINTR, -EACCES, -EINVAL

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
	                                  : info->count - choose(world, 3);
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
		if (wait && choose(world, 2))
			MAY(stoa_lock_take(handle, deadline(world, &soon)), STOA_OWNER_DIED, -EUSERS,
			    -EBADMSG, WAIT_FAULTS);
		else if (wait)
			MAY(stoa_lock_acquire(handle, deadline(world, &soon)), STOA_OWNER_DIED, -EDEADLK,
			    -EUSERS, -EBADMSG, WAIT_FAULTS);
		else if (choose(world, 2))
			MAY(stoa_lock_break(handle), -EPERM, -EACCES, -EINVAL);
		else
			MAY(stoa_lock_release(handle), -EPERM, -EACCES, -EUSERS, -EINVAL);
	}
}

void use_object(struct world *world, struct object *object)
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
