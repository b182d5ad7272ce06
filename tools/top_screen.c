/* SPDX-License-Identifier: BSD-2-Clause */
/* top_screen.c - stoa top on a terminal, by ncurses. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "top.h"

#ifdef HAVE_NCURSES

#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <term.h>
#include <wchar.h>

#define HEAD_LINES 2
#define SHORTEST 0.1
#define LONGEST 60.0
#define WAIT_MS 500
#define SIDE_STEP 16
#define SIDE_MOST 1024

struct screen {
	struct sample sample;
	char **names;
	size_t count;
	double seconds;
	enum sort sort;
	bool paused, over, coloured;
	int from; /* the row at the top */
	int left; /* the place at the left edge */
};

/* ---- drawing ---- */

/* One line from the place `left` on, as far as the screen goes. */
static void put_line(int y, const char *text, size_t length, int left, int attributes)
{
	wchar_t *wide = must_have(calloc(length + 1, sizeof *wide));
	char *copy = must_have(strndup(text, length));
	size_t count = mbstowcs(wide, copy, length), from = 0, to;
	int places = 0;

	if (count == (size_t)-1)
		count = 0;
	while (from < count && left > 0)
		left -= wcwidth(wide[from++]);
	for (to = from; to < count && places + wcwidth(wide[to]) <= COLS; to++)
		places += wcwidth(wide[to]);
	attrset(attributes);
	mvaddnwstr(y, 0, wide + from, (int)(to - from));
	attrset(A_NORMAL);
	free(wide);
	free(copy);
}

static int attributes_of(const struct screen *screen, const struct row *row)
{
	enum colour shade = row_colour(row);

	if (shade == PLAIN)
		return A_NORMAL;
	return screen->coloured ? COLOR_PAIR(shade == RED ? 1 : 2) : A_BOLD;
}

static void draw_head(const struct screen *screen)
{
	char *text;
	size_t length;
	FILE *memory = must_have(open_memstream(&text, &length));

	fprintf(memory, "stoa top  %s", screen->paused ? "PAUSED  " : "");
	sample_head(&screen->sample, memory);
	fprintf(memory, "; by %s, every %.1f s", sort_names[screen->sort], screen->seconds);
	fclose(memory);
	put_line(0, text, length, 0, A_BOLD);
	free(text);
	text = text_of("sort: n)ame f)ill s)ent r)eceived h)eld w)aiting   p)ause  +/- interval  q)uit");
	put_line(1, text, strlen(text), 0, A_DIM);
	free(text);
}

static void draw_rows(const struct screen *screen)
{
	char *text, *at;
	size_t length;
	FILE *memory = must_have(open_memstream(&text, &length));
	int row = -1; /* the titles */

	sample_print(&screen->sample, memory);
	fclose(memory);
	for (at = text; *at; row++) {
		size_t line = strcspn(at, "\n");
		int y = HEAD_LINES + (row < 0 ? 0 : 1 + row - screen->from);

		if (row < 0)
			put_line(y, at, line, screen->left, A_REVERSE);
		else if (row >= screen->from && y < LINES)
			put_line(y, at, line, screen->left, attributes_of(screen, &screen->sample.rows[row]));
		at += line + (at[line] == '\n');
	}
	free(text);
}

static void draw(struct screen *screen)
{
	int most = (int)screen->sample.count - (LINES - HEAD_LINES - 1);

	if (screen->from > most)
		screen->from = most;
	if (screen->from < 0)
		screen->from = 0;
	sample_sort(&screen->sample, screen->sort);
	erase();
	draw_head(screen);
	draw_rows(screen);
	refresh();
}

/* ---- keys ---- */

static void change_interval(struct screen *screen, double factor)
{
	screen->seconds *= factor;
	if (screen->seconds < SHORTEST)
		screen->seconds = SHORTEST;
	if (screen->seconds > LONGEST)
		screen->seconds = LONGEST;
}

