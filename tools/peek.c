/* SPDX-License-Identifier: BSD-2-Clause */
/* peek.c - stoa peek: messages, values, elements, without disturbing anybody. */
#include "peek.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "look.h"
#include "options.h"
#include "show.h"
#include "target.h"

#define BYTES_DEFAULT 256
#define FIRST_DEFAULT 10
#define HEX_ROW 16u

/* ---- bytes ---- */

static void print_text(const uint8_t *bytes, uint64_t size, uint64_t whole)
{
	for (uint64_t i = 0; i < size;) {
		size_t letter = harmless_letter((const char *)bytes + i, size - i);

		if (bytes[i] == '\n')
			fputs("\\n", stdout);
		else if (bytes[i] == '\\')
			fputs("\\\\", stdout);
		else if (letter)
			fwrite(bytes + i, 1, letter, stdout);
		else
			printf("\\x%02x", bytes[i]);
		i += letter ? letter : 1;
	}
	if (size < whole)
		printf(" ... %" PRIu64 " bytes more", whole - size);
	putchar('\n');
}

static void print_hex(const uint8_t *bytes, uint64_t size, uint64_t whole, unsigned indent)
{
	for (uint64_t row = 0; row < size; row += HEX_ROW) {
		uint64_t end = size - row < HEX_ROW ? size : row + HEX_ROW;

		printf("%*s%08" PRIx64 " ", (int)indent, "", row);
		for (uint64_t i = row; i < row + HEX_ROW; i++) {
			if (i < end)
				printf("%s%02x", i % 8 ? " " : "  ", bytes[i]);
			else
				fputs(i % 8 ? "   " : "    ", stdout);
		}
		fputs("  |", stdout);
		for (uint64_t i = row; i < end; i++)
			putchar(bytes[i] >= ' ' && bytes[i] < 0x7f ? bytes[i] : '.');
		fputs("|\n", stdout);
	}
	if (size < whole)
		printf("%*s... %" PRIu64 " bytes more\n", (int)indent, "", whole - size);
}

void answer_bytes(const uint8_t *bytes, uint64_t size)
{
	char *hex = must_have(malloc(2 * size + 1));
	bool printable = true;

	for (uint64_t i = 0; i < size; i++) {
		sprintf(hex + 2 * i, "%02x", bytes[i]);
		printable &= (bytes[i] >= ' ' && bytes[i] != 0x7f) || bytes[i] == '\n' || bytes[i] == '\t';
	}
	hex[2 * size] = '\0';
	answer_text("hex", hex);
	if (printable)
		answer_text_if_utf8("text", (const char *)bytes, size);
	free(hex);
}

/* ---- queues ---- */

static void print_message(const struct stoa_peek_info *info, const uint8_t *bytes, const struct peek_how *how)
{
	if (how->format == PEEK_JSON) {
		answer_object(NULL);
		answer_number("id", info->id);
		answer_number("size", info->size);
		answer_number("messages", info->count);
		answer_number("deliveries", info->deliveries);
		answer_bytes(bytes, info->copied);
		answer_end();
		return;
	}
	printf("%*s%s#%" PRIu64 "%s  %s", (int)how->indent, "", colour(BOLD), info->id, colour(PLAIN),
	       show_bytes(info->size).at);
	if (info->count > 1)
		printf(" in %u messages", info->count);
	if (info->deliveries)
		printf("  %s%u held it before%s", colour(YELLOW), info->deliveries, colour(PLAIN));
	if (how->format == PEEK_HEX) {
		putchar('\n');
		print_hex(bytes, info->copied, info->size, how->indent + 2);
	} else {
		fputs("  ", stdout);
		print_text(bytes, info->copied, info->size);
	}
}

static int peek_queue(struct stoa_segment *open, const char *name, const struct peek_how *how)
{
	struct stoa_queue_config shape = { .struct_size = sizeof shape };
	struct stoa_peek_cursor cursor = { { 0, 0 } };
	struct stoa_peek_info info = { .struct_size = sizeof info };
	struct stoa_queue *queue;
	uint64_t room;
	void *bytes;
	int rc = stoa_queue_open(open, name, NULL, &queue);

	if (rc)
		return rc;
	stoa_queue_info(queue, &shape);
	room = shape.message_size; /* of which there is room for so many: it does not overflow */
	if (shape.senders == STOA_MANY || shape.receivers == STOA_MANY)
		room *= shape.pack;
	room = room < how->bytes ? room : how->bytes;
	bytes = must_have(malloc(room ? room : 1));
	for (uint64_t i = 0; i < how->first && !rc; i++) {
		rc = stoa_queue_peek(queue, &cursor, bytes, room, &info);
		if (!rc)
			print_message(&info, bytes, how);
	}
	free(bytes);
	stoa_queue_close(queue);
	return rc == STOA_EMPTY ? 0 : rc;
}

/* ---- values and arrays ---- */

void print_value(const char *key, uint32_t type, const uint8_t *bytes, uint64_t size, uint64_t whole,
                 const struct peek_how *how)
{
	char text[64];
	bool number = value_text(type, bytes, text);

	if (how->format == PEEK_JSON) {
		if (!number) {
			answer_object(key);
			answer_number("size", whole);
			answer_bytes(bytes, size);
			answer_end();
		} else if (type == STOA_BOOL) {
			answer_flag(key, bytes[0]);
		} else if (type == STOA_F32 || type == STOA_F64) {
			answer_float(key, strtod(text, NULL));
		} else if (text[0] == '-') {
			answer_signed(key, strtoll(text, NULL, 10));
		} else {
			answer_number(key, strtoull(text, NULL, 10));
		}
	} else if (how->format == PEEK_HEX) {
		print_hex(bytes, size, whole, how->indent);
	} else if (number) {
		printf("%*s%s\n", (int)how->indent, "", text);
	} else {
		printf("%*s", (int)how->indent, "");
		print_text(bytes, size, whole);
	}
}

