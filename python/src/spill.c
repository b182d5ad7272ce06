/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * spill.c - objects that are larger than a message.
 *
 * Such an object is written into a file PATH~sTOKEN beside the queue's segment, and the message says the
 * token.  The file:
 *
 *   magic | tag | n | size of the data, sizes of n buffers | the data | the buffers
 *
 * Who dies where, and what is left:
 *
 *   sender    The file is written without a name, locked (flock(2)), and then linked.  So a file that has a
 *             name is whole.  The lock is held until the message was committed or given up; the kernel drops
 *             it with the process.  Killed before the commit it leaves a file that no message tells of.
 *   receiver  It holds the message under a lease, reads, acknowledges, and only then removes the file.  Killed
 *             before it has acknowledged, the message is delivered again, and its file is still there; killed
 *             behind that, it leaves a file that no message tells of.
 *
 * spill_sweep() finds those.  It lists the files, leaves out the locked ones, and then asks whether the queue has no message
 * at all, neither waiting nor held.  If so, whatever is on the list was committed before and is acknowledged,
 * or will never be committed: its sender has committed, or is dead.  A token is never used twice, so that a
 * file removed twice does no harm.
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
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAGIC 0x31306c6c69707373ull /* "sspill01" */
#define BUFFERS_MAX 1000            /* fewer than IOV_MAX */

struct spill_head {
	uint64_t magic;
	uint32_t tag, buffers;
	uint64_t sizes[]; /* 1 + buffers */
};

static size_t head_size(size_t buffers)
{
	return sizeof(struct spill_head) + (1 + buffers) * sizeof(uint64_t);
}

static void name_of(char *name, size_t room, const char *path, uint64_t token)
{
	snprintf(name, room, "%s~s%016llx", path, (unsigned long long)token);
}

/* ---- writing ---- */

struct writing {
	const char *path;
	unsigned mode;
	struct iovec *pieces;
	int count;
	uint64_t token;
	int fd;
};

static int write_all(int fd, struct iovec *pieces, int count)
{
	while (count) {
		ssize_t n = writev(fd, pieces, count);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (; n > 0 && count; pieces++, count--) {
			if ((size_t)n < pieces->iov_len) {
				pieces->iov_base = (char *)pieces->iov_base + n;
				pieces->iov_len -= (size_t)n;
				break;
			}
			n -= (ssize_t)pieces->iov_len;
		}
		while (count && pieces->iov_len == 0) {
			pieces++;
			count--;
		}
	}
	return 0;
}

