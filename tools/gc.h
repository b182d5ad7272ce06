/* SPDX-License-Identifier: BSD-2-Clause */
/** gc.h - what stoa gc means to do with a segment, or a file that belongs to one, and does. */
#ifndef STOA_TOOL_GC_H
#define STOA_TOOL_GC_H

#include "gather.h"

enum deed {
	DEED_NONE,
	DEED_REAP,    /* somebody lives there, and others are dead */
	DEED_LEAVE,   /* join and leave: STOA_UNLINK_LAST */
	DEED_REMOVE,  /* a segment */
	DEED_DELETE,  /* a plain file of a segment */
	DEED_ASK,     /* nobody uses it, and it was not named */
	DEED_PART,    /* it belongs to a segment that stays */
	DEED_UNKNOWN, /* it cannot be opened */
};

struct plan {
	bool named;
	struct segment segment;
	enum deed deed;
	uint64_t bytes;   /* that come back */
	const char *done; /* NULL: not tried; "": it is done; else why it is not */
	int reaped;
};

/* Changes nothing; `named`: the user named it.  Whoever makes it ends its segment. */
void make_plan(struct plan *plan, const char *operand, bool named);
/* Its file is to be removed. */
bool goes_away(const struct plan *plan);
/* What has been planned, where there is anything, if it still stands. */
void do_it(struct plan *plan);
bool failed(const struct plan *plan);

#endif
