/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * segment.c - segments of this process: created, opened, shared by its threads, closed.
 *
 * The registry.  A process has each segment (device, inode, id) mapped once and is one
 * participant in it, however often it opens it; references count handles, those on objects
 * included, and the mapping goes with the last.  Read-only openings have a mapping of their
 * own each and are no participants; they are in the registry for the sake of fork() alone.
 * Lock order: the registry's mutex, a segment's, that of names, that of hooks.
 *
 * Fork.  fork() waits until no thread of this process is half-way in the registry or in
 * joining.  The child closes its copy of every lock descriptor at once: the parent's copy
 * keeps the parent's lock, and when the parent dies the lock goes with it, though the child
 * lives.  stoa_fork_epoch moves, and that alone says that the child has joined nothing yet;
 * participant_self() joins at the first use.  Besides, fork.c's hooks are called: they close the short ways of
 * queues, which do not look at the epoch.
 *
 * A name means a whole segment: it is given by os_publish() when all is in place, the creator
 * already a participant.  Who comes second gets -EEXIST and opens what is there.
 *
 * The struct and its mapping: segment_map.c.  Leaving, the end of a segment's life and the removal of names:
 * segment_life.c.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "atomic.h"
#include "fork.h"
#include "object.h"
#include "os.h"
#include "participant.h"
#include "segment_file.h"

#define OPEN_FLAGS (STOA_PREFAULT | STOA_MLOCK | STOA_READ_ONLY)

#define CREATE_TRIES 100

uint64_t stoa_fork_epoch = 1;

static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct stoa_segment *registry;

/* ---- fork ---- */

static void before_fork(void)
{
	pthread_mutex_lock(&registry_mutex);
	for (struct stoa_segment *s = registry; s; s = s->next) {
		pthread_mutex_lock(&s->mutex);
		pthread_mutex_lock(&s->joining);
		if (!s->read_only)
			participant_fork_begins(s);
	}
	names_lock();
	fork_hooks_lock();
}

static void after_fork_in_parent(void)
{
	fork_hooks_unlock();
	names_unlock();
	for (struct stoa_segment *s = registry; s; s = s->next) {
		pthread_mutex_unlock(&s->joining);
		pthread_mutex_unlock(&s->mutex);
	}
	pthread_mutex_unlock(&registry_mutex);
}

static void after_fork_in_child(void)
{
	stoa_fork_epoch++;
	fork_hooks_call();
	for (struct stoa_segment *s = registry; s; s = s->next) {
		if (s->lock_fd >= 0) {
			os_close(s->lock_fd);
			participant_fork_ends(s);
		}
		s->lock_fd = -1;
		segment_mutexes_init(s);
	}
	after_fork_in_parent();
}

static int fork_watched;

static void watch_fork(void)
{
	fork_watched = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* Every way to a segment begins here. */
static int process_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch_fork);
	return -fork_watched;
}

/* ---- opening ---- */

static struct stoa_segment *registered(const struct segment_shape *shape, const struct os_file *file)
{
	struct stoa_segment *segment = registry;

	while (segment &&
	       (segment->read_only || segment->device != file->device || segment->inode != file->inode ||
	        memcmp(segment->id, shape->id, sizeof shape->id) != 0))
		segment = segment->next;
	return segment;
}

static void touch(const struct stoa_segment *segment)
{
	for (uint64_t at = 0; at < segment->bytes; at += 4096)
		(void)elem8_load_rlx(segment->base + at);
}

/* Joins a segment that is mapped and puts it into the registry, whose mutex is held. */
static int segment_join(struct stoa_segment *segment, bool by_name)
{
	int rc = segment->read_only ? 0 : participant_register(segment);

	if (rc)
		return rc;
	if (!segment->read_only && by_name && (segment->flags & STOA_UNLINK_LAST) && !life_join(segment)) {
		participant_leave(segment);
		return AGAIN_NOW;
	}
	segment->next = registry;
	registry = segment;
	return 0;
}

