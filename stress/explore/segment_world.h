/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * segment_world.h - a segment without a name, and processes in it: for scenarios of what lives in a segment.
 */
#ifndef STOA_EXPLORE_SEGMENT_WORLD_H
#define STOA_EXPLORE_SEGMENT_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "explore.h"
#include "participant.h"
#include "segment.h"

struct segment_world {
	int fd; /* of the file, for those who come later */
	/* Of each process: its handle, or NULL; whether it has closed it. */
	struct stoa_segment *segments[EXPLORE_PROCESSES_MAX + 1];
	bool closed[EXPLORE_PROCESSES_MAX + 1];
};
extern struct segment_world segment_world;

/* In set_up(): process 1 makes the segment, 2 to `attached` open it: they have the slots 0, 1 and so on. */
void segment_world_make(uint32_t slots, uint32_t objects, uint64_t bytes, unsigned attached);
/* The calling process opens the segment, closes it. */
int segment_world_open(void);
void segment_world_close(void);
/* The calling process's handle. */
struct stoa_segment *segment_world_own(void);

/* The state of a slot: generation << 8 | PARTICIPANT_*. */
uint64_t slot_state(uint32_t slot);

/*
 * In check(): process 1, which cannot be killed, reaps whoever is dead.  Then all others have their slots, and
 * all other slots are FREE, but `withheld` ones by those who were stopped.
 */
void segment_world_audit(unsigned withheld);

#endif
