/* SPDX-License-Identifier: BSD-2-Clause */
/* answer.c - a stack of what is open, over jansson. */
#include "answer.h"

#include "tool.h"

#ifdef HAVE_JANSSON

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define DEPTH_MAX 8

static json_t *open_ones[DEPTH_MAX];
static unsigned depth;
static bool in_lines;

bool answer_possible(void)
{
	return true;
}

void answer_in_lines(bool lines)
{
	in_lines = lines;
}

static void add(const char *key, json_t *value)
{
	json_t *to = depth ? open_ones[depth - 1] : NULL;

	must_have(value);
	if (to && json_is_array(to))
		json_array_append_new(to, value);
	else if (to)
		json_object_set_new(to, key, value);
}

static void begin(const char *key, json_t *value)
{
	add(key, value);
	if (depth < DEPTH_MAX)
		open_ones[depth++] = value;
}

void answer_object(const char *key)
{
	begin(key, json_object());
}

void answer_array(const char *key)
{
	begin(key, json_array());
}

/*
 * JSON has numbers of any size, and jansson those up to INT64_MAX.  Larger ones are texts until they are
 * printed: with a first letter that is in no other text, by which they are found again, and lose it and their
 * quotes.
 */
#define LARGE "\1"
#define LARGE_BEGIN "\"\\u0001" /* of such a text, as jansson writes it */

static void print(const char *json)
{
	const char *large, *end;

	while ((large = strstr(json, LARGE_BEGIN))) {
		fwrite(json, 1, (size_t)(large - json), stdout);
		large += strlen(LARGE_BEGIN);
		end = strchr(large, '"');
		fwrite(large, 1, (size_t)(end - large), stdout);
		json = end + 1;
	}
	puts(json);
}

void answer_end(void)
{
	char *json;

	if (--depth)
		return;
	/* In ASCII: nothing comes through that a terminal would obey, in whatever locale. */
	json = must_have(
		json_dumps(open_ones[0], JSON_ENSURE_ASCII | (in_lines ? JSON_COMPACT : JSON_INDENT(2))));
	print(json);
	free(json);
	json_decref(open_ones[0]);
}

/* Text that is no UTF-8. */
static json_t *escaped(const char *text)
{
	char *safe = must_have(malloc(4 * strlen(text) + 1)), *to = safe;
	json_t *value;

	for (; *text; text++)
		to += sprintf(to, *text >= ' ' && *text < 0x7f ? "%c" : "\\x%02x", (unsigned char)*text);
	*to = '\0';
	value = json_string(safe);
	free(safe);
	return value;
}

void answer_text(const char *key, const char *text)
{
	json_t *value = text ? json_string(text) : json_null();

	if (!value || (text && strstr(text, LARGE))) {
		json_decref(value);
		value = escaped(text);
	}
	add(key, value);
}

void answer_text_if_utf8(const char *key, const char *bytes, size_t size)
{
	json_t *value = json_stringn(bytes, size);

	if (value)
		add(key, value);
}

void answer_number(const char *key, uint64_t number)
{
	char text[32];

	snprintf(text, sizeof text, LARGE "%llu", (unsigned long long)number);
	add(key, number <= INT64_MAX ? json_integer((json_int_t)number) : json_string(text));
}

void answer_signed(const char *key, int64_t number)
{
	add(key, json_integer(number));
}

void answer_float(const char *key, double number)
{
	json_t *value = json_real(number);

	add(key, value ? value : json_null()); /* infinite, or no number */
}

void answer_flag(const char *key, bool flag)
{
	add(key, json_boolean(flag));
}

#else

bool answer_possible(void)
{
	complain("--json", "this program was built without jansson, and has no JSON");
	return false;
}

void answer_in_lines(bool lines)
{
	(void)lines;
}

void answer_object(const char *key)
{
	(void)key;
}

void answer_array(const char *key)
{
	(void)key;
}

void answer_end(void)
{
}

void answer_text(const char *key, const char *text)
{
	(void)key;
	(void)text;
}

void answer_text_if_utf8(const char *key, const char *bytes, size_t size)
{
	(void)key;
	(void)bytes;
	(void)size;
}

void answer_number(const char *key, uint64_t number)
{
	(void)key;
	(void)number;
}

void answer_signed(const char *key, int64_t number)
{
	(void)key;
	(void)number;
}

void answer_float(const char *key, double number)
{
	(void)key;
	(void)number;
}

void answer_flag(const char *key, bool flag)
{
	(void)key;
	(void)flag;
}

#endif
