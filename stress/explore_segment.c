/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explore_segment.c - src/segment.c, with a door to its list of segments, which must be put back before each
 * execution like everything else.
 */
#include "../src/segment.c"

#include "explore.h"
#include "explore_kernel.h"

void explore_registry(void)
{
	explore_state(&registry, sizeof registry);
}
