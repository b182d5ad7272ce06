/* SPDX-License-Identifier: BSD-2-Clause */
/* ls.c - stoa ls: all segments, a line each. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "gather.h"
#include "options.h"
#include "show.h"

struct list {
	struct segment *segments;
	size_t count, room;
};

static void add(struct list *list, const char *name)
{
	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 16;
		list->segments = must_have(realloc(list->segments, list->room * sizeof *list->segments));
	}
	gather(name, false, &list->segments[list->count++]);
}

bool begins_as_segment(const char *path)
{
	char magic[8];
	struct stat file;
	bool is;
	int fd;

	/* Nothing else is opened: there are devices that begin to act when they are. */
	if (stat(path, &file) != 0 || !S_ISREG(file.st_mode))
		return false;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	is = fd >= 0 && read(fd, magic, sizeof magic) == sizeof magic &&
	     memcmp(magic, "STOASEG\n", sizeof magic) == 0;
	if (fd >= 0)
		close(fd);
	return is;
}

static int add_directory(struct list *list, const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);

	if (count < 0)
		return complain_rc(path, -errno);
	for (int i = 0; i < count; i++) {
		char *file = text_of("%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/",
		                     entries[i]->d_name);

		if (begins_as_segment(file))
			add(list, file);
		free(file);
		free(entries[i]);
	}
	free(entries);
	return STATUS_OK;
}

static int add_all(struct list *list)
{
	size_t count;
	char **names;
	int rc = segment_names(&names, &count);

	if (rc)
		return complain_rc("/dev/shm", rc);
	for (size_t i = 0; i < count; i++)
		add(list, names[i]);
	names_end(names, count);
	return STATUS_OK;
}

static bool is_directory(const char *name)
{
	struct stat file;

	return strchr(name, '/') && stat(name, &file) == 0 && S_ISDIR(file.st_mode);
}

static void print_row(struct table *table, const struct segment *segment)
{
	const struct stoa_segment_info *info = &segment->info;
	bool exists = segment->file.st_nlink != 0;

	cell(table, segment->rc ? PLAIN : BOLD, "%s", segment->name);
	cell(table, PLAIN, "%s", exists ? show_bytes((uint64_t)segment->file.st_size).at : "");
	if (segment->rc) {
		for (int i = 0; i < 4; i++)
			cell(table, PLAIN, "%s", "");
	} else {
		cell(table, PLAIN, "%u", info->objects_published);
		cell(table, info->participants_alive ? GREEN : DIM, "%u", info->participants_alive);
		cell(table, segment->dead ? RED : DIM, "%" PRIu64, segment->dead);
		cell(table, PLAIN, "%s", show_time(since_ns(info->created_ns)).at);
	}
	cell(table, PLAIN, "%s", exists ? show_user(segment->file.st_uid).at : "");
	cell(table, PLAIN, "%s", exists ? show_mode(segment->file.st_mode).at : "");
	cell(table, segment->rc ? YELLOW : PLAIN, "%s", segment->rc ? segment_reason(segment) : "");
}

static void print_table(const struct list *list)
{
	struct table table = {
		.columns = 9,
		.titles = { "SEGMENT", "SIZE", "OBJECTS", "ALIVE", "DEAD", "AGE", "OWNER", "MODE", "" },
		.align = { LEFT, RIGHT, RIGHT, RIGHT, RIGHT, RIGHT, LEFT, LEFT, LEFT },
	};

	for (size_t i = 0; i < list->count; i++)
		print_row(&table, &list->segments[i]);
	if (list->count)
		table_print(&table, 0, stdout);
}

static void print_json(const struct list *list)
{
	answer_array(NULL);
	for (size_t i = 0; i < list->count; i++) {
		const struct segment *segment = &list->segments[i];

		answer_object(NULL);
		answer_text("name", segment->operand);
		answer_text("path", segment->path);
		answer_text("error", segment->rc ? segment_reason(segment) : NULL);
		if (segment->file.st_nlink) {
			answer_number("bytes", (uint64_t)segment->file.st_size);
			answer_text("owner", show_user(segment->file.st_uid).at);
			answer_number("mode", segment->file.st_mode & 07777);
		}
		if (!segment->rc) {
			answer_number("objects", segment->info.objects_published);
			answer_number("alive", segment->info.participants_alive);
			answer_number("dead", segment->dead);
			answer_number("created_ns", segment->info.created_ns);
		}
		answer_end();
	}
	answer_end();
}

/* Where there is not even a file there is no row. */
static int add_named(struct list *list, const char *name, bool json)
{
	struct segment *last;

	if (is_directory(name))
		return add_directory(list, name);
	add(list, name);
	last = &list->segments[list->count - 1];
	if (!last->rc)
		return STATUS_OK;
	complain(name, "%s", segment_reason(last));
	if (!json && !last->file.st_nlink) {
		gather_end(last);
		list->count--;
	}
	return STATUS_FAILURE;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct list list = { 0 };
	bool json = false;
	const struct choice choices[] = { FLAG("json", &json), CHOICES_END };
	int status = take_options(command, argc, argv, choices);

	if (status >= 0)
		return status;
	status = optind == argc ? add_all(&list) : STATUS_OK;
	for (int i = optind; i < argc; i++) {
		if (add_named(&list, argv[i], json))
			status = STATUS_FAILURE;
	}
	if (json)
		print_json(&list);
	else
		print_table(&list);
	for (size_t i = 0; i < list.count; i++)
		gather_end(&list.segments[i]);
	free(list.segments);
	return status;
}

/* clang-format off */
const struct command command_ls = {
	.name = "ls",
	.operands = "[--json] [NAME | DIRECTORY/ ...]",
	.summary = "Lists segments: size, objects, participants alive and dead, age, owner",
	.help =
		"Without operands: all of /dev/shm.  Of a DIRECTORY (with a slash in its name) the files that\n"
		"are segments.  What cannot be opened is listed with its reason; if it was asked for by its\n"
		"NAME, this also stands on stderr, and the exit status is 1.\n"
		"\n"
		"  --json   as JSON\n"
		"  --help   this text\n",
	.run = run,
};
/* clang-format on */
