/* SPDX-License-Identifier: BSD-2-Clause */
/* describe.c - kinds, types, shapes and states in words. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gather.h"
#include "show.h"

const char *a_kind(uint32_t kind)
{
	static const char *const names[] = {
		[STOA_KIND_VALUE] = "a value",         [STOA_KIND_ARRAY] = "an array",
		[STOA_KIND_QUEUE] = "a queue",         [STOA_KIND_EVENT] = "an event",
		[STOA_KIND_BARRIER] = "a barrier",     [STOA_KIND_LOCK] = "a lock",
		[STOA_KIND_SEMAPHORE] = "a semaphore",
	};

	return kind >= STOA_KIND_VALUE && kind <= STOA_KIND_LOCK ? names[kind] : "a ?";
}

const char *kind_name(uint32_t kind)
{
	return strchr(a_kind(kind), ' ') + 1;
}

const char *type_name(uint32_t type)
{
	static const char *const names[] = {
		[STOA_I8] = "i8",   [STOA_I16] = "i16", [STOA_I32] = "i32",   [STOA_I64] = "i64",
		[STOA_U8] = "u8",   [STOA_U16] = "u16", [STOA_U32] = "u32",   [STOA_U64] = "u64",
		[STOA_F32] = "f32", [STOA_F64] = "f64", [STOA_BOOL] = "bool", [STOA_BYTES] = "bytes",
	};

	return type >= STOA_I8 && type <= STOA_BYTES ? names[type] : "?";
}

const char *wait_name(uint32_t what)
{
	static const char *const names[] = { "?", "a message", "room", "a change" };

	return what <= STOA_WAIT_CHANGED ? names[what] : names[0];
}

const char *role_name(uint32_t role)
{
	static const char *const names[] = {
		"?", "sender", "receiver", "writer", "owner", "permit", "party"
	};

	return role <= STOA_ROLE_PARTY ? names[role] : names[0];
}

bool value_text(uint32_t type, const void *bytes, char text[64])
{
	union {
		int8_t i8;
		int16_t i16;
		int32_t i32;
		int64_t i64;
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
		float f32;
		double f64;
	} n = { .u64 = 0 };

	memcpy(&n, bytes, stoa_type_size((enum stoa_type)type)); /* 0 of STOA_BYTES */
#define CASE(TYPE, FORMAT, NUMBER)                                                                           \
	case TYPE:                                                                                           \
		return snprintf(text, 64, FORMAT, NUMBER) > 0
	switch (type) {
		CASE(STOA_I8, "%d", n.i8);
		CASE(STOA_I16, "%d", n.i16);
		CASE(STOA_I32, "%" PRId32, n.i32);
		CASE(STOA_I64, "%" PRId64, n.i64);
		CASE(STOA_U8, "%u", n.u8);
		CASE(STOA_U16, "%u", n.u16);
		CASE(STOA_U32, "%" PRIu32, n.u32);
		CASE(STOA_U64, "%" PRIu64, n.u64);
		CASE(STOA_F32, "%.9g", (double)n.f32);
		CASE(STOA_F64, "%.17g", n.f64);
		CASE(STOA_BOOL, "%s", n.u8 ? "true" : "false");
	default:
		return false;
	}
#undef CASE
}

static const char *ends(uint32_t senders, uint32_t receivers)
{
	if (senders == STOA_ONE)
		return receivers == STOA_ONE ? "one to one" : "one to many";
	return receivers == STOA_ONE ? "many to one" : "many to many";
}

static char *queue_shape(const struct stoa_queue_config *shape)
{
	char parcels[32] = "";

	if (shape->pack > 1 && (shape->senders == STOA_MANY || shape->receivers == STOA_MANY))
		snprintf(parcels, sizeof parcels, " x %u", shape->pack);
	return text_of("%" PRIu64 "%s x %s, %s", shape->capacity, parcels, show_bytes(shape->message_size).at,
	               ends(shape->senders, shape->receivers));
}

char *object_shape(const struct object *object)
{
	switch (object->rc ? 0 : object->info.kind) {
	case STOA_KIND_QUEUE:
		return queue_shape(&object->queue.shape);
	case STOA_KIND_VALUE:
		if (object->value.shape.type == STOA_BYTES)
			return text_of("%s, %u writers", show_bytes(object->value.shape.size).at,
			               object->value.shape.writers);
		return text_of("%s", type_name(object->value.shape.type));
	case STOA_KIND_ARRAY:
		return text_of("%" PRIu64 " x %s%s", object->array.count, type_name(object->array.type),
		               object->array.flags & STOA_ATOMIC_RANGES ? ", atomic ranges" : "");
	case STOA_KIND_SEMAPHORE:
		return text_of("up to %u%s", object->semaphore.maximum,
		               object->semaphore.flags & STOA_PERMITS_RETURN ? ", permits return" : "");
	case STOA_KIND_BARRIER:
		return text_of("%u parties", object->barrier.parties);
	default:
		return text_of("%s", "");
	}
}

static char *queue_state(const struct stoa_queue_stat *stat)
{
	/* What comes again has places of its own: there may be more than fit. */
	bool over = stat->capacity && stat->length > stat->capacity;
	uint64_t length = over ? stat->capacity : stat->length;
	char held[40] = "", again[40] = "";
	const char *end = "";

	if (stat->held)
		snprintf(held, sizeof held, ", %" PRIu64 " held", stat->held);
	if (stat->shutdown)
		end = stat->shutdown == STOA_NOW ? ", shut down" : ", draining";
	if (over)
		snprintf(again, sizeof again, " + %" PRIu64 " again", stat->length - length);
	return text_of("%" PRIu64 "%s (%u%%)%s%s", length, again,
	               (unsigned)(stat->capacity ? length * 100 / stat->capacity : 0), held, end);
}

/* Who holds the lock is told elsewhere. */
char *object_state(const struct object *object)
{
	char text[64];

	if (object->rc)
		return text_of("%s", object->rc == -EBADMSG ? "damaged" : reason(object->rc));
	switch (object->info.kind) {
	case STOA_KIND_QUEUE:
		return queue_state(&object->queue.stat);
	case STOA_KIND_VALUE:
		return text_of("%s",
		               value_text(object->value.shape.type, object->value.bytes, text) ? text : "");
	case STOA_KIND_SEMAPHORE:
		return text_of("%u free", object->semaphore.initial);
	case STOA_KIND_EVENT:
		return text_of("%s", object->event.initial ? "set" : "clear");
	case STOA_KIND_BARRIER:
		return text_of("%zu of %u there", object->holder_count, object->barrier.parties);
	case STOA_KIND_LOCK:
		return text_of("%s", object->holder_count ? "held" : "free");
	default:
		return text_of("%s", "");
	}
}
