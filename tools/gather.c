/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather.c - looks at a segment once, read-only, and lets go of it.
 *
 * Nothing is kept open between two looks, so segments may come, go, and be made anew under the same name, while
 * somebody watches.
 */
#include "gather.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "look.h"
#include "show.h"

#define PREFIX "stoa."

/* ---- participants ---- */

static uint64_t own_namespace(void)
{
	static uint64_t inode;
	struct stat file;

	if (!inode && stat("/proc/self/ns/pid", &file) == 0)
		inode = file.st_ino;
	return inode;
}

/* Of a process in /proc; 0 where it cannot be told. */
static char process_state(int pid)
{
	char path[40], line[512], *end;
	FILE *file;
	size_t got;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	got = fread(line, 1, sizeof line - 1, file);
	fclose(file);
	line[got] = '\0';
	end = strrchr(line, ')'); /* the name before it may have any letters */
	return end && end[1] == ' ' ? end[2] : 0;
}

static void gather_participants(const struct stoa_segment *open, struct segment *segment)
{
	struct stoa_participant_info info;
	int rc;

	segment->participants = must_have(calloc(segment->info.participants, sizeof *segment->participants));
	for (uint32_t i = 0; i < segment->info.participants; i++) {
		struct participant *participant = &segment->participants[segment->participant_count];

		info.struct_size = sizeof info;
		rc = stoa_segment_participant(open, i, &info);
		if (rc)
			continue;
		segment->participant_count++;
		segment->dead += !info.alive;
		*participant = (struct participant){ .slot = i, .info = info, .comm = harmless(info.comm) };
		participant->here = info.pid_namespace && info.pid_namespace == own_namespace();
		if (participant->here && info.alive)
			participant->state = process_state(info.pid);
	}
}

const struct participant *participant_at(const struct segment *segment, uint32_t slot)
{
	for (size_t i = 0; i < segment->participant_count; i++) {
		if (segment->participants[i].slot == slot)
			return &segment->participants[i];
	}
	return NULL;
}

struct text participant_name(const struct segment *segment, uint32_t slot)
{
	const struct participant *participant = participant_at(segment, slot);
	struct text text;

	if (participant)
		snprintf(text.at, sizeof text.at, "%.*s %d", (int)bytes_that_fit(participant->comm, 18),
		         participant->comm, participant->info.pid);
	else
		snprintf(text.at, sizeof text.at, "#%u", slot);
	return text;
}

bool participant_stopped(const struct participant *participant)
{
	return participant->state == 'T' || participant->state == 't';
}

const char *participant_state(const struct participant *participant)
{
	if (!participant->info.alive)
		return "dead";
	switch (participant->state) {
	case 'R':
		return "running";
	case 'S':
	case 'I':
		return "asleep";
	case 'D':
		return "in the kernel";
	case 'T':
		return "stopped";
	case 't':
		return "traced";
	case 'Z':
		return "zombie";
	default:
		return "alive";
	}
}

/* ---- objects ---- */

static int gather_queue(struct stoa_segment *open, struct object *object)
{
	struct stoa_queue *queue;
	int rc = stoa_queue_open(open, object->info.name, NULL, &queue);

	if (rc)
		return rc;
	object->queue.shape.struct_size = sizeof object->queue.shape;
	object->queue.stat.struct_size = sizeof object->queue.stat;
	stoa_queue_info(queue, &object->queue.shape);
	rc = stoa_queue_stat(queue, &object->queue.stat);
	stoa_queue_close(queue);
	return rc;
}

static int gather_value(struct stoa_segment *open, struct object *object)
{
	struct stoa_value *value;
	int rc = stoa_value_open(open, object->info.name, NULL, &value);

	if (rc)
		return rc;
	object->value.shape.struct_size = sizeof object->value.shape;
	stoa_value_info(value, &object->value.shape);
	if (object->value.shape.type != STOA_BYTES)
		rc = stoa_value_load(value, object->value.bytes);
	stoa_value_close(value);
	return rc;
}

#define GATHER(NOUN, MEMBER)                                                                                 \
	static int gather_##NOUN(struct stoa_segment *open, struct object *object)                           \
	{                                                                                                    \
		struct stoa_##NOUN *handle;                                                                  \
		int rc = stoa_##NOUN##_open(open, object->info.name, NULL, &handle);                         \
                                                                                                             \
		if (rc)                                                                                      \
			return rc;                                                                           \
		object->MEMBER.struct_size = sizeof object->MEMBER;                                          \
		rc = stoa_##NOUN##_info(handle, &object->MEMBER);                                            \
		stoa_##NOUN##_close(handle);                                                                 \
		return rc;                                                                                   \
	}
GATHER(array, array)
GATHER(semaphore, semaphore)
GATHER(event, event)
GATHER(barrier, barrier)

static int gather_lock(struct stoa_segment *open, struct object *object)
{
	struct stoa_lock *lock;
	int rc = stoa_lock_open(open, object->info.name, NULL, &lock);

	return rc ? rc : stoa_lock_close(lock);
}

static int add_holder(void *context, const struct stoa_holder_info *holder)
{
	struct object *object = context;

	if ((object->holder_count & (object->holder_count - 1)) == 0) {
		size_t room = object->holder_count ? 2 * object->holder_count : 1;

		object->holders = must_have(realloc(object->holders, room * sizeof *holder));
	}
	object->holders[object->holder_count++] = *holder;
	return 0;
}

