/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * support.h - what the tests of several rooms need: names, children, users, small file systems.
 *
 * Nothing here asserts: a child reports by its exit status or by shared memory.
 */
#ifndef STOA_TEST_SUPPORT_H
#define STOA_TEST_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* cmocka wants these before its own header. */
#include <setjmp.h>
#include <stdarg.h>

#define CHILD_SKIPPED 77   /* exit status: not permitted here */
#define CHILD_SIGNAL 1000  /* + the signal that ended it */
#define PATIENCE_MS 20000  /* for what must happen at some time */

/* A segment's name that nobody else has: "test-PID-SUFFIX".  Lives until eight more were made. */
const char *test_name(const char *suffix);
/* The file of such a name. */
const char *test_path(const char *name);
/* How many files of test_name()s of this process are in /dev/shm. */
int names_left(void);

typedef int child_fn(void *context);

/* A child that ends with what fn returns (0 to 255).  It dies with its parent. */
pid_t child_start(child_fn *fn, void *context);
/* Waits for its end: its status, or CHILD_SIGNAL + n. */
int child_end(pid_t pid);
int child_kill(pid_t pid); /* SIGKILL, and waits */
int in_child(child_fn *fn, void *context);
/* As the user nobody; CHILD_SKIPPED where we are not root. */
int as_nobody(child_fn *fn, void *context);
/* In a mount namespace of its own, where /dev/shm has room for `bytes`; or CHILD_SKIPPED. */
int in_small_shm(size_t bytes, child_fn *fn, void *context);

/* Zeroed memory shared with children that are forked later; never given back. */
void *shared_memory(size_t bytes);
/* Waits until *word is `value`; false after PATIENCE_MS. */
bool await_word(const volatile int *word, int value);
void set_word(volatile int *word, int value);
void sleep_ms(int ms);

int write_file(const char *path, const void *bytes, size_t size);
/* A sequence of pseudo-random numbers from a seed other than 0. */
uint64_t random_next(uint64_t *seed);

#endif
