/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Objects of any kind and shape: asked for, made, opened, closed.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define KINDS 7

static uint32_t topology(uint8_t bits)
{
	return bits & 1 ? STOA_ONE : STOA_MANY;
}

static void choose_queue(struct world *world, struct stoa_queue_config *config)
{
	static const uint64_t capacities[] = { 1, 2, 8, 3 }, sizes[] = { 8, 1, 48, 70 };
	static const uint32_t packs[] = { 0, 3, 4 };
	uint8_t how = byte(world), more = byte(world);

	config->senders = topology(how);
	config->receivers = topology(how >> 1);
	config->on_death = how & 4 ? STOA_DISCARD : STOA_REDELIVER;
	config->flags = how & 8 ? STOA_CLOSE_WITH_SENDERS : 0;
	config->capacity = capacities[how >> 4 & 3];
	config->message_size = sizes[how >> 6];
	config->handles = 2 + more % 4;
	config->holds = 1 + more / 4 % 3;
	config->pack = packs[more / 12 % 3];
}

void choose_shape(struct world *world, struct object *object)
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

size_t config_size(uint32_t kind)
{
#define CALL(noun) return sizeof(struct stoa_##noun##_config)
	BY_KIND(kind, CALL)
#undef CALL
}

int create_object(struct stoa_segment *segment, struct object *object, const void *config)
{
	uint64_t bytes = 0;

#define CALL(noun)                                                                                           \
	MAY(stoa_##noun##_footprint(config, &bytes), -EINVAL, -EOVERFLOW);                                   \
	return stoa_##noun##_create(segment, object->name, config, (void *)&object->handle)
	BY_KIND(object->kind, CALL)
#undef CALL
}

int open_object(struct stoa_segment *segment, struct object *object, const void *config)
{
#define CALL(noun) return stoa_##noun##_open(segment, object->name, config, (void *)&object->handle)
	BY_KIND(object->kind, CALL)
#undef CALL
}

int create_with_initial(struct stoa_segment *segment, struct object *object, uint8_t with)
{
	union config config = object->config;
	void *initial = NULL;
	int rc;

	if (object->kind == STOA_KIND_VALUE) {
		initial = buffer(config.value.size ? config.value.size : stoa_type_size(config.value.type),
		                 with);
		config.value.initial = initial;
	} else if (object->kind == STOA_KIND_ARRAY) {
		initial = buffer(config.array.count * stoa_type_size(config.array.type), with);
		config.array.initial = initial;
	}
	rc = create_object(segment, object, &config);
	free(initial);
	return rc;
}

int info_object(struct object *object)
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

void close_sender(struct object *object, size_t i)
{
	MAY(stoa_sender_close(object->senders[i]));
	object->senders[i] = NULL;
	object->reserved[i] = NULL;
}

void close_receiver(struct object *object, size_t i)
{
	MAY(stoa_receiver_close(object->receivers[i]));
	object->receivers[i] = NULL;
	object->has_lease[i] = false;
}

void close_object(struct object *object)
{
	if (!object->handle)
		return;
	for (size_t i = 0; i < ENDS; i++) {
		close_sender(object, i);
		close_receiver(object, i);
	}
	MAY(close_handle(object));
}

void opened(struct object *object, int rc)
{
	if (rc) {
		object->handle = NULL;
		return;
	}
	EXPECT(object->handle);
	MAY(info_object(object));
}

void create(struct world *world, struct object *object)
{
	int rc = create_with_initial(world->segment, object, byte(world));

	MAY(rc, -EEXIST, -EPROTOTYPE, -ENOSPC, -EACCES, -EBADMSG, -ENOMEM, -EUSERS);
	opened(object, rc);
}

void reopen_object(struct world *world, struct object *object)
{
	int rc;

	close_object(object);
	rc = open_object(world->segment, object, choose(world, 2) ? &object->config : NULL);
	MAY(rc, -ENOENT, -EPROTOTYPE, -EBADMSG, -ENOMEM);
	opened(object, rc);
}
