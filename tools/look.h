/* SPDX-License-Identifier: BSD-2-Clause */
/** look.h - opens a segment for who looks only, also one whose file is cut meanwhile. */
#ifndef STOA_TOOL_LOOK_H
#define STOA_TOOL_LOOK_H

#include "tool.h"

/* Ends the program with a word where a file is cut that it has mapped. */
void end_at_cuts(void);
/* Read-only, and regular files alone; from now on one that is cut is no end, but was_cut(). */
int look_open(const char *name, struct stoa_segment **segment);
/* Whether that has happened since the last look_open(): then what was read is nothing. */
bool was_cut(void);

#endif
