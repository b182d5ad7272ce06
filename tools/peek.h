/* SPDX-License-Identifier: BSD-2-Clause */
/** peek.h - what lies in an object, for peek and dump. */
#ifndef STOA_TOOL_PEEK_H
#define STOA_TOOL_PEEK_H

#include "gather.h"

enum peek_format {
	PEEK_TEXT,
	PEEK_HEX,
	PEEK_JSON
};

#define PEEK_BYTES_MOST (1ull << 32)

struct peek_how {
	enum peek_format format;
	uint64_t first; /* messages, or elements */
	uint64_t bytes; /* of each, at most */
	unsigned indent;
};

/* One number, or `size` bytes of `whole`; `key` is for JSON. */
void print_value(const char *key, uint32_t type, const uint8_t *bytes, uint64_t size, uint64_t whole,
                 const struct peek_how *how);
/* In JSON: as text where it is text, and in any case in hexadecimal. */
void answer_bytes(const uint8_t *bytes, uint64_t size);
bool can_be_peeked(uint32_t kind);
/* Prints what lies there; 0 or a negative errno. */
int peek_object(struct stoa_segment *open, const struct stoa_object_info *info, const struct peek_how *how);

#endif
