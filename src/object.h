/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * object.h - the directory: space for objects, published and found by name.
 */
#ifndef STOA_OBJECT_H
#define STOA_OBJECT_H

#include "segment.h"

/* Checks a name: 0, -EINVAL (NULL or empty), -ENAMETOOLONG. */
int object_name_check(const char *name);

/* Of a name: it chooses the bucket. */
uint64_t object_hash(const char *name);

/* Finds a published object: 0 and its entry, -ENOENT, or -EBADMSG. */
int object_find(const struct stoa_segment *segment, const char *name, uint32_t *entry);

/*
 * Where a published object lies: its kind, start and room, validated: whole within the heap,
 * at least `sizeof(struct object_header)`, its own header saying the same.  STOA_EMPTY where
 * nothing is published at the entry; -ENOENT where nothing ever was at it or behind it; -EBADMSG.
 */
int object_at(const struct stoa_segment *segment, uint32_t entry, uint32_t *kind, void **start,
              uint64_t *room);

/* Both of these, of an object of that kind: 0; -ENOENT; -EPROTOTYPE; -EBADMSG; what a name may be wrong with. */
int object_open(const struct stoa_segment *segment, const char *name, uint32_t kind, void **start,
                uint64_t *room);

/* How many objects are published, and how much room was never cut. */
void object_count(const struct stoa_segment *segment, uint32_t *published, uint64_t *free_bytes);

/*
 * Creates.  `build` fills `bytes` zeroed bytes at `start`, privately; it may be called
 * when another publishes the same name meanwhile, and its work is then thrown away.
 *   0           created: `*start` is it
 *   -EEXIST     it is there: `*start`, `*kind` and `*room` tell
 *   else        a negative errno; -ENOSPC
 * object_create_or_open(): 0, too, where it is there and of that kind; else -EPROTOTYPE.  `exclusive`: -EEXIST.
 */
struct object_request {
	const char *name;
	uint32_t kind;
	uint64_t bytes; /* footprint */
	void (*build)(void *start, void *context);
	void *context;
};
int object_create(struct stoa_segment *segment, const struct object_request *request, uint32_t *kind,
                  void **start, uint64_t *room);
int object_create_or_open(struct stoa_segment *segment, const struct object_request *request, bool exclusive,
                          void **start, uint64_t *room);

/*
 * What the dead owner of a participant's slot left in the directory: entries in the making are
 * published where the chain has them, free otherwise.
 */
void object_reap(struct stoa_segment *segment, uint32_t slot);

/*
 * Handles on objects, one per object and process: object_handle_get() finds the one that is
 * open at `start`, or makes one of `size` zeroed bytes, which begins with struct object_handle,
 * by `open(handle, context)` (0 or a negative errno).  object_handle_put() tells whether this was
 * the last user; then the caller tears it down and calls object_handle_free(), which gives the
 * segment's reference back.  object_handle_get_behind(): with struct object_handle behind the first `before`
 * of those bytes.
 */
struct object_handle {
	struct stoa_segment *segment;
	void *start;
	uint64_t room;
	int (*open)(struct object_handle *handle, void *context); /* tells its kind */
	uint32_t users;
	size_t before; /* bytes of the kind's own in front of this */
	struct object_handle *next;
};
int object_handle_get_behind(size_t before, struct stoa_segment *segment, void *start, uint64_t room,
                             size_t size, int (*open)(struct object_handle *handle, void *context),
                             void *context, struct object_handle **handle);
int object_handle_get(struct stoa_segment *segment, void *start, uint64_t room, size_t size,
                      int (*open)(struct object_handle *handle, void *context), void *context,
                      struct object_handle **handle);
bool object_handle_put(struct object_handle *handle);
void object_handle_free(struct object_handle *handle);

#endif
