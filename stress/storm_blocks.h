/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * storm_blocks.h - the stepper's audits of a segment's words, for a segment that a storm has left.
 */
#ifndef STOA_STRESS_STORM_BLOCKS_H
#define STOA_STRESS_STORM_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include <stoa.h>

bool storm_blocks_make(void); /* before anybody is forked */
/* What is wrong ends the process, and is told by storm_blocks_fault() in the parent; "" where nothing is. */
void storm_check_blocks(struct stoa_segment *segment, struct stoa_queue *queue, uint32_t objects);
const char *storm_blocks_fault(void);

#endif
