/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waits.c - who sleeps at which object.
 *
 * An event word says that somebody sleeps, not who.  The kernel knows: /proc/PID/task/TID/syscall has the call that
 * a thread is in, and its arguments.  A thread in futex(2) whose address lies in a mapping of the segment's
 * file, at the offset of an event word, waits for that.  It takes the right to look at the process; where that is
 * missing nobody is seen, and the word's own bit must do.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "gather.h"

#define LOOKS 3
#define PAUSE_US 2000

/* The address at which a thread sleeps in futex(2); 0: it does not. */
static uint64_t futex_of(int pid, int tid)
{
	char path[64];
	uint64_t address = 0;
	long number;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", pid, tid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	/* "running", where it runs. */
	if (fscanf(file, "%ld %" SCNx64, &number, &address) != 2 || number != SYS_futex)
		address = 0;
	fclose(file);
	return address;
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

static void look_at_process(struct segment *segment, int pid, const struct stat *file)
{
	char path[40];
	DIR *tasks;
	const struct dirent *task;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	tasks = opendir(path);
	while (tasks && (task = readdir(tasks))) {
		int tid = atoi(task->d_name);
		uint64_t address = tid > 0 ? futex_of(pid, tid) : 0, offset;

		if (address && offset_of(pid, address, file, &offset))
			add_waiter(segment, offset, pid, tid);
	}
	if (tasks)
		closedir(tasks);
}

/* Somebody sleeps, or did, and nobody was seen. */
static bool anybody_missed(const struct segment *segment)
{
	for (size_t i = 0; i < segment->object_count; i++) {
		const struct object *object = &segment->objects[i];

		for (size_t k = 0; k < object->wait_count && !object->waiter_count; k++) {
			if (object->waits[k].announced)
				return true;
		}
	}
	return false;
}

static void look_at_all(struct segment *segment, const struct stat *file)
{
	for (size_t i = 0; i < segment->participant_count; i++) {
		const struct participant *participant = &segment->participants[i];

		if (participant->info.alive && participant->here)
			look_at_process(segment, participant->info.pid, file);
	}
}

/* Who waits wakes up now and then, and may be just awake. */
void gather_waiters(struct segment *segment, const struct stat *file)
{
	look_at_all(segment, file);
	for (int i = 0; i < LOOKS && anybody_missed(segment); i++) {
		for (size_t k = 0; k < segment->object_count; k++)
			segment->objects[k].waiter_count = 0;
		usleep(PAUSE_US);
		look_at_all(segment, file);
	}
}
