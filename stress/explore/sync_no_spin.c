/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * src/sync.c, but for two things.  Who finds nothing sleeps at once: to look again and again costs steps
 * here, and shows nothing that a wake-up does not show.  And the numbers at the head of an object, which
 * nobody writes once it is there, are read as plain data: the directory reads them in another size.
 */
#include "atomic.h"
#include "event.h"

#undef EVENT_SPINS
#define EVENT_SPINS 0
#define copy_racy_out(to, from, size) memcpy(to, from, size)

#include "../../src/sync.c"
