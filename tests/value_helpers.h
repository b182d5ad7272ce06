/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * value_helpers.h - what the tests of values and arrays share.
 */
#ifndef STOA_TEST_VALUE_HELPERS_H
#define STOA_TEST_VALUE_HELPERS_H

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <stoa.h>

#include "atomic.h"
#include "object.h"
#include "os.h"
#include "value.h"

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define MS 1000000ull

#define ok(rc) assert_int_equal(rc, 0)

/* An anonymous segment with room for so many bytes. */
static inline struct stoa_segment *new_segment(uint64_t bytes)
{
	struct stoa_segment_config config = { .struct_size = sizeof config, .bytes = bytes };
	struct stoa_segment *segment = NULL;

	ok(stoa_segment_create(NULL, &config, &segment));
	return segment;
}

/* The same segment once more, read-only. */
static inline struct stoa_segment *read_only(const struct stoa_segment *segment)
{
	struct stoa_segment *other = NULL;

	ok(stoa_segment_open_fd(stoa_segment_fd(segment), STOA_READ_ONLY, &other));
	return other;
}

/* A value's or an array's, for tests that look inside or do damage ... */
static inline struct object_handle *object_of(void *handle)
{
	return (struct object_handle *)((struct stoa_hot_number *)handle + 1);
}

/* ... and its shared bytes. */
static inline void *bytes_of(void *handle)
{
	return object_of(handle)->start;
}

/* ---- values of every type and size ---- */

static const uint32_t number_types[] = {
	STOA_I8,  STOA_I16, STOA_I32, STOA_I64, STOA_U8,   STOA_U16,
	STOA_U32, STOA_U64, STOA_F32, STOA_F64, STOA_BOOL,
};
static const size_t struct_sizes[] = { 1, 2, 3, 7, 8, 9, 63, 64, 65, 4096, 1 << 20 };

static inline struct stoa_value *new_value(struct stoa_segment *segment, const char *name, uint32_t type,
                                           size_t size, uint32_t writers)
{
	struct stoa_value_config config = {
		.struct_size = sizeof config,
		.type = type,
		.size = size,
		.writers = writers,
		.flags = STOA_EXCLUSIVE,
	};
	struct stoa_value *value = NULL;

	ok(stoa_value_create(segment, name, &config, &value));
	return value;
}

static inline struct stoa_value *new_struct(struct stoa_segment *segment, size_t size, uint32_t writers)
{
	return new_value(segment, "struct", STOA_BYTES, size, writers);
}

/* ---- processes ---- */

/* Where processes meet that a test has forked. */
struct board {
	struct atom32 ready; /* how many have come so far */
	struct atom32 go;
	struct atom32 stop;
	struct atom64 count[16];
};

static inline struct board *new_board(void)
{
	void *board = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	                   0);

	assert_ptr_not_equal(board, MAP_FAILED);
	return board;
}

static inline void free_board(struct board *board)
{
	munmap(board, sizeof *board);
}

static inline pid_t spawn(int (*body)(void *), void *context)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that failed has not joined it */
		_exit(body(context));
	}
	assert_true(pid > 0);
	return pid;
}

/* The exit status, or 128 and the signal that ended it. */
static inline int join(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline int killed(pid_t pid)
{
	kill(pid, SIGKILL);
	return join(pid);
}

/* Until `word` is at least `count`; false after a generous while. */
static inline bool await(struct atom32 *word, uint32_t count)
{
	uint64_t end = os_now_ns() + 30000 * MS;

	while (atom32_load_seq(word) < count) {
		if (os_now_ns() > end)
			return false;
		os_sleep_ns(MS / 5);
	}
	return true;
}

static inline uint64_t random_below(uint64_t *seed, uint64_t limit)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed % limit;
}

/* ---- patterns: a struct whose every byte follows from one tag ---- */

static inline void fill(void *bytes, size_t size, uint64_t tag)
{
	uint8_t *at = bytes;

	for (size_t i = 0; i < size; i++)
		at[i] = (uint8_t)((tag >> 8 * (i % 8)) ^ i * 37 ^ i >> 8);
}

/* Whether it is some pattern, whole; its tag. */
static inline bool whole(const void *bytes, size_t size, uint64_t *tag)
{
	const uint8_t *at = bytes;
	uint64_t found = 0;

	for (size_t i = 0; i < size && i < 8; i++)
		found |= (uint64_t)(uint8_t)(at[i] ^ i * 37) << 8 * i;
	for (size_t i = 8; i < size; i++) {
		if (at[i] != (uint8_t)((found >> 8 * (i % 8)) ^ i * 37 ^ i >> 8))
			return false;
	}
	if (tag)
		*tag = found;
	return true;
}

/* Updates: to a pattern, and to nothing else. */
static inline int make_tag_4(void *bytes, void *context)
{
	fill(bytes, *(size_t *)context, 4);
	return 0;
}

static inline int refuse(void *bytes, void *context)
{
	memset(bytes, 0xff, 8);
	return *(int *)context;
}

#endif
