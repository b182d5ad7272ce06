/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * store.c - files for spilled objects; see store.h, and spill.c for who may do what when.
 *
 * A process keeps the files that it used last open and mapped, whatever queue they are of, so that the common
 * case is no system call but two to lock and unlock.
 */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define FREE_FILES 16          /* of a class ... */
#define FREE_BYTES (64u << 20) /* ... and no more than that */
#define FREE_TRIES 4
#define OPEN_FILES 40 /* kept open by a process */
#define HANDLES 64
#define FIRST_CLASS 16384u

static struct file *files; /* last used first */

unsigned store_class(size_t size)
{
	unsigned n = 0;

	for (size_t room = FIRST_CLASS; n < STORE_CLASSES && size > room; room *= 4)
		n++;
	return n;
}

static void name_of(char *name, const struct store *store, uint64_t token)
{
	snprintf(name, PATH_MAX, "%s~s%016llx", store->path, (unsigned long long)token);
}

/* ---- files of this process ---- */

static void file_close(struct file *file)
{
	if (file->bytes)
		munmap(file->bytes, file->length);
	close(file->fd);
	free(file);
}

static struct file *file_new(int fd, unsigned size_class)
{
	struct file *file = calloc(1, sizeof *file);

	if (!file) {
		close(fd);
		PyErr_NoMemory();
		return NULL;
	}
	*file = (struct file){ .fd = fd, .size_class = size_class, .users = 1 };
	return file;
}

/* Takes the file of that token out of the list, if nobody uses it. */
static struct file *file_find(uint64_t token)
{
	struct file **link = &files, *file;

	while (*link && ((*link)->token != token || (*link)->users))
		link = &(*link)->next;
	file = *link;
	if (file) {
		*link = file->next;
		file->users = 1;
	}
	return file;
}

/* Back to the head of the list; the one that was not used for the longest time goes. */
void store_leave(struct file *file)
{
	struct file **link = &files;
	unsigned count = 0;

	file->users = 0;
	if (file->size_class == STORE_NO_CLASS) {
		file_close(file);
		return;
	}
	file->next = files;
	files = file;
	while (*link && ++count <= OPEN_FILES)
		link = &(*link)->next;
	if (*link) {
		file_close(*link);
		*link = NULL;
	}
}

size_t file_extent(const struct file *file)
{
	struct stat stat;

	if (fstat(file->fd, &stat))
		return 0;
	/* They are written from the start on, so the blocks are the first ones; some may lie behind the end. */
	return stat.st_size / 512 < stat.st_blocks ? (size_t)stat.st_size : (size_t)stat.st_blocks * 512;
}

int file_map(struct file *file, size_t size)
{
	size_t length = file_extent(file);
	void *bytes;

	if (file->bytes && file->length >= size)
		return 0;
	if (length < size)
		return -ENODATA;
	if (file->bytes)
		munmap(file->bytes, file->length);
	bytes = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file->fd, 0);
	file->bytes = bytes == MAP_FAILED ? NULL : bytes;
	file->length = length;
	return file->bytes ? 0 : -errno;
}

/* ---- free files ---- */

static struct ring *open_class(struct stoa_segment *segment, unsigned n, struct stoa_queue_config config)
{
	char name[8];
	struct stoa_queue *queue;
	uint32_t most = FREE_BYTES / (FIRST_CLASS << (2 * n));

	config.capacity = most < FREE_FILES ? most : FREE_FILES;
	snprintf(name, sizeof name, "%u", n);
	return stoa_queue_create(segment, name, &config, &queue) ? NULL : ring_new(NULL, queue, n);
}

/* Without them everything works, slower. */
static void open_free(struct store *store)
{
	const struct stoa_queue_config config = {
		.struct_size = sizeof config,
		.capacity = FREE_FILES,
		.message_size = sizeof(uint64_t),
		.handles = HANDLES,
		.holds = 1,
	};
	struct stoa_segment_config room = { .struct_size = sizeof room, .mode = store->mode };
	struct stoa_segment *segment;
	char name[512];

	store->opened = true;
	snprintf(name, sizeof name, "%s~f", store->name);
	if (stoa_queue_footprint(&config, &room.bytes))
		return;
	room.bytes = STORE_CLASSES * (room.bytes + 1024);
	if (stoa_segment_create(name, &room, &segment))
		return;
	for (unsigned n = 0; n < STORE_CLASSES; n++)
		store->free[n] = open_class(segment, n, config);
	stoa_segment_close(segment);
}