/* One more handle on a segment that this process has already. */
static int share(struct stoa_segment *segment, unsigned flags, bool by_name)
{
	int rc = participant_register(segment); /* at once after a fork; else there is nothing to do */

	if (!rc && by_name && (segment->flags & STOA_UNLINK_LAST) && !life_join(segment))
		rc = AGAIN_NOW; /* inherited, and its name is going */
	if (!rc)
		rc = segment_keep_in_memory(segment, flags);
	if (rc)
		return rc;
	if (flags & STOA_PREFAULT)
		touch(segment);
	segment_reference(segment);
	return 0;
}

/* Opens a checked file.  Takes `fd` over. */
static int attach(int fd, const struct segment_shape *shape, const struct os_file *file, unsigned flags,
                  const char *path, struct stoa_segment **opened)
{
	struct stoa_segment *segment = NULL;
	int rc;

	pthread_mutex_lock(&registry_mutex);
	if (!(flags & STOA_READ_ONLY))
		segment = registered(shape, file);
	if (segment) {
		os_close(fd);
		rc = share(segment, flags, path != NULL);
	} else {
		rc = segment_map(fd, shape, file, flags, path, &segment);
		if (!rc) {
			rc = segment_join(segment, path != NULL);
			if (rc)
				segment_free(segment);
		}
		if (!rc && !segment->read_only) /* a favour to all; nothing here depends on it */
			(void)participant_reap_attaching(segment);
	}
	if (!rc)
		*opened = segment;
	pthread_mutex_unlock(&registry_mutex);
	return rc;
}

/* Opens what the name means now.  0, a negative errno, AGAIN_*. */
static int open_once(const char *path, unsigned flags, const struct stoa_segment_config *asked,
                     struct stoa_segment **opened)
{
	struct segment_shape shape;
	struct os_file file;
	int rc, fd = os_open(path, flags & STOA_READ_ONLY);

	if (fd < 0) /* EISDIR, ENXIO: a directory, a socket */
		return fd == -EISDIR || fd == -ENXIO ? -EINVAL : fd;
	rc = segment_file_check(fd, &shape, &file);
	if (!rc && life_doomed(&shape))
		rc = flags & STOA_READ_ONLY ? -ENOENT : name_doomed(path, &file);
	else if (!rc && asked)
		rc = segment_suffices(&shape, asked);
	if (rc) {
		os_close(fd);
		return rc;
	}
	return attach(fd, &shape, &file, flags, path, opened);
}

static int open_named(const char *path, unsigned flags, const struct stoa_segment_config *asked,
                      struct stoa_segment **opened)
{
	uint64_t give_up = os_now_ns() + PATIENCE_NS;
	int rc;

	while ((rc = open_once(path, flags, asked, opened)) > 0) {
		if (os_now_ns() > give_up)
			return -EBUSY;
		if (rc == AGAIN_LATER)
			os_sleep_ns(PAUSE_NS);
	}
	return rc;
}

int stoa_segment_open(const char *name, unsigned flags, struct stoa_segment **segment)
{
	char *path;
	int rc;

	if (!segment || !name || (flags & ~OPEN_FLAGS))
		return -EINVAL;
	rc = process_init();
	if (!rc)
		rc = segment_path(name, &path);
	if (rc)
		return rc;
	rc = open_named(path, flags, NULL, segment);
	free(path);
	return rc == -EBUSY ? -ENOENT : rc; /* doomed is as good as gone */
}

int stoa_segment_open_fd(int fd, unsigned flags, struct stoa_segment **segment)
{
	struct segment_shape shape;
	struct os_file file;
	int rc;

	if (!segment || (flags & ~OPEN_FLAGS))
		return -EINVAL;
	rc = process_init();
	if (rc)
		return rc;
	fd = os_duplicate(fd);
	if (fd < 0)
		return fd;
	rc = segment_file_check(fd, &shape, &file);
	if (rc) {
		os_close(fd);
		return rc;
	}
	return attach(fd, &shape, &file, flags, NULL, segment);
}

/* ---- creating ---- */

