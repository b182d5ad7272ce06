/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * os.h - the only door to the kernel: futex, open-file-description locks, clocks,
 * memfd, pidfd, files, membarrier.
 *
 * Everything returns 0 or a positive result, or a negative errno; nothing sets errno for
 * its caller.  Calls that a signal interrupts start again, but for os_futex_wait().
 */
#ifndef STOA_OS_H
#define STOA_OS_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "layout.h"

/* ---- time ---- */

uint64_t os_now_ns(void);      /* CLOCK_MONOTONIC */
uint64_t os_now_coarse_ns(void); /* the same to a few milliseconds, and cheap */
uint64_t os_realtime_ns(void); /* CLOCK_REALTIME */
uint64_t os_timespec_ns(const struct timespec *time); /* saturating; NULL: UINT64_MAX; negative: 0 */
void os_sleep_ns(uint64_t ns);
void os_yield(void);

/* The calling thread: a number that no other one of the process has, while it lives. */
#if defined(STOA_ATOMICS_EXPLORE)
uint64_t os_thread(void);
#else
static inline uint64_t os_thread(void)
{
	return (uintptr_t)pthread_self();
}
#endif

/* ---- futex: shared, never FUTEX_PRIVATE ---- */

/*
 * Sleeps while *word == expected, until deadline_ns (CLOCK_MONOTONIC) at the latest.
 * Returns 0 (woken, or the word differs), -ETIMEDOUT, -EINTR (a signal handler ran).
 */
int os_futex_wait(struct atom32 *word, uint32_t expected, uint64_t deadline_ns);
/* Returns how many were woken. */
int os_futex_wake(struct atom32 *word, int count);
/*
 * Sleeps while every words[i] == expected[i] (count up to 128), until deadline_ns.
 * Returns 0 (one woke or differs), -ETIMEDOUT, -EINTR, -ENOSYS (before Linux 5.16).
 */
int os_futex_wait_any(struct atom32 *const words[], const uint32_t expected[], unsigned count,
                      uint64_t deadline_ns);

/* ---- eventfd: readable while it is set ---- */

int os_eventfd(void); /* a descriptor, close-on-exec, non-blocking */
void os_eventfd_set(int fd);
void os_eventfd_clear(int fd);

/* ---- asymmetric fence: see ring.c ---- */

/* Registers the process for os_fence_all(); 0 or -ENOSYS and the like.  Idempotent, cheap. */
int os_fence_register(void);
/*
 * Every running thread of every registered process passes a full memory fence before this
 * returns (membarrier's MEMBARRIER_CMD_GLOBAL_EXPEDITED).  0 or a negative errno.
 */
int os_fence_all(void);

/* ---- files ---- */

int os_memfd(const char *name, bool seal); /* a descriptor, close-on-exec, sealable */
int os_seal(int fd);                       /* against shrinking, growing, and further seals */
/* An unnamed file beside `path` (O_TMPFILE), close-on-exec; -ENOTSUP where the file system cannot. */
int os_open_unnamed(const char *path, unsigned mode);
int os_publish(int fd, const char *path); /* gives an unnamed file its name; -EEXIST */
int os_open(const char *path, bool read_only);
int os_reopen(int fd, bool read_only); /* a new description of the same file, compared by device and inode */
/*
 * The same by the name that the file had, or may still have (NULL: none), and only else by os_reopen(): that
 * takes longer, and needs /proc.
 */
int os_open_same(const char *path, int fd, uint64_t device, uint64_t inode);
int os_duplicate(int fd); /* another descriptor of the same description, close-on-exec */
int os_close(int fd);
int os_unlink(const char *path);
int os_allocate(int fd, uint64_t bytes); /* real space, in chunks; -ENOSPC; -ENOTSUP */
int os_read_at(int fd, void *out, size_t size, uint64_t offset); /* -ENODATA where the file ends before */
int os_write_at(int fd, const void *in, size_t size, uint64_t offset);

struct os_file {
	uint64_t device, inode, bytes;
	uint64_t block_bytes; /* the file system's unit: hugetlbfs's is a huge page */
	unsigned mode;
	bool regular;
};
int os_stat(int fd, struct os_file *file);
int os_stat_path(const char *path, struct os_file *file);
/* Whether the name is that of a symbolic link, wherever it leads. */
bool os_is_link(const char *path);

/* MAP_SHARED, at an address of the kernel's choice. */
int os_map(int fd, uint64_t bytes, bool read_only, bool populate, void **base);
int os_unmap(void *base, uint64_t bytes);
int os_lock_memory(void *base, uint64_t bytes); /* mlock */
void os_advise_huge(void *base, uint64_t bytes);

/* ---- open-file-description locks on one byte ---- */

int os_lock_byte(int fd, uint64_t offset);   /* exclusive, at once; -EAGAIN where another holds it; -ENOTSUP */
int os_unlock_byte(int fd, uint64_t offset);
/* 1: another description holds an exclusive lock; 0: nobody; the probe is a read lock's. */
int os_byte_locked(int fd, uint64_t offset);

/* ---- processes ---- */

struct os_process {
	int32_t pid;
	uint64_t start_time;    /* clock ticks since boot; 0: unknown */
	uint64_t pid_namespace; /* inode; 0: unknown */
	char comm[16];
};
void os_self(struct os_process *self);
/*
 * Whether a process of my PID namespace with that pid and start time has surely ended
 * (gone, a zombie as a whole, or its pid is another's).  False where it cannot be told.
 */
bool os_process_gone(int32_t pid, uint64_t start_time);

void os_random(void *out, size_t size);
void os_boot_id(uint8_t id[16]); /* zeros where it cannot be told */

#endif
