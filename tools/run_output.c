/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run_output.c - what stoa run prints: the output of commands, whole and maybe in order; the log; how far it
 * is.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

#define PROGRESS_NS 200000000u

static uint64_t monotonic_ns(void)
{
	struct timespec now = stoa_deadline(0);

	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int run_temporary_file(void)
{
	const char *directory = getenv("TMPDIR");
	char *path;
	int fd;

	if (!directory || !*directory)
		directory = "/tmp";
	fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	path = text_of("%s/stoa-run.XXXXXX", directory);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	free(path);
	return fd;
}

bool run_succeeded(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool run_is_hopeless(const struct run *run, const struct result *result)
{
	return result->cannot && result->cannot != E2BIG && !strstr(run->command[0], "{}");
}

/* A log that cannot be written is told once; the work goes on. */
static void flush_log(struct run *run)
{
	if (!fflush(run->joblog))
		return;
	if (!run->no_log)
		complain(run->joblog_path, "%s", strerror(errno));
	run->no_log = true;
	__fpurge(run->joblog);
}

/* How much there is to do is known of a file, if nobody else sends lines. */
static void measure_input(struct run *run)
{
	struct stat file;

	if (run->feed.fd >= 0 || fstat(STDIN_FILENO, &file) || !S_ISREG(file.st_mode))
		return;
	run->input_from = lseek(STDIN_FILENO, 0, SEEK_CUR);
	if (run->input_from >= 0 && file.st_size > run->input_from)
		run->input_size = file.st_size - run->input_from;
}

bool run_output_begin(struct run *run)
{
	struct stat stat;
	int fd = run_temporary_file();

	run->started_ns = monotonic_ns();
	run->progress = run->progress && isatty(STDERR_FILENO);
	run->on_terminal = isatty(STDOUT_FILENO);
	measure_input(run);
	run->spool = -1;
	run->direct = fstat(STDOUT_FILENO, &stat) != 0 || S_ISREG(stat.st_mode);
	if (fd < 0) /* said once, and not by each worker */
		return !complain("a file for output", "%s", strerror(errno));
	if (run->keep_order) {
		run->parked = must_have(calloc(PARKED_MOST, sizeof *run->parked));
		run->spool = fd;
	} else {
		close(fd);
	}
	if (run->joblog_path) {
		run->joblog = fopen(run->joblog_path, "we");
		if (!run->joblog)
			return !complain(run->joblog_path, "%s", strerror(errno));
		fputs("Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n",
		      run->joblog);
		flush_log(run);
	}
	return true;
}

/* ---- output ---- */

/*
 * Waits until `size` bytes go to stdout, or as many as surely go at once: so it is never a reader who keeps
 * the boss from ending.  0: it is to end, or the readers have gone, which the write will tell.
 */
static size_t await_reader(struct run *run, size_t size)
{
	struct pollfd fds[2] = { { .fd = STDOUT_FILENO, .events = POLLOUT },
		                 { .fd = run->signals, .events = POLLIN } };

	if (run->direct)
		return size;
	do {
		run_take_signals(run);
		if (run->ended_by)
			return 0;
	} while (poll(fds, 2, -1) < 0 || !fds[0].revents);
	return size < PIPE_BUF ? size : PIPE_BUF;
}

static bool print_bytes(struct run *run, const char *bytes, size_t size)
{
	while (size) {
		size_t part = await_reader(run, size);
		ssize_t put = part ? write(STDOUT_FILENO, bytes, part) : 0;

		if (!part || (put < 0 && errno != EINTR && errno != EAGAIN))
			return !part;
		bytes += put > 0 ? put : 0;
		size -= put > 0 ? (size_t)put : 0;
	}
	return true;
}

/* Out of the way of output, where that goes to a terminal, too; it comes again at once. */
static void clear_progress(struct run *run)
{
	if (!run->progress || !run->on_terminal)
		return;
	fputs("\r\033[K", stderr);
	run->shown_ns = 0;
}

/* Who read it has enough: that is no failure that wants a word, but the end. */
static void cannot_print(struct run *run)
{
	struct sigaction action;

	if (run->broken)
		return;
	run->broken = true;
	if (errno == EPIPE && sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
		run->ended_by = SIGPIPE;
	else
		complain("output", "%s", strerror(errno));
}

/* Hands on what is in a file, part by part. */
static void each_part(struct run *run, int fd, uint64_t offset, uint64_t size,
                      bool (*take)(struct run *run, const char *bytes, size_t size))
{
	char bytes[65536];

	while (size && !run->broken) {
		ssize_t got = pread(fd, bytes, size < sizeof bytes ? size : sizeof bytes, (off_t)offset);

		if (got == 0)
			return; /* who wrote it has cut it meanwhile */
		if (got < 0 || !take(run, bytes, (size_t)got))
			cannot_print(run);
		offset += (uint64_t)got;
		size -= (uint64_t)got;
	}
}

static bool spool_bytes(struct run *run, const char *bytes, size_t size)
{
	while (size) {
		ssize_t put = pwrite(run->spool, bytes, size, (off_t)run->spooled);

		if (put < 0)
			return false;
		run->spooled += (uint64_t)put;
		bytes += put;
		size -= (size_t)put;
	}
	return true;
}

/* To stdout, or to the spool: from where it is, in memory or in a file. */
static void hand_on(struct run *run, const struct result *result, const void *bytes, int fd,
                    bool (*take)(struct run *run, const char *bytes, size_t size))
{
	if (fd >= 0)
		each_part(run, fd, 0, result->output, take);
	else if (result->output && !run->broken && !take(run, bytes, result->output))
		cannot_print(run);
}

static void park(struct run *run, const struct result *result, const void *bytes, int fd)
{
	struct parked *parked = &run->parked[result->number % PARKED_MOST];

	*parked = (struct parked){ .there = true, .offset = run->spooled, .size = result->output };
	run->parked_count++;
	hand_on(run, result, bytes, fd, spool_bytes);
}

/* Those whose turn has come. */
static void print_parked(struct run *run)
{
	struct parked *parked = &run->parked[run->next_out % PARKED_MOST];

	while (parked->there) {
		each_part(run, run->spool, parked->offset, parked->size, print_bytes);
		parked->there = false;
		run->parked_count--;
		parked = &run->parked[++run->next_out % PARKED_MOST];
	}
	if (!run->parked_count && run->spooled) {
		run->spooled = 0;
		(void)!ftruncate(run->spool, 0); /* else it is written over */
	}
}

/* ---- the log ---- */

/*
 * As it was started, with blanks between the words.  An end of line in it would end the row: it is a NUL
 * there.
 */
static void print_command(const struct run *run, const struct unit *unit)
{
	char **words = unit->line ? run_words(run->command, unit->line) : run->command;

	for (char **word = words; *word; word++) {
		if (word != words)
			putc(' ', run->joblog);
		for (const char *at = *word; *at; at++)
			putc(*at == '\n' ? '\0' : *at, run->joblog);
	}
	putc('\n', run->joblog);
	if (unit->line)
		run_free_words(words);
}

static void log_result(struct run *run, const struct result *result, const struct unit *unit)
{
	int status = result->status;

	fprintf(run->joblog, "%" PRIu64 "\t:\t%.3f\t%10.3f\t%" PRIu64 "\t%" PRIu64 "\t%d\t%d\t",
	        result->number + 1, (double)result->started_ns / 1e9, (double)result->took_ns / 1e9,
	        unit->sent, result->output, WIFEXITED(status) ? WEXITSTATUS(status) : 0,
	        WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	print_command(run, unit);
	flush_log(run);
}

void run_output_take(struct run *run, const struct result *result, const struct unit *unit, const void *bytes,
                     int fd)
{
	clear_progress(run);
	if (!run->keep_order) {
		hand_on(run, result, bytes, fd, print_bytes);
	} else if (result->number == run->next_out) {
		hand_on(run, result, bytes, fd, print_bytes);
		run->next_out++;
		print_parked(run);
	} else {
		park(run, result, bytes, fd);
	}
	if (run->joblog)
		log_result(run, result, unit);
}

/* ---- how far it is ---- */

/* From 0 to 1: what was handed out of the input, less what is not done of that. */
static double part_done(const struct run *run)
{
	off_t read = lseek(STDIN_FILENO, 0, SEEK_CUR) - run->input_from;
	double handed_out = (double)(read - (off_t)(run->input.end - run->input.start)) /
	                    (double)run->input_size;
	uint64_t not_done = run->open_count + (run->block_bytes > 0);
	double part = run->done ? handed_out * (double)run->done / (double)(run->done + not_done) : 0;

	return part < 1 ? part : 1; /* it may have grown */
}

static void print_bar(const struct run *run, double seconds)
{
	enum { WIDTH = 12 };
	double part = part_done(run);
	int filled = (int)(part * WIDTH);

	fprintf(stderr, "[%.*s%.*s] %3.0f%%  ", filled, "############", WIDTH - filled, "............",
	        100 * part);
	if (part > 0 && part < 1) {
		uint64_t left = (uint64_t)(seconds * (1 - part) / part);

		fprintf(stderr, "%" PRIu64 ":%02u left, ", left / 60, (unsigned)(left % 60));
	}
}

void run_progress(struct run *run, bool now)
{
	uint64_t time = monotonic_ns(), working;
	double seconds = (double)(time - run->started_ns) / 1e9;

	if (!run->progress || (!now && time - run->shown_ns < PROGRESS_NS))
		return;
	run->shown_ns = time;
	working = run->open_count < run->jobs ? run->open_count : run->jobs;
	fputs("\r\033[K", stderr);
	if (run->input_size)
		print_bar(run, seconds);
	fprintf(stderr, "%" PRIu64 " done, %" PRIu64 " failed, %" PRIu64 " at work, %.1f/s", run->done,
	        run->failed, working, seconds > 0 ? (double)run->done / seconds : 0.0);
}

void run_output_end(struct run *run)
{
	run_progress(run, true);
	if (run->progress)
		fputc('\n', stderr);
	if (run->joblog)
		fclose(run->joblog); /* flushed after each row */
	if (run->spool >= 0)
		close(run->spool);
	free(run->parked);
}
