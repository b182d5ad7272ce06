/* SPDX-License-Identifier: BSD-2-Clause */
/* show.c - tables, sizes, times, colours; names made harmless. */
#include "show.h"

#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#include "tool.h"

static int coloured = -1; /* not known yet */

bool colours_wanted(void)
{
	const char *no_color = getenv("NO_COLOR");

	return !no_color || !*no_color;
}

bool colours(void)
{
	const char *term = getenv("TERM");

	if (coloured < 0)
		coloured = isatty(STDOUT_FILENO) && colours_wanted() && term && strcmp(term, "dumb") != 0;
	return coloured;
}

void colours_off(void)
{
	coloured = 0;
}

const char *colour(enum colour which)
{
	static const char *const sequences[] = {
		[PLAIN] = "\033[0m",  [BOLD] = "\033[1m",   [DIM] = "\033[2m",
		[RED] = "\033[1;31m", [GREEN] = "\033[32m", [YELLOW] = "\033[33m",
	};

	return colours() ? sequences[which] : "";
}

/* ---- numbers ---- */

struct text show_bytes(uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	double scaled = (double)bytes;
	struct text text;
	int unit = -1;

	if (bytes < 1024) {
		snprintf(text.at, sizeof text.at, "%llu B", (unsigned long long)bytes);
		return text;
	}
	while (scaled >= 1023.95 && units[unit + 1]) {
		scaled /= 1024;
		unit++;
	}
	snprintf(text.at, sizeof text.at, "%.1f %ciB", scaled, units[unit]);
	return text;
}

struct text show_count(double count)
{
	static const char units[] = " kMGT";
	struct text text;
	int unit = 0;

	while (count >= 9999.5 && units[unit + 1]) {
		count /= 1000;
		unit++;
	}
	if (!unit)
		snprintf(text.at, sizeof text.at, "%.0f", count);
	else
		snprintf(text.at, sizeof text.at, "%.1f %c", count, units[unit]);
	return text;
}

struct text show_time(uint64_t ns)
{
	uint64_t s = ns / 1000000000;
	struct text text;

	if (s < 10)
		snprintf(text.at, sizeof text.at, "%.1f s", (double)ns / 1e9);
	else if (s < 120)
		snprintf(text.at, sizeof text.at, "%llu s", (unsigned long long)s);
	else if (s < 7200)
		snprintf(text.at, sizeof text.at, "%llu min", (unsigned long long)s / 60);
	else if (s < 172800)
		snprintf(text.at, sizeof text.at, "%llu h", (unsigned long long)s / 3600);
	else
		snprintf(text.at, sizeof text.at, "%llu d", (unsigned long long)s / 86400);
	return text;
}

uint64_t since_ns(uint64_t realtime_ns)
{
	struct timespec time;
	uint64_t now;

	clock_gettime(CLOCK_REALTIME, &time);
	now = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
	return now > realtime_ns ? now - realtime_ns : 0;
}

struct text show_mode(unsigned mode)
{
	struct text text = { "rwxrwxrwx" };

	for (unsigned i = 0; i < 9; i++) {
		if (!(mode & 0400 >> i))
			text.at[i] = '-';
	}
	return text;
}

struct text show_user(unsigned uid)
{
	const struct passwd *user = getpwuid(uid);
	struct text text;

	if (user && strlen(user->pw_name) < sizeof text.at)
		strcpy(text.at, user->pw_name);
	else
		snprintf(text.at, sizeof text.at, "%u", uid);
	return text;
}

/* ---- names ---- */

size_t harmless_letter(const char *bytes, size_t size)
{
	mbstate_t state = { 0 };
	wchar_t letter;
	size_t length = mbrtowc(&letter, bytes, size, &state);

	/* None of a width of zero: among them are those that turn the direction of a line round. */
	return length > 0 && length <= size && iswprint((wint_t)letter) && wcwidth(letter) > 0 ? length : 0;
}

char *harmless(const char *name)
{
	size_t length = strlen(name);
	char *safe = must_have(malloc(4 * length + 1)), *to = safe;

	for (const char *end = name + length; name < end;) {
		size_t letter = harmless_letter(name, (size_t)(end - name));

		if (letter)
			to = mempcpy(to, name, letter);
		else
			to += sprintf(to, "\\x%02x", (unsigned char)*name);
		name += letter ? letter : 1;
	}
	*to = '\0';
	return safe;
}

/* As many letters as fill no more than `places` on the screen: their bytes, and in `*width` what they fill. */
static size_t fit(const char *text, unsigned places, unsigned *width)
{
	const char *at = text;

	for (*width = 0; *at;) {
		mbstate_t state = { 0 };
		wchar_t letter;
		size_t bytes = mbrtowc(&letter, at, strlen(at), &state);
		bool good = bytes > 0 && bytes <= MB_LEN_MAX;
		int wide = good ? wcwidth(letter) : 1;

		if (wide > 0 && *width + (unsigned)wide > places)
			break;
		*width += wide > 0 ? (unsigned)wide : 0;
		at += good ? bytes : 1;
	}
	return (size_t)(at - text);
}

size_t bytes_that_fit(const char *text, unsigned places)
{
	unsigned width;

	return fit(text, places, &width);
}

static unsigned width_of(const char *text)
{
	unsigned width;

	fit(text, UINT_MAX, &width);
	return width;
}

/* ---- tables ---- */

void cell(struct table *table, enum colour colour, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = text_of_list(format, arguments);
	va_end(arguments);
	if (table->count == table->room) {
		table->room = table->room ? 2 * table->room : 64;
		table->cells = must_have(realloc(table->cells, table->room * sizeof *table->cells));
	}
	table->cells[table->count++] = (struct cell){ text, colour };
}

static void print_cell(FILE *to, const char *text, enum align align, unsigned width, enum colour shade,
                       bool last)
{
	unsigned blanks = width - width_of(text);

	if (align == RIGHT)
		fprintf(to, "%*s", (int)blanks, "");
	if (shade == PLAIN || !*text)
		fputs(text, to);
	else
		fprintf(to, "%s%s%s", colour(shade), text, colour(PLAIN));
	if (!last)
		fprintf(to, "%*s", (int)(align == LEFT ? blanks : 0) + 2, "");
}

/* The last column that has anything: nothing is printed behind it. */
static unsigned last_of(const struct table *table, size_t row)
{
	unsigned last = table->columns - 1;

	while (last && !*table->cells[row + last].text)
		last--;
	return last;
}

void table_print(struct table *table, unsigned indent, FILE *to)
{
	unsigned widths[COLUMNS_MAX], columns;

	for (unsigned c = 0; c < table->columns; c++)
		widths[c] = width_of(table->titles[c]);
	for (size_t i = 0; i < table->count; i++) {
		unsigned width = width_of(table->cells[i].text);

		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
	columns = table->columns;
	while (columns > 1 && !*table->titles[columns - 1])
		columns--;
	fprintf(to, "%*s", (int)indent, "");
	for (unsigned c = 0; c < columns; c++)
		print_cell(to, table->titles[c], table->align[c], widths[c], BOLD, c + 1 == columns);
	fputc('\n', to);
	for (size_t row = 0; row + table->columns <= table->count; row += table->columns) {
		unsigned last = last_of(table, row);

		fprintf(to, "%*s", (int)indent, "");
		for (unsigned c = 0; c <= last; c++)
			print_cell(to, table->cells[row + c].text, table->align[c], widths[c],
			           table->cells[row + c].colour, c == last);
		fputc('\n', to);
	}
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i].text);
	free(table->cells);
	table->cells = NULL;
	table->count = table->room = 0;
}
