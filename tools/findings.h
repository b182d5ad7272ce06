/* SPDX-License-Identifier: BSD-2-Clause */
/** findings.h - whether a segment is whole, for check and dump. */
#ifndef STOA_TOOL_FINDINGS_H
#define STOA_TOOL_FINDINGS_H

#include "tool.h"

#define TRIES_DEFAULT 5

struct finding {
	enum stoa_finding kind;
	char *object, *what; /* object: NULL for the segment */
};

struct findings {
	struct finding *list;
	size_t count, room;
	size_t kinds[STOA_MOVING + 1];
};

/*
 * Looks, and at what moves again, `tries` times in all.  What stoa_segment_check() returned; -ENODATA where
 * the file was cut meanwhile.
 */
int findings_take(struct stoa_segment *open, uint64_t tries, struct findings *findings);
void findings_end(struct findings *findings);
/* A line for each, and the verdict that `rc` is; `name` is harmless. */
void print_findings(const char *name, const struct findings *findings, int rc);
/* The same as members of an object of JSON that is open. */
void answer_findings(const struct findings *findings, int rc);

/*
 * What an operand means: a copy beside us may be named without a slash, where no segment has that name.
 * malloc'd.
 */
char *copy_or_name(const char *operand);

#endif
