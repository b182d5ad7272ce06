/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * linear_search.h - the objects that linear_search() knows, as sequential machines.
 */
#ifndef STOA_STRESS_LINEAR_SEARCH_H
#define STOA_STRESS_LINEAR_SEARCH_H

#include "linear.h"

#define MACHINE_CELLS 3

/* What a machine's state is besides the order of a queue's messages. */
struct machine_state {
	uint64_t cells[MACHINE_CELLS]; /* queue: pushed, popped, hash of what is between */
};

struct machine {
	const struct history *history;
	struct machine_state state;
	/* a queue's messages are numbers of their pushes' calls */
	uint32_t *line;    /* [pushed - 1] was the last one to enter */
	uint32_t *push_of; /* of a receiving call; of a push: itself */
	bool *is_received; /* of a push: somebody took it out of the line, as was seen */
};

enum machine_step {
	STEP_NO,      /* it does not answer that now */
	STEP_SAME,    /* it does, and stays as it is */
	STEP_CHANGED, /* it does, and is another now */
};

/* False: no memory. */
bool machine_make(struct machine *machine, const struct history *history);
void machine_free(struct machine *machine);
enum machine_step machine_do(struct machine *machine, uint32_t call);
/* A hash of its state. */
uint64_t machine_hash(const struct machine *machine);
/* Whether the call has something to say at all: not a pending load, not a redelivery. */
bool machine_counts(const struct history *history, const struct call *call);
void machine_describe(const struct machine *machine, char *text, size_t room);

#endif
