/* SPDX-License-Identifier: BSD-2-Clause */
/* answer.c - a stack of what is open, over jansson. */
#include "answer.h"

#include "tool.h"

#ifdef HAVE_JANSSON

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

void answer_end(void)
{
	if (--depth)
		return;
	json_dumpf(open_ones[0], stdout, in_lines ? JSON_COMPACT : JSON_INDENT(2));
	putchar('\n');
	json_decref(open_ones[0]);
}

void answer_text(const char *key, const char *text)
{
	json_t *value = text ? json_string(text) : json_null();

	add(key,
	    value ? value : json_string("?")); /* no UTF-8: what is shown has been made harmless before */
}

void answer_number(const char *key, uint64_t number)
{
	add(key, number <= INT64_MAX ? json_integer((json_int_t)number) : json_real((double)number));
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