/* Builds a segment and gives it its name.  0; -EEXIST; a negative errno. */
static int create_new(const char *path, const struct stoa_segment_config *full, struct stoa_segment **created)
{
	struct segment_shape shape;
	struct os_file file;
	struct stoa_segment *segment;
	int rc, fd = segment_file_make(path, full, &shape, &file);

	if (fd < 0)
		return fd;
	rc = segment_map(fd, &shape, &file, full->flags, path, &segment);
	if (rc)
		return rc;
	segment_format(segment_header(segment), &shape);
	pthread_mutex_lock(&registry_mutex);
	rc = segment_join(segment, false); /* a participant before the name is there, and so never too late */
	if (!rc && path)
		rc = os_publish(fd, path);
	if (!rc) {
		*created = segment;
	} else {
		if (registry == segment)
			registry = segment->next;
		segment_free(segment); /* nobody else has ever seen it: no need to leave */
	}
	pthread_mutex_unlock(&registry_mutex);
	return rc;
}

static int create_or_open(const char *path, const struct stoa_segment_config *asked,
                          const struct stoa_segment_config *full, struct stoa_segment **segment)
{
	struct os_file file;

	/* Each turn is lost to somebody who created, or removed, the name meanwhile. */
	for (int i = 0; i < CREATE_TRIES; i++) {
		int rc;

		if (full->flags & STOA_EXCLUSIVE) {
			rc = name_is_free(path);
			if (rc)
				return rc;
		} else {
			rc = open_named(path, full->flags & (STOA_PREFAULT | STOA_MLOCK), asked, segment);
			if (rc != -ENOENT)
				return rc;
		}
		rc = create_new(path, full, segment);
		if (rc != -EEXIST)
			return rc;
		if (os_is_link(path) && os_stat_path(path, &file) == -ENOENT)
			return -EINVAL; /* it leads nowhere, and a name is never given through a link */
	}
	return -EBUSY;
}

int stoa_segment_create(const char *name, const struct stoa_segment_config *config,
                        struct stoa_segment **segment)
{
	struct stoa_segment_config asked, full;
	char *path;
	int rc;

	if (!segment)
		return -EINVAL;
	rc = process_init();
	if (!rc)
		rc = segment_config(config, &asked, &full);
	if (!rc)
		rc = segment_path(name, &path);
	if (rc)
		return rc;
	rc = path ? create_or_open(path, &asked, &full, segment) : create_new(NULL, &full, segment);
	free(path);
	return rc;
}

/* ---- closing, telling ---- */

static void registry_remove(const struct stoa_segment *segment)
{
	struct stoa_segment **at = &registry;

	while (*at && *at != segment)
		at = &(*at)->next;
	if (*at)
		*at = segment->next;
}

int stoa_segment_close(struct stoa_segment *segment)
{
	if (!segment)
		return 0;
	pthread_mutex_lock(&registry_mutex);
	if (atom32_add_seq(&segment->references, (uint32_t)-1) == 1) {
		registry_remove(segment);
		if (atom64_load_seq(&segment->joined) == stoa_fork_epoch) {
			participant_leave(segment);
			life_leave(segment);
		}
		segment_free(segment);
	}
	pthread_mutex_unlock(&registry_mutex);
	return 0;
}

int stoa_segment_fd(const struct stoa_segment *segment)
{
	return segment ? segment->fd : -EINVAL;
}

int stoa_segment_info(const struct stoa_segment *segment, struct stoa_segment_info *info)
{
	struct stoa_segment_info own = { .layout_version = STOA_LAYOUT_VERSION };
	struct stoa_participant_info participant;

	if (!segment || !info)
		return -EINVAL;
	own.total_bytes = segment->bytes;
	own.participants = segment->participants;
	own.objects = segment->entries;
	own.flags = (segment->flags & STOA_UNLINK_LAST) | (segment->read_only ? STOA_READ_ONLY : 0);
	memcpy(own.id, segment->id, sizeof own.id);
	own.created_ns = segment->created_ns;
	object_count(segment, &own.objects_published, &own.free_bytes);
	for (uint32_t slot = 0; slot < segment->participants; slot++) {
		participant.struct_size = sizeof participant;
		own.participants_alive += stoa_segment_participant(segment, slot, &participant) == 0 &&
		                          participant.alive;
	}
	return info_copy(info, &own, sizeof own);
}
