/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wordcount_report.c - what the user sees, and the comparison with wc(1).
 *
 * The totals are added up from the rows when all children have ended, file by file; so a
 * file that turns out to have changed can still be left out, exactly.  The comparison is
 * fair in the same way: wc gets the list of the files that are in our totals, and a file
 * that changed before wc was done is left out of both, and reported.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wordcount.h"

double seconds_since(const struct timespec *start)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) * 1e-9;
}

/* ---- progress ---- */

void show_progress(struct job *job)
{
	static const char full[] = "########################################";
	uint64_t bytes = 0;
	if (job->options.quiet || stoa_value_load_u64(job->bytes, &bytes) || !job->list.bytes)
		return;
	double part = (double)bytes / (double)job->list.bytes;
	double rate = (double)bytes / 1e6 / (seconds_since(&job->started) + 1e-9);
	if (isatty(STDERR_FILENO)) {
		int length = (int)(part * (sizeof full - 1));
		if (seconds_since(&job->shown) < 0.05)
			return;
		clock_gettime(CLOCK_MONOTONIC, &job->shown);
		fprintf(stderr, "\r[%-*.*s] %3.0f %%  %.0f MB/s ", (int)sizeof full - 1, length, full,
		        part * 100, rate);
		if (job->options.kills)
			fprintf(stderr, " %u of %u killed ", job->kills_done, job->options.kills);
	} else if ((unsigned)(part * 4) > job->parts_shown) {
		job->parts_shown = (unsigned)(part * 4);
		fprintf(stderr, "wordcount: %u %% of %.1f MB, %.0f MB/s\n", job->parts_shown * 25,
		        (double)job->list.bytes / 1e6, rate);
	}
}

