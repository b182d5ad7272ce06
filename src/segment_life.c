/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * segment_life.c - the last to leave, and the removal of names.
 *
 * STOA_UNLINK_LAST.  To see that one is the last and to remove the name are
 * two steps, and somebody may come between them.  The word `life` of the header decides:
 *
 *   life = count << 2 | state, and every change counts, so none is mistaken for an older one
 *
 *   OPEN --> UNLINKING --> DOOMED (final)
 *    ^___________|
 *
 *   A leaver has given up its slot.  It changes life to UNLINKING, then looks at all slots.
 *   Somebody is there: back to OPEN.  Nobody: DOOMED.
 *   A newcomer has claimed its slot.  Then it looks at life.  OPEN: it is in.  UNLINKING: it changes
 *   life to OPEN itself, and then is in.  DOOMED: it leaves and starts over.
 *
 * Both write first and look then, all sequentially consistent [S1], so at least one of them sees the
 * other; where both do, the exact word decides who was first.  Nobody waits: a leaver
 * that is killed or stopped in UNLINKING is overruled by the next who comes or leaves.
 *
 * Only the name of a doomed segment is removed, by anybody, any number of times.  Between the
 * look which file the name means and unlink(2) the name must not change its meaning: all who
 * remove names do it under an exclusive lock on a byte of that very file, and while the old name
 * is there no new one can be given.  The lock is tried, never waited for; who finds it taken looks
 * again a little later, and gives up after PATIENCE_NS: the one case is a process that was stopped
 * between two system calls.  That case stays: no system call removes a name only if it means a given
 * file, so a stopped process that is about to remove a name would take away whatever the others
 * put there meanwhile.
 *
 * Where the segment is not STOA_UNLINK_LAST only its users' explicit wish removes the name, and so who finds
 * the lock taken there removes it all the same: two who remove one name both mean what it means by then.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "atomic.h"
#include "defect.h"
#include "os.h"
#include "participant.h"
#include "segment.h"
#include "segment_file.h"

enum {
	LIFE_OPEN = 0,
	LIFE_UNLINKING = 1,
	LIFE_DOOMED = 2,
};
#define LIFE_STATE 3u

#define UNLINK_BYTE (1ull << 62) /* beyond every participant's byte */

/* ---- names ---- */

/* Held over fork(): else a child would have a copy of the lock, and keep it when its parent dies. */
static pthread_mutex_t names = PTHREAD_MUTEX_INITIALIZER;

void names_lock(void)
{
	pthread_mutex_lock(&names);
}

void names_unlock(void)
{
	pthread_mutex_unlock(&names);
}

/*
 * Removes the name `path` if it means that file.  0: it does not, now; -EAGAIN: somebody else is
 * about to remove it; or an errno of unlink(2).
 */
static int name_remove(const char *path, uint64_t device, uint64_t inode)
{
	struct os_file file;
	int rc, fd;

	names_lock();
	fd = os_open(path, false);
	if (fd < 0) {
		names_unlock();
		return fd == -ENOENT ? 0 : fd;
	}
	rc = os_stat(fd, &file);
	if (!rc && file.device == device && file.inode == inode)
		rc = os_lock_byte(fd, UNLINK_BYTE);
	else
		inode = 0;
	if (!rc && inode) {
		/* Nobody else removes this file's name now.  Is it still its name? */
		rc = os_stat_path(path, &file);
		if (!rc && ((file.device == device && file.inode == inode) || DEFECT(DEFECT_NAME_UNLOOKED)))
			rc = os_unlink(path);
		rc = rc == -ENOENT ? 0 : rc;
	}
	os_close(fd); /* and the lock with it: the description is this function's own */
	names_unlock();
	return rc;
}

int name_doomed(const char *path, const struct os_file *file)
{
	int rc = name_remove(path, file->device, file->inode);

	return rc == -EAGAIN ? AGAIN_LATER : rc ? rc : AGAIN_NOW;
}

/* ---- life ---- */

bool life_doomed(const struct segment_shape *shape)
{
	return (shape->flags & STOA_UNLINK_LAST) && (shape->life & LIFE_STATE) == LIFE_DOOMED;
}

static uint64_t life_next(uint64_t life, unsigned state)
{
	return (life | LIFE_STATE) + 1 + state;
}

