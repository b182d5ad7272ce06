/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The segment of a world: made with its objects, listed, reaped, left and opened anew, removed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static void make_objects(struct world *world)
{
	uint64_t *start = world->objects_start;

	for (size_t i = 0; i < world->count; i++) {
		struct object *object = &world->objects[i];

		snprintf(object->name, sizeof object->name, "o%zu", i);
		choose_shape(world, object);
		MAY(create_object(world->segment, object, &object->config));
		opened(object, 0);
	}
	/* Objects lie one behind the other, in the order of their making. */
	start[0] = world->header.heap_offset;
	for (size_t i = 0; i < world->count; i++) {
		struct stoa_object_info info = { .struct_size = sizeof info };

		MAY(stoa_segment_object(world->segment, (uint32_t)i, &info));
		start[i + 1] = start[i] + info.bytes;
		EXPECT(start[i + 1] <= world->bytes);
	}
}

void begin(struct world *world)
{
	struct stoa_segment_config config = { .struct_size = sizeof config, .bytes = 128u << 10 };
	uint8_t how = byte(world);
	struct stat stat;

	config.participants = 3 + how % 4;
	config.objects = 64;
	if (how >= 0xe0) {
		snprintf(world->name, sizeof world->name, "fuzz-%d", (int)getpid());
		config.flags = how & 8 ? STOA_UNLINK_LAST : 0;
	}
	world->count = 1 + how / 8 % OBJECTS;
	MAY(stoa_segment_create(*world->name ? world->name : NULL, &config, &world->segment));
	world->fd = dup(stoa_segment_fd(world->segment));
	EXPECT(world->fd >= 0 && fstat(world->fd, &stat) == 0);
	world->bytes = (uint64_t)stat.st_size;
	world->base = mmap(NULL, world->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, world->fd, 0);
	EXPECT(world->base != MAP_FAILED);
	memcpy(&world->header, world->base, sizeof world->header);
	make_objects(world);
	world->good = malloc(world->bytes);
	EXPECT(world->good);
	memcpy(world->good, world->base, world->bytes);
}

void finish(struct world *world)
{
	for (size_t i = 0; i < CHILDREN; i++)
		bury(&world->children[i]);
	leave(world);
	if (*world->name)
		MAY(stoa_segment_unlink(world->name), -ENOENT);
	munmap(world->base, world->bytes);
	close(world->fd);
	free(world->good);
}

void list(const struct stoa_segment *segment)
{
	struct stoa_segment_info info = { .struct_size = sizeof info };
	struct stoa_object_info object = { .struct_size = sizeof object };
	struct stoa_participant_info participant = { .struct_size = sizeof participant };
	uint32_t i;
	int rc;

	MAY(stoa_segment_info(segment, &info));
	for (i = 0; (rc = stoa_segment_object(segment, i, &object)) != -ENOENT; i++) {
		MAY(rc, STOA_EMPTY, -EBADMSG);
		EXPECT(i < info.objects);
		EXPECT(rc || memchr(object.name, 0, sizeof object.name));
	}
	for (i = 0; (rc = stoa_segment_participant(segment, i, &participant)) != -ENOENT; i++) {
		MAY(rc, STOA_EMPTY);
		EXPECT(i < info.participants);
		EXPECT(rc || memchr(participant.comm, 0, sizeof participant.comm));
	}
}

static int count(void *context, const struct stoa_holder_info *holder)
{
	uint32_t *held = context;

	*held += holder->held != 0;
	return 0;
}

/* What a tool asks, of words of any kind. */
void inspect(const struct world *world)
{
	struct stoa_wait_info wait = { .struct_size = sizeof wait };
	uint32_t held = 0;
	int rc;

	for (uint32_t i = 0; (rc = stoa_segment_holders(world->segment, i, count, &held)) != -ENOENT; i++) {
		MAY(rc, STOA_EMPTY, -EBADMSG);
		MAY(stoa_segment_wait(world->segment, i, i % 2, &wait), STOA_EMPTY, -ENOENT, -EBADMSG);
	}
	MAY(stoa_segment_check(world->segment, NULL, NULL), STOA_CHANGED, -EBADMSG, -ENOMEM);
}

void reap(const struct world *world)
{
	int rc = stoa_segment_reap(world->segment);

	MAY(rc > 0 ? 0 : rc, -EACCES, -ENOMEM, -EUSERS);
}

void leave(struct world *world)
{
	for (size_t i = 0; i < world->count; i++)
		close_object(&world->objects[i]);
	MAY(stoa_segment_close(world->segment));
	world->segment = NULL;
}

/* Opens the segment anew: everything is validated again.  Where that fails, its header is put right. */
void reopen(struct world *world)
{
	unsigned flags = choose(world, 4) ? 0 : STOA_READ_ONLY;
	int rc;

	leave(world);
	for (int tries = 0; tries < 2 && !world->segment; tries++) {
		rc = stoa_segment_open_fd(world->fd, flags, &world->segment);
		MAY(rc, -EBADMSG, -ENODATA, -EPROTONOSUPPORT, -EPROTOTYPE, -EUSERS);
		if (rc) {
			world->segment = NULL;
			run_short_no_more();
			heal(world, 0, sizeof world->header);
		}
	}
	for (size_t i = 0; i < world->count && world->segment; i++)
		reopen_object(world, &world->objects[i]);
}

/* By name there is a life to it: the last to leave removes the name, and another may come to have it. */
void use_name(struct world *world)
{
	static const unsigned flags[] = { 0, STOA_READ_ONLY, STOA_PREFAULT, STOA_UNLINK_LAST,
		                          STOA_EXCLUSIVE };
	struct stoa_segment_config config = { .struct_size = sizeof config, .participants = 3 };
	struct stoa_segment *second = NULL;
	char name[64];
	uint8_t how = byte(world);
	int rc;

	if (!*world->name)
		return;
	snprintf(name, sizeof name, "%s%s", how & 0x80 ? "/dev/shm/stoa." : "", world->name);
	config.flags = flags[how % LENGTH(flags)];
	config.bytes = how & 0x40 ? 4096 : 1u << 20;
	switch (how / 8 % 8) {
	case 0:
		MAY(stoa_segment_unlink(name), -ENOENT, -EBUSY);
		return;
	case 1:
	case 2:
		rc = stoa_segment_create(name, &config, &second);
		MAY(rc, -EEXIST, -EPROTOTYPE, -EUSERS, -EBADMSG, -ENODATA, -EPROTONOSUPPORT, -EBUSY, -EINVAL);
		break;
	default:
		rc = stoa_segment_open(name, config.flags, &second);
		MAY(rc, -ENOENT, -EBADMSG, -ENODATA, -EPROTONOSUPPORT, -EPROTOTYPE, -EUSERS, -EINVAL);
	}
	if (rc == 0) {
		list(second);
		MAY(stoa_segment_close(second));
	}
}
