/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * os_process.c - the door to the kernel: who am I, has that process ended; random bytes.
 *
 * A pid is a number that is used again, and /proc is a mount that may belong to another
 * PID namespace than ours.  So a process is looked at like this:
 *
 *   1. A pidfd is opened by the pid.  From then on it means one process, whatever becomes of the
 *      number.  It polls as readable when the last thread of the process has ended.
 *   2. The pidfd's own line in /proc/self/fdinfo says under which number that process stands in
 *      the /proc that is mounted here.  Only there its start time is read.
 *   3. A start time that is not the one we look for belongs to a later process of that pid.
 *
 * Start times are shifted by a time namespace's offset, so one that is read or written outside
 * the first time namespace counts as unknown.
 *
 * What a process is to itself it reads from /proc once: its PID namespace and its start time stay what they are
 * until it ends.  A forked child forgets them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "atomic.h"
#include "os.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* Inode of the first time namespace in every kernel that has them (PROC_TIME_INIT_INO). */
#define FIRST_TIME_NAMESPACE 0xEFFFFFFAu

/* Reads a small file as a string; how many bytes, or a negative errno. */
static int read_text(const char *path, char *text, size_t room)
{
	size_t length = 0;
	ssize_t got;
	int fd, rc = 0;

	do
		fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return -errno;
	while (length < room - 1) {
		got = read(fd, text + length, room - 1 - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			rc = -errno;
		if (got <= 0)
			break;
		length += (size_t)got;
	}
	close(fd);
	text[length] = '\0';
	return rc ? rc : (int)length;
}

/* ---- start times ---- */

static bool start_times_comparable(void)
{
	struct stat st;

	/* No such file: a kernel without time namespaces. */
	return stat("/proc/self/ns/time", &st) ? errno == ENOENT : st.st_ino == FIRST_TIME_NAMESPACE;
}

/*
 * Field 22 of a stat file; 0 where it cannot be read.  Field 2 is the process's name in parentheses,
 * and the name may hold spaces and parentheses, so the fields are counted from the last ')'.
 */
static uint64_t stat_start_time(const char *text)
{
	const char *at = strrchr(text, ')');

	for (int field = 2; at && field < 22; field++) {
		at = strchr(at, ' ');
		if (at)
			at++;
	}
	return at ? strtoull(at, NULL, 10) : 0;
}

static void stat_comm(const char *text, char comm[16])
{
	const char *from = strchr(text, '('), *to = strrchr(text, ')');

	if (!from || !to || to < from)
		return;
	memset(comm, 0, 16);
	for (size_t i = 0; ++from < to && i < 15; i++)
		comm[i] = *from;
}

/* ---- myself ---- */

static struct {
	struct atom64 pid; /* whose the rest is; 0: nobody's yet */
	struct atom64 start_time, pid_namespace, comm[2];
} known;

static void forget(void)
{
	atom64_store_rlx(&known.pid, 0); /* relaxed: a child that was just forked has one thread */
}

static int fork_watched;

static void watch_fork(void)
{
	fork_watched = pthread_atfork(NULL, NULL, forget) == 0;
}

static void remember(const struct os_process *self)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint64_t comm[2];

	pthread_once(&once, watch_fork);
	if (!fork_watched)
		return;
	memcpy(comm, self->comm, sizeof comm);
	/* Relaxed: published by [P4].  Two threads that come at once write the same. */
	atom64_store_rlx(&known.start_time, self->start_time);
	atom64_store_rlx(&known.pid_namespace, self->pid_namespace);
	atom64_store_rlx(&known.comm[0], comm[0]);
	atom64_store_rlx(&known.comm[1], comm[1]);
	/* [P4] release; pairs with recall(): else it takes what is not there yet for our own. */
	atom64_store_rel(&known.pid, (uint64_t)self->pid);
}

static bool recall(struct os_process *self)
{
	uint64_t comm[2];

	/* [P4] acquire; pairs with remember().  Not another's: after a bare clone() nobody has forgotten. */
	if (atom64_load_acq(&known.pid) != (uint64_t)self->pid)
		return false;
	self->start_time = atom64_load_rlx(&known.start_time); /* relaxed: by [P4], as those below */
	self->pid_namespace = atom64_load_rlx(&known.pid_namespace);
	comm[0] = atom64_load_rlx(&known.comm[0]);
	comm[1] = atom64_load_rlx(&known.comm[1]);
	memcpy(self->comm, comm, sizeof comm);
	return true;
}

