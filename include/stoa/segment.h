/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * stoa/segment.h - a shared mapping: created, opened, shared, left.
 *
 * A name without a slash is an object in /dev/shm (/dev/shm/stoa.NAME); one
 * with a slash is a path (on tmpfs, hugetlbfs or an ordinary file system);
 * NULL is an anonymous, sealed memfd for fork() or for passing its descriptor
 * over a socket.
 *
 * A process lives in a segment as long as it keeps the descriptors that the library
 * has open for it: a lock on one of them is the proof.  Whoever closes them, as
 * daemons do that close every descriptor from 3 up, is dead to the others: what it
 * holds is taken from it while it runs.  exec() closes them, too.  So attach after
 * daemonizing, and close all handles before exec(); a child between fork() and
 * exec() may close whatever it likes.
 */
#ifndef STOA_SEGMENT_H
#define STOA_SEGMENT_H

#include <stoa/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stoa_segment;

enum stoa_segment_flag {
	/* in the config of create, beside STOA_EXCLUSIVE */
	STOA_PREFAULT = 0x10,    /**< map every page now, not at first use */
	STOA_MLOCK = 0x20,       /**< keep this process's pages in memory */
	STOA_HUGE = 0x40,        /**< ask for huge pages; normal ones where there are none */
	STOA_UNLINK_LAST = 0x80, /**< the last process to leave removes the name */
	/* in the flags of open; STOA_PREFAULT and STOA_MLOCK work there too */
	STOA_READ_ONLY = 0x100, /**< no participant, no write: load, read, stat, peek */
};

struct stoa_segment_config {
	size_t struct_size;    /**< sizeof(struct stoa_segment_config) */
	uint64_t bytes;        /**< room for objects, at least (the sum of their footprints); default 1 MiB */
	uint32_t participants; /**< processes attached at once, at most; default 128, up to 4,096 */
	uint32_t mode;         /**< permissions of the file; default 0600; the umask does not apply */
	uint32_t flags;        /**< STOA_EXCLUSIVE, STOA_PREFAULT, STOA_MLOCK, STOA_HUGE, STOA_UNLINK_LAST */
	uint32_t objects;      /**< objects, at most; default one per 512 bytes of room, 64 to 65,536 */
};

/**
 * Creates a segment or opens the one of that name.
 *
 * A new segment gets its name only when it is whole, and all of its space is
 * allocated before that.  One that exists is opened, and must have at least the
 * bytes, participants and objects that the config asks for.  Attach after daemonizing:
 * see the head of this file.
 *
 * Returns: 0; -EEXIST (it exists, with STOA_EXCLUSIVE); -EPROTOTYPE (exists, but smaller, or of
 *   another endianness, word or line size); -ENOSPC or -ENOMEM (no room for it);
 *   -EOVERFLOW, -EINVAL (nonsense in the config); -ENAMETOOLONG; -ENOTSUP (a file
 *   system without unnamed files, allocation or locks); -EUSERS (all participants'
 *   slots are taken by living processes); -EBADMSG, -ENODATA, -EPROTONOSUPPORT
 *   (what lies there is no segment, cut short, or of another version); -EBUSY (a process
 *   was stopped in the very act of removing the name); other errnos of open(2).
 * Callers: any thread.  Progress: lock-free among processes.  Death: no name, or a
 *   whole segment; a participant's slot is reaped by the others.
 */
STOA_API int stoa_segment_create(const char *name, const struct stoa_segment_config *config,
                                 struct stoa_segment **segment);

/**
 * Opens a segment by name, after validating everything in it that is trusted later.
 * A process that opens a segment twice shares one mapping and one participant.
 * `flags`: STOA_READ_ONLY, STOA_PREFAULT, STOA_MLOCK.
 *
 * Returns: 0; -ENOENT; -EACCES (no permission); -EINVAL (unknown flags, an empty name, not a regular
 *   file); -EBADMSG (no segment, or corrupt); -ENODATA (cut short); -EPROTONOSUPPORT
 *   (another layout version or feature); -EPROTOTYPE (endianness, word or line size);
 *   -EUSERS (all participants' slots are taken by living processes); -ENAMETOOLONG; -ENOTSUP (a file
 *   system without locks); other errnos of open(2) and mmap(2).
 * Callers: any thread.  Progress: lock-free.  Death: the slot is reaped by the others.
 */
STOA_API int stoa_segment_open(const char *name, unsigned flags, struct stoa_segment **segment);

/**
 * Opens a segment by a descriptor, such as one that came over a socket.  The
 * descriptor stays the caller's.
 * Returns: as stoa_segment_open(); -EBADF.
 * Callers: any thread.  Progress: lock-free.  Death: the slot is reaped by the others.
 */
