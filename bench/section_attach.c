/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * section_attach.c - what it costs to create a segment, and to attach to one and leave it: against the system
 * calls that nobody can do without, and against those that also prove who is alive.
 *
 * The first floor shares memory and no more: a file, all of its space, a mapping, one page touched.  The second
 * one also holds a lock on a description that nobody else has, so that the kernel tells of its death, and gives
 * the file its name when it is whole.  Either has as many bytes as asked for; a segment has its table of
 * participants and its directory besides, which is what creation takes longer for, above all where it is small.
 */
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stoa.h>

#include "method.h"
#include "options.h"
#include "section.h"

struct way {
	const char *name;
	enum bench_kind kind;
	bool (*create)(const char *name, size_t bytes); /* and leaves it, with its name */
	bool (*attach)(const char *name, size_t bytes); /* and detaches */
	void (*remove)(const char *name);
};

/* ---- the bare system calls ---- */

#define NAME_ROOM 64

/* What POSIX calls it. */
static const char *posix_name(const char *name, char path[NAME_ROOM])
{
	snprintf(path, NAME_ROOM, "/%s", name);
	return path;
}

static bool map_and_leave(int fd, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	bool good = memory != MAP_FAILED;

	if (good) {
		*(volatile char *)memory = 1;
		munmap(memory, bytes);
	}
	close(fd);
	return good;
}

static bool fill(int fd, size_t bytes)
{
	if (!posix_fallocate(fd, 0, (off_t)bytes))
		return true;
	close(fd);
	return false;
}

static bool bare_create(const char *name, size_t bytes)
{
	char path[NAME_ROOM];
	int fd = shm_open(posix_name(name, path), O_RDWR | O_CREAT | O_EXCL, 0600);

	if (fd < 0)
		return false;
	return fill(fd, bytes) && map_and_leave(fd, bytes);
}

static bool bare_attach(const char *name, size_t bytes)
{
	char path[NAME_ROOM];
	struct stat stat;
	int fd = shm_open(posix_name(name, path), O_RDWR, 0);

	(void)bytes;
	if (fd < 0 || fstat(fd, &stat))
		return false;
	return map_and_leave(fd, (size_t)stat.st_size);
}

static void bare_remove(const char *name)
{
	char path[NAME_ROOM];

	shm_unlink(posix_name(name, path));
}

/* ---- with a lock that proves life ---- */

/* Takes `fd` over, which is of the file that `again` opens. */
static bool lock_and_leave(int fd, const char *again, const char *publish, size_t bytes)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	int own = open(again, O_RDWR | O_CLOEXEC);
	bool good = own >= 0 && fcntl(own, F_OFD_SETLK, &lock) == 0 &&
	            (!publish || linkat(AT_FDCWD, again, AT_FDCWD, publish, AT_SYMLINK_FOLLOW) == 0);

	good = map_and_leave(fd, bytes) && good;
	if (own >= 0)
		close(own);
	return good;
}

static bool locked_create(const char *name, size_t bytes)
{
	char path[64], self[32];
	int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 || !fill(fd, bytes))
		return false;
	snprintf(path, sizeof path, "/dev/shm/%s", name);
	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	return lock_and_leave(fd, self, path, bytes);
}

