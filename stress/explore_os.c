/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_os.c - stands for src/os.c in the explorer: futexes and fences are the engine's, time passes only
 * when everybody sleeps.  Files, locks and processes: explore_kernel.c.
 */
#include <errno.h>
#include <string.h>

#include "atomic.h"
#include "explore_engine.h"
#include "explore_futex.h"
#include "os.h"

/* ---- time ---- */

uint64_t os_now_ns(void)
{
	return explore_now_ns();
}

uint64_t os_now_coarse_ns(void)
{
	return explore_now_ns();
}

uint64_t os_realtime_ns(void)
{
	return explore_now_ns();
}

uint64_t os_timespec_ns(const struct timespec *time)
{
	if (!time)
		return UINT64_MAX;
	return (uint64_t)time->tv_sec * 1000000000ull + (uint64_t)time->tv_nsec;
}

void os_sleep_ns(uint64_t ns)
{
	explore_sleep(ns);
}

uint64_t os_thread(void)
{
	return (uint64_t)engine.current;
}

void os_yield(void)
{
	explore_pause();
}

/* ---- futex, fences ---- */

int os_futex_wait(struct atom32 *word, uint32_t expected, uint64_t deadline_ns)
{
	return explore_futex_wait(word, expected, deadline_ns);
}

int os_futex_wake(struct atom32 *word, int count)
{
	return explore_futex_wake(word, count);
}

int os_futex_wait_any(struct atom32 *const words[], const uint32_t expected[], unsigned count,
                      uint64_t deadline_ns)
{
	(void)words;
	(void)expected;
	(void)count;
	(void)deadline_ns;
	return -ENOSYS;
}

int os_fence_register(void)
{
	return engine.own_fences ? -ENOSYS : 0;
}

int os_fence_all(void)
{
	if (engine.own_fences)
		return -EPERM;
	explore_fence_all();
	return 0;
}

void explore_own_fences(void)
{
	engine.own_fences = true;
}

int os_eventfd(void)
{
	return -ENOSYS;
}

void os_eventfd_set(int fd)
{
	(void)fd;
}

void os_eventfd_clear(int fd)
{
	(void)fd;
}

/* ---- what is always the same ---- */

void os_random(void *out, size_t size)
{
	memset(out, 7, size);
}

void os_boot_id(uint8_t id[16])
{
	memset(id, 1, 16);
}