static int link_new(struct writing *writing)
{
	char from[64], name[PATH_MAX];

	snprintf(from, sizeof from, "/proc/self/fd/%d", writing->fd);
	for (;;) {
		if (getrandom(&writing->token, sizeof writing->token, 0) != sizeof writing->token)
			return -errno;
		name_of(name, sizeof name, writing->path, writing->token);
		if (linkat(AT_FDCWD, from, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
}

/* Without the interpreter's lock. */
static int write_file(struct writing *writing)
{
	char directory[PATH_MAX];
	const char *slash = strrchr(writing->path, '/');
	int rc;

	snprintf(directory, sizeof directory, "%.*s", (int)(slash - writing->path), writing->path);
	writing->fd = open(*directory ? directory : "/", O_TMPFILE | O_RDWR | O_CLOEXEC, writing->mode);
	if (writing->fd < 0)
		return -errno;
	rc = fchmod(writing->fd, writing->mode) == 0 && flock(writing->fd, LOCK_EX) == 0 ? 0 : -errno;
	rc = rc ? rc : write_all(writing->fd, writing->pieces, writing->count);
	rc = rc ? rc : link_new(writing);
	if (rc)
		close(writing->fd);
	return rc;
}

/* The views of `count` objects; how many were had. */
static Py_ssize_t get_views(PyObject *buffers, Py_ssize_t count, Py_buffer *views)
{
	Py_ssize_t n = 0;

	while (n < count && PyObject_GetBuffer(PyList_GetItem(buffers, n), &views[n], PyBUF_SIMPLE) == 0)
		n++;
	return n;
}

bool spill_write(const char *path, unsigned mode, const struct encoded *encoded, struct spill *spill)
{
	Py_ssize_t count = encoded->buffers ? PyList_Size(encoded->buffers) : 0, had = 0;
	size_t n = (size_t)count;
	struct spill_head *head = calloc(1, head_size(n));
	struct iovec *pieces = calloc(2 + n, sizeof *pieces);
	Py_buffer *views = calloc(n + 1, sizeof *views);
	struct writing writing = { .path = path, .mode = mode, .pieces = pieces, .count = (int)n + 2 };
	int rc = head && pieces && views && count <= BUFFERS_MAX ? 0 : -ENOMEM;

	if (rc == 0) {
		*head = (struct spill_head){ .magic = MAGIC,
			                     .tag = encoded->head[0],
			                     .buffers = (uint32_t)n };
		head->sizes[0] = encoded->data_size;
		pieces[0] = (struct iovec){ .iov_base = head, .iov_len = head_size(n) };
		pieces[1] = (struct iovec){ .iov_base = (void *)(uintptr_t)encoded->data,
			                    .iov_len = encoded->data_size };
		had = get_views(encoded->buffers, count, views);
		for (Py_ssize_t i = 0; i < had; i++) {
			head->sizes[1 + i] = (uint64_t)views[i].len;
			pieces[2 + i] = (struct iovec){ .iov_base = views[i].buf,
				                        .iov_len = (size_t)views[i].len };
		}
		if (had == count) {
			Py_BEGIN_ALLOW_THREADS rc = write_file(&writing);
			Py_END_ALLOW_THREADS
		}
		while (had)
			PyBuffer_Release(&views[--had]);
	}
	free(head);
	free(pieces);
	free(views);
	if (rc)
		raise_fault(rc, path);
	if (PyErr_Occurred())
		return false;
	*spill = (struct spill){ .fd = writing.fd,
		                 .reference = { .tag = TAG_SPILL, .token = writing.token } };
	return true;
}

void spill_sent(struct spill *spill)
{
	flock(spill->fd, LOCK_UN); /* a child forked meanwhile has the descriptor, too */
	close(spill->fd);
}

void spill_remove(const char *path, const struct spill_reference *reference)
{
	char name[PATH_MAX];

	name_of(name, sizeof name, path, reference->token);
	unlink(name);
}

void spill_unsent(const char *path, struct spill *spill)
{
	spill_remove(path, &spill->reference);
	spill_sent(spill);
}

/* ---- reading ---- */

static int read_all(int fd, void *to, size_t size, uint64_t offset)
{
	char *at = to;

	while (size) {
		ssize_t n = pread(fd, at, size, (off_t)offset);

		if (n == 0)
			return -ENODATA;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			at += n;
			offset += (uint64_t)n;
			size -= (size_t)n;
		}
	}
	return 0;
}

struct reading {
	int fd;
	uint64_t offset;
	struct spill_head *head;
};

/* The next piece of the file. */
static int read_piece(struct reading *reading, void *to, uint64_t size)
{
	int rc;

	Py_BEGIN_ALLOW_THREADS rc = read_all(reading->fd, to, size, reading->offset);
	Py_END_ALLOW_THREADS reading->offset += size;
	return rc;
}

/* Reads the head, and checks that the sizes in it are the file's. */
static int read_head(struct reading *reading)
{
	struct spill_head head = { .buffers = 0 };
	struct spill_head *whole;
	struct stat stat;
	uint64_t left;
	size_t size;
	int rc;

	if (fstat(reading->fd, &stat))
		return -errno;
	rc = read_all(reading->fd, &head, sizeof head, 0);
	if (rc || head.magic != MAGIC || head.buffers > BUFFERS_MAX)
		return rc ? rc : -EBADMSG;
	size = head_size(head.buffers);
	if ((uint64_t)stat.st_size < size)
		return -EBADMSG;
	reading->head = whole = malloc(size);
	if (!whole)
		return -ENOMEM;
	rc = read_all(reading->fd, whole, size, 0);
	if (rc || whole->buffers != head.buffers)
		return rc ? rc : -EBADMSG;
	reading->offset = size;
	left = (uint64_t)stat.st_size - size;
	for (uint32_t i = 0; i <= head.buffers; i++) {
		if (whole->sizes[i] > left)
			return -EBADMSG;
		left -= whole->sizes[i];
	}
	return left == 0 ? 0 : -EBADMSG;
}

/* The data as bytes, the buffers as a list of bytearrays: those may be changed by whoever gets the object. */
static int read_objects(struct reading *reading, PyObject **data, PyObject **buffers)
{
	uint32_t count = reading->head->buffers;
	int rc;

	*data = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)reading->head->sizes[0]);
	if (!*data)
		return -EINTR;
	rc = read_piece(reading, PyBytes_AsString(*data), reading->head->sizes[0]);
	if (rc || !count)
		return rc;
	*buffers = PyList_New(0);
	for (uint32_t i = 1; rc == 0 && i <= count; i++) {
		PyObject *one = *buffers ? PyByteArray_FromStringAndSize(NULL,
		                                                         (Py_ssize_t)reading->head->sizes[i])
		                         : NULL;

		if (!one || PyList_Append(*buffers, one))
			rc = -EINTR; /* with an exception */
		else
			rc = read_piece(reading, PyByteArray_AsString(one), reading->head->sizes[i]);
		Py_XDECREF(one);
	}
	return rc;
}

