/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor.c - stoa doctor: what on this machine keeps stoa from working well, and the cure of each. */
#include "doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "gather.h"
#include "options.h"
#include "show.h"

static struct {
	bool json;
	bool wrong;
} doctor;

/* ---- findings ---- */

void find(enum level level, const char *about, const char *cure, const char *format, ...)
{
	static const char *const names[] = { "ok", "note", "WRONG" };
	static const enum colour shades[] = { GREEN, YELLOW, RED };
	va_list arguments;
	char text[400];

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	doctor.wrong |= level == LEVEL_WRONG;
	if (doctor.json) {
		answer_object(NULL);
		answer_text("about", about);
		answer_text("level", level == LEVEL_WRONG ? "wrong" : names[level]);
		answer_text("what", text);
		answer_text("cure", cure);
		answer_end();
		return;
	}
	printf("%s%-5s%s  %-16s %s\n", colour(shades[level]), names[level], colour(PLAIN), about, text);
	if (cure)
		printf("%24s%scure:%s %s\n", "", colour(BOLD), colour(PLAIN), cure);
}

bool first_line(const char *path, char *line, int room)
{
	FILE *file = fopen(path, "re");
	bool read = file && fgets(line, room, file);

	if (file)
		fclose(file);
	if (read)
		line[strcspn(line, "\n")] = '\0';
	return read;
}

/* ---- the library, segments ---- */

static void check_version(void)
{
	if (strcmp(stoa_version(), STOA_VERSION_STRING) != 0)
		find(LEVEL_WRONG, "library", "install both from one build",
		     "this program is of %s, and the library that it found is %s", STOA_VERSION_STRING,
		     stoa_version());
	else
		find(LEVEL_OK, "library", NULL, "%s", stoa_version());
}

static void check_unopened(const struct segment *segment)
{
	if (segment->rc == -EACCES || segment->rc == -EPERM)
		find(LEVEL_NOTE, segment->name, "ask its owner, or give it another mode when it is created",
		     "you may not look at it: it belongs to %s, %s", show_user(segment->file.st_uid).at,
		     show_mode(segment->file.st_mode).at);
	else if (segment->rc == -EPROTONOSUPPORT)
		find(LEVEL_WRONG, segment->name,
		     "programs of one version; remove it when its users have ended",
		     "it is of another version of the layout: programs of this library cannot open it");
	else if (segment->rc == -ENOENT)
		find(LEVEL_NOTE, segment->name, "stoa gc --yes",
		     "its last user died while it removed the name");
	else if (!segment->base) /* else a plain file that belongs to one */
		find(LEVEL_WRONG, segment->name, "rm the file, if nobody needs it", "%s",
		     reason(segment->rc));
}

static void check_namespaces(const struct segment *segment)
{
	uint64_t first = 0;
	bool mixed = false;

	for (size_t i = 0; i < segment->participant_count; i++) {
		const struct stoa_participant_info *info = &segment->participants[i].info;

		if (!info->alive)
			continue;
		mixed |= first && info->pid_namespace != first;
		first = info->pid_namespace;
	}
	if (mixed)
		find(LEVEL_NOTE, segment->name,
		     "containers that share a PID namespace, where these numbers matter",
		     "its processes are of several PID namespaces: deaths are proven all the same, but pids "
		     "mean different processes");
}

static void check_segment(const struct segment *segment)
{
	if (segment->rc) {
		check_unopened(segment);
		return;
	}
	check_namespaces(segment);
	if (segment->file.st_mode & S_IWOTH)
		find(LEVEL_NOTE, segment->name, "chmod o-rwx, or another mode when it is created",
		     "anybody may write it: %s", show_mode(segment->file.st_mode).at);
	if (segment->dead)
		find(LEVEL_NOTE, segment->name, "stoa gc --yes",
		     "%" PRIu64 " of its participants are dead and not yet reaped", segment->dead);
	else if (!segment->info.participants_alive && !segment->base)
		find(LEVEL_NOTE, segment->name, "stoa gc, naming it, if its content is not wanted any more",
		     "nobody uses it, and it takes %s",
		     show_bytes((uint64_t)segment->file.st_blocks * 512).at);
	if (segment->info.participants_alive == segment->info.participants)
		find(LEVEL_NOTE, segment->name, "more `participants` when it is created",
		     "all %u places for participants are taken", segment->info.participants);
}

static void check_segments(void)
{
	size_t count;
	char **names;

	segment_names(&names, &count); /* where it cannot be read that has been said */
	for (size_t i = 0; i < count; i++) {
		struct segment segment;

		gather(names[i], false, &segment);
		if (segment.file.st_nlink)
			check_segment(&segment);
		gather_end(&segment);
	}
	find(LEVEL_OK, "segments", NULL, "%zu in %s", count, SHM);
	names_end(names, count);
}

/* ---- the command ---- */

static int run(const struct command *command, int argc, char **argv)
{
	const struct choice choices[] = { FLAG("json", &doctor.json), CHOICES_END };
	int status = take_options(command, argc, argv, choices);

	if (status >= 0)
		return status;
	if (optind < argc)
		return misused(command, "it takes no operands");
	if (doctor.json)
		answer_array(NULL);
	check_version();
	check_machine();
	check_kernel();
	check_segments();
	if (doctor.json)
		answer_end();
	return doctor.wrong ? STATUS_FAILURE : STATUS_OK;
}

/* clang-format off */
const struct command command_doctor = {
	.name = "doctor",
	.operands = "[--json]",
	.summary = "Looks for what on this machine keeps stoa from working well, and names the cure",
	.help =
		"Looks at /dev/shm, limits, logind, the kernel and what confines us, and all segments.  A note is\n"
		"worth knowing; where something is wrong the exit status is 1.\n"
		"\n"
		"  --json   as JSON\n"
		"  --help   this text\n",
	.run = run,
};
/* clang-format on */
