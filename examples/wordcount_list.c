/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wordcount_list.c - which files are counted.
 *
 * Directories are walked in the order of their entries' bytes, so the same tree gives the
 * same list.  Symbolic links are followed where the command line names them, and nowhere
 * else: so nothing is met twice and no loop catches us.  Compressed files are no text;
 * those met in a directory are left out, one that is named is counted like any other.
 *
 * Every file gets its chunk numbers here, from its size alone.  Whoever reads it, and
 * however often, the same bytes have the same number.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wordcount.h"

void note(struct job *job, const char *path, const char *reason)
{
	struct notes *notes = &job->notes;
	if (notes->count < NOTES_KEPT) {
		notes->kept[notes->count].path = must(strdup(path));
		snprintf(notes->kept[notes->count].reason, sizeof notes->kept[0].reason, "%s", reason);
	}
	notes->count++;
}

static bool has_compressed_name(const char *path)
{
	static const char *const ends[] = { ".gz", ".xz", ".bz2", ".zst", ".zip", ".lzma", ".lz4", ".Z" };
	size_t length = strlen(path);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (length > strlen(ends[i]) && !strcmp(path + length - strlen(ends[i]), ends[i]))
			return true;
	return false;
}

static bool has_compressed_bytes(const char *path)
{
	static const char *const magic[] = { "\x1f\x8b", "\xfd\x37zXZ", "BZh", "\x28\xb5\x2f\xfd",
		                             "PK\x03\x04" };
	char bytes[8] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return false; /* the reader will tell why */
	ssize_t got = read(fd, bytes, sizeof bytes);
	close(fd);
	for (size_t i = 0; i < sizeof magic / sizeof *magic; i++)
		if (got >= (ssize_t)strlen(magic[i]) && !memcmp(bytes, magic[i], strlen(magic[i])))
			return true;
	return false;
}

static void add_file(struct job *job, const char *path, const struct stat *stat, bool named)
{
	struct list *list = &job->list;
	if (!named && (has_compressed_name(path) || has_compressed_bytes(path))) {
		list->compressed++;
		return;
	}
	if (list->count == list->room) {
		list->room = list->room ? list->room * 2 : 1024;
		list->files = must(realloc(list->files, list->room * sizeof *list->files));
	}
	char *copy = must(malloc(strlen(path) + 3));
	sprintf(copy, "%s%s", strcmp(path, "-") ? "" : "./", path); /* wc takes "-" for its own input */
	list->files[list->count++] = (struct file){
		.path = copy,
		.size = stat->st_size,
		.stat = *stat,
	};
	if (strlen(copy) > list->longest_path)
		list->longest_path = strlen(copy);
	list->bytes += stat->st_size;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void add_entry(struct job *job, const FTSENT *entry, bool named)
{
	named = named && entry->fts_level == FTS_ROOTLEVEL;
	switch (entry->fts_info) {
	case FTS_F:
		add_file(job, entry->fts_path, entry->fts_statp, named);
		break;
	case FTS_D:
	case FTS_DP:
		break;
	case FTS_SL:
		job->list.symlinks++;
		break;
	case FTS_DC:
		note(job, entry->fts_path, "a directory that contains itself");
		break;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		note(job, entry->fts_path, strerror(entry->fts_errno));
		break;
	case FTS_SLNONE:
		note(job, entry->fts_path, "a symbolic link to nothing");
		break;
	default:
		note(job, entry->fts_path, "not a regular file");
		break;
	}
}

bool list_path(struct job *job, const char *path, bool named)
{
	char *const paths[] = { (char *)(uintptr_t)path, NULL };
	FTS *walk = *path ? fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name) : NULL;
	if (!walk) {
		note(job, path, *path ? strerror(errno) : strerror(ENOENT));
		return true;
	}
	for (FTSENT *entry; !interrupted && (entry = fts_read(walk));) {
		add_entry(job, entry, named);
		if (job->list.bytes_limit && job->list.bytes >= job->list.bytes_limit)
			break;
	}
	fts_close(walk);
	return !interrupted;
}

bool list_default(struct job *job)
{
	static const char *const patterns[] = {
		"/usr/share/common-licenses", "/usr/share/doc",    "/usr/include",
		"/usr/share/perl*",           "/usr/lib/python3*",
	};
	bool go_on = true;
	job->list.bytes_limit = 128u << 20;
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns && go_on; i++) {
		glob_t found;
		if (glob(patterns[i], 0, NULL, &found))
			continue;
		for (size_t k = 0; k < found.gl_pathc && go_on; k++)
			go_on = list_path(job, found.gl_pathv[k], false) &&
			        job->list.bytes < job->list.bytes_limit;
		globfree(&found);
	}
	return !interrupted;
}

void list_number(struct job *job)
{
	struct list *list = &job->list;
	uint64_t step = chunk_step(job->options.chunk);
	for (size_t i = 0; i < list->count; i++) {
		struct file *file = &list->files[i];
		file->first_chunk = list->chunks;
		file->chunks = (file->size + step - 1) / step;
		list->chunks += file->chunks;
	}
}

void list_free(struct job *job)
{
	for (size_t i = 0; i < job->list.count; i++)
		free(job->list.files[i].path);
	free(job->list.files);
	for (size_t i = 0; i < job->notes.count && i < NOTES_KEPT; i++)
		free(job->notes.kept[i].path);
}
