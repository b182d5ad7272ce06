/* SPDX-License-Identifier: BSD-2-Clause */
/* rm.c - stoa rm: removes names of segments. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gather.h"
#include "options.h"
#include "target.h"

/* A path may be a slip of the hand; what is called stoa.NAME in /dev/shm is not. */
static int remove_name(const char *name, bool force)
{
	int rc;

	if (strchr(name, '/') && access(name, R_OK) == 0 && !begins_as_segment(name))
		return complain(name, "no segment of stoa; it stays");
	rc = stoa_segment_unlink(name);
	if (rc == -EBUSY)
		return complain(name, "its last user was stopped while it removed the name");
	return !rc || (force && rc == -ENOENT) ? STATUS_OK : complain_write(name, rc);
}

static int run(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "force", no_argument, NULL, 'f' },
		HELP_OPTION,
		END_OPTION,
	};
	int letter, status = STATUS_OK;
	bool force = false;

	while ((letter = next_option_of(command, argc, argv, ":fh", options)) != -1) {
		if (letter == 'h' || letter == '?')
			return letter == 'h' ? STATUS_OK : STATUS_USAGE;
		force = true;
	}
	if (optind == argc)
		return misused(command, "it takes the name of a segment");
	for (int i = optind; i < argc; i++) {
		if (remove_name(argv[i], force))
			status = STATUS_FAILURE;
	}
	return status;
}

/* clang-format off */
const struct command command_rm = {
	.name = "rm",
	.operands = "[-f | --force] NAME ...",
	.summary = "Removes names of segments",
	.help =
		"Who uses a segment goes on undisturbed; its memory comes back when the last of them has left.\n"
		"What stoa gc would keep goes, too: ask stoa ls who lives there.\n"
		"\n"
		"  -f, --force   what is not there is no failure\n"
		"  --help        this text\n",
	.run = run,
};
/* clang-format on */
