/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_world.c - the scenario's memory: what it called its state, and the heap; put back before each
 * execution.
 */
#include <stdlib.h>
#include <string.h>

#include "explore_engine.h"

#define STATES_MAX 16u
#define HEAP_BYTES (1u << 20)

static struct state {
	void *at;
	void *pristine, *kept; /* before set_up(), and after */
	size_t size;
} states[STATES_MAX];
static unsigned state_count;

static _Alignas(64) char heap[HEAP_BYTES];
static char *heap_kept;
static size_t heap_used, heap_mark;

static void *copy_of(const void *at, size_t size)
{
	void *copy = malloc(size + 1);

	if (!copy)
		abort();
	return memcpy(copy, at, size);
}

void explore_state(void *at, size_t size)
{
	if (state_count == STATES_MAX)
		abort();
	states[state_count++] = (struct state){ .at = at, .size = size, .pristine = copy_of(at, size) };
}

void *explore_calloc(size_t count, size_t size)
{
	size_t bytes = (count * size + 63) & ~(size_t)63;
	char *at = heap + heap_used;

	if (bytes > HEAP_BYTES - heap_used)
		run_fail("limit", "more than %u bytes of heap", HEAP_BYTES);
	heap_used += bytes;
	return memset(at, 0, bytes);
}

void *explore_malloc(size_t size)
{
	return explore_calloc(1, size);
}

void *explore_realloc(void *at, size_t size)
{
	char *to = explore_malloc(size);
	size_t most = at ? (size_t)(to - (char *)at) : 0; /* what it had, or more */

	return at ? memcpy(to, at, size < most ? size : most) : to;
}

int explore_posix_memalign(void **at, size_t alignment, size_t size)
{
	(void)alignment; /* up to 64 */
	*at = explore_malloc(size);
	return 0;
}

char *explore_strdup(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(explore_malloc(size), text, size);
}

void explore_free(void *at)
{
	(void)at; /* with the execution */
}

void world_keep(void)
{
	for (unsigned i = 0; i < state_count; i++)
		states[i].kept = copy_of(states[i].at, states[i].size);
	heap_mark = heap_used;
	heap_kept = copy_of(heap, heap_mark);
}

void world_put_back(void)
{
	for (unsigned i = 0; i < state_count; i++)
		memcpy(states[i].at, states[i].kept, states[i].size);
	memcpy(heap, heap_kept, heap_mark);
	heap_used = heap_mark;
}

void world_forget(void)
{
	for (unsigned i = 0; i < state_count; i++) {
		memcpy(states[i].at, states[i].pristine, states[i].size);
		free(states[i].pristine);
		free(states[i].kept);
	}
	free(heap_kept);
	state_count = 0;
	heap_used = heap_mark = 0;
}

bool world_heap_has(const void *at)
{
	return (uintptr_t)at - (uintptr_t)heap < heap_used;
}

size_t world_heap_mark(void)
{
	return heap_used;
}

void world_heap_release(size_t mark)
{
	heap_used = mark;
}

void world_forget_last_state(void)
{
	struct state *state = &states[--state_count];

	memcpy(state->at, state->pristine, state->size);
	free(state->pristine);
}

bool world_has(const void *at)
{
	uintptr_t address = (uintptr_t)at;

	for (unsigned i = 0; i < state_count; i++) {
		if (address - (uintptr_t)states[i].at < states[i].size)
			return true;
	}
	return address - (uintptr_t)heap < heap_used;
}