static void obey(struct screen *screen, int key)
{
	static const char sorts[] = "nfsrhw"; /* in the order of enum sort */
	const char *sort = key > 0 && key < 128 ? strchr(sorts, key) : NULL;

	if (sort)
		screen->sort = (enum sort)(sort - sorts);
	else if (key == 'q' || key == 'Q')
		screen->over = true;
	else if (key == 'p' || key == ' ')
		screen->paused = !screen->paused;
	else if (key == '+')
		change_interval(screen, 2);
	else if (key == '-')
		change_interval(screen, 0.5);
	else if (key == KEY_DOWN)
		screen->from++;
	else if (key == KEY_UP)
		screen->from--;
	else if (key == KEY_RIGHT && screen->left < SIDE_MOST)
		screen->left += SIDE_STEP;
	else if (key == KEY_LEFT && screen->left > 0)
		screen->left -= SIDE_STEP;
	else if (key == KEY_NPAGE)
		screen->from += LINES / 2;
	else if (key == KEY_PPAGE)
		screen->from -= LINES / 2;
	else if (key == KEY_HOME)
		screen->from = screen->left = 0;
	else if (key == KEY_END)
		screen->from = (int)screen->sample.count;
}

/* ---- time ---- */

static uint64_t now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void look(struct screen *screen)
{
	struct sample sample;

	sample_take(&sample, screen->sample.now_ns ? &screen->sample : NULL, screen->names, screen->count);
	sample_end(&screen->sample);
	screen->sample = sample;
}

/* ---- its end ---- */

/* Ended by a signal, it ends by that, as others do: first the terminal is as it was (ncurses would exit with 1). */
static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
static volatile sig_atomic_t ended_by;

static void end_by(int number)
{
	ended_by = number;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = end_by }, before;

	for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
		if (sigaction(ending[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaction(ending[i], &action, NULL);
	}
}

static bool terminal_has_gone(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&input, 1, 0) > 0 && (input.revents & (POLLHUP | POLLERR | POLLNVAL));
}

/* Keys, until it is time for the next look, or for ever. */
static void until_next_look(struct screen *screen)
{
	uint64_t from = now_ms();

	for (;;) {
		uint64_t end = from + (uint64_t)(screen->seconds * 1000), now = now_ms();
		int key;

		screen->over |= ended_by != 0;
		if (screen->over || (!screen->paused && now >= end))
			return;
		draw(screen);
		/* Not for long: a signal may have come just now. */
		timeout(screen->paused || end - now > WAIT_MS ? WAIT_MS : (int)(end - now));
		key = getch();
		if (key != ERR) {
			obey(screen, key);
		} else if (terminal_has_gone()) {
			screen->over = true;
		} else if (screen->paused ||
		           now_ms() < end) { /* a signal; or there is nothing to read from */
			poll(NULL, 0, 10);
		}
	}
}

/* Of the terminal; NULL: it does. */
static const char *why_unfit(void)
{
	bool moves;
	int rc;

	if (setupterm(NULL, STDOUT_FILENO, &rc) != OK)
		return "the terminal is unknown";
	moves = cursor_address;
	del_curterm(cur_term);
	return moves ? NULL : "the terminal can but print lines";
}

int top_screen(char **names, size_t count, double seconds, enum sort sort)
{
	struct screen screen = { .names = names, .count = count, .seconds = seconds, .sort = sort };
	const char *unfit;
	SCREEN *terminal;

	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return complain("top", "this is no terminal; see --once and --batch");
	unfit = why_unfit();
	catch_signals();
	terminal = unfit ? NULL : newterm(NULL, stdout, stdin);
	if (!terminal)
		return complain("top", "%s; see --once and --batch",
		                unfit ? unfit : "the terminal cannot be used");
	colours_off(); /* ncurses has its own */
	screen.coloured = has_colors() && colours_wanted();
	if (screen.coloured) {
		start_color();
		use_default_colors();
		init_pair(1, COLOR_RED, -1);
		init_pair(2, COLOR_YELLOW, -1);
	}
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	while (!screen.over) {
		look(&screen);
		until_next_look(&screen);
	}
	endwin();
	delscreen(terminal);
	sample_end(&screen.sample);
	if (ended_by) {
		signal(ended_by, SIG_DFL);
		raise(ended_by);
	}
	return STATUS_OK;
}

#else

int top_screen(char **names, size_t count, double seconds, enum sort sort)
{
	(void)names;
	(void)count;
	(void)seconds;
	(void)sort;
	return complain("top",
	                "this program was built without ncurses, and has no screen; see --once and --batch");
}

#endif
