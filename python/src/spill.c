/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * spill.c - objects that are larger than a message.
 *
 * Such an object is written into a file PATH~sTOKEN beside the queue's segment, and the message says the
 * token and which use of the file it is.  The file: struct file_head, the data, the buffers out of band.
 *
 * A file is at each moment one of
 *
 *   a sender's     it has made it, or has got its token out of the queue of free files.  A new one is written
 *                  before it is linked, so what has a name is whole.  It is locked (flock(2)) from before it
 *                  has a name, or before it is written again, until the message was committed or given up
 *   a message's    from the commit on; read under a lease, and by nobody written
 *   a receiver's   when that has acknowledged the message: it puts the token into the queue of free
 *                  files, or, where that is full, removes the file
 *   free           in that queue
 *
 * Each hand-over is one step of a queue, which happens or does not.  A process that is killed between two
 * leaves a file that is nobody's: a sender before its commit (the kernel drops the lock), or with a token
 * just popped; a receiver between acknowledging and freeing.  One killed earlier leaves a message that is
 * delivered again, with its file.
 *
 * spill_sweep() removes those:
 *
 *   1. list the files that are not locked, each with its count of uses
 *   2. ask whether the queue has no message at all, waiting or held; else give up
 *   3. each that can be locked now and has the same count: remove it, then unlock
 *
 * At 2 a file on the list is no message's: a sender had not locked it at 1, so its message was committed
 * before or will never be, if the count stays.  It may be free, or become some sender's by its token: that
 * one locks it, and then looks whether the file has a name still.  If it locks first, 3 finds the lock, or a
 * higher count; else the name is gone, and the sender takes another file.
 */
#include "spill.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAGIC 0x32306c6c69707373ull /* "sspill02" */
#define BUFFERS_MAX 1000            /* fewer than IOV_MAX */

static size_t head_size(size_t buffers)
{
	return sizeof(struct file_head) + (1 + buffers) * sizeof(uint64_t);
}

/* ---- writing ---- */

struct writing {
	const struct store *store;
	struct file *file;
	bool is_new;
	struct file_head *head;
	struct iovec *pieces;
	int count;
	size_t size;
	Py_buffer *views;
	Py_ssize_t had;
};

static int write_all(int fd, struct iovec *pieces, int count)
{
	off_t offset = 0;

	while (count) {
		ssize_t n = pwritev(fd, pieces, count, offset);

		if (n < 0 && errno != EINTR)
			return -errno;
		offset += n > 0 ? n : 0;
		for (; n > 0 && (size_t)n >= pieces->iov_len; pieces++, count--)
			n -= (ssize_t)pieces->iov_len;
		if (n > 0) {
			pieces->iov_base = (char *)pieces->iov_base + n;
			pieces->iov_len -= (size_t)n;
		}
		for (; count && pieces->iov_len == 0; pieces++)
			count--;
	}
	return 0;
}

/* Without the interpreter's lock. */
static int write_file(struct writing *writing)
{
	struct file *file = writing->file;
	unsigned char *to;
	int rc;

	if (!writing->is_new && file_extent(file) >= sizeof writing->head->use &&
	    pread(file->fd, &writing->head->use, sizeof writing->head->use, offsetof(struct file_head, use)) <
	            0)
		return -errno;
	writing->head->use++;
	if (writing->is_new || file_map(file, writing->size)) {
		rc = write_all(file->fd, writing->pieces, writing->count);
		return rc || !writing->is_new ? rc : store_link(writing->store, file);
	}
	to = file->bytes;
	for (int i = 0; i < writing->count; i++) {
		if (writing->pieces[i].iov_len)
			memcpy(to, writing->pieces[i].iov_base, writing->pieces[i].iov_len);
		to += writing->pieces[i].iov_len;
	}
	return 0;
}

static bool add_piece(struct writing *writing, const void *bytes, size_t size)
{
	writing->pieces[writing->count++] = (struct iovec){ .iov_base = (void *)(uintptr_t)bytes,
		                                            .iov_len = size };
	writing->size += size;
	return true;
}

