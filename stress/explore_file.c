/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_file.c - the explorer's files: pieces of memory, with names and without.  Whoever maps one gets its
 * address.  Descriptors and locks: explore_kernel.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "explore_engine.h"
#include "explore_kernel.h"
#include "os.h"

#define FILES_PER_PROCESS 2u
#define FILES_MAX (PROCESSES_MAX * FILES_PER_PROCESS)
#define FILE_BYTES (32u << 10)
#define NAMES_MAX 4u

struct file_name {
	char path[64];
	struct atom64 file; /* + 1; 0: the name is free */
};

static struct files {
	uint64_t bytes[FILES_MAX];
	bool used[FILES_MAX];
	struct file_name names[NAMES_MAX];
} f;

static _Alignas(4096) uint8_t arena[FILES_MAX][FILE_BYTES];

void file_begin(void)
{
	explore_state(&f, sizeof f);
}

void file_reset(void)
{
	memset(&f, 0, sizeof f);
}

/* ---- new ones ---- */

static int new_file(void)
{
	unsigned from = explore_own_process() * FILES_PER_PROCESS;

	for (unsigned file = from; file < from + FILES_PER_PROCESS; file++) {
		if (f.used[file])
			continue;
		f.used[file] = true;
		return kernel_describe(file);
	}
	return -ENFILE;
}

int os_memfd(const char *name, bool seal)
{
	(void)name;
	(void)seal;
	return new_file();
}

int os_open_unnamed(const char *path, unsigned mode)
{
	(void)path;
	(void)mode;
	return new_file();
}

/* ---- what a file holds ---- */

int os_allocate(int fd, uint64_t bytes)
{
	int file = kernel_file(fd);

	if (file < 0)
		return file;
	if (bytes > FILE_BYTES)
		return -ENOSPC;
	if (engine.running)
		memset(arena[file], 0, bytes);
	else
		explore_state(arena[file], bytes);
	f.bytes[file] = bytes;
	return 0;
}

int os_read_at(int fd, void *out, size_t size, uint64_t offset)
{
	KERNEL_SITE("read", "os_read_at");
	int file = kernel_file(fd);
	struct segment_header *header;
	uint64_t life;

	if (file < 0)
		return file;
	if (offset + size > f.bytes[file])
		return -ENODATA;
	header = (struct segment_header *)(void *)arena[file];
	/* The one word there that changes. */
	life = offset == 0 && size >= sizeof *header ? kernel_load(&site, &header->life) : 0;
	memcpy(out, arena[file] + offset, size);
	if (offset == 0 && size >= sizeof *header)
		((struct segment_header *)out)->life.raw = life;
	return 0;
}

int os_write_at(int fd, const void *in, size_t size, uint64_t offset)
{
	int file = kernel_file(fd);

	if (file < 0)
		return file;
	if (offset + size > f.bytes[file])
		return -ENOSPC;
	memcpy(arena[file] + offset, in, size);
	return 0;
}

static void tell(unsigned file, struct os_file *out)
{
	*out = (struct os_file){
		.device = explore_own_process() + 1,
		.inode = file + 1,
		.bytes = f.bytes[file],
		.block_bytes = 4096,
		.mode = 0600,
		.regular = true,
	};
}

int os_stat(int fd, struct os_file *out)
{
	int file = kernel_file(fd);

	if (file < 0)
		return file;
	tell((unsigned)file, out);
	return 0;
}

int os_map(int fd, uint64_t bytes, bool read_only, bool populate, void **base)
{
	int file = kernel_file(fd);

	(void)read_only;
	(void)populate;
	if (file < 0)
		return file;
	if (bytes > FILE_BYTES)
		return -ENOMEM;
	*base = arena[file];
	return 0;
}

int os_unmap(void *base, uint64_t bytes)
{
	(void)base;
	(void)bytes;
	return 0;
}

int os_lock_memory(void *base, uint64_t bytes)
{
	(void)base;
	(void)bytes;
	return 0;
}

void os_advise_huge(void *base, uint64_t bytes)
{
	(void)base;
	(void)bytes;
}

/* ---- names ---- */

static struct atom64 *name_word(const char *path)
{
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		struct file_name *name = &f.names[i];

		if (!name->path[0])
			strncpy(name->path, path, sizeof name->path - 1);
		if (strcmp(name->path, path) == 0)
			return &name->file;
	}
	run_fail("limit", "more than %u names of files", NAMES_MAX);
}

int os_publish(int fd, const char *path)
{
	KERNEL_SITE("link", "os_publish");
	int file = kernel_file(fd);

	if (file < 0)
		return file;
	return kernel_exchange(&site, name_word(path), 0, (unsigned)file + 1) ? -EEXIST : 0;
}

int os_open(const char *path, bool read_only)
{
	KERNEL_SITE("open", "os_open");
	uint64_t file = kernel_load(&site, name_word(path));

	(void)read_only;
	return file ? kernel_describe((unsigned)file - 1) : -ENOENT;
}

int os_stat_path(const char *path, struct os_file *out)
{
	KERNEL_SITE("stat", "os_stat_path");
	uint64_t file = kernel_load(&site, name_word(path));

	if (!file)
		return -ENOENT;
	tell((unsigned)file - 1, out);
	return 0;
}

int os_unlink(const char *path)
{
	KERNEL_SITE("unlink", "os_unlink");
	struct atom64 *word = name_word(path);
	uint64_t file = word->raw; /* the newest: nobody comes between it and the exchange but in a step */

	while (file) {
		uint64_t was = kernel_exchange(&site, word, file, 0);

		if (was == file)
			return 0;
		file = was;
	}
	return -ENOENT;
}

bool os_is_link(const char *path)
{
	(void)path;
	return false;
}

const char *file_place(const void *at, char *text, size_t room)
{
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		if (at == &f.names[i].file)
			return snprintf(text, room, "name %.40s", f.names[i].path), text;
	}
	return NULL;
}
