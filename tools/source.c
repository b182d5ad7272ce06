/* SPDX-License-Identifier: BSD-2-Clause */
/* source.c - how an object stands, as numbers. */
#include "source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "peek.h"

static const char *const event_words[] = { "clear", "set" };
static const char *const lock_words[] = { "free", "held", "orphaned" };

static int open_value(struct source *source)
{
	struct stoa_value_config shape = { .struct_size = sizeof shape };
	int rc = stoa_value_open(source->target.segment, source->target.object, NULL, &source->value);

	if (rc)
		return rc;
	stoa_value_info(source->value, &shape);
	source->type = shape.type;
	source->size = shape.size;
	return 0;
}

static int open_array(struct source *source, const struct range *range)
{
	struct stoa_array_config shape = { .struct_size = sizeof shape };
	int rc = stoa_array_open(source->target.segment, source->target.object, NULL, &source->array);

	if (rc)
		return rc;
	stoa_array_info(source->array, &shape);
	source->type = shape.type;
	source->size = stoa_type_size((enum stoa_type)shape.type);
	source->first = range->given ? range->first : 0;
	source->count = range->given ? range->count : shape.count;
	source->single = range->given && range->single;
	return source->first < shape.count && source->count <= shape.count - source->first ? 0 : -ERANGE;
}

static int open_object(struct source *source, const struct range *range)
{
	struct stoa_segment *segment = source->target.segment;
	const char *object = source->target.object;

	source->type = STOA_U64;
	source->size = sizeof(uint64_t);
	source->count = 1;
	source->single = true;
	switch (source->target.kind) {
	case STOA_KIND_VALUE:
		return open_value(source);
	case STOA_KIND_ARRAY:
		return open_array(source, range);
	case STOA_KIND_QUEUE:
		return stoa_queue_open(segment, object, NULL, &source->queue);
	case STOA_KIND_SEMAPHORE:
		return stoa_semaphore_open(segment, object, NULL, &source->semaphore);
	case STOA_KIND_EVENT:
		source->words = event_words;
		return stoa_event_open(segment, object, NULL, &source->event);
	case STOA_KIND_LOCK:
		source->words = lock_words;
		return stoa_lock_open(segment, object, NULL, &source->lock);
	default:
		return -EPROTOTYPE;
	}
}

int source_open(struct source *source, const char *name, const char *object, const struct range *range,
                unsigned flags)
{
	int rc, status;

	*source = (struct source){ 0 };
	status = target_open(&source->target, name, object, flags);
	if (status)
		return status;
	if (range->given && source->target.kind != STOA_KIND_ARRAY) {
		status = complain(object, "%s has no elements", a_kind(source->target.kind));
	} else {
		rc = open_object(source, range);
		if (rc == -ERANGE)
			status = complain(object, "it has fewer elements");
		else if (rc == -EPROTOTYPE)
			status = complain(object, "%s has no value; see stoa stat",
			                  a_kind(source->target.kind));
		else if (rc)
			status = target_complain(&source->target, rc);
	}
	if (status)
		source_close(source);
	else
		source->bytes = must_have(calloc(source->count, source->size < 8 ? 8 : source->size));
	return status;
}

static int read_number(const struct source *source, uint64_t *number)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };
	struct stoa_semaphore_config semaphore = { .struct_size = sizeof semaphore };
	struct stoa_event_config event = { .struct_size = sizeof event };
	struct stoa_lock_config lock = { .struct_size = sizeof lock };
	int rc;

	switch (source->target.kind) {
	case STOA_KIND_QUEUE:
		rc = stoa_queue_stat(source->queue, &stat);
		*number = stat.length;
		return rc;
	case STOA_KIND_SEMAPHORE:
		rc = stoa_semaphore_info(source->semaphore, &semaphore);
		*number = semaphore.initial;
		return rc;
	case STOA_KIND_EVENT:
		rc = stoa_event_info(source->event, &event);
		*number = event.initial != 0;
		return rc;
	default:
		rc = stoa_lock_info(source->lock, &lock);
		*number = lock.state <= STOA_LOCK_ORPHANED ? lock.state : STOA_LOCK_HELD;
		return rc;
	}
}

int source_read(struct source *source)
{
	uint64_t number = 0;
	int rc;

	if (source->target.kind == STOA_KIND_VALUE)
		return stoa_value_load(source->value, source->bytes);
	if (source->target.kind == STOA_KIND_ARRAY)
		return stoa_array_read(source->array, source->first, source->count, source->bytes);
	rc = read_number(source, &number);
	memcpy(source->bytes, &number, sizeof number);
	return rc;
}

void source_print(const struct source *source, uint64_t element, bool json, const char *key)
{
	const uint8_t *bytes = source->bytes + element * source->size;
	uint8_t aligned[8] = { 0 };

	if (source->type != STOA_BYTES)
		bytes = memcpy(aligned, bytes, source->size);
	if (source->words && json)
		answer_text(key, source->words[bytes[0]]);
	else if (source->words)
		puts(source->words[bytes[0]]);
	else
		print_value(key, source->type, bytes, source->size, source->size,
		            &(struct peek_how){ .format = json ? PEEK_JSON : PEEK_TEXT });
}

static void close_object(struct source *source)
{
	switch (source->target.kind) {
	case STOA_KIND_VALUE:
		stoa_value_close(source->value);
		break;
	case STOA_KIND_ARRAY:
		stoa_array_close(source->array);
		break;
	case STOA_KIND_QUEUE:
		stoa_queue_close(source->queue);
		break;
	case STOA_KIND_SEMAPHORE:
		stoa_semaphore_close(source->semaphore);
		break;
	case STOA_KIND_EVENT:
		stoa_event_close(source->event);
		break;
	case STOA_KIND_LOCK:
		stoa_lock_close(source->lock);
		break;
	}
}

void source_close(struct source *source)
{
	close_object(source);
	target_close(&source->target);
	free(source->bytes);
}