/* What is to be written.  False with an exception. */
static bool gather(struct writing *writing, const struct encoded *encoded)
{
	Py_ssize_t count = encoded->buffers ? PyList_Size(encoded->buffers) : 0;
	size_t n = (size_t)count;

	writing->head = calloc(1, head_size(n));
	writing->pieces = calloc(2 + n, sizeof *writing->pieces);
	writing->views = calloc(n + 1, sizeof *writing->views);
	if (!writing->head || !writing->pieces || !writing->views || count > BUFFERS_MAX) {
		PyErr_NoMemory();
		return false;
	}
	*writing->head = (struct file_head){ .magic = MAGIC,
		                             .tag = encoded->head[0],
		                             .buffers = (uint32_t)n };
	writing->head->sizes[0] = encoded->data_size;
	add_piece(writing, writing->head, head_size(n));
	add_piece(writing, encoded->data, encoded->data_size);
	for (; writing->had < count; writing->had++) {
		Py_buffer *view = &writing->views[writing->had];

		if (PyObject_GetBuffer(PyList_GetItem(encoded->buffers, writing->had), view, PyBUF_SIMPLE))
			return false;
		writing->head->sizes[1 + writing->had] = (uint64_t)view->len;
		add_piece(writing, view->buf, (size_t)view->len);
	}
	return true;
}

static void scatter(struct writing *writing)
{
	while (writing->had)
		PyBuffer_Release(&writing->views[--writing->had]);
	free(writing->head);
	free(writing->pieces);
	free(writing->views);
}

/* What was being written, and failed, is nobody's: out of the way. */
static void drop(struct store *store, struct file *file, bool is_new)
{
	uint64_t token = file->token;

	flock(file->fd, LOCK_UN);
	store_leave(file);
	if (!is_new)
		store_remove(store, token);
}

bool spill_write(struct store *store, const struct encoded *encoded, struct spill *spill)
{
	struct writing writing = { .store = store };
	unsigned size_class = STORE_NO_CLASS;
	int rc = 0;

	if (gather(&writing, encoded)) {
		size_class = store_class(writing.size);
		writing.file = store_reuse(store, size_class);
		writing.is_new = !writing.file;
		if (writing.is_new)
			writing.file = store_create(store, size_class);
	}
	if (writing.file) {
		Py_BEGIN_ALLOW_THREADS rc = write_file(&writing);
		Py_END_ALLOW_THREADS
	}
	if (rc) {
		drop(store, writing.file, writing.is_new);
		raise_fault(rc, store->path);
	} else if (writing.file) {
		*spill = (struct spill){ .file = writing.file,
			                 .reference = { .tag = TAG_SPILL,
			                                .size_class = (unsigned char)size_class,
			                                .token = writing.file->token,
			                                .use = writing.head->use,
			                                .size = writing.size } };
	}
	scatter(&writing);
	return writing.file && !rc;
}

void spill_sent(struct spill *spill)
{
	flock(spill->file->fd, LOCK_UN); /* a child forked meanwhile has the descriptor, too */
	store_leave(spill->file);
}

void spill_unsent(struct store *store, struct spill *spill)
{
	spill_sent(spill);
	store_free(store, spill->reference.token, spill->reference.size_class);
}

/* ---- reading ---- */

struct reading {
	struct file *file;
	uint64_t offset;
	struct file_head *head; /* a copy, checked */
};

/* Maps the file, and checks that the sizes in its head are those of the reference. */
static int read_head(struct reading *reading, const struct spill_reference *reference)
{
	struct file_head head;
	uint64_t left = reference->size;
	int rc;

	if (left < head_size(0))
		return -EBADMSG;
	Py_BEGIN_ALLOW_THREADS rc = file_map(reading->file, reference->size);
	Py_END_ALLOW_THREADS if (rc) return rc;
	memcpy(&head, reading->file->bytes, sizeof head);
	if (head.magic != MAGIC || head.use != reference->use || head.buffers > BUFFERS_MAX ||
	    head_size(head.buffers) > left)
		return -EBADMSG;
	reading->offset = head_size(head.buffers);
	left -= reading->offset;
	reading->head = malloc(reading->offset);
	if (!reading->head)
		return -ENOMEM;
	memcpy(reading->head, reading->file->bytes, reading->offset);
	reading->head->buffers = head.buffers;
	for (uint32_t i = 0; i <= head.buffers; i++) {
		if (reading->head->sizes[i] > left)
			return -EBADMSG;
		left -= reading->head->sizes[i];
	}
	return left ? -EBADMSG : 0;
}

/* The next piece of the file. */
static void read_piece(struct reading *reading, void *to, uint64_t size)
{
	const unsigned char *from = reading->file->bytes + reading->offset;

	Py_BEGIN_ALLOW_THREADS memcpy(to, from, size);
	Py_END_ALLOW_THREADS reading->offset += size;
}

