/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wordcount_slow.c - calls of the library for the word count, with a pause before, within and
 * after each.  Its processes then spend their lives between two calls, or in the middle of
 * writing a row, where a kill would otherwise find them once in some thousand times.
 * (The linker puts these in the place of the library's: --wrap in meson.build.)
 */
#include <time.h>

#include <stoa.h>

static void pause_shortly(void)
{
	struct timespec time = { .tv_nsec = 10000 };
	nanosleep(&time, NULL);
}

#define SLOW(NAME, PARAMETERS, ...)                                                                          \
	int __real_##NAME PARAMETERS;                                                                        \
	int __wrap_##NAME PARAMETERS;                                                                        \
	int __wrap_##NAME PARAMETERS                                                                         \
	{                                                                                                    \
		pause_shortly();                                                                             \
		int rc = __real_##NAME(__VA_ARGS__);                                                         \
		pause_shortly();                                                                             \
		return rc;                                                                                   \
	}

SLOW(stoa_array_store, (struct stoa_array * array, uint64_t index, const void *in), array, index, in)
SLOW(stoa_array_exchange, (struct stoa_array * array, uint64_t index, const void *in, void *out), array,
     index, in, out)
SLOW(stoa_array_fetch_add, (struct stoa_array * array, uint64_t index, const void *operand, void *previous),
     array, index, operand, previous)
SLOW(stoa_value_fetch_add, (struct stoa_value * value, const void *operand, void *previous), value, operand,
     previous)
SLOW(stoa_sender_reserve, (struct stoa_sender * sender, size_t size, void **bytes), sender, size, bytes)
SLOW(stoa_sender_commit,
     (struct stoa_sender * sender, void *bytes, size_t size, const struct timespec *deadline), sender, bytes,
     size, deadline)
SLOW(stoa_receiver_take,
     (struct stoa_receiver * receiver, struct stoa_message *message, const struct timespec *deadline),
     receiver, message, deadline)
SLOW(stoa_receiver_release, (struct stoa_receiver * receiver, struct stoa_message *message), receiver,
     message)

/* Element by element: of an array of 8-byte numbers, as all that the word count writes so are. */
int __real_stoa_array_write(struct stoa_array *array, uint64_t first, uint64_t count, const void *in);
int __wrap_stoa_array_write(struct stoa_array *array, uint64_t first, uint64_t count, const void *in);
int __wrap_stoa_array_write(struct stoa_array *array, uint64_t first, uint64_t count, const void *in)
{
	int rc = 0;
	for (uint64_t i = 0; i < count && !rc; i++) {
		rc = __real_stoa_array_write(array, first + i, 1, (const uint64_t *)in + i);
		pause_shortly();
	}
	return rc;
}
