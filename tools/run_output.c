/* SPDX-License-Identifier: BSD-2-Clause */
/* run_output.c - what stoa run prints: the output of commands, whole and maybe in order; the log; how far it is. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
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

bool run_output_begin(struct run *run)
{
	run->started_ns = monotonic_ns();
	run->progress = run->progress && isatty(STDERR_FILENO);
	run->spool = -1;
	if (run->keep_order) {
		run->parked = must_have(calloc(PARKED_MOST, sizeof *run->parked));
		run->spool = run_temporary_file();
		if (run->spool < 0)
			return !complain("a file for output", "%s", strerror(errno));
	}
	if (run->joblog_path) {
		run->joblog = fopen(run->joblog_path, "we");
		if (!run->joblog)
			return !complain(run->joblog_path, "%s", strerror(errno));
		fputs("Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n",
		      run->joblog);
		fflush(run->joblog);
	}
	return true;
}

/* ---- output ---- */

/* `size` bytes at `offset` of `from` to the place `*to_offset` of `to`; NULL: to its end.  False: errno says why. */
static bool copy(int from, uint64_t offset, uint64_t size, int to, uint64_t *to_offset)
{
	char bytes[65536];

	while (size) {
		size_t part = size < sizeof bytes ? size : sizeof bytes;
		ssize_t got = pread(from, bytes, part, (off_t)offset), put = 0;

		for (ssize_t at = 0; at < got; at += put) {
			if (to_offset)
				put = pwrite(to, bytes + at, (size_t)(got - at), (off_t)*to_offset);
			else
				put = write(to, bytes + at, (size_t)(got - at));
			if (put < 0 && errno == EINTR)
				put = 0;
			if (put < 0)
				return false;
			if (to_offset)
				*to_offset += (uint64_t)put;
		}
		if (got < 0 && errno != EINTR)
			return false;
		if (got == 0)
			break; /* who wrote it has cut it meanwhile */
		offset += (uint64_t)(got > 0 ? got : 0);
		size -= (uint64_t)(got > 0 ? got : 0);
	}
	return true;
}

static void clear_progress(const struct run *run)
{
	if (run->progress)
		fputs("\r\033[K", stderr);
}

static void print_output(struct run *run, int fd, uint64_t offset, uint64_t size)
{
	if (run->broken || !size)
		return;
	clear_progress(run);
	if (!copy(fd, offset, size, STDOUT_FILENO, NULL)) {
		complain("output", "%s", strerror(errno));
		run->broken = true;
	}
}

static void park(struct run *run, uint64_t number, int fd, uint64_t size)
{
	struct parked *parked = &run->parked[number % PARKED_MOST];

	*parked = (struct parked){ .there = true, .offset = run->spooled, .size = size };
	if (size && !copy(fd, 0, size, run->spool, &run->spooled)) {
		complain("a file for output", "%s", strerror(errno));
		run->broken = true;
	}
}

/* Those whose turn has come. */
static void print_parked(struct run *run)
{
	struct parked *parked = &run->parked[run->next_out % PARKED_MOST];

	while (parked->there) {
		print_output(run, run->spool, parked->offset, parked->size);
		parked->there = false;
		parked = &run->parked[++run->next_out % PARKED_MOST];
	}
	if (run->next_out == run->done && run->spooled) {
		run->spooled = 0;
		if (ftruncate(run->spool, 0) != 0)
			run->spooled = 0; /* it is written over */
	}
}

/* ---- the log ---- */

static void print_command(const struct run *run, const struct unit *unit)
{
	bool placed = !unit->line;

	for (char **word = run->command; *word; word++) {
		const char *rest = *word, *hole;

		if (word != run->command)
			putc(' ', run->joblog);
		while (unit->line && (hole = strstr(rest, "{}")) != NULL) {
			fprintf(run->joblog, "%.*s%s", (int)(hole - rest), rest, unit->line);
			rest = hole + 2;
			placed = true;
		}
		fputs(rest, run->joblog);
	}
	if (!placed)
		fprintf(run->joblog, " %s", unit->line);
	putc('\n', run->joblog);
}

static void log_result(const struct run *run, const struct result *result, const struct unit *unit)
{
	int status = result->status;

	fprintf(run->joblog, "%" PRIu64 "\t:\t%.3f\t%10.3f\t%d\t%" PRIu64 "\t%d\t%d\t", result->number + 1,
	        (double)result->started_ns / 1e9, (double)result->took_ns / 1e9, 0, result->output,
	        WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	print_command(run, unit);
	fflush(run->joblog);
}

void run_output_take(struct run *run, const struct result *result, const struct unit *unit, int fd)
{
	uint64_t size = fd >= 0 ? result->output : 0;

	if (!run->keep_order) {
		print_output(run, fd, 0, size);
	} else if (result->number == run->next_out) {
		print_output(run, fd, 0, size);
		run->next_out++;
		print_parked(run);
	} else {
		park(run, result->number, fd, size);
	}
	if (fd >= 0)
		close(fd);
	if (run->joblog)
		log_result(run, result, unit);
}

/* ---- how far it is ---- */

void run_progress(struct run *run, bool now)
{
	uint64_t time = monotonic_ns(), working;
	double seconds = (double)(time - run->started_ns) / 1e9;

	if (!run->progress || (!now && time - run->shown_ns < PROGRESS_NS))
		return;
	run->shown_ns = time;
	working = run->open_count < run->jobs ? run->open_count : run->jobs;
	fprintf(stderr, "\r\033[K%" PRIu64 " done, %" PRIu64 " failed, %" PRIu64 " at work, %.1f/s",
	        run->done, run->failed, working, seconds > 0 ? (double)run->done / seconds : 0.0);
}

void run_output_end(struct run *run)
{
	run_progress(run, true);
	if (run->progress)
		fputc('\n', stderr);
	if (run->joblog && (ferror(run->joblog) | fclose(run->joblog))) {
		complain(run->joblog_path, "%s", strerror(errno));
		run->broken = true;
	}
	if (run->spool >= 0)
		close(run->spool);
	free(run->parked);
}
