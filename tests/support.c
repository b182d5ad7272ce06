/* SPDX-License-Identifier: BSD-2-Clause */
/* support.c - see support.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

static pid_t test_process; /* the main process: its children use the same names */

__attribute__((constructor)) static void remember_test_process(void)
{
	test_process = getpid();
}

const char *test_name(const char *suffix)
{
	static char names[9][64];
	static unsigned turn;
	char *name = names[turn++ % 9];

	snprintf(name, sizeof names[0], "test-%d-%s", (int)test_process, suffix);
	return name;
}

const char *test_path(const char *name)
{
	static char paths[9][96];
	static unsigned turn;
	char *path = paths[turn++ % 9];

	snprintf(path, sizeof paths[0], "/dev/shm/stoa.%s", name);
	return path;
}

int names_left(void)
{
	char prefix[64];
	struct dirent *entry;
	DIR *directory = opendir("/dev/shm");
	int count = 0;

	if (!directory)
		return -1;
	snprintf(prefix, sizeof prefix, "stoa.test-%d-", (int)test_process);
	while ((entry = readdir(directory)))
		count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	closedir(directory);
	return count;
}

/* ---- children ---- */

pid_t child_start(child_fn *fn, void *context)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent && getppid() != 0) /* 0: in a new PID namespace */
			_exit(99);
		_exit(fn(context));
	}
	return pid;
}

int child_end(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFSIGNALED(status) ? CHILD_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

int child_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	return child_end(pid);
}

int in_child(child_fn *fn, void *context)
{
	return child_end(child_start(fn, context));
}

struct inner {
	child_fn *fn;
	void *context;
	size_t bytes;
};

static int become_nobody(void *context)
{
	struct inner *inner = context;

	if (setgroups(0, NULL) || setgid(65534) || setuid(65534))
		return CHILD_SKIPPED;
	return inner->fn(inner->context);
}

int as_nobody(child_fn *fn, void *context)
{
	struct inner inner = { .fn = fn, .context = context };

	return geteuid() ? CHILD_SKIPPED : in_child(become_nobody, &inner);
}

static int mount_small_shm(void *context)
{
	struct inner *inner = context;
	char options[64];

	snprintf(options, sizeof options, "size=%zu,mode=1777", inner->bytes);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("small", "/dev/shm", "tmpfs", 0, options))
		return CHILD_SKIPPED;
	return inner->fn(inner->context);
}

int in_small_shm(size_t bytes, child_fn *fn, void *context)
{
	struct inner inner = { .fn = fn, .context = context, .bytes = bytes };

	return in_child(mount_small_shm, &inner);
}

/* ---- memory, time, files ---- */

void *shared_memory(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		abort();
	return at;
}

void sleep_ms(int ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

bool await_word(const volatile int *word, int value)
{
	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		if (__atomic_load_n(word, __ATOMIC_SEQ_CST) == value)
			return true;
		sleep_ms(1);
	}
	return false;
}

void set_word(volatile int *word, int value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

int write_file(const char *path, const void *bytes, size_t size)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	ssize_t put;

	if (fd < 0)
		return -errno;
	put = size ? write(fd, bytes, size) : 0;
	close(fd);
	return put == (ssize_t)size ? 0 : -EIO;
}

uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}