void store_close(struct store *store)
{
	for (unsigned n = 0; n < STORE_CLASSES; n++) {
		ring_leave(store->free[n]);
		store->free[n] = NULL;
	}
}

static struct ring *free_files(struct store *store, unsigned size_class)
{
	if (!store->opened)
		open_free(store);
	return size_class < STORE_CLASSES ? store->free[size_class] : NULL;
}

static bool pop_token(struct ring *ring, uint64_t *token)
{
	struct stoa_receiver *receiver;
	size_t size;
	int rc = ring_receiver(ring, &receiver);

	if (rc)
		return false;
	rc = stoa_receiver_pop(receiver, token, sizeof *token, &size);
	ring_put_receiver(ring, receiver);
	return rc == 0 && size == sizeof *token;
}

static bool push_token(struct ring *ring, uint64_t token)
{
	struct stoa_sender *sender;
	int rc = ring_sender(ring, &sender);

	if (rc)
		return false;
	rc = stoa_sender_push(sender, &token, sizeof token);
	ring_put_sender(ring, sender);
	return rc == 0;
}

/* Locked, and still there: a sweeper may have removed it.  0 or -errno; -EWOULDBLOCK: who has the lock may be
 * stopped, and is not waited for. */
static int lock(const struct file *file)
{
	struct stat stat;

	if (flock(file->fd, LOCK_EX | LOCK_NB) || fstat(file->fd, &stat))
		return -errno;
	return stat.st_nlink ? 0 : -ENOENT;
}

struct file *store_reuse(struct store *store, unsigned size_class)
{
	struct ring *ring = free_files(store, size_class);
	uint64_t token;

	for (int i = 0; ring && i < FREE_TRIES && pop_token(ring, &token); i++) {
		struct file *file = store_open(store, token, size_class);
		int rc = file ? lock(file) : -ENOENT;

		if (!rc)
			return file;
		PyErr_Clear();
		if (rc == -EWOULDBLOCK) { /* who sent it last is not done with it */
			store_leave(file);
			store_free(store, token, size_class);
			return NULL;
		}
		if (file)
			file_close(file);
	}
	return NULL;
}

void store_free(struct store *store, uint64_t token, unsigned size_class)
{
	struct ring *ring = free_files(store, size_class);

	if (!ring || !push_token(ring, token))
		store_remove(store, token);
}

void store_remove(const struct store *store, uint64_t token)
{
	struct file *file = file_find(token);
	char name[PATH_MAX];

	if (file)
		file_close(file);
	name_of(name, store, token);
	unlink(name);
}

/* ---- making and opening ---- */

struct file *store_create(struct store *store, unsigned size_class)
{
	const char *slash = strrchr(store->path, '/');
	char directory[PATH_MAX];
	struct file *file;
	int fd;

	snprintf(directory, sizeof directory, "%.*s", (int)(slash - store->path + 1), store->path);
	fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, store->mode);
	file = fd < 0 ? NULL : file_new(fd, size_class);
	if (file && fchmod(fd, store->mode) == 0 && flock(fd, LOCK_EX) == 0)
		return file;
	if (!PyErr_Occurred())
		raise_fault(-errno, store->path);
	if (file)
		file_close(file);
	return NULL;
}

int store_link(const struct store *store, struct file *file)
{
	char from[64], name[PATH_MAX];

	snprintf(from, sizeof from, "/proc/self/fd/%d", file->fd);
	for (;;) {
		if (getrandom(&file->token, sizeof file->token, 0) != sizeof file->token)
			return -errno;
		name_of(name, store, file->token);
		if (linkat(AT_FDCWD, from, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
}

struct file *store_open(struct store *store, uint64_t token, unsigned size_class)
{
	struct file *file = file_find(token);
	char name[PATH_MAX];
	int fd;

	if (file)
		return file;
	name_of(name, store, token);
	fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		raise_fault(-errno, name);
		return NULL;
	}
	file = file_new(fd, size_class);
	if (file)
		file->token = token;
	return file;
}
