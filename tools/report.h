/* SPDX-License-Identifier: BSD-2-Clause */
/** report.h - a segment in words, and as JSON: what stat shows, for dump. */
#ifndef STOA_TOOL_REPORT_H
#define STOA_TOOL_REPORT_H

#include "gather.h"

void report_segment(const struct segment *segment);
void report_participants(const struct segment *segment);
void report_objects(const struct segment *segment);
void report_object(const struct segment *segment, const struct object *object);

/* The members of an object of JSON that is open: all but the objects; and of one of these. */
void answer_segment(const struct segment *segment);
void answer_the_object(const struct segment *segment, const struct object *object);

#endif