static bool locked_attach(const char *name, size_t bytes)
{
	char path[64];
	struct stat stat;
	int fd;

	(void)bytes;
	snprintf(path, sizeof path, "/dev/shm/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat))
		return false;
	return lock_and_leave(fd, path, NULL, (size_t)stat.st_size);
}

/* ---- stoa ---- */

static bool ours_create(const char *name, size_t bytes)
{
	struct stoa_segment_config config = {
		.struct_size = sizeof config,
		.bytes = bytes,
		.flags = STOA_EXCLUSIVE,
	};
	struct stoa_segment *segment;

	return stoa_segment_create(name, &config, &segment) == 0 && stoa_segment_close(segment) == 0;
}

static bool ours_attach(const char *name, size_t bytes)
{
	struct stoa_segment *segment;

	(void)bytes;
	return stoa_segment_open(name, 0, &segment) == 0 && stoa_segment_close(segment) == 0;
}

static void ours_remove(const char *name)
{
	stoa_segment_unlink(name);
}

/* ---- a POSIX message queue ---- */

static bool mq_create(const char *name, size_t bytes)
{
	struct mq_attr attributes = { .mq_maxmsg = 10, .mq_msgsize = 64 };
	char path[NAME_ROOM];
	mqd_t queue = mq_open(posix_name(name, path), O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);

	(void)bytes;
	return queue != (mqd_t)-1 && mq_close(queue) == 0;
}

static bool mq_attach(const char *name, size_t bytes)
{
	char path[NAME_ROOM];
	mqd_t queue = mq_open(posix_name(name, path), O_RDWR);

	(void)bytes;
	return queue != (mqd_t)-1 && mq_close(queue) == 0;
}

static void mq_remove(const char *name)
{
	char path[NAME_ROOM];

	mq_unlink(posix_name(name, path));
}

static const struct way ways[] = {
	{ "stoa", BENCH_OURS, ours_create, ours_attach, ours_remove },
	{ "floor: bare system calls", BENCH_FLOOR, bare_create, bare_attach, bare_remove },
	{ "floor: and a lock of its own", BENCH_FLOOR, locked_create, locked_attach, bare_remove },
	{ "POSIX mq", BENCH_PEER, mq_create, mq_attach, mq_remove },
};

/* ---- the runs ---- */

struct visit {
	const struct way *way;
	char name[48];
	size_t bytes;
	bool creates;
};

static bool visit(struct worker *worker, void *context)
{
	const struct visit *now = context;
	uint64_t n = 0, deadline, start, spent = 0;
	bool good = now->creates || now->way->create(now->name, now->bytes);

	deadline = bench_now() + options.run_ns;
	while (good && (n == 0 || bench_now() < deadline)) {
		start = bench_now();
		good = now->creates ? now->way->create(now->name, now->bytes)
		                    : now->way->attach(now->name, now->bytes);
		spent += bench_now() - start;
		n++;
		if (now->creates) /* not counted: the file system's own affair */
			now->way->remove(now->name);
	}
	worker->start = 0;
	worker->end = spent;
	worker->count = n;
	return good || bench_bad(worker, "it could not create, or attach");
}

static enum outcome time_of_one(const struct team *team, struct sample *sample)
{
	sample->value = (double)team->worker[0].end / (double)team->worker[0].count / 1e3;
	return OUTCOME_DONE;
}

static enum outcome run(struct cell *cell, struct row *row, const void *context, struct sample *sample)
{
	struct visit now = *(const struct visit *)context;
	struct team_plan plan = { .senders = 1, .body = visit, .context = &now };
	struct team *team = team_new(&plan);
	enum outcome outcome;

	(void)cell;
	if (!team)
		return OUTCOME_UNABLE;
	now.way = row->peer;
	snprintf(now.name, sizeof now.name, "stoa-bench-%d", (int)getpid());
	outcome = method_team(team, row, sample, time_of_one);
	now.way->remove(now.name);
	return outcome;
}

bool section_attach(void)
{
	static const size_t sizes[] = { 64 << 10, 1 << 20, 64 << 20 };

	for (unsigned s = 0; s < (options.quick ? 1 : 3); s++)
		for (int creates = 0; creates <= 1; creates++) {
			struct visit plan = { .bytes = sizes[s], .creates = creates };
			struct cell *cell = cell_new("attach", "us", false, "%s, %s",
			                             creates ? "create and leave" : "attach and detach",
			                             in_units(sizes[s], "B"));

			if (!cell)
				continue;
			cell_param(cell, "bytes", (double)sizes[s]);
			for (unsigned i = 0; i < sizeof ways / sizeof ways[0]; i++)
				cell_row(cell, ways[i].name, ways[i].kind, &ways[i], false);
			if (!method_measure(cell, run, &plan))
				return false;
		}
	return true;
}
