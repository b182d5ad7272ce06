/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_plain.c - plain data: races, and reading what nobody wrote.
 *
 * Plain data are real memory.  For each byte: who wrote it last and at which clock, and who has read it
 * since.  Two accesses that no clock orders, one a write, are a race, in whatever order they came.
 */
#include <stdlib.h>
#include <string.h>

#include "explore_engine.h"

#define PLAIN_MAX 4096u
#define RANGES_MAX 64u

struct plain {
	uintptr_t key;
	uint32_t run;
	uint8_t undefined; /* bytes */
	int8_t writer[8];
	uint32_t written[8];
	uint32_t read[8][THREADS_MAX];
};

static struct plain plains[PLAIN_MAX];
static uint32_t run_number;

static struct {
	uintptr_t from, to;
} undefined[RANGES_MAX];
static unsigned undefined_count;

void explore_undefined(void *at, size_t size)
{
	if (undefined_count == RANGES_MAX)
		abort();
	undefined[undefined_count].from = (uintptr_t)at;
	undefined[undefined_count++].to = (uintptr_t)at + size;
}

void plain_forget(void)
{
	undefined_count = 0;
}

bool plain_is_undefined(const void *where)
{
	uintptr_t at = (uintptr_t)where;

	for (unsigned i = 0; i < undefined_count; i++) {
		if (at >= undefined[i].from && at < undefined[i].to)
			return true;
	}
	return false;
}

void plain_reset(void)
{
	run_number++;
}

static struct plain *plain_of(uintptr_t key)
{
	unsigned start = (unsigned)(key * 2654435761u >> 7) % PLAIN_MAX;

	for (unsigned i = start, n = 0; n < PLAIN_MAX; i = (i + 1) % PLAIN_MAX, n++) {
		struct plain *plain = &plains[i];

		if (plain->run == run_number && plain->key == key)
			return plain;
		if (plain->run == run_number)
			continue;
		memset(plain, 0, sizeof *plain);
		plain->key = key;
		plain->run = run_number;
		for (unsigned b = 0; b < 8 && undefined_count; b++)
			plain->undefined |= (uint8_t)(plain_is_undefined((const void *)((key << 3) + b))
			                              << b);
		return plain;
	}
	run_fail("limit", "too much plain data");
}

static const char *plain_byte(unsigned thread, struct plain *plain, unsigned byte, bool write)
{
	const uint32_t *clock = memory.threads[thread].now.at;
	uint32_t now = clock[thread];

	if (plain->written[byte] > clock[(unsigned)plain->writer[byte]])
		return write ? "written, and another thread's write is not ordered with that"
		             : "read, and another thread's write is not ordered with that";
	if (!write) {
		plain->read[byte][thread] = now;
		return plain->undefined >> byte & 1 ? "read, and was never written" : NULL;
	}
	for (unsigned t = 0; t < THREADS_MAX; t++) {
		if (plain->read[byte][t] > clock[t])
			return "written, and another thread's read is not ordered with that";
	}
	plain->writer[byte] = (int8_t)thread;
	plain->written[byte] = now;
	plain->undefined &= (uint8_t) ~(1u << byte);
	return NULL;
}

const char *plain_access(unsigned thread, const void *at, size_t size, bool write)
{
	const char *wrong = NULL;
	struct plain *plain = NULL;

	for (uintptr_t a = (uintptr_t)at; a < (uintptr_t)at + size && !wrong; a++) {
		if (!plain || plain->key != a >> 3)
			plain = plain_of(a >> 3);
		wrong = plain_byte(thread, plain, a & 7, write);
	}
	return wrong;
}
