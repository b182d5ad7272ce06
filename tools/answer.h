/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * answer.h - answers as JSON, built piece by piece: jansson writes it, where it was there when this was built.
 *
 *	answer_object(NULL);
 *	answer_text("name", name);
 *	answer_array("objects");
 *	...
 *	answer_end();
 *	answer_end();       prints it, as it closes the outermost
 *
 * Within an array keys are NULL.
 */
#ifndef STOA_TOOL_ANSWER_H
#define STOA_TOOL_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether there is JSON; where not, this has been complained about. */
bool answer_possible(void);
/* Each answer in one line: for answers that follow each other. */
void answer_in_lines(bool lines);

void answer_object(const char *key);
void answer_array(const char *key);
void answer_end(void);
/* As it is, where it is UTF-8: nothing that it may have in it reaches a terminal.  NULL: null. */
void answer_text(const char *key, const char *text);
/* Bytes, where they are UTF-8; else nothing. */
void answer_text_if_utf8(const char *key, const char *bytes, size_t size);
void answer_number(const char *key, uint64_t number);
void answer_signed(const char *key, int64_t number);
void answer_float(const char *key, double number);
void answer_flag(const char *key, bool flag);

#endif
