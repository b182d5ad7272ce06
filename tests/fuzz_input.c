/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the bytes of an input become, and what an answer may be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

uint8_t byte(struct world *world)
{
	return world->at < world->end ? *world->at++ : 0;
}

uint64_t word(struct world *world, int bytes)
{
	uint64_t word = 0;

	while (bytes--)
		word = word << 8 | byte(world);
	return word;
}

uint64_t choose(struct world *world, uint64_t count)
{
	return word(world, count > 256 ? 2 : 1) % count;
}

const struct timespec *deadline(struct world *world, struct timespec *at)
{
	uint8_t how = byte(world);

	if (how % 4)
		return &stoa_now;
	if (how / 4 >= 62)
		interrupt_soon();
	*at = stoa_deadline((how / 4 - 8) * 10000ll);
	return at;
}

void may(const char *file, int line, const char *call, int rc, const int *others, size_t count)
{
	if (rc == 0 && *stoa_strerror(rc))
		return;
	for (size_t i = 0; i < count; i++) {
		if (rc == others[i])
			return;
	}
	if (is_short() && (rc == -ENOMEM || rc == -EMFILE))
		return; /* whatever its header says */
	fprintf(stderr, "%s:%d: %s answers %d, %s\n", file, line, call, rc, stoa_strerror(rc));
	abort();
}

void expect(bool true_, const char *what)
{
	if (true_)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}

void look_at(const void *bytes, size_t size)
{
	const volatile uint8_t *at = bytes;
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += at[i];
	(void)sum;
}

void *buffer(size_t size, uint8_t with)
{
	void *bytes = __real_malloc(size);

	EXPECT(bytes || !size);
	if (bytes)
		memset(bytes, with, size);
	return bytes;
}

size_t least(uint64_t size)
{
	return size < LARGE ? size : LARGE;
}