static void read_self(struct os_process *self)
{
	struct stat namespace;
	char text[1024];

	if (!stat("/proc/self/ns/pid", &namespace))
		self->pid_namespace = namespace.st_ino;
	if (read_text("/proc/self/stat", text, sizeof text) > 0) {
		stat_comm(text, self->comm);
		if (start_times_comparable())
			self->start_time = stat_start_time(text);
	}
}

void os_self(struct os_process *self)
{
	*self = (struct os_process){ .pid = getpid() };
	if (!recall(self)) {
		read_self(self);
		remember(self);
	}
	/* The first thread's name is the process's, and may change; another's will do where /proc says none. */
	if (!self->comm[0] || syscall(SYS_gettid) == self->pid)
		(void)prctl(PR_GET_NAME, self->comm);
}

/* ---- proof of an end ---- */

static int pidfd_open_(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */

	return fd < 0 ? -errno : fd;
}

/* The start time of the pidfd's process; 0: unknown. */
static uint64_t pidfd_start_time(int pidfd)
{
	char path[64], text[1024];
	const char *line;
	long pid;

	if (!start_times_comparable())
		return 0;
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
	if (read_text(path, text, sizeof text) <= 0)
		return 0;
	line = strstr(text, "\nPid:");
	pid = line ? strtol(line + 5, NULL, 10) : 0; /* 0: not in /proc's namespace; -1: it has just ended */
	if (pid <= 0)
		return 0;
	snprintf(path, sizeof path, "/proc/%ld/stat", pid);
	if (read_text(path, text, sizeof text) <= 0) /* hidepid= */
		return 0;
	return stat_start_time(text);
}

/*
 * pidfd_open() failed with -error.  Where it works at all, ESRCH says that there is nothing of that
 * pid, EINVAL and ENOENT that the pid is now that of a mere thread.
 */
static bool gone_without_pidfd(pid_t pid, int error)
{
	if (error == EINVAL || error == ENOENT) {
		int own = pidfd_open_(getpid());

		if (own >= 0) {
			close(own);
			return true;
		}
	}
	/* ENOSYS, EPERM by a sandbox, no descriptor left: ask more simply. */
	return kill(pid, 0) && errno == ESRCH;
}

bool os_process_gone(int32_t pid, uint64_t start_time)
{
	struct pollfd poll_fd = { .events = POLLIN };
	bool gone;

	if (pid <= 0)
		return false;
	poll_fd.fd = pidfd_open_(pid);
	if (poll_fd.fd < 0)
		return poll_fd.fd == -ESRCH || gone_without_pidfd(pid, -poll_fd.fd);
	gone = poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLIN);
	if (!gone && start_time) {
		uint64_t started = pidfd_start_time(poll_fd.fd);

		gone = started && started != start_time;
	}
	close(poll_fd.fd);
	return gone;
}

/* ---- random bytes ---- */

void os_random(void *out, size_t size)
{
	uint8_t *to = out;
	uint64_t mix;

	while (size) {
		ssize_t got = getrandom(to, size, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		to += got;
		size -= (size_t)got;
	}
	if (!size)
		return;
	/* A sandbox without getrandom(): ids need to differ, not to be secret.  splitmix64. */
	mix = os_now_ns() ^ os_realtime_ns() << 20 ^ (uint64_t)getpid() << 40 ^ (uintptr_t)&mix;
	for (; size; size--) {
		uint64_t z = mix += 0x9e3779b97f4a7c15u;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
		z = (z ^ z >> 27) * 0x94d049bb133111ebu;
		*to++ = (uint8_t)(z >> 24);
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static uint8_t boot_id[16];

static void read_boot_id(void)
{
	uint8_t id[16] = { 0 };
	char text[64];
	unsigned digits = 0;

	if (read_text("/proc/sys/kernel/random/boot_id", text, sizeof text) <= 0)
		return;
	for (const char *at = text; *at && digits < 32; at++) {
		int digit = hex_digit(*at);

		if (digit < 0)
			continue;
		id[digits / 2] = (uint8_t)(id[digits / 2] << 4 | digit);
		digits++;
	}
	if (digits == 32)
		memcpy(boot_id, id, sizeof boot_id);
}

void os_boot_id(uint8_t id[16])
{
	static pthread_once_t once = PTHREAD_ONCE_INIT; /* no process outlives its boot */

	pthread_once(&once, read_boot_id);
	memcpy(id, boot_id, sizeof boot_id);
}
