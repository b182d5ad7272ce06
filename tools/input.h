/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * input.h - messages from a stream: lines, or records with their length before them.
 *
 * What has been read is handed out without waiting for more:
 *
 *	do {
 *		while (input_next(&input, &message, &size))
 *			...
 *	} while (input_fill(&input) > 0);
 */
#ifndef STOA_TOOL_INPUT_H
#define STOA_TOOL_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_HEAD 4 /* bytes: the length, little-endian */

struct input {
	int fd;
	bool records;   /* else lines, without their ends */
	size_t longest; /* of a message */
	uint8_t *bytes;
	size_t start, end, room;
	bool ended;
	uint64_t count;    /* messages handed out */
	const char *wrong; /* what is wrong with the input, or NULL */
};

void input_begin(struct input *input, int fd, bool records, size_t longest);
/* The next message, which lives until input_fill(); false where none is whole, or input->wrong says more. */
bool input_next(struct input *input, const void **message, size_t *size);
/* Waits for more: 1; 0 at the end, or where input->wrong says why not. */
int input_fill(struct input *input);
void input_end(struct input *input);

#endif
