/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor_machine.c - /dev/shm, memory, what removes files there, limits of this process. */
#include "doctor.h"

#include <errno.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "show.h"

#define TMPFS 0x01021994
#define SHM_SMALL (128ull << 20)
#define SHM_FREE_LEAST (16ull << 20)
#define FILES_FREE_LEAST 64
#define FILES_LEAST 256
#define LOCKED_LEAST (64ull << 20)
#define SYSTEM_UIDS 999 /* logind leaves these alone */

/* ---- /dev/shm ---- */

static void check_shm(void)
{
	struct statvfs space;
	struct statfs kind;
	struct stat file;
	uint64_t all, left;

	if (statfs(SHM, &kind) != 0 || statvfs(SHM, &space) != 0) {
		find(LEVEL_WRONG, SHM, "mount -t tmpfs -o mode=1777 tmpfs /dev/shm", "it is not there: %s",
		     strerror(errno));
		return;
	}
	all = (uint64_t)space.f_blocks * space.f_frsize;
	left = (uint64_t)space.f_bavail * space.f_frsize;
	if (access(SHM, W_OK | X_OK) != 0)
		find(LEVEL_WRONG, SHM, "chmod 1777 /dev/shm", "you may not create files there: %s",
		     strerror(errno));
	else if (stat(SHM, &file) == 0 && (file.st_mode & S_IWOTH) && !(file.st_mode & S_ISVTX))
		find(LEVEL_WRONG, SHM, "chmod 1777 /dev/shm",
		     "it has no sticky bit: anybody may remove and replace your segments");
	else if (kind.f_type != TMPFS)
		find(LEVEL_NOTE, SHM, "mount -t tmpfs -o mode=1777 tmpfs /dev/shm",
		     "it is no tmpfs: segments are written to a disk");
	else if (left < SHM_FREE_LEAST)
		find(LEVEL_WRONG, SHM, "stoa gc; or mount -o remount,size=4G /dev/shm",
		     "only %s of %s are free", show_bytes(left).at, show_bytes(all).at);
	else if (space.f_files && space.f_favail < FILES_FREE_LEAST)
		find(LEVEL_WRONG, SHM, "stoa gc; or mount -o remount,nr_inodes=0 /dev/shm",
		     "only %llu more files can be made there", (unsigned long long)space.f_favail);
	else if (all < SHM_SMALL)
		find(LEVEL_WRONG, SHM,
		     "mount -o remount,size=1G /dev/shm; in a container --shm-size=1g, or a tmpfs volume "
		     "there",
		     "it has %s, as containers do that nobody gave more", show_bytes(all).at);
	else
		find(LEVEL_OK, SHM, NULL, "%s, %s free", show_bytes(all).at, show_bytes(left).at);
}

/* In a container: what it may have, where that is less than what its /dev/shm says. */
static void check_memory(void)
{
	char line[64];
	struct statvfs space;
	unsigned long long limit;
	uint64_t all;

	if (statvfs(SHM, &space) != 0 ||
	    (!first_line("/sys/fs/cgroup/memory.max", line, sizeof line) &&
	     !first_line("/sys/fs/cgroup/memory/memory.limit_in_bytes", line, sizeof line)))
		return;
	all = (uint64_t)space.f_blocks * space.f_frsize;
	if (sscanf(line, "%llu", &limit) == 1 && limit < all)
		find(LEVEL_NOTE, "memory", "a higher limit, or a smaller " SHM,
		     "this container may have %s, and %s promises %s: a process is killed where it should be "
		     "told that there is no room",
		     show_bytes(limit).at, SHM, show_bytes(all).at);
}

/* ---- logind ---- */

/* The last RemoveIPC= in a file: 1, 0, or `before`. */
static int remove_ipc_in(const char *path, int before)
{
	FILE *file = fopen(path, "re");
	char line[256], value[32];

	while (file && fgets(line, sizeof line, file)) {
		if (sscanf(line, " RemoveIPC = %31s", value) == 1)
			before = strchr("yY1tToO", value[0]) && strcasecmp(value, "off") != 0;
	}
	if (file)
		fclose(file);
	return before;
}

