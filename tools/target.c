/* SPDX-License-Identifier: BSD-2-Clause */
/* target.c - segments, objects, numbers and ranges by their names. */
#include "target.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gather.h"

int object_find(const struct stoa_segment *segment, const char *name, struct stoa_object_info *info)
{
	int rc;

	for (uint32_t i = 0;; i++) {
		info->struct_size = sizeof *info;
		rc = stoa_segment_object(segment, i, info);
		if (rc == -ENOENT || (rc == 0 && strcmp(info->name, name) == 0))
			return rc;
	}
}

static const char *write_reason(int rc)
{
	switch (rc) {
	case -EACCES:
	case -EPERM:
		return "no permission to write it";
	case -EUSERS:
		return "all places for those who use it are taken";
	case -EBUSY:
		return "there is one at this end already, and it lives";
	case -EEXIST:
		return "it is there already";
	case -ENOSPC:
		return "there is no room for it";
	case -EOVERFLOW:
		return "it would be larger than a segment can be";
	case STOA_CLOSED:
		return "it was shut down";
	case STOA_TIMEOUT:
		return "timed out";
	default:
		return reason(rc);
	}
}

int complain_write(const char *name, int rc)
{
	return complain(name, "%s", write_reason(rc));
}

int target_complain(const struct target *target, int rc)
{
	return rc == -EBADMSG ? complain(target->object, "it is damaged")
	                      : complain_write(target->object, rc);
}

int target_open(struct target *target, const char *name, const char *object, unsigned flags)
{
	struct stoa_object_info info;
	int rc;

	*target = (struct target){ .name = name, .object = object };
	rc = stoa_segment_open(name, flags, &target->segment);
	if (rc)
		return flags & STOA_READ_ONLY ? complain_rc(name, rc) : complain_write(name, rc);
	rc = object_find(target->segment, object, &info);
	target->kind = info.kind;
	if (rc == -ENOENT)
		complain(object, "there is no object of that name in %s", name);
	else if (rc)
		target_complain(target, rc);
	if (rc)
		target_close(target);
	return rc ? STATUS_FAILURE : STATUS_OK;
}

void target_close(struct target *target)
{
	stoa_segment_close(target->segment);
	target->segment = NULL;
}

/* ---- numbers ---- */

uint32_t type_by_name(const char *name)
{
	for (uint32_t type = STOA_I8; type <= STOA_BYTES; type++) {
		if (strcmp(name, type_name(type)) == 0)
			return type;
	}
	return 0;
}

static bool is_float(uint32_t type)
{
	return type == STOA_F32 || type == STOA_F64;
}

/* What is too large is no infinity; one is called so. */
static bool float_of_text(uint32_t type, const char *text, uint8_t bytes[8])
{
	char *end;
	double number = strtod(text, &end);
	float shorter = (float)number;
	bool infinite = isinf(type == STOA_F32 ? (double)shorter : number);

	if (type == STOA_F32)
		memcpy(bytes, &shorter, sizeof shorter);
	else
		memcpy(bytes, &number, sizeof number);
	return end != text && !*end && !isspace((unsigned char)*text) && (!infinite || strpbrk(text, "iI"));
}

static bool bool_of_text(const char *text, uint8_t bytes[8])
{
	bytes[0] = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
	return bytes[0] || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

bool number_of_text(uint32_t type, const char *text, uint8_t bytes[8])
{
	unsigned bits = 8 * (unsigned)stoa_type_size((enum stoa_type)type);
	const char *digits = text + (*text == '-');
	bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
	uint64_t most, number;
	char *end;

	memset(bytes, 0, 8);
	if (is_float(type))
		return float_of_text(type, text, bytes);
	if (type == STOA_BOOL)
		return bool_of_text(text, bytes);
	if (!bits || digits[0] < '0' || digits[0] > '9' || (*text == '-' && type >= STOA_U8))
		return false;
	errno = 0;
	number = strtoull(digits, &end, hex ? 16 : 10);
	most = UINT64_MAX >> (64 - bits);
	if (type < STOA_U8)
		most = (most >> 1) + (*text == '-');
	if (*end || errno || number > most)
		return false;
	number = *text == '-' ? 0 - number : number;
	memcpy(bytes, &number, sizeof number); /* little-endian: the low bytes are the number */
	return true;
}

bool range_of_text(const struct command *command, const char *text, struct range *range)
{
	char *end, *last_end;
	uint64_t last;

	errno = 0;
	range->first = last = strtoull(text, &end, 10);
	last_end = end;
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		last = strtoull(end + 1, &last_end, 10);
	range->given = true;
	range->single = last_end == end;
	range->count = last - range->first + 1;
	if (*text >= '0' && *text <= '9' && !*last_end && !errno && last >= range->first && range->count)
		return true;
	misused(command, "\"%s\" is no index, and no range FIRST-LAST", text);
	return false;
}