static int peek_value(struct stoa_segment *open, const char *name, const struct peek_how *how)
{
	struct stoa_value_config shape = { .struct_size = sizeof shape };
	struct stoa_value *value;
	uint8_t *bytes;
	int rc = stoa_value_open(open, name, NULL, &value);

	if (rc)
		return rc;
	stoa_value_info(value, &shape);
	bytes = must_have(malloc(shape.size < 8 ? 8 : shape.size));
	rc = stoa_value_load(value, bytes);
	if (!rc)
		print_value(NULL, shape.type, bytes, shape.size < how->bytes ? shape.size : how->bytes,
		            shape.size, how);
	free(bytes);
	stoa_value_close(value);
	return rc;
}

static int peek_array(struct stoa_segment *open, const char *name, const struct peek_how *how)
{
	struct stoa_array_config shape = { .struct_size = sizeof shape };
	struct stoa_array *array;
	uint8_t element[8];
	int rc = stoa_array_open(open, name, NULL, &array);

	if (rc)
		return rc;
	stoa_array_info(array, &shape);
	for (uint64_t i = 0; i < shape.count && i < how->first && !rc; i++) {
		size_t size = stoa_type_size((enum stoa_type)shape.type);

		rc = stoa_array_load(array, i, element);
		if (!rc && how->format != PEEK_JSON)
			printf("%*s[%" PRIu64 "]  ", (int)how->indent, "", i);
		if (!rc)
			print_value(NULL, shape.type, element, size, size,
			            &(struct peek_how){ .format = how->format });
	}
	if (!rc && how->format != PEEK_JSON && shape.count > how->first)
		printf("%*s... %" PRIu64 " elements more\n", (int)how->indent, "", shape.count - how->first);
	stoa_array_close(array);
	return rc;
}

bool can_be_peeked(uint32_t kind)
{
	return kind == STOA_KIND_QUEUE || kind == STOA_KIND_VALUE || kind == STOA_KIND_ARRAY;
}

int peek_object(struct stoa_segment *open, const struct stoa_object_info *info, const struct peek_how *how)
{
	switch (info->kind) {
	case STOA_KIND_QUEUE:
		return peek_queue(open, info->name, how);
	case STOA_KIND_VALUE:
		return peek_value(open, info->name, how);
	case STOA_KIND_ARRAY:
		return peek_array(open, info->name, how);
	default:
		return -EPROTOTYPE;
	}
}

/* ---- the command ---- */

static int peek_open(struct stoa_segment *open, const char *name, const char *object,
                     const struct peek_how *how)
{
	struct stoa_object_info info;
	int rc = object_find(open, object, &info);

	if (was_cut())
		return complain_rc(name, -ENODATA);
	if (rc)
		return complain(object, "there is no object of that name in %s", name);
	if (!can_be_peeked(info.kind))
		return complain(object, "%s has nothing in it; see stoa stat", a_kind(info.kind));
	if (how->format == PEEK_JSON)
		answer_array(NULL);
	rc = peek_object(open, &info, how);
	if (how->format == PEEK_JSON)
		answer_end();
	if (was_cut())
		return complain_rc(name, -ENODATA);
	return rc ? complain(object, "%s", rc == -EBADMSG ? "it is damaged" : reason(rc)) : STATUS_OK;
}

static int peek(const char *name, const char *object, const struct peek_how *how)
{
	struct stoa_segment *open;
	int rc = look_open(name, &open), status;

	if (rc)
		return complain_rc(name, rc);
	status = peek_open(open, name, object, how);
	stoa_segment_close(open);
	return status;
}

static int run(const struct command *command, int argc, char **argv)
{
	static const char *const formats[] = { "text", "hex", "json", NULL }; /* as enum peek_format */
	struct peek_how how = { .first = FIRST_DEFAULT, .bytes = BYTES_DEFAULT };
	unsigned format = PEEK_TEXT;
	bool json = false;
	const struct choice choices[] = {
		WORD("format", formats, &format),
		FLAG("json", &json),
		NUMBER("first", 0, UINT64_MAX, &how.first),
		NUMBER("bytes", 0, PEEK_BYTES_MOST, &how.bytes),
		CHOICES_END,
	};
	int status = take_options(command, argc, argv, choices);

	if (status >= 0)
		return status;
	if (argc - optind != 2)
		return misused(command, "it takes the names of a segment and of an object");
	how.format = json ? PEEK_JSON : (enum peek_format)format;
	if (how.format == PEEK_JSON && !answer_possible())
		return STATUS_FAILURE;
	return peek(argv[optind], argv[optind + 1], &how);
}

/* clang-format off */
const struct command command_peek = {
	.name = "peek",
	.operands = "[--format text|hex|json | --json] [--first N] [--bytes N] NAME OBJECT",
	.summary = "Shows messages, values and elements, and leaves them there",
	.help =
		"Messages that wait are shown in their order; nobody who sends or receives is disturbed.\n"
		"\n"
		"  --format text|hex|json   how bytes look; text by default\n"
		"  --json                   the same as --format json\n"
		"  --first N                so many messages or elements; 10 by default\n"
		"  --bytes N                so many bytes of each message or struct; 256 by default\n"
		"  --help                   this text\n",
	.run = run,
};
/* clang-format on */