STOA_API int stoa_segment_open_fd(int fd, unsigned flags, struct stoa_segment **segment);

/**
 * The descriptor of the segment, to be passed on; it stays the segment's and is
 * closed with it.  Its locks prove nobody's life: pass it freely.
 * Returns: a descriptor; -EINVAL for NULL.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is touched.
 */
STOA_API int stoa_segment_fd(const struct stoa_segment *segment);

/**
 * Gives the handle back.  The mapping goes when the last handle of the process on
 * the segment or on an object in it is closed; then the process leaves.
 * NULL is ignored.
 * Returns: 0.
 * Callers: one thread, and no other call on this handle at once.  Progress:
 *   lock-free.  Death: the slot is reaped by the others.
 */
STOA_API int stoa_segment_close(struct stoa_segment *segment);

/**
 * Removes a name.  Who has it mapped goes on undisturbed.
 * Returns: 0; -ENOENT; -EACCES, -EPERM (no permission); -EINVAL (also for what is no regular file);
 *   -ENAMETOOLONG; -EBUSY (STOA_UNLINK_LAST: the process that removes it was stopped in
 *   the very act, two seconds ago).
 * Callers: any.  Progress: lock-free, but for that.  Death: the name is there or is gone.
 */
STOA_API int stoa_segment_unlink(const char *name);

/**
 * Gives back what dead participants held: messages to other receivers, roles,
 * space, slots.  The library does so itself where something obstructs it; this is
 * for tools and tests.
 * Returns: how many participants' slots became free (0 and more); -EACCES; -EUSERS (after fork(): no
 *   participant's slot); -ENOMEM; -EINVAL.
 * Callers: any thread of any process, at once.  Progress: lock-free.  Death: the
 *   next reaper continues.
 */
STOA_API int stoa_segment_reap(struct stoa_segment *segment);

struct stoa_segment_info {
	size_t struct_size;          /**< sizeof(struct stoa_segment_info) */
	uint64_t total_bytes;        /**< of the file */
	uint64_t free_bytes;         /**< room for objects that was never used */
	uint32_t participants;       /**< slots */
	uint32_t participants_alive; /**< slots held by living processes, as far as can be told */
	uint32_t objects;            /**< room in the directory */
	uint32_t objects_published;  /**< objects that are there */
	uint32_t layout_version;     /**< of the shared memory, stoa-layout(7) */
	uint32_t flags;              /**< STOA_READ_ONLY and STOA_UNLINK_LAST, where they hold */
	uint8_t id[16];              /**< random, tells two segments of one name apart */
	uint64_t created_ns;         /**< CLOCK_REALTIME */
};

/**
 * Tells what the segment is.
 * Returns: 0; -EINVAL.
 * Callers: any thread.  Progress: wait-free, with a few system calls a participant.
 * Death: nothing shared is written.
 */
STOA_API int stoa_segment_info(const struct stoa_segment *segment, struct stoa_segment_info *info);

struct stoa_object_info {
	size_t struct_size; /**< sizeof(struct stoa_object_info) */
	uint32_t kind;      /**< enum stoa_kind */
	uint32_t reserved;  /**< 0 */
	uint64_t bytes;     /**< of room */
	char name[64];      /**< ended by NUL */
	uint64_t offset;    /**< of the object in the segment */
};

/**
 * The object at a place of the directory: for (i = 0; rc != -ENOENT; i++).
 * Returns: 0; STOA_EMPTY (nothing published at this place); -ENOENT (nothing at this place or past it);
 *   -EBADMSG; -EINVAL.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is written.
 */
STOA_API int stoa_segment_object(const struct stoa_segment *segment, uint32_t index,
                                 struct stoa_object_info *info);

struct stoa_participant_info {
	size_t struct_size;     /**< sizeof(struct stoa_participant_info) */
	uint64_t generation;    /**< how often the slot was taken */
	uint64_t start_time;    /**< of the process, in clock ticks since boot */
	uint64_t pid_namespace; /**< inode of the namespace in which `pid` has a meaning */
	uint64_t attached_ns;   /**< CLOCK_REALTIME */
	int32_t pid;            /**< of the process */
	uint32_t alive;         /**< 1, or 0 where the kernel proves that it is dead */
	char comm[16];          /**< the process's name at attach, ended by NUL */
};

/**
 * The participant in a slot: for (i = 0; rc != -ENOENT; i++).
 * Returns: 0; STOA_EMPTY (nobody there); -ENOENT (past the last); -EINVAL.
 * Callers: any thread.  Progress: wait-free, with a few system calls.  Death: nothing
 *   shared is written.
 */
STOA_API int stoa_segment_participant(const struct stoa_segment *segment, uint32_t index,
                                      struct stoa_participant_info *info);

#ifdef __cplusplus
}
#endif

#endif
