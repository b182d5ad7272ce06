/* SPDX-License-Identifier: BSD-2-Clause */
/** create.h - stoa create: what its options ask for. */
#ifndef STOA_TOOL_CREATE_H
#define STOA_TOOL_CREATE_H

#include "tool.h"

struct wish {
	const char *name, *object;
	uint32_t kind; /* 0: the segment alone */
	struct stoa_segment_config segment;
	struct stoa_value_config value;
	struct stoa_array_config array;
	struct stoa_queue_config queue;
	struct stoa_semaphore_config semaphore;
	struct stoa_event_config event;
	struct stoa_barrier_config barrier;
	struct stoa_lock_config lock;
	const char *initial;
	uint8_t *first; /* the value that `initial` says */
	bool exclusive, shaped;
};

/*
 * All options and operands.  -1, or the status to end with; what is wrong has been said.  `wish->first` is to be freed
 * in any case.
 */
int wish_of(const struct command *command, int argc, char **argv, struct wish *wish);

#endif
