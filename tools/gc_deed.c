/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc_deed.c - what nobody uses any more, and may go.
 *
 * Nobody uses a segment in which no participant lives, and the kernel proves that, not a guess by pids.
 * Whether it may go is another question: it may hold what the next run wants to find.  So only those go by
 * themselves that say so: by STOA_UNLINK_LAST, or by a name that begins with "py-", which the Python package
 * gives to what it makes for a moment.  Others go when they are named.
 *
 * STOA_UNLINK_LAST: join it and leave it again, and the library removes the name as it does for the last to
 * leave, whoever comes meanwhile.  Others: join, see that one is alone, and that the name still means this
 * segment (another may have removed it, and somebody made a new one), remove the name; who joined between the
 * last two keeps the memory and finds the name gone.
 *
 * A file called NAME~... belongs to the segment NAME: the Python package keeps there what did not fit into
 * it, in segments and in plain files.  Whoever uses NAME may come to need it, whether or not anybody lives in
 * it now.  So it goes when NAME goes.  Where NAME has gone, somebody may still have that segment mapped: then
 * it goes by itself only if NAME is temporary, whose name nobody removes before the last has left.  Plain
 * files are locked (flock(2)) by who is writing them.
 */
#include "gc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "look.h"

#define TEMPORARY "py-"

/* ---- what is to be done ---- */

static bool is_temporary(const char *name)
{
	return strncmp(name, TEMPORARY, strlen(TEMPORARY)) == 0;
}

/* Of a segment in which nobody lives. */
static bool may_go(const struct segment *segment, const char *name, bool named)
{
	return named || is_temporary(name) || (segment->info.flags & STOA_UNLINK_LAST);
}

/* Of a file that belongs to a segment, and goes by `deed` where it goes. */
static enum deed deed_of_part(const struct plan *plan, enum deed deed)
{
	const char *name = plan->segment.base;
	struct segment base;

	gather(name, false, &base);
	if (base.rc == -ENOENT) {
		if (!plan->named && !is_temporary(name))
			deed = DEED_ASK;
	} else if (base.rc || base.info.participants_alive || !may_go(&base, name, plan->named)) {
		deed = DEED_PART;
	}
	gather_end(&base);
	return deed;
}

static enum deed deed_of(const struct plan *plan)
{
	const struct segment *segment = &plan->segment;
	bool file = segment->base && (segment->rc == -EBADMSG || segment->rc == -ENODATA);

	if (!segment->file.st_nlink || (segment->rc && segment->rc != -ENOENT && !file))
		return DEED_UNKNOWN;
	if (segment->rc == -ENOENT)
		return DEED_LEAVE; /* its last user died while it removed the name */
	if (segment->info.participants_alive)
		return segment->dead ? DEED_REAP : DEED_NONE;
	if (segment->base)
		return deed_of_part(plan, file ? DEED_DELETE : DEED_REMOVE);
	if (segment->info.flags & STOA_UNLINK_LAST)
		return DEED_LEAVE;
	return may_go(segment, plan->segment.operand, plan->named) ? DEED_REMOVE : DEED_ASK;
}

bool goes_away(const struct plan *plan)
{
	return plan->deed == DEED_LEAVE || plan->deed == DEED_REMOVE || plan->deed == DEED_DELETE;
}

void make_plan(struct plan *plan, const char *operand, bool named)
{
	*plan = (struct plan){ .named = named };
	gather(operand, false, &plan->segment);
	plan->deed = deed_of(plan);
	if (goes_away(plan))
		plan->bytes = (uint64_t)plan->segment.file.st_blocks * 512;
}

/* ---- doing it ---- */

static const char joined[] = "somebody has joined it meanwhile";

static const char *still_there(const struct segment *segment)
{
	struct stat file;

	return stat(segment->path, &file) == 0 && file.st_ino == segment->file.st_ino ? joined : "";
}

static bool same_file(const struct stat *one, const struct stat *other)
{
	return one->st_ino == other->st_ino && one->st_dev == other->st_dev;
}

/* Whether what was looked at, what is open and what the name means are one. */
static bool is_another(const struct plan *plan, const struct stoa_segment *open)
{
	struct stat opened, named;

	return fstat(stoa_segment_fd(open), &opened) != 0 || !same_file(&opened, &plan->segment.file) ||
	       (stat(plan->segment.path, &named) == 0 && !same_file(&named, &opened));
}

static const char *remove_name(const struct plan *plan, struct stoa_segment *open)
{
	struct stoa_segment_info info = { .struct_size = sizeof info };
	int rc = stoa_segment_info(open, &info);

	if (!rc && info.participants_alive > 1)
		return joined;
	if (!rc && is_another(plan, open))
		return "another one has its name by now";
	if (!rc)
		rc = stoa_segment_unlink(plan->segment.operand);
	return rc ? reason(rc) : "";
}

static const char *delete_file(const struct segment *segment)
{
	int fd = open(segment->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	const char *why = "";

	if (fd < 0)
		return reason(-errno);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		why = "somebody is writing it";
	else if (unlink(segment->path) != 0)
		why = reason(-errno);
	close(fd);
	return why;
}

/* Who joins reaps, too, and does not say how many: so they are counted before and after. */
static int reaped_of(const struct plan *plan)
{
	struct segment now;
	int reaped;

	gather(plan->segment.operand, false, &now);
	reaped = now.rc || now.dead > plan->segment.dead ? 0 : (int)(plan->segment.dead - now.dead);
	gather_end(&now);
	return reaped;
}

static void do_in_segment(struct plan *plan)
{
	struct stoa_segment *open;
	int rc;

	end_at_cuts(); /* zeros in the place of what was cut would say that nobody is there */
	rc = stoa_segment_open(plan->segment.operand, 0, &open);
	if (rc == -ENOENT && plan->deed == DEED_LEAVE) {
		plan->done = still_there(&plan->segment); /* opening it has removed the name */
		return;
	}
	if (rc) {
		plan->done = rc == -EACCES || rc == -EPERM ? "no permission to write it" : reason(rc);
		return;
	}
	rc = stoa_segment_reap(open);
	plan->done = rc < 0 ? reason(rc) : "";
	if (rc >= 0 && plan->deed == DEED_REMOVE)
		plan->done = remove_name(plan, open);
	stoa_segment_close(open);
	plan->reaped = reaped_of(plan);
	if (rc >= 0 && plan->deed == DEED_LEAVE)
		plan->done = still_there(&plan->segment);
}

void do_it(struct plan *plan)
{
	if (plan->deed != DEED_REAP && !goes_away(plan))
		return;
	if (goes_away(plan) && plan->segment.base && deed_of_part(plan, plan->deed) != plan->deed)
		plan->done = "somebody has joined what it belongs to";
	else if (plan->deed == DEED_DELETE)
		plan->done = delete_file(&plan->segment);
	else
		do_in_segment(plan);
}

bool failed(const struct plan *plan)
{
	return plan->done && plan->done[0];
}