void clear_progress(struct job *job)
{
	if (!job->options.quiet && isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

/* ---- totals ---- */

static void leave_out(struct job *job, struct file *file, const char *reason)
{
	file->left_out = reason;
	note(job, file->path, reason);
}

static bool add_row(struct job *job, uint64_t chunk, struct totals *totals)
{
	uint64_t row[ROW_SIZE];
	if (stoa_array_read(job->rows, chunk * ROW_SIZE, ROW_SIZE, row) || !row[ROW_DONE])
		return false;
	totals->bytes += row[ROW_BYTES];
	totals->lines += row[ROW_LINES];
	totals->words += row[ROW_WORDS];
	for (int i = 0; i < LENGTHS; i++)
		totals->lengths[i] += row[ROW_LENGTHS + i];
	return true;
}

bool add_up(struct job *job, struct totals *totals)
{
	memset(totals, 0, sizeof *totals);
	for (size_t i = 0; i < job->list.count; i++) {
		struct file *file = &job->list.files[i];
		int32_t status = 0;
		int rc = stoa_array_load(job->files, i, &status);
		if (rc || !status)
			return false;
		if (!file->left_out && status < 0)
			leave_out(job, file, strerror(-status));
		else if (!file->left_out && status & FILE_CHANGED)
			leave_out(job, file, "changed while it was read");
		if (file->left_out)
			continue;
		for (uint64_t chunk = 0; chunk < file->chunks; chunk++)
			if (!add_row(job, file->first_chunk + chunk, totals))
				return false;
		totals->files++;
		totals->empty += file->size == 0;
		totals->binary += !!(status & FILE_BINARY);
		totals->unfinished += !!(status & FILE_UNFINISHED);
	}
	return true;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

size_t leave_out_changed(struct job *job)
{
	size_t changed = 0;
	for (size_t i = 0; i < job->list.count; i++) {
		struct file *file = &job->list.files[i];
		const struct stat *then = &file->stat;
		struct stat now;
		if (file->left_out)
			continue;
		if (stat(file->path, &now))
			leave_out(job, file, strerror(errno));
		else if (now.st_dev != then->st_dev || now.st_ino != then->st_ino ||
		         now.st_size != then->st_size || !same_time(&now.st_mtim, &then->st_mtim))
			leave_out(job, file, "changed after it was listed");
		changed += file->left_out != NULL;
	}
	return changed;
}

/* ---- wc ---- */

/* The names, each ended by NUL, as a file: a pipe could fill up while wc's output waits. */
static int names_for_wc(struct job *job)
{
	static const char nothing[] = "/dev/null\0/dev/null"; /* wc gives a total for two files or more */
	int fd = memfd_create("names", MFD_CLOEXEC);
	FILE *names = fd < 0 ? NULL : fdopen(dup(fd), "w");
	if (!names)
		return -1;
	for (size_t i = 0; i < job->list.count; i++)
		if (!job->list.files[i].left_out)
			fwrite(job->list.files[i].path, strlen(job->list.files[i].path) + 1, 1, names);
	fwrite(nothing, sizeof nothing, 1, names);
	if (fclose(names) || lseek(fd, 0, SEEK_SET)) {
		close(fd);
		return -1;
	}
	return fd;
}

static pid_t start_wc(int names, int output)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid)
		return pid;
	signal(SIGPIPE, SIG_DFL);
	setenv("LC_ALL", "C", 1);
	unsetenv("POSIXLY_CORRECT");
	if (dup2(names, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0)
		_exit(127);
	execlp("wc", "wc", "-lwc", "--files0-from=-", (char *)NULL);
	_exit(127);
}

/* Reads the last line that wc prints.  Returns false where there is no such line. */
static bool read_total(int fd, struct comparison *wc)
{
	FILE *output = fdopen(fd, "r");
	char *line = NULL;
	size_t room = 0;
	int fields = 0;

	if (!output) {
		close(fd);
		return false;
	}
	while (getline(&line, &room, output) > 0)
		fields = sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64, &wc->lines, &wc->words, &wc->bytes);
	free(line);
	fclose(output);
	return fields == 3;
}

/* Runs wc once.  Returns false, with the reason, where there is no result. */
static bool run_wc(struct job *job, struct comparison *wc)
{
	int ends[2], names = names_for_wc(job), status = -1;
	struct timespec start;

	if (names < 0 || pipe2(ends, O_CLOEXEC)) {
		snprintf(wc->trouble, sizeof wc->trouble, "%s", strerror(errno));
		return false;
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	pid_t pid = start_wc(names, ends[1]);
	close(names);
	close(ends[1]);
	bool total = pid > 0 && read_total(ends[0], wc);
	if (pid > 0 && interrupted)
		kill(pid, SIGTERM);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	wc->seconds = seconds_since(&start);
	if (total && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	snprintf(wc->trouble, sizeof wc->trouble, "wc failed (it must be that of GNU coreutils)");
	return false;
}

bool compare_with_wc(struct job *job, struct totals *totals, struct comparison *wc)
{
	memset(wc, 0, sizeof *wc);
	for (int tries = 0; tries < 5 && !interrupted; tries++) {
		wc->done = run_wc(job, wc);
		if (!leave_out_changed(job))
			break;
		wc->done = false; /* a file changed under wc: again, without it */
		snprintf(wc->trouble, sizeof wc->trouble, "the files keep changing");
		if (!add_up(job, totals))
			return false;
	}
	wc->equal = wc->done && wc->lines == totals->lines && wc->words == totals->words &&
	            wc->bytes == totals->bytes;
	return wc->equal;
}

/* ---- the table ---- */

/* What went through the queues. */
struct traffic {
	uint64_t messages;
	uint64_t names_again, chunks_again; /* redelivered */
	uint64_t sent_again;                /* chunks of files that were read again */
};

static struct traffic traffic(const struct job *job)
{
	struct stoa_queue_stat names = { .struct_size = sizeof names },
			       chunks = { .struct_size = sizeof chunks };
	stoa_queue_stat(job->names, &names);
	stoa_queue_stat(job->chunks, &chunks);
	return (struct traffic){
		.messages = names.sent + chunks.sent,
		.names_again = names.redelivered,
		.chunks_again = chunks.redelivered,
		.sent_again = chunks.sent > job->list.chunks ? chunks.sent - job->list.chunks : 0,
	};
}

static double per_second(const struct job *job, double amount)
{
	return job->seconds > 0 ? amount / job->seconds : 0;
}

static const char *bar(double part)
{
	static const char full[] = "########################################";
	size_t length = (size_t)(part * (sizeof full - 1) + 0.5);
	return full + sizeof full - 1 - (length < sizeof full ? length : sizeof full - 1);
}

static void print_deaths(const struct job *job, const struct traffic *sent)
{
	const struct options *options = &job->options;
	unsigned killed = job->killed[READER] + job->killed[WORKER];
	if (killed) {
		printf("killed    %12u  (%u readers, %u workers; each was replaced)\n", killed,
		       job->killed[READER], job->killed[WORKER]);
		printf("redelivered %10" PRIu64 "  (%" PRIu64 " file names, %" PRIu64
		       " chunks; others took them over)\n",
		       sent->names_again + sent->chunks_again, sent->names_again, sent->chunks_again);
		printf("sent again  %10" PRIu64 "  (chunks of files read again; each is counted once)\n",
		       sent->sent_again);
	}
	if (job->kills_done < options->kills)
		printf("not killed  %10u  (of %u: %s)\n", options->kills - job->kills_done, options->kills,
		       job->list.chunks ? "there was less text than was listed" : "there is no text");
}

static void print_workers(struct job *job)
{
	uint64_t all = 0;
	for (unsigned i = 0; i < job->options.workers; i++) {
		uint64_t bytes = 0;
		stoa_array_load(job->shares, (uint64_t)i * SHARE_SIZE + SHARE_BYTES, &bytes);
		all += bytes;
	}
	printf("\nworker    chunks        MB  share\n");
	for (unsigned i = 0; i < job->options.workers; i++) {
		uint64_t share[SHARE_SIZE] = { 0 };
		stoa_array_read(job->shares, (uint64_t)i * SHARE_SIZE, SHARE_SIZE, share);
		double part = all ? (double)share[SHARE_BYTES] / (double)all : 0;
		printf("%6u %9" PRIu64 " %9.1f  %3.0f %%  %s", i, share[SHARE_CHUNKS],
		       (double)share[SHARE_BYTES] / 1e6, part * 100, bar(part));
		if (share[SHARE_REDELIVERED] || share[SHARE_REPEATED])
			printf("  (%" PRIu64 " redelivered, %" PRIu64 " counted before)",
			       share[SHARE_REDELIVERED], share[SHARE_REPEATED]);
		putchar('\n');
	}
}

static void print_lengths(struct job *job)
{
	uint64_t lengths[LENGTHS] = { 0 }, most = 1;
	stoa_array_read(job->lengths, 0, LENGTHS, lengths);
	for (int i = 0; i < LENGTHS; i++)
		most = lengths[i] > most ? lengths[i] : most;
	printf("\nlength     words\n");
	for (int i = 0; i < LENGTHS; i++)
		printf("%5d%c %9" PRIu64 "  %s\n", i + 1, i + 1 < LENGTHS ? ' ' : '+', lengths[i],
		       bar((double)lengths[i] / (double)most));
}

/* A path as one line of plain text. */
static void print_path(const char *path)
{
	for (; *path; path++)
		if ((unsigned char)*path < ' ' || *path == 127)
			printf("\\%03o", (unsigned char)*path);
		else
			putchar(*path);
}

static void print_notes(const struct job *job)
{
	const struct list *list = &job->list;
	const struct notes *notes = &job->notes;
	if (list->compressed || list->symlinks)
		printf("\nnot looked at: %" PRIu64 " compressed files, %" PRIu64 " symbolic links\n",
		       list->compressed, list->symlinks);
	if (notes->count)
		printf("\nleft out: %" PRIu64 "\n", notes->count);
	for (uint64_t i = 0; i < notes->count && i < NOTES_KEPT; i++) {
		printf("  ");
		print_path(notes->kept[i].path);
		printf(": %s\n", notes->kept[i].reason);
	}
	if (notes->count > NOTES_KEPT)
		printf("  and %" PRIu64 " more\n", notes->count - NOTES_KEPT);
}

static void print_comparison(const struct comparison *wc)
{
	if (!wc->done) {
		printf("\nwc -lwc: no comparison: %s\n", wc->trouble);
		return;
	}
	printf("\nwc -lwc  %" PRIu64 " lines, %" PRIu64 " words, %" PRIu64 " bytes in %.2f s: %s\n",
	       wc->lines, wc->words, wc->bytes, wc->seconds,
	       wc->equal ? "all totals are equal" : "NOT EQUAL");
}

void print_table(struct job *job, const struct totals *totals, const struct comparison *wc)
{
	struct traffic sent = traffic(job);

	printf("lines     %12" PRIu64 "\nwords     %12" PRIu64 "\nbytes     %12" PRIu64 "\n", totals->lines,
	       totals->words, totals->bytes);
	printf("files     %12" PRIu64 "  (%" PRIu64 " empty, %" PRIu64 " binary, %" PRIu64
	       " without a last line end)\n",
	       totals->files, totals->empty, totals->binary, totals->unfinished);
	printf("messages  %12" PRIu64 "  (%zu file names, the others chunks of text)\n", sent.messages,
	       job->list.count);
	print_deaths(job, &sent);
	printf("\n%.3f s, readers: %u, workers: %u, %.0f messages/s, %.1f MB/s\n", job->seconds,
	       job->options.readers, job->options.workers, per_second(job, (double)sent.messages),
	       per_second(job, (double)totals->bytes / 1e6));
	if (job->options.kills)
		printf("--kill %u --seed %" PRIu64 " makes the same choices again\n", job->options.kills,
		       job->options.seed);
	print_workers(job);
	print_lengths(job);
	print_notes(job);
	if (job->options.compare)
		print_comparison(wc);
}

static void print_array(struct stoa_array *array, uint64_t first, uint64_t step, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		uint64_t element = 0;
		stoa_array_load(array, first + i * step, &element);
		printf("%s%" PRIu64, i ? ", " : "", element);
	}
}

void print_json(struct job *job, const struct totals *totals, const struct comparison *wc)
{
	struct traffic sent = traffic(job);
	unsigned replaced = job->killed[READER] + job->killed[WORKER];

	printf("{\"lines\": %" PRIu64 ", \"words\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"files\": %" PRIu64,
	       totals->lines, totals->words, totals->bytes, totals->files);
	printf(",\n \"empty\": %" PRIu64 ", \"binary\": %" PRIu64 ", \"unfinished\": %" PRIu64
	       ", \"left_out\": %" PRIu64 ", \"compressed\": %" PRIu64 ", \"symlinks\": %" PRIu64,
	       totals->empty, totals->binary, totals->unfinished, job->notes.count, job->list.compressed,
	       job->list.symlinks);
	printf(",\n \"readers\": %u, \"workers\": %u, \"replaced\": %u, \"messages\": %" PRIu64
	       ", \"seconds\": %.6f",
	       job->options.readers, job->options.workers, replaced, sent.messages, job->seconds);
	if (job->options.kills)
		printf(",\n \"kills\": %u, \"seed\": %" PRIu64
		       ", \"killed_readers\": %u, \"killed_workers\": %u",
		       job->kills_done, job->options.seed, job->killed[READER], job->killed[WORKER]);
	printf(",\n \"redelivered\": %" PRIu64 ", \"sent_again\": %" PRIu64,
	       sent.names_again + sent.chunks_again, sent.sent_again);
	printf(",\n \"worker_chunks\": [");
	print_array(job->shares, SHARE_CHUNKS, SHARE_SIZE, job->options.workers);
	printf("],\n \"worker_bytes\": [");
	print_array(job->shares, SHARE_BYTES, SHARE_SIZE, job->options.workers);
	printf("],\n \"word_lengths\": [");
	print_array(job->lengths, 0, 1, LENGTHS);
	printf("]");
	if (job->options.compare && wc->done)
		printf(",\n \"wc\": {\"lines\": %" PRIu64 ", \"words\": %" PRIu64 ", \"bytes\": %" PRIu64
		       ", \"seconds\": %.6f, \"equal\": %s}",
		       wc->lines, wc->words, wc->bytes, wc->seconds, wc->equal ? "true" : "false");
	printf("}\n");
}