PyObject *spill_read(const struct codec *codec, const char *path, const struct spill_reference *reference)
{
	struct reading reading = { .head = NULL };
	PyObject *data = NULL, *buffers = NULL, *object = NULL;
	char name[PATH_MAX];
	int rc;

	name_of(name, sizeof name, path, reference->token);
	reading.fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	rc = reading.fd < 0 ? -errno : read_head(&reading);
	rc = rc ? rc : read_objects(&reading, &data, &buffers);
	if (rc == 0) {
		object = codec_finish(codec, (int)reading.head->tag, data, buffers);
		data = NULL;
	} else if (!PyErr_Occurred()) {
		raise_fault(rc, name);
	}
	Py_XDECREF(data);
	Py_XDECREF(buffers);
	free(reading.head);
	if (reading.fd >= 0)
		close(reading.fd);
	return object;
}

/* ---- sweeping ---- */

/* Whether a file of the queue's, `rest` behind the segment's own name, is to be removed now. */
static bool is_left(int directory, const char *name, const char *rest, bool all)
{
	bool unlocked;
	int fd;

	if (rest[0] != '~' || (rest[1] != 's' && !(all && rest[1] == 'r')))
		return false;
	if (all)
		return true;
	fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	unlocked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0;
	if (fd >= 0)
		close(fd);
	return unlocked;
}

struct left {
	char (*names)[NAME_MAX + 1];
	size_t count, room;
};

static bool add_left(struct left *left, const char *name)
{
	if (left->count == left->room) {
		size_t room = left->room ? 2 * left->room : 16;
		void *names = realloc(left->names, room * sizeof *left->names);

		if (!names)
			return false;
		left->names = names;
		left->room = room;
	}
	snprintf(left->names[left->count++], sizeof *left->names, "%s", name);
	return true;
}

void spill_sweep(const char *path, bool all, bool (*quiet)(void *context), void *context)
{
	const char *base = strrchr(path, '/') + 1;
	size_t length = strlen(base);
	struct left left = { .names = NULL };
	struct dirent *entry;
	char directory[PATH_MAX];
	DIR *dir;

	snprintf(directory, sizeof directory, "%.*s", (int)(base - path), path);
	dir = opendir(directory);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, base, length) == 0 &&
		    is_left(dirfd(dir), entry->d_name, entry->d_name + length, all) &&
		    !add_left(&left, entry->d_name))
			break;
	}
	if (left.count && (all || quiet(context))) {
		while (left.count)
			unlinkat(dirfd(dir), left.names[--left.count], 0);
	}
	closedir(dir);
	free(left.names);
}
