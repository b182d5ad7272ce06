/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explore_reap.c - src/reap.c, with doors at which a scenario can stand: what a reaper does between them must
 * concern nobody but the dead.
 */
#include <stdbool.h>
#include <stdint.h>

#define reap_settle library_settle
#define reap_release library_release
#include "../src/reap.c"
#undef reap_settle
#undef reap_release

#include "explore_kernel.h"

void (*explore_on_reap)(const struct stoa_segment *segment, uint32_t slot, bool releasing, bool begins);

int reap_settle(struct stoa_segment *segment, uint32_t slot);
void reap_release(struct stoa_segment *segment, uint32_t slot);

int reap_settle(struct stoa_segment *segment, uint32_t slot)
{
	int rc;

	if (explore_on_reap)
		explore_on_reap(segment, slot, false, true);
	rc = library_settle(segment, slot);
	if (explore_on_reap)
		explore_on_reap(segment, slot, false, false);
	return rc;
}

void reap_release(struct stoa_segment *segment, uint32_t slot)
{
	if (explore_on_reap)
		explore_on_reap(segment, slot, true, true);
	library_release(segment, slot);
	if (explore_on_reap)
		explore_on_reap(segment, slot, true, false);
}
