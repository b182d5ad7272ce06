/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * store.h - the files that spilled objects lie in, used again and again.
 *
 * A new file costs its pages: tens of times what it takes to write into one that is there, and mapped.  So
 * who has read an object gives its file to whoever spills the next one of that size: the tokens of free files
 * go through queues in a segment of their own, NAME~f, one for each class of sizes.
 */
#ifndef STOA_PYTHON_STORE_H
#define STOA_PYTHON_STORE_H

#include "ends.h"

#define STORE_CLASSES 6 /* up to 16, 64, 256 KiB, 1, 4, 16 MiB */
#define STORE_NO_CLASS STORE_CLASSES

struct store {
	const char *path, *name; /* of the queue's segment */
	unsigned mode;
	bool opened;
	struct ring *free[STORE_CLASSES]; /* NULL: none to be had */
};

/* What every file begins with. */
struct file_head {
	uint64_t magic;
	uint64_t use; /* how often it was written */
	uint32_t tag, buffers;
	uint64_t sizes[]; /* 1 + buffers */
};

/* A file that this process has open.  Under the interpreter's lock, but for what its user does with it. */
struct file {
	uint64_t token;
	unsigned size_class, users;
	int fd;
	unsigned char *bytes; /* mapped, or NULL */
	size_t length;        /* of the mapping */
	struct file *next;
};

unsigned store_class(size_t size);
void store_close(struct store *store);

/* A free file of the class, locked; NULL: there is none. */
struct file *store_reuse(struct store *store, unsigned size_class);
/* A new one that is locked and has no name yet; NULL with an exception. */
struct file *store_create(struct store *store, unsigned size_class);
/* Gives it its name and token.  0 or -errno. */
int store_link(const struct store *store, struct file *file);
/* The file of that token; NULL with an exception. */
struct file *store_open(struct store *store, uint64_t token, unsigned size_class);
/* Nobody here uses it any more. */
void store_leave(struct file *file);

/* Maps at least its first `size` bytes, which are there.  0 or -errno. */
int file_map(struct file *file, size_t size);
/* Bytes that are there. */
size_t file_extent(const struct file *file);

/* It may be used again, or is removed; or is removed anyway. */
void store_free(struct store *store, uint64_t token, unsigned size_class);
void store_remove(const struct store *store, uint64_t token);

#endif