static void gather_object(struct stoa_segment *open, struct object *object)
{
	static int (*const gatherers[])(struct stoa_segment *, struct object *) = {
		[STOA_KIND_VALUE] = gather_value, [STOA_KIND_ARRAY] = gather_array,
		[STOA_KIND_QUEUE] = gather_queue, [STOA_KIND_SEMAPHORE] = gather_semaphore,
		[STOA_KIND_EVENT] = gather_event, [STOA_KIND_BARRIER] = gather_barrier,
		[STOA_KIND_LOCK] = gather_lock,
	};

	object->name = harmless(object->info.name);
	if (object->info.kind < STOA_KIND_VALUE || object->info.kind > STOA_KIND_LOCK) {
		object->rc = -EBADMSG;
		return;
	}
	object->rc = gatherers[object->info.kind](open, object);
	if (object->rc)
		return;
	stoa_segment_holders(open, object->index, add_holder, object);
	for (; object->wait_count < 2; object->wait_count++) {
		struct stoa_wait_info *wait = &object->waits[object->wait_count];

		wait->struct_size = sizeof *wait;
		if (stoa_segment_wait(open, object->index, (uint32_t)object->wait_count, wait) != 0)
			break;
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct object *)a)->info.name, ((const struct object *)b)->info.name);
}

static void gather_objects(struct stoa_segment *open, struct segment *segment)
{
	size_t room = segment->info.objects_published + 16; /* more may come meanwhile */
	struct stoa_object_info info;
	int rc;

	segment->objects = must_have(calloc(room, sizeof *segment->objects));
	for (uint32_t i = 0; segment->object_count < room; i++) {
		info.struct_size = sizeof info;
		rc = stoa_segment_object(open, i, &info);
		if (rc == -ENOENT)
			break;
		if (rc == STOA_EMPTY)
			continue;
		if (rc)
			info = (struct stoa_object_info){ .name = "(damaged)" };
		segment->objects[segment->object_count] = (struct object){ .index = i,
			                                                   .info = info,
			                                                   .rc = rc };
		gather_object(open, &segment->objects[segment->object_count++]);
	}
	qsort(segment->objects, segment->object_count, sizeof *segment->objects, by_name);
}

/* ---- the segment ---- */

static void forget_content(struct segment *segment)
{
	for (size_t i = 0; i < segment->participant_count; i++)
		free(segment->participants[i].comm);
	for (size_t i = 0; i < segment->object_count; i++) {
		free(segment->objects[i].name);
		free(segment->objects[i].holders);
		free(segment->objects[i].waiters);
	}
	free(segment->participants);
	free(segment->objects);
	segment->participants = NULL;
	segment->objects = NULL;
	segment->participant_count = segment->object_count = segment->dead = 0;
}

int gather_open(const char *name, bool objects, struct segment *segment, struct stoa_segment **open)
{
	const char *part = strchr(strrchr(name, '/') ? strrchr(name, '/') : name, '~');

	*segment = (struct segment){ .operand = must_have(strdup(name)),
		                     .name = harmless(name),
		                     .path = file_of(name) };
	if (part)
		segment->base = must_have(strndup(name, (size_t)(part - name)));
	segment->base_name = part ? harmless(segment->base) : NULL;
	segment->info.struct_size = sizeof segment->info;
	if (stat(segment->path, &segment->file) != 0)
		return segment->rc = -errno;
	segment->rc = look_open(name, open);
	if (segment->rc)
		return segment->rc;
	stoa_segment_info(*open, &segment->info);
	gather_participants(*open, segment);
	if (objects) {
		gather_objects(*open, segment);
		gather_waiters(segment, &segment->file);
	}
	if (was_cut()) {
		forget_content(segment);
		stoa_segment_close(*open);
		segment->rc = -ENODATA;
	}
	return segment->rc;
}

void gather(const char *name, bool objects, struct segment *segment)
{
	struct stoa_segment *open;

	if (gather_open(name, objects, segment, &open) == 0)
		stoa_segment_close(open);
}

void gather_end(struct segment *segment)
{
	forget_content(segment);
	free(segment->operand);
	free(segment->name);
	free(segment->path);
	free(segment->base);
	free(segment->base_name);
}

const char *segment_reason(const struct segment *segment)
{
	bool file = segment->rc == -EBADMSG || segment->rc == -ENODATA;

	return segment->base && file ? "no segment: a file of the one before the ~" : reason(segment->rc);
}

/* ---- names ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int segment_names(char ***names, size_t *count)
{
	DIR *directory = opendir("/dev/shm");
	const struct dirent *entry;
	char **list = NULL;
	size_t room = 0;

	*names = NULL;
	*count = 0;
	if (!directory)
		return -errno;
	while ((entry = readdir(directory))) {
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0 || !entry->d_name[strlen(PREFIX)])
			continue;
		if (*count == room) {
			room = room ? 2 * room : 16;
			list = must_have(realloc(list, room * sizeof *list));
		}
		list[(*count)++] = must_have(strdup(entry->d_name + strlen(PREFIX)));
	}
	closedir(directory);
	if (*count)
		qsort(list, *count, sizeof *list, by_text);
	*names = list;
	return 0;
}

void names_end(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}