/* The data as bytes, the buffers as a list of bytearrays: those may be changed by whoever gets the object. */
static bool read_objects(struct reading *reading, PyObject **data, PyObject **buffers)
{
	const struct file_head *head = reading->head;
	bool done = true;

	*data = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)head->sizes[0]);
	if (!*data)
		return false;
	read_piece(reading, PyBytes_AsString(*data), head->sizes[0]);
	if (!head->buffers)
		return true;
	*buffers = PyList_New(0);
	for (uint32_t i = 1; *buffers && done && i <= head->buffers; i++) {
		PyObject *one = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)head->sizes[i]);

		done = one && PyList_Append(*buffers, one) == 0;
		if (done)
			read_piece(reading, PyByteArray_AsString(one), head->sizes[i]);
		Py_XDECREF(one);
	}
	return *buffers && done;
}

PyObject *spill_read(const struct codec *codec, struct store *store, const struct spill_reference *reference)
{
	struct reading reading = { .head = NULL };
	PyObject *data = NULL, *buffers = NULL, *object = NULL;
	int rc;

	reading.file = store_open(store, reference->token, reference->size_class);
	if (!reading.file)
		return NULL;
	rc = read_head(&reading, reference);
	if (rc)
		raise_fault(rc, store->path);
	else if (read_objects(&reading, &data, &buffers))
		object = codec_finish(codec, (int)reading.head->tag, Py_NewRef(data), buffers);
	Py_XDECREF(data);
	Py_XDECREF(buffers);
	free(reading.head);
	store_leave(reading.file);
	return object;
}

void spill_done(struct store *store, const struct spill_reference *reference)
{
	store_free(store, reference->token, reference->size_class);
}

/* ---- sweeping ---- */

struct left {
	char name[NAME_MAX + 1];
	uint64_t use;
};

struct sweep {
	char directory[PATH_MAX];
	const char *base; /* of the queue's file */
	struct left *left;
	size_t count, room;
};

/* Locks a file, as long as the descriptor is open: that, or -1. */
static int lock_file(int directory, const char *name, uint64_t *use)
{
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	    pread(fd, use, sizeof *use, offsetof(struct file_head, use)) == sizeof *use)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool add_left(struct sweep *sweep, const char *name, uint64_t use)
{
	if (sweep->count == sweep->room) {
		size_t room = sweep->room ? 2 * sweep->room : 16;
		struct left *left = realloc(sweep->left, room * sizeof *left);

		if (!left)
			return false;
		sweep->left = left;
		sweep->room = room;
	}
	snprintf(sweep->left[sweep->count].name, sizeof sweep->left->name, "%s", name);
	sweep->left[sweep->count++].use = use;
	return true;
}

/* What lies beside the queue's file `base`, of the kinds named. */
static DIR *list(struct sweep *sweep, const char *path, const char *kinds, bool unlocked)
{
	const char *base = strrchr(path, '/') + 1;
	size_t length = strlen(base);
	struct dirent *entry;
	DIR *dir;

	snprintf(sweep->directory, sizeof sweep->directory, "%.*s", (int)(base - path), path);
	dir = opendir(sweep->directory);
	while (dir && (entry = readdir(dir))) {
		const char *rest = entry->d_name + length;
		uint64_t use = 0;
		int fd;

		if (strncmp(entry->d_name, base, length) != 0 || rest[0] != '~' || !rest[1] ||
		    !strchr(kinds, rest[1]))
			continue;
		fd = unlocked ? lock_file(dirfd(dir), entry->d_name, &use) : -1;
		if (unlocked && fd < 0)
			continue;
		if (fd >= 0)
			close(fd);
		if (!add_left(sweep, entry->d_name, use))
			break;
	}
	return dir;
}

static void end_list(struct sweep *sweep, DIR *dir)
{
	free(sweep->left);
	if (dir)
		closedir(dir);
}

void spill_sweep(const char *path, bool (*quiet)(void *context), void *context)
{
	struct sweep sweep = { .count = 0 };
	DIR *dir = list(&sweep, path, "s", true);

	if (sweep.count && !quiet(context))
		sweep.count = 0;
	while (sweep.count) {
		const struct left *left = &sweep.left[--sweep.count];
		uint64_t use;
		int fd = lock_file(dirfd(dir), left->name, &use);

		if (fd >= 0 && use == left->use)
			unlinkat(dirfd(dir), left->name, 0);
		if (fd >= 0)
			close(fd);
	}
	end_list(&sweep, dir);
}

void spill_remove_all(const char *path)
{
	struct sweep sweep = { .count = 0 };
	DIR *dir = list(&sweep, path, "srf", false);

	while (sweep.count)
		unlinkat(dirfd(dir), sweep.left[--sweep.count].name, 0);
	end_list(&sweep, dir);
}
