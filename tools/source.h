/* SPDX-License-Identifier: BSD-2-Clause */
/** source.h - what get and watch look at: a value, elements of an array, or how another object stands. */
#ifndef STOA_TOOL_SOURCE_H
#define STOA_TOOL_SOURCE_H

#include "target.h"

struct source {
	struct target target;
	union {
		struct stoa_value *value;
		struct stoa_array *array;
		struct stoa_queue *queue;
		struct stoa_semaphore *semaphore;
		struct stoa_event *event;
		struct stoa_lock *lock;
	};
	uint32_t type;            /* enum stoa_type */
	size_t size;              /* of one element, in bytes */
	uint64_t first, count;    /* elements; one of anything but an array */
	bool single;              /* no array, or one element of it was asked for */
	const char *const *words; /* what the numbers mean, or NULL */
	uint8_t *bytes;           /* what was there at the last look */
};

/* A status; what is wrong has been said. */
int source_open(struct source *source, const char *name, const char *object, const struct range *range,
                unsigned flags);
/* Looks: 0 or a negative errno. */
int source_read(struct source *source);
/* The element as text with the end of the line, or as JSON under `key`. */
void source_print(const struct source *source, uint64_t element, bool json, const char *key);
void source_close(struct source *source);

#endif