/* This process has left.  Was it the last? */
void life_leave(struct stoa_segment *segment)
{
	struct atom64 *word = &segment_header(segment)->life;
	uint64_t life = atom64_load_seq(word);

	if (!(segment->flags & STOA_UNLINK_LAST) || participant_others(segment))
		return;
	/*
	 * [S1] Sequentially consistent, as the slot that participant_leave() gave up and the look at the
	 * slots that follows: who claims a slot that this look does not see, sees UNLINKING in
	 * life_join(), an exchange or an acquire of this one's release.
	 */
	while ((life & LIFE_STATE) != LIFE_DOOMED) {
		uint64_t mine = life_next(life, LIFE_UNLINKING);

		if (!atom64_cas_seq(word, &life, mine))
			continue;
		if (participant_others(segment) && !DEFECT(DEFECT_LAST_UNLOOKED)) {
			atom64_cas_seq(word, &mine, life_next(mine, LIFE_OPEN));
			return; /* whether or not: if it failed, somebody decided after us */
		}
		if (!atom64_cas_seq(word, &mine, life_next(mine, LIFE_DOOMED)))
			return;
		break;
	}
	if (segment->path)
		(void)name_remove(segment->path, segment->device, segment->inode);
}

/* This process has just claimed a slot: is it in time?  [S1] the other side of life_leave(). */
bool life_join(struct stoa_segment *segment)
{
	struct atom64 *word = &segment_header(segment)->life;
	uint64_t life = atom64_load_seq(word);

	while ((life & LIFE_STATE) == LIFE_UNLINKING && !DEFECT(DEFECT_JOINED_DOOMED))
		if (atom64_cas_seq(word, &life, life_next(life, LIFE_OPEN)))
			return true;
	return (life & LIFE_STATE) != LIFE_DOOMED;
}

int name_is_free(const char *path)
{
	uint64_t give_up = os_now_ns() + PATIENCE_NS;
	struct segment_shape shape;
	struct os_file file;

	for (;;) {
		int rc, fd;

		if (os_stat_path(path, &file) == -ENOENT)
			return 0;
		fd = os_open(path, false);
		if (fd == -ENOENT)
			return 0;
		if (fd < 0)
			return -EEXIST;
		rc = segment_file_check(fd, &shape, &file);
		if (rc || !life_doomed(&shape))
			rc = -EEXIST;
		else
			rc = name_doomed(path, &file);
		os_close(fd); /* not before: its inode's number must not become another file's */
		if (rc < 0)
			return -EEXIST;
		if (os_now_ns() > give_up)
			return -EBUSY;
		if (rc == AGAIN_LATER)
			os_sleep_ns(PAUSE_NS);
	}
}

/* Whether the name is one that the last to leave removes. */
static bool removed_by_the_last(const char *path)
{
	struct segment_shape shape;
	struct os_file file;
	int fd = os_open(path, true);
	bool is = fd >= 0 && segment_file_check(fd, &shape, &file) == 0 && (shape.flags & STOA_UNLINK_LAST);

	if (fd >= 0)
		os_close(fd);
	return is;
}

/* Removes whatever regular file the name means. */
static int unlink_once(const char *path)
{
	struct os_file file;
	int rc = os_stat_path(path, &file);

	if (rc)
		return rc;
	if (!file.regular)
		return -EINVAL;
	rc = name_remove(path, file.device, file.inode);
	if (rc == -EACCES || rc == -EROFS || rc == -ENOTSUP || rc == -ETXTBSY)
		return os_unlink(path); /* not ours to write or to lock, but the directory may be ours */
	if (rc == -EAGAIN && !removed_by_the_last(path))
		return os_unlink(path);
	return rc;
}

int stoa_segment_unlink(const char *name)
{
	uint64_t give_up = os_now_ns() + PATIENCE_NS;
	char *path;
	int rc;

	if (!name)
		return -EINVAL;
	rc = segment_path(name, &path);
	if (rc)
		return rc;
	while ((rc = unlink_once(path)) == -EAGAIN && os_now_ns() < give_up)
		os_sleep_ns(PAUSE_NS);
	free(path);
	return rc == -EAGAIN ? -EBUSY : rc;
}
