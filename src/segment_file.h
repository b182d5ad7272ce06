/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * segment_file.h - a segment as a file: its name, its plan, making it, checking it (segment_file.c); its mapping
 * (segment_map.c); the last to leave, and the removal of names (segment_life.c).
 */
#ifndef STOA_SEGMENT_FILE_H
#define STOA_SEGMENT_FILE_H

#include <stoa/segment.h>

#include "os.h"
#include "segment.h"

#define PARTICIPANTS_MAX 4096u
#define ENTRIES_MAX 65536u
#define BUCKETS_MIN 8u /* so that the entries behind them start on a line */

/* The numbers of a header, validated or planned. */
struct segment_shape {
	uint64_t total_bytes;
	uint64_t participants_offset, directory_offset, heap_offset;
	uint32_t participants, buckets, entries;
	uint32_t flags;
	uint64_t created_ns;
	uint64_t life; /* as it was when the header was read */
	uint8_t id[16];
};

/* What a name means: `*path` is malloc'd, or NULL for an anonymous segment. */
int segment_path(const char *name, char **path);

/*
 * Copies and checks a caller's config: `asked` keeps its zeros, `full` has the defaults.
 * 0; -EINVAL.
 */
int segment_config(const struct stoa_segment_config *config, struct stoa_segment_config *asked,
                   struct stoa_segment_config *full);

/* Lays a segment out, for a file system of units of `unit` bytes.  0; -EOVERFLOW. */
int segment_plan(const struct stoa_segment_config *full, uint64_t unit, struct segment_shape *shape);

/* Whether a segment has what was asked for.  0; -EPROTOTYPE. */
int segment_suffices(const struct segment_shape *shape, const struct stoa_segment_config *asked);

/*
 * An unnamed file (`path` NULL: a sealed memfd) with all of its space and nothing in it; `file` tells which.
 * A descriptor, or a negative errno.
 */
int segment_file_make(const char *path, const struct stoa_segment_config *full, struct segment_shape *shape,
                      struct os_file *file);

/* Writes the header of a new segment; all else in it is zero, and right so. */
void segment_format(struct segment_header *header, const struct segment_shape *shape);

/*
 * Reads a header and checks it: `shape` holds nothing that could lead outside of the file.
 * 0; -EINVAL (no regular file); -EBADMSG; -ENODATA; -EPROTOTYPE; -EPROTONOSUPPORT.
 */
int segment_file_check(int fd, struct segment_shape *shape, struct os_file *file);

/*
 * Maps what `fd`, which it takes over, has, and makes the struct for it, with one reference.  Joins nothing.
 * 0; -ENOMEM; others of mmap(2) and mlock(2).
 */
int segment_map(int fd, const struct segment_shape *shape, const struct os_file *file, unsigned flags,
                const char *path, struct stoa_segment **made);
void segment_free(struct stoa_segment *segment);
/* With STOA_MLOCK among the flags. */
int segment_keep_in_memory(struct stoa_segment *segment, unsigned flags);
/* Those mutexes that are not held over fork(): who holds one then is not in the child. */
void segment_mutexes_init(struct stoa_segment *segment);

/* How long to look again for what another process is about to finish, and how often. */
#define PATIENCE_NS 2000000000u
#define PAUSE_NS 200000u

/* Inner outcomes: the name means a doomed segment.  Positive, so that they are no errno. */
enum {
	AGAIN_NOW = 1,   /* it means it no more: look again */
	AGAIN_LATER = 2, /* somebody is removing it */
};

/* Whether a segment's last participant has left: nobody joins it by its name any more. */
bool life_doomed(const struct segment_shape *shape);
/* No name is being removed while this is held: for fork(). */
void names_lock(void);
void names_unlock(void);
/* Removes the name of a doomed segment.  AGAIN_NOW, AGAIN_LATER, or an errno of unlink(2). */
int name_doomed(const char *path, const struct os_file *file);
/* STOA_EXCLUSIVE: 0 where nothing has the name, or nothing but a doomed segment had it; -EEXIST; -EBUSY. */
int name_is_free(const char *path);
/* This process has just joined: is it in time? */
bool life_join(struct stoa_segment *segment);
/* This process has left: the last removes the name. */
void life_leave(struct stoa_segment *segment);

#endif
