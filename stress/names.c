/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * names.c - the names that segments of this run have, and that nothing of them is left behind.
 *
 * Those with a slash lie in a directory of this run; those without are told by the run's process.
 */
#include "step.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY "/dev/shm"
#define IN_MEMORY "stoa." /* how the library's names begin there */

void names_begin(struct names *names)
{
	const char *base = getenv("TMPDIR");
	size_t room = sizeof names->directory;

	snprintf(names->prefix, sizeof names->prefix, "step-%d-", (int)getpid());
	if ((size_t)snprintf(names->directory, room, "%s/stoa-stress.XXXXXX", base ? base : "/tmp") >= room ||
	    !mkdtemp(names->directory))
		names->directory[0] = '\0';
}

static void remove_in(const char *directory, const char *prefix)
{
	DIR *list = opendir(directory);
	char path[512];

	for (struct dirent *entry; list && (entry = readdir(list));) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
		unlink(path); /* not the directories . and .. */
	}
	if (list)
		closedir(list);
}

void names_end(const struct names *names)
{
	char prefix[sizeof names->prefix + sizeof IN_MEMORY];

	snprintf(prefix, sizeof prefix, IN_MEMORY "%s", names->prefix);
	remove_in(MEMORY, prefix);
	if (!names->directory[0])
		return;
	remove_in(names->directory, "");
	rmdir(names->directory);
}

bool names_choose(struct world *world)
{
	const struct names *names = world->names;

	if (world->scenario->path) {
		snprintf(world->name, NAME_ROOM, "%s/%d-", names->directory, (int)getpid());
		memcpy(world->path, world->name, NAME_ROOM);
		return names->directory[0] && access(names->directory, W_OK) == 0;
	}
	snprintf(world->name, NAME_ROOM, "%s%d-", names->prefix, (int)getpid());
	snprintf(world->path, NAME_ROOM, "%s/%s%s%d-", MEMORY, IN_MEMORY, names->prefix, (int)getpid());
	return access(MEMORY, W_OK) == 0;
}

void check_names(struct world *world)
{
	const char *own = strrchr(world->path, '/') + 1;
	char directory[NAME_ROOM] = { 0 };
	DIR *list;

	memcpy(directory, world->path, (size_t)(own - world->path));
	list = opendir(directory);
	for (struct dirent *entry; list && (entry = readdir(list));) {
		const char *found = strstr(entry->d_name, own);
		/* In the run's own directory whatever is no world's name is somebody's temporary file. */
		bool alien = world->scenario->path && entry->d_name[0] != '.' &&
		             entry->d_name[strspn(entry->d_name, "0123456789-")] != '\0';

		require(world, (!found || strcmp(entry->d_name, own) == 0) && !alien, "a file is left: %s%s",
		        directory, entry->d_name);
	}
	if (list)
		closedir(list);
}
