/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor_kernel.c - what this kernel can, and lets us do. */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

static void check_unnamed_files(void)
{
	int fd = open(SHM, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		find(LEVEL_WRONG, "unnamed files", "a tmpfs on /dev/shm, a kernel from 3.11 on",
		     "O_TMPFILE does not work in %s: %s", SHM, strerror(errno));
	else if (access("/proc/self/fd", F_OK) != 0)
		find(LEVEL_WRONG, "unnamed files", "mount -t proc proc /proc",
		     "/proc is not mounted: files cannot be given a name, nor be opened anew");
	else
		find(LEVEL_OK, "unnamed files", NULL, "O_TMPFILE works in %s", SHM);
	if (fd >= 0 && fallocate(fd, 0, 0, 4096) != 0)
		find(LEVEL_WRONG, "allocation",
		     errno == ENOSPC ? "stoa gc; or mount -o remount,size=4G /dev/shm"
		                     : "a tmpfs on /dev/shm; a seccomp filter that lets fallocate pass",
		     "no space can be allocated in %s: %s", SHM, strerror(errno));
	else if (fd >= 0)
		find(LEVEL_OK, "allocation", NULL, "fallocate works in %s", SHM);
	if (fd >= 0)
		close(fd);
}

static int memory_file(void)
{
	return memfd_create("stoa-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static void check_locks(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	int fd = memory_file();

	if (fd < 0)
		find(LEVEL_WRONG, "memfd",
		     "a kernel from 3.17 on; a seccomp filter that lets memfd_create pass",
		     "memfd_create does not work: %s", strerror(errno));
	else if (fcntl(fd, F_OFD_SETLK, &lock) != 0)
		find(LEVEL_WRONG, "locks", "a kernel from 3.15 on",
		     "open-file-description locks do not work, and with them the proof of death: %s",
		     strerror(errno));
	else if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) != 0)
		find(LEVEL_WRONG, "memfd", "a kernel from 3.17 on", "memfds cannot be sealed: %s",
		     strerror(errno));
	else
		find(LEVEL_OK, "locks, memfd", NULL, "open-file-description locks and sealed memfds work");
	if (fd >= 0)
		close(fd);
}

static void check_calls(void)
{
	long barriers = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
	long pidfd = syscall(SYS_pidfd_open, getpid(), 0);

	if (barriers < 0 || !(barriers & MEMBARRIER_CMD_GLOBAL_EXPEDITED))
		find(LEVEL_NOTE, "membarrier",
		     "a kernel from 4.16 on; a seccomp filter that lets membarrier pass",
		     "it does not work: queues of one to one take a fence in every call");
	else
		find(LEVEL_OK, "membarrier", NULL, "it works: queues of one to one need no fences");
	if (pidfd < 0)
		find(LEVEL_NOTE, "pidfd", "a kernel from 5.3 on; a seccomp filter that lets pidfd_open pass",
		     "it does not work: who died while a child of it was stopped at its start is noticed "
		     "late");
	else
		find(LEVEL_OK, "pidfd", NULL, "it works");
	if (pidfd >= 0)
		close((int)pidfd);
	if (syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) != 0 && errno == ENOSYS)
		find(LEVEL_NOTE, "futex_waitv", "a kernel from 5.16 on",
		     "it is missing: descriptors for epoll become ready some milliseconds later");
	else
		find(LEVEL_OK, "futex_waitv", NULL, "it works");
}

static void check_huge_pages(void)
{
	char line[128];

	if (!first_line("/sys/kernel/mm/transparent_hugepage/shmem_enabled", line, sizeof line))
		find(LEVEL_NOTE, "huge pages", "a kernel with CONFIG_TRANSPARENT_HUGEPAGE, or a hugetlbfs",
		     "there are none for shared memory: STOA_HUGE changes nothing");
	else if (strstr(line, "[never]") || strstr(line, "[deny]"))
		find(LEVEL_NOTE, "huge pages",
		     "echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled, where you use "
		     "STOA_HUGE",
		     "they are off for shared memory: STOA_HUGE changes nothing");
	else
		find(LEVEL_OK, "huge pages", NULL, "shared memory has them where STOA_HUGE asks: %s", line);
}

/* A number behind a title in /proc/self/status; `none` where it is not there. */
static int status_number(const char *title, int none)
{
	FILE *file = fopen("/proc/self/status", "re");
	size_t length = strlen(title);
	char line[256];

	while (file && fgets(line, sizeof line, file)) {
		if (strncmp(line, title, length) == 0 && line[length] == ':')
			none = atoi(line + length + 1);
	}
	if (file)
		fclose(file);
	return none;
}

static void check_confinement(void)
{
	char line[128];
	unsigned long long inside, outside, count;

	if (status_number("Seccomp", 0) == 2)
		find(LEVEL_OK, "seccomp", NULL, "a filter is in force: what it does to stoa stands above");
	else
		find(LEVEL_OK, "seccomp", NULL, "no filter is in force");
	if (first_line("/proc/self/uid_map", line, sizeof line) &&
	    sscanf(line, "%llu %llu %llu", &inside, &outside, &count) == 3 && count < UINT32_MAX)
		find(LEVEL_NOTE, "user namespace",
		     "one user namespace for those that share a segment; or a mode that lets others use it",
		     "you are in one: files of users from outside belong to nobody here, and cannot be "
		     "opened "
		     "without rights for all");
	else
		find(LEVEL_OK, "user namespace", NULL, "the first one: owners are who they seem");
}

/* `stoa stat` and `stoa top` find out there who waits. */
static void check_proc(void)
{
	char line[128];
	int scope = 0;

	if (!first_line("/proc/self/syscall", line, sizeof line)) {
		find(LEVEL_NOTE, "who waits", "a procfs, and a kernel, that have /proc/PID/syscall",
		     "it cannot be seen: stoa stat and stoa top do not tell it");
		return;
	}
	if (first_line("/proc/sys/kernel/yama/ptrace_scope", line, sizeof line))
		scope = atoi(line);
	if (scope >= 3 || (scope && geteuid() != 0))
		find(LEVEL_NOTE, "who waits", "sudo stoa; or sysctl kernel.yama.ptrace_scope=0",
		     "kernel.yama.ptrace_scope is %d: stoa stat and stoa top do not tell it", scope);
	else
		find(LEVEL_OK, "who waits", NULL, "it can be seen, of %s",
		     geteuid() == 0 ? "all processes" : "your own processes");
}

void check_kernel(void)
{
	check_unnamed_files();
	check_locks();
	check_calls();
	check_huge_pages();
	check_confinement();
	check_proc();
}