/* Its directories may be there without it, as in images of containers. */
static bool logind_runs(void)
{
	char name[32];
	bool runs = false;
	glob_t found;

	if (access("/run/systemd/seats", F_OK) != 0 && access("/run/systemd/users", F_OK) != 0)
		return false;
	if (access("/run/systemd/system", F_OK) == 0) /* systemd has booted this */
		return true;
	if (glob("/proc/[0-9]*/comm", GLOB_NOSORT, NULL, &found) != 0)
		return false;
	for (size_t i = 0; i < found.gl_pathc && !runs; i++)
		runs = first_line(found.gl_pathv[i], name, sizeof name) &&
		       (strcmp(name, "systemd-logind") == 0 || strcmp(name, "elogind-daemon") == 0 ||
		        strcmp(name, "elogind") == 0);
	globfree(&found);
	return runs;
}

/* Later files count, and drop-ins more than any main file. */
static int remove_ipc(void)
{
	static const char *const patterns[] = {
		"/usr/lib/systemd/logind.conf",
		"/run/systemd/logind.conf",
		"/etc/systemd/logind.conf",
		"/etc/elogind/logind.conf",
		"/usr/lib/systemd/logind.conf.d/*.conf",
		"/run/systemd/logind.conf.d/*.conf",
		"/etc/systemd/logind.conf.d/*.conf",
	};
	int removes = 1; /* its default */

	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		glob_t found;

		if (glob(patterns[i], 0, NULL, &found) != 0)
			continue;
		for (size_t k = 0; k < found.gl_pathc; k++)
			removes = remove_ipc_in(found.gl_pathv[k], removes);
		globfree(&found);
	}
	return removes;
}

static void check_logind(void)
{
	if (!logind_runs())
		find(LEVEL_OK, "RemoveIPC", NULL,
		     "no systemd-logind runs here, which would remove files of %s", SHM);
	else if (!remove_ipc())
		find(LEVEL_OK, "RemoveIPC", NULL, "off: segments outlive the sessions of their users");
	else if (geteuid() <= SYSTEM_UIDS)
		find(LEVEL_NOTE, "RemoveIPC",
		     "RemoveIPC=no in /etc/systemd/logind.conf, where users run programs of stoa",
		     "on: what users have in %s is removed when they log out (not yours: you are a system "
		     "user)",
		     SHM);
	else
		find(LEVEL_WRONG, "RemoveIPC",
		     "RemoveIPC=no in /etc/systemd/logind.conf, or loginctl enable-linger, or a system user",
		     "on: your segments are removed when you log out, while their processes go on");
}

/* ---- limits ---- */

static void check_limits(void)
{
	struct rlimit files, size, locked;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_LEAST)
		find(LEVEL_WRONG, "open files", "ulimit -n 1024; LimitNOFILE= of the service",
		     "a process may have %llu: each segment takes two, each stoa_queue_fd() one more",
		     (unsigned long long)files.rlim_cur);
	else
		find(LEVEL_OK, "open files", NULL, "%llu", (unsigned long long)files.rlim_cur);
	if (getrlimit(RLIMIT_FSIZE, &size) == 0 && size.rlim_cur != RLIM_INFINITY)
		find(LEVEL_NOTE, "size of files", "ulimit -f unlimited; LimitFSIZE= of the service",
		     "limited to %s: so is a segment", show_bytes(size.rlim_cur).at);
	if (getrlimit(RLIMIT_MEMLOCK, &locked) == 0 && locked.rlim_cur < LOCKED_LEAST && geteuid() != 0)
		find(LEVEL_NOTE, "locked memory", "ulimit -l; LimitMEMLOCK= of the service",
		     "limited to %s: STOA_MLOCK fails for larger segments", show_bytes(locked.rlim_cur).at);
}

void check_machine(void)
{
	check_shm();
	check_memory();
	check_logind();
	check_limits();
}
