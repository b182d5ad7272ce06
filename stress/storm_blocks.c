/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * storm_blocks.c - see storm_blocks.h: a world for check.c to look at.
 */
#include "storm_blocks.h"

#include <sys/mman.h>

#include "step.h"

static struct world world;

bool storm_blocks_make(void)
{
	void *board = mmap(NULL, sizeof *world.board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	                   0);

	world.board = board == MAP_FAILED ? NULL : board;
	return world.board;
}

const char *storm_blocks_fault(void)
{
	return world.board->failed ? world.board->text : "";
}

void storm_check_blocks(struct stoa_segment *segment, struct stoa_queue *queue, uint32_t objects)
{
	world.segment = segment;
	world.queue = queue;
	check_participants(&world, 1, 1);
	check_directory(&world, objects);
	check_queue_blocks(&world);
	check_value_blocks(&world);
}
