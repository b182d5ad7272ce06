/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * frozen.h - what the tests of released structs say: where each member lies.
 */
#ifndef STOA_TEST_FROZEN_H
#define STOA_TEST_FROZEN_H

/* name, bytes, alignment */
#define SIZE(type, size, alignment)                                                                          \
	do {                                                                                                 \
		assert_int_equal(sizeof(struct type), size);                                                 \
		assert_int_equal(_Alignof(struct type), alignment);                                          \
	} while (0)
/* The same, of a struct that may grow at its end. */
#define GROWS(type, size, alignment)                                                                         \
	do {                                                                                                 \
		assert_true(sizeof(struct type) >= (size));                                                  \
		assert_int_equal(_Alignof(struct type), alignment);                                          \
	} while (0)
/* name, member, offset, bytes */
#define MEMBER(type, member, offset, size)                                                                   \
	do {                                                                                                 \
		assert_int_equal(offsetof(struct type, member), offset);                                     \
		assert_int_equal(sizeof(((struct type *)NULL)->member), size);                               \
	} while (0)

#endif
