/* SPDX-License-Identifier: BSD-2-Clause */
/** report.h - a segment in words: what stat shows, for dump. */
#ifndef STOA_TOOL_REPORT_H
#define STOA_TOOL_REPORT_H

#include "gather.h"

void report_segment(const struct segment *segment);
void report_participants(const struct segment *segment);
void report_objects(const struct segment *segment);
void report_object(const struct segment *segment, const struct object *object);

#endif
