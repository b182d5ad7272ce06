/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mutate_replay.c - `stoa-stress replay`: runs again what a failure says behind "replay:".
 */
#include "mutate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wordexp.h>

static const char help[] =
	"usage: stoa-stress replay LINE ...\n"
	"       stoa-stress replay FILE\n"
	"       stoa-stress replay            reads the standard input\n"
	"\n"
	"Runs the line that a failure prints behind \"replay:\" once more, without or with that word.  A "
	"FILE, "
	"or the\n"
	"standard input, is what a program said: the first such line in it counts, or its first line.\n"
	"\n"
	"Exit status: that of the program; 2 where the line is none of ours.\n";

static const char *const programs[] = {
	"stoa-stress", "stoa-explore", "stoa-history", "stoa-stress-defective", "stoa-history-defective",
};

bool program_find(const char *name, char path[PATH_MAX])
{
	static const char *const places[] = { "", STRESS_LIBEXEC "/" };
	char own[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);

	own[length > 0 ? length : 0] = '\0';
	if (strrchr(own, '/'))
		strrchr(own, '/')[1] = '\0';
	for (size_t i = sizeof places / sizeof *places; i-- > 0;) {
		const char *base = places[i][0] == '/' ? "" : own;

		if ((size_t)snprintf(path, PATH_MAX, "%s%s%s", base, places[i], name) >= PATH_MAX)
			errno = ENAMETOOLONG;
		else if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

static int run(char **words)
{
	const char *base = strrchr(words[0], '/') ? strrchr(words[0], '/') + 1 : words[0];
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		if (strcmp(base, programs[i]) != 0)
			continue;
		if (words[1] && strcmp(words[1], "replay") == 0)
			break;
		if (program_find(base, path)) {
			words[0] = path;
			execv(path, words);
		}
		fprintf(stderr, "stoa-stress: cannot run %s: %s\n", base, strerror(errno));
		return 2;
	}
	fprintf(stderr, "stoa-stress: this is no line to be replayed: %s\n", words[0]);
	return 2;
}

/* The line in a file: behind the first "replay:", or else the first there is. */
static bool read_line(FILE *file, char line[PATH_MAX])
{
	char next[PATH_MAX];
	bool any = false;

	while (fgets(next, sizeof next, file)) {
		bool said = strstr(next, "replay: ") != NULL;

		if (!any || said)
			memcpy(line, next, sizeof next);
		any = true;
		if (said)
			break;
	}
	return any;
}

/* One argument: a file, or a line as a shell would take it, without anything being run. */
static int run_line(const char *given)
{
	char line[PATH_MAX];
	FILE *file = *given ? fopen(given, "re") : stdin;
	const char *from = line;
	wordexp_t words;

	if (file) {
		if (!read_line(file, line))
			line[0] = '\0';
		if (file != stdin)
			fclose(file);
	} else {
		snprintf(line, sizeof line, "%s", given);
	}
	if (strstr(line, "replay: "))
		from = strstr(line, "replay: ") + 8;
	line[strcspn(line, "\n")] = '\0';
	if (wordexp(from, &words, WRDE_NOCMD) != 0 || words.we_wordc == 0) {
		fprintf(stderr, "stoa-stress: this is no line to be replayed: %s\n", from);
		return 2;
	}
	return run(words.we_wordv);
}

int replay_main(int argc, char **argv)
{
	if (argc == 1 && strcmp(argv[0], "--help") == 0) {
		fputs(help, stdout);
		return 0;
	}
	if (argc > 1 && strcmp(argv[0], "replay:") == 0)
		return run(argv + 1);
	if (argc > 1)
		return run(argv);
	return run_line(argc == 1 && strcmp(argv[0], "-") != 0 ? argv[0] : "");
}
