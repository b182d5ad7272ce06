/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * look.c - looking at a file that others may cut short.
 *
 * The library trusts nothing that it reads, but a page that its file has lost cannot be read at all: the
 * kernel sends SIGBUS.  Who takes part in the segment ends then, with a word.  Who only looks can go on: in
 * the place of the page comes one of zeros, which are as good as any other bytes that a segment may have, and
 * when the look is over it is said that the file was cut.  So one such file does not end `stoa top`, nor
 * leave its terminal as it was on the screen.
 */
#include "look.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile sig_atomic_t cut;
static long page_bytes;

static void say_and_end(int number)
{
	static const char text[] = "stoa: a file was cut while it was being read\n";
	ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);

	(void)number;
	(void)written;
	_exit(STATUS_FAILURE);
}

void end_at_cuts(void)
{
	signal(SIGBUS, say_and_end);
}

/* mmap(2) is a system call and nothing else, so it does in a signal handler. */
static void put_zeros(int number, siginfo_t *info, void *context)
{
	void *page = (void *)((uintptr_t)info->si_addr & ~((uintptr_t)page_bytes - 1));

	(void)context;
	if (info->si_code != BUS_ADRERR || mmap(page, (size_t)page_bytes, PROT_READ | PROT_WRITE,
	                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		say_and_end(number);
	cut = 1;
}

/* Such a file is not even opened: there are devices that begin to act when they are. */
static bool is_no_file(const char *name)
{
	char *path = file_of(name);
	struct stat file;
	bool no_file = stat(path, &file) == 0 && !S_ISREG(file.st_mode);

	free(path);
	return no_file;
}

int look_open(const char *name, struct stoa_segment **segment)
{
	struct sigaction action = { .sa_sigaction = put_zeros, .sa_flags = SA_SIGINFO };

	if (is_no_file(name))
		return -EINVAL;
	page_bytes = sysconf(_SC_PAGESIZE);
	sigaction(SIGBUS, &action, NULL);
	cut = 0;
	return stoa_segment_open(name, STOA_READ_ONLY, segment);
}

bool was_cut(void)
{
	return cut;
}
