/* SPDX-License-Identifier: BSD-2-Clause */
/** target.h - the segment and the object that a command writes to, or reads from. */
#ifndef STOA_TOOL_TARGET_H
#define STOA_TOOL_TARGET_H

#include "tool.h"

struct target {
	const char *name, *object;
	struct stoa_segment *segment;
	uint32_t kind; /* enum stoa_kind */
};

/* Opens segment `name`, finds `object` in it.  A status; what is wrong has been said. */
int target_open(struct target *target, const char *name, const char *object, unsigned flags);
void target_close(struct target *target);
/* "stoa: OBJECT: " and what a negative errno, or an outcome, means for it. */
int target_complain(const struct target *target, int rc);
/* The same for any name, of who writes. */
int complain_write(const char *name, int rc);

/* 0; -ENOENT; -EBADMSG. */
int object_find(const struct stoa_segment *segment, const char *name, struct stoa_object_info *info);

/* STOA_I8 to STOA_BYTES by its name; 0 where it is none. */
uint32_t type_by_name(const char *name);
/* Text as a number of that type; false where it is none, or too large. */
bool number_of_text(uint32_t type, const char *text, uint8_t bytes[8]);

/* Elements of an array: "5", or "5-9", both ends included. */
struct range {
	uint64_t first, count;
	bool given, single;
};
bool range_of_text(const struct command *command, const char *text, struct range *range);

#endif
