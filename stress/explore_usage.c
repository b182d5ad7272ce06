/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_usage.c - which words are used by one thread only, or written by nobody: operations on these
 * matter to nobody else, and go first (explore_search.c).
 *
 * That is learned as the search goes on, over all executions: a word is anybody's own until a second thread
 * uses it and somebody writes it.  Where an operation has gone first that should not have, the search begins
 * again, and knows better.  A search that comes to its end without that has seen the truth: whoever were the
 * first to use a word together would have been let do so, as up to there all was as assumed.
 */
#include <string.h>

#include "explore_engine.h"

#define USAGES_MAX 8192u

struct usage {
	uintptr_t at;
	uint32_t users; /* threads: bits */
	bool written, relied_on;
};

static struct usage usages[USAGES_MAX];
static bool misjudged;

void usage_forget(void)
{
	memset(usages, 0, sizeof usages);
	misjudged = false;
}

struct usage *usage_of(const void *where)
{
	uintptr_t at = (uintptr_t)where;
	unsigned i = (unsigned)(at * 2654435761u >> 5) % USAGES_MAX;

	for (unsigned n = 0; n < USAGES_MAX; n++, i = (i + 1) % USAGES_MAX) {
		if (!usages[i].at)
			usages[i].at = at;
		if (usages[i].at == at)
			return &usages[i];
	}
	run_fail("limit", "more than %u words", USAGES_MAX);
}

static bool is_shared(const struct usage *usage)
{
	return usage->written && (usage->users & (usage->users - 1));
}

void usage_note(const struct location *location, unsigned thread, bool wrote)
{
	struct usage *usage = location->usage;

	usage->users |= 1u << thread;
	usage->written |= wrote;
	if (usage->relied_on && is_shared(usage)) {
		usage->relied_on = false;
		misjudged = true;
	}
}

bool usage_is_private(unsigned thread, const struct op *op)
{
	struct usage *usage = op->location->usage;
	bool writes = op->kind != OP_LOAD;
	uint32_t others = usage->users & ~(1u << thread);

	if (others && (usage->written || writes))
		return false;
	usage->relied_on = true;
	return true;
}

bool usage_misjudged(void)
{
	bool was = misjudged;

	misjudged = false;
	return was;
}
