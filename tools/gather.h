/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * gather.h - all that can be told of a segment, looked at once: what ls, stat, top and gc show.
 */
#ifndef STOA_TOOL_GATHER_H
#define STOA_TOOL_GATHER_H

#include <sys/stat.h>

#include "tool.h"

/* A thread that sleeps at an object. */
struct waiter {
	int pid, tid;
	uint32_t what; /* enum stoa_wait_for */
};

struct object {
	uint32_t index;
	struct stoa_object_info info;
	char *name; /* harmless */
	int rc;     /* why it cannot be opened, or 0; then one of these, by its kind: */
	union {
		struct {
			struct stoa_queue_config shape;
			struct stoa_queue_stat stat;
		} queue;
		struct {
			struct stoa_value_config shape;
			uint8_t bytes[8]; /* of a number */
		} value;
		struct stoa_array_config array;
		struct stoa_semaphore_config semaphore;
		struct stoa_event_config event;
		struct stoa_barrier_config barrier;
	};
	struct stoa_holder_info *holders;
	size_t holder_count;
	struct stoa_wait_info waits[2];
	size_t wait_count;
	struct waiter *waiters; /* as far as /proc lets us see */
	size_t waiter_count;
	bool waits_unseen; /* somebody may wait, and we may not see who */
};

struct participant {
	uint32_t slot;
	struct stoa_participant_info info;
	char *comm; /* harmless */
	bool here;  /* in our PID namespace: /proc has it */
	char state; /* in /proc: R, S, D, T, Z; or 0 */
};

struct segment {
	char *operand; /* as it was asked for */
	char *name;    /* the same, harmless */
	char *path;
	char *base;      /* NAME, of a file that is called NAME~..., and belongs to it; else NULL */
	char *base_name; /* the same, harmless */
	int rc;          /* why it cannot be opened, or 0 */
	struct stat file;
	struct stoa_segment_info info;
	uint64_t dead; /* participants */
	struct participant *participants;
	size_t participant_count;
	struct object *objects;
	size_t object_count;
};

/* Looks at the segment of that name; with `objects` also at them, and at who waits. */
void gather(const char *name, bool objects, struct segment *segment);
/* The same, and where it returns 0 the segment stays open, for who has more to look at. */
int gather_open(const char *name, bool objects, struct segment *segment, struct stoa_segment **open);
void gather_end(struct segment *segment);

/* Why it cannot be opened, in words. */
const char *segment_reason(const struct segment *segment);

/* The participant at a place of the table; NULL where nobody is there now. */
const struct participant *participant_at(const struct segment *segment, uint32_t slot);
/* Who that is: "comm PID", "#SLOT". */
struct text participant_name(const struct segment *segment, uint32_t slot);
const char *participant_state(const struct participant *participant);
bool participant_stopped(const struct participant *participant);

/* Files of other directories have any name: what begins as a segment does is one. */
bool begins_as_segment(const char *path);
/* The names of all segments in /dev/shm, sorted; `count` of them.  0, or a negative errno and none. */
int segment_names(char ***names, size_t *count);
void names_end(char **names, size_t count);

const char *kind_name(uint32_t kind);
/* "a queue", "an array" */
const char *a_kind(uint32_t kind);
const char *type_name(uint32_t type);
const char *wait_name(uint32_t what);
const char *role_name(uint32_t role);
/* Short texts for tables, malloc'd: "1,024 x 64 B, many to one"; "12 of 1,024, 2 held"; "3 of 16". */
char *object_shape(const struct object *object);
char *object_state(const struct object *object);
/* A number as text; false for STOA_BYTES. */
bool value_text(uint32_t type, const void *bytes, char text[64]);

/* waits.c: looks in /proc who sleeps at which object. */
void gather_waiters(struct segment *segment, const struct stat *file);

#endif
