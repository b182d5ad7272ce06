/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_kernel.h - the simulated kernel's doors to the rest of the explorer.
 */
#ifndef STOA_EXPLORE_KERNEL_H
#define STOA_EXPLORE_KERNEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "atomic.h"

/* The thread's process is killed: its locks are dropped. */
void kernel_death(unsigned thread);
/* What a word of the kernel is called, or NULL. */
const char *kernel_place(const void *at, char *text, size_t room);

/* ---- between explore_kernel.c and explore_file.c ---- */

#define KERNEL_SITE(name, function)                                                                          \
	static struct explore_site site = { name, function, "os.h", 0, EXPLORE_SEQ, EXPLORE_SEQ, NULL }

/* A look at a word of the kernel; an exchange of `expected` for `desired`: what was there.  Each is a step. */
uint64_t kernel_load(struct explore_site *site, struct atom64 *word);
uint64_t kernel_exchange(struct explore_site *site, struct atom64 *word, uint64_t expected, uint64_t desired);
/* The file of a descriptor; a descriptor of a new description of a file; or a negative errno. */
int kernel_file(int fd);
int kernel_describe(unsigned file);
void file_begin(void);
void file_reset(void);
const char *file_place(const void *at, char *text, size_t room);

/* ---- src/segment.c, src/reap.c ---- */

/* The library's list of segments is a part of the state: explore_segment.c. */
void explore_registry(void);

/*
 * A scenario's, in a process that reaps: before and after it settles, or releases, what the dead owner of a
 * slot held.
 */
struct stoa_segment;
extern void (*explore_on_reap)(const struct stoa_segment *segment, uint32_t slot, bool releasing,
                               bool begins);

/* The library's mutexes. */
int explore_mutex_lock(pthread_mutex_t *mutex);
int explore_mutex_trylock(pthread_mutex_t *mutex);
int explore_mutex_unlock(pthread_mutex_t *mutex);

#endif
