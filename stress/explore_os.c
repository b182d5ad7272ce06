/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_os.c - stands for src/os*.c in the explorer: futexes and fences are the engine's, time passes only
 * when everybody sleeps, and there are no files.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "atomic.h"
#include "explore.h"
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
	(void)ns;
	explore_pause();
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
	return 0;
}

int os_fence_all(void)
{
	explore_fence_all();
	return 0;
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

/* ---- what nobody here has: files, other processes ---- */

#define NOT_HERE(name, ...)                                                                                  \
	int name(__VA_ARGS__)                                                                                \
	{                                                                                                    \
		return -ENOTSUP;                                                                             \
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
/* clang-format off */
NOT_HERE(os_memfd, const char *name, bool seal)
NOT_HERE(os_seal, int fd)
NOT_HERE(os_open_unnamed, const char *path, unsigned mode)
NOT_HERE(os_publish, int fd, const char *path)
NOT_HERE(os_open, const char *path, bool read_only)
NOT_HERE(os_reopen, int fd, bool read_only)
NOT_HERE(os_duplicate, int fd)
NOT_HERE(os_close, int fd)
NOT_HERE(os_unlink, const char *path)
NOT_HERE(os_allocate, int fd, uint64_t bytes)
NOT_HERE(os_read_at, int fd, void *out, size_t size, uint64_t offset)
NOT_HERE(os_write_at, int fd, const void *in, size_t size, uint64_t offset)
NOT_HERE(os_stat, int fd, struct os_file *file)
NOT_HERE(os_stat_path, const char *path, struct os_file *file)
NOT_HERE(os_map, int fd, uint64_t bytes, bool read_only, bool populate, void **base)
NOT_HERE(os_unmap, void *base, uint64_t bytes)
NOT_HERE(os_lock_memory, void *base, uint64_t bytes)
NOT_HERE(os_lock_byte, int fd, uint64_t offset)
NOT_HERE(os_unlock_byte, int fd, uint64_t offset)
NOT_HERE(os_byte_locked, int fd, uint64_t offset)
/* clang-format on */
#pragma GCC diagnostic pop

bool os_is_link(const char *path)
{
	(void)path;
	return false;
}

void os_advise_huge(void *base, uint64_t bytes)
{
	(void)base;
	(void)bytes;
}

void os_self(struct os_process *self)
{
	*self = (struct os_process){ .pid = 1, .start_time = 1, .pid_namespace = 1, .comm = "fiber" };
}

bool os_process_gone(int32_t pid, uint64_t start_time)
{
	(void)pid;
	(void)start_time;
	return false;
}

void os_random(void *out, size_t size)
{
	memset(out, 7, size);
}

void os_boot_id(uint8_t id[16])
{
	memset(id, 1, 16);
}
