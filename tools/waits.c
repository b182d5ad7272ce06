/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waits.c - who sleeps at which object.
 *
 * An event word says that somebody sleeps, not who.  The kernel knows: /proc/PID/task/TID/syscall has the call that
 * a thread is in, and its arguments.  A thread in futex(2) whose address lies in a mapping of the segment's
 * file, at the offset of an event word, waits for that.  It takes the right to look at the process; where that is
 * missing nobody is seen, and the word's own bit must do: somebody waits, or did and gave up.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "gather.h"

#ifndef SYS_futex_waitv /* the headers of older distributions have neither */
#define SYS_futex_waitv 449
struct futex_waitv {
	uint64_t val, uaddr;
	uint32_t flags, reserved;
};
#endif
#define FUTEXES_MOST 128 /* FUTEX_WAITV_MAX */

#define LOOKS 3
#define PAUSE_US 2000

/* What one look at a segment's processes left open. */
struct doubts {
	bool awake; /* some thread was running: it may be one that waits, which wakes up now and then */
	bool blind; /* some thread could not be looked at */
};

/* Those of futex_waitv(2), in which the thread sleeps that keeps descriptors for epoll. */
static unsigned futexes_of_list(int pid, uint64_t list, uint64_t count, uint64_t addresses[FUTEXES_MOST])
{
	struct futex_waitv waits[FUTEXES_MOST];
	struct iovec here = { .iov_base = waits, .iov_len = sizeof *waits * count },
		     there = { .iov_base = (void *)(uintptr_t)list, .iov_len = sizeof *waits * count };

	if (count > FUTEXES_MOST || process_vm_readv(pid, &here, 1, &there, 1, 0) != (ssize_t)here.iov_len)
		return 0;
	for (unsigned i = 0; i < count; i++)
		addresses[i] = waits[i].uaddr;
	return (unsigned)count;
}

/* The addresses at which a thread sleeps; how many, as far as can be told. */
static unsigned futexes_of(int pid, int tid, uint64_t addresses[FUTEXES_MOST], struct doubts *doubts)
{
	char path[64];
	uint64_t first, second;
	long number;
	FILE *file;
	int got;

	snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", pid, tid);
	errno = 0;
	file = fopen(path, "re");
	got = file ? fscanf(file, "%ld %" SCNx64 " %" SCNx64, &number, &first, &second) : 0;
	if (errno == EACCES || errno == EPERM)
		doubts->blind = true;
	else if (file && got == 0) /* "running" */
		doubts->awake = true;
	if (file)
		fclose(file);
	if (got == 3 && number == SYS_futex_waitv)
		return futexes_of_list(pid, first, second, addresses);
	addresses[0] = first;
	return got == 3 && number == SYS_futex;
}

/* Where in the file of the segment an address of the process lies; false: not in it. */
static bool offset_of(int pid, uint64_t address, const struct stat *segment, uint64_t *offset)
{
	char path[40], line[512];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/maps", pid);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof line, file)) {
		uint64_t from, to, at;
		unsigned major_number, minor_number;
		unsigned long inode;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %x:%x %lu", &from, &to, &at,
		           &major_number, &minor_number, &inode) != 6)
			continue;
		found = address >= from && address < to && inode == segment->st_ino &&
		        makedev(major_number, minor_number) == segment->st_dev;
		if (found)
			*offset = address - from + at;
	}
	if (file)
		fclose(file);
	return found;
}

static void add_waiter(struct segment *segment, uint64_t offset, int pid, int tid)
{
	for (size_t i = 0; i < segment->object_count; i++) {
		struct object *object = &segment->objects[i];

		for (size_t k = 0; k < object->wait_count; k++) {
			if (object->waits[k].offset != offset)
				continue;
			object->waiters = must_have(realloc(
				object->waiters, (object->waiter_count + 1) * sizeof *object->waiters));
			object->waiters[object->waiter_count++] = (struct waiter){
				.pid = pid, .tid = tid, .what = object->waits[k].what
			};
			return;
		}
	}
}

static void look_at_process(struct segment *segment, int pid, const struct stat *file, struct doubts *doubts)
{
	char path[40];
	DIR *tasks;
	const struct dirent *task;
	uint64_t addresses[FUTEXES_MOST], offset;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && (task = readdir(tasks))) {
		int tid = atoi(task->d_name);
		unsigned count = tid > 0 ? futexes_of(pid, tid, addresses, doubts) : 0;

		for (unsigned i = 0; i < count; i++) {
			if (offset_of(pid, addresses[i], file, &offset))
				add_waiter(segment, offset, pid, tid);
		}
	}
	if (tasks)
		closedir(tasks);
}

static struct doubts look_at_all(struct segment *segment, const struct stat *file)
{
	struct doubts doubts = { 0 };

	for (size_t i = 0; i < segment->participant_count; i++) {
		const struct participant *participant = &segment->participants[i];

		if (!participant->info.alive)
			continue;
		if (participant->here)
			look_at_process(segment, participant->info.pid, file, &doubts);
		else
			doubts.blind = true;
	}
	return doubts;
}

/* Somebody sleeps there, or did, and nobody was seen. */
static bool is_missed(const struct object *object)
{
	for (size_t k = 0; k < object->wait_count && !object->waiter_count; k++) {
		if (object->waits[k].announced)
			return true;
	}
	return false;
}

static bool anybody_missed(const struct segment *segment)
{
	for (size_t i = 0; i < segment->object_count; i++) {
		if (is_missed(&segment->objects[i]))
			return true;
	}
	return false;
}

void gather_waiters(struct segment *segment, const struct stat *file)
{
	struct doubts doubts = look_at_all(segment, file);

	for (int i = 0; i < LOOKS && doubts.awake && anybody_missed(segment); i++) {
		for (size_t k = 0; k < segment->object_count; k++)
			segment->objects[k].waiter_count = 0;
		usleep(PAUSE_US);
		doubts = look_at_all(segment, file);
	}
	for (size_t i = 0; i < segment->object_count; i++)
		segment->objects[i].waits_unseen = doubts.blind && is_missed(&segment->objects[i]);
}
