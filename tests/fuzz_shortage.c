/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a caller may run out of: memory and descriptors; and signals, whose handlers end what waits.
 *
 * The linker sends allocations here (--wrap), those of the fuzzer, too.  Other threads never run short.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define SOON_NS 30000

void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *bytes, size_t size);
int __real_posix_memalign(void **bytes, size_t alignment, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *bytes, size_t size);
int __wrap_posix_memalign(void **bytes, size_t alignment, size_t size);
char *__wrap_strdup(const char *text);

static _Thread_local int allocations_left = -1; /* any number */
static struct rlimit all_descriptors;
static bool few_descriptors;

static bool none_left(void)
{
	if (allocations_left > 0)
		allocations_left--;
	if (allocations_left)
		return false;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return none_left() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return none_left() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *bytes, size_t size)
{
	return none_left() ? NULL : __real_realloc(bytes, size);
}

int __wrap_posix_memalign(void **bytes, size_t alignment, size_t size)
{
	return none_left() ? ENOMEM : __real_posix_memalign(bytes, alignment, size);
}

char *__wrap_strdup(const char *text)
{
	return none_left() ? NULL : __real_strdup(text);
}

void run_short(struct world *world)
{
	uint8_t how = byte(world);
	struct rlimit few;
	int fd;

	run_short_no_more();
	if (how & 0x80) {
		allocations_left = 1 + how % 16;
		return;
	}
	fd = dup(world->fd); /* the lowest that is free */
	EXPECT(fd >= 0 && getrlimit(RLIMIT_NOFILE, &all_descriptors) == 0);
	close(fd);
	few = (struct rlimit){ (rlim_t)fd + how % 4, all_descriptors.rlim_max };
	few_descriptors = setrlimit(RLIMIT_NOFILE, &few) == 0;
}

void run_short_no_more(void)
{
	allocations_left = -1;
	if (few_descriptors)
		EXPECT(setrlimit(RLIMIT_NOFILE, &all_descriptors) == 0);
	few_descriptors = false;
}

bool is_short(void)
{
	return allocations_left >= 0 || few_descriptors;
}

static void interrupted(int number)
{
	(void)number;
}

void interrupt_soon(void)
{
	struct itimerspec soon = { .it_value.tv_nsec = SOON_NS };
	static timer_t timer;
	static pid_t owner; /* children have no timers */

	if (owner != getpid()) {
		struct sigaction action = { .sa_handler = interrupted };
		struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };

		EXPECT(sigaction(SIGUSR2, &action, NULL) == 0);
		EXPECT(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
		owner = getpid();
	}
	EXPECT(timer_settime(timer, 0, &soon, NULL) == 0);
}
