/* SPDX-License-Identifier: BSD-2-Clause */
/* os.c - the door to the kernel: time, futex, membarrier.  Files and memory: os_file.c; processes: os_process.c. */
#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os.h"

#define NS_PER_S 1000000000u

/* What a system call's wrapper returned, as this file returns it. */
static int outcome(long rc)
{
	return rc < 0 ? -errno : (int)rc;
}

/* ---- time ---- */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now))
		return 0;
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t os_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t os_now_coarse_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC_COARSE);
}

uint64_t os_realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

uint64_t os_timespec_ns(const struct timespec *time)
{
	uint64_t ns, more;

	if (!time)
		return UINT64_MAX;
	if (time->tv_sec < 0)
		return 0;
	if (__builtin_mul_overflow((uint64_t)time->tv_sec, NS_PER_S, &ns))
		return UINT64_MAX;
	if (time->tv_nsec < 0) { /* no proper time, but one with an obvious meaning */
		more = 0 - (uint64_t)time->tv_nsec;
		return ns > more ? ns - more : 0;
	}
	return __builtin_add_overflow(ns, (uint64_t)time->tv_nsec, &ns) ? UINT64_MAX : ns;
}

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S) };
}

void os_sleep_ns(uint64_t ns)
{
	struct timespec until;
	uint64_t deadline;

	if (__builtin_add_overflow(os_now_ns(), ns, &deadline))
		deadline = UINT64_MAX;
	until = timespec_of(deadline);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

void os_yield(void)
{
	sched_yield();
}

/* ---- futex ---- */

/* The kernel has both since 5.16; the headers of older distributions do not. */
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

struct futex_waiter { /* the kernel's struct futex_waitv */
	uint64_t value;
	uint64_t address;
	uint32_t flags;
	uint32_t reserved;
};
_Static_assert(sizeof(struct futex_waiter) == 24, "the kernel's struct futex_waitv has 24 bytes");

#define FUTEX_WAITER_32 2u /* FUTEX_32: a word of 32 bits, and not private */
#define FUTEX_WAITERS_MAX 128u

static int futex_outcome(long rc)
{
	if (rc >= 0 || errno == EAGAIN) /* woken, or the word differed at once */
		return 0;
	return -errno;
}

int os_futex_wait(struct atom32 *word, uint32_t expected, uint64_t deadline_ns)
{
	/* FUTEX_WAIT's time-out is relative, FUTEX_WAIT_BITSET's a point of CLOCK_MONOTONIC. */
	struct timespec deadline = timespec_of(deadline_ns);

	return futex_outcome(syscall(SYS_futex, &word->raw, FUTEX_WAIT_BITSET, expected,
	                             deadline_ns == UINT64_MAX ? NULL : &deadline, NULL,
	                             FUTEX_BITSET_MATCH_ANY));
}

int os_futex_wake(struct atom32 *word, int count)
{
	return outcome(syscall(SYS_futex, &word->raw, FUTEX_WAKE, count, NULL, NULL, 0));
}

int os_futex_wait_any(struct atom32 *const words[], const uint32_t expected[], unsigned count,
                      uint64_t deadline_ns)
{
	struct futex_waiter waiters[FUTEX_WAITERS_MAX];
	struct timespec deadline = timespec_of(deadline_ns);

	if (!count || count > FUTEX_WAITERS_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < count; i++)
		waiters[i] = (struct futex_waiter){
			.value = expected[i],
			.address = (uintptr_t)&words[i]->raw,
			.flags = FUTEX_WAITER_32,
		};
	return futex_outcome(syscall(SYS_futex_waitv, waiters, count, 0,
	                             deadline_ns == UINT64_MAX ? NULL : &deadline, CLOCK_MONOTONIC));
}

/* ---- asymmetric fence ---- */

int os_fence_register(void)
{
	/* The kernel keeps it with the memory map and answers a second call at once.  No flag of our
	 * own: a child has a memory map of its own, and which fork made it we cannot see here. */
	return outcome(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0));
}

int os_fence_all(void)
{
	return outcome(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0));
}

/* ---- eventfd ---- */

int os_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

void os_eventfd_set(int fd)
{
	uint64_t one = 1;
	ssize_t ignored = write(fd, &one, sizeof one); /* fails only where it is set to the brim */

	(void)ignored;
}

void os_eventfd_clear(int fd)
{
	uint64_t value;
	ssize_t ignored = read(fd, &value, sizeof value); /* fails only where it is clear */

	(void)ignored;
}
