/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wordcount_work.c - the reader and the worker.
 *
 *	names  --take-->  reader  --reserve, pread, commit-->  chunks  --take-->  worker  -->  rows
 *
 * Both queues hand out leases.  A reader keeps the lease on a file's name until all of the
 * file is sent; a worker keeps the lease on a chunk until its row is written.  If one of
 * them is killed, its message goes to another, who does the work again from its start.
 *
 * Why the totals are exact, at whatever instruction one is killed:
 *
 *	reader, before it commits a chunk    the block is aborted, the name goes to another
 *	reader, before it releases the name  the name goes to another, who sends all chunks of
 *	                                     the file again: each the same text, same number
 *	worker, while it writes the row      the chunk goes to another, who writes all of the row
 *	worker, before it releases the chunk the same; the row is written over by the same numbers
 *	either, in the release               released or not: that is, done or as just before
 *
 * So a row may be written many times, even by two workers at once, and its words are the same
 * each time: they depend on the text alone, and the text of a chunk number on the file alone.
 * The parent reads the rows when no child is left.  (If the file changes between two readings,
 * its rows may be of both: the parent finds that it changed, and leaves it out.)
 *
 * That is all that "at least once" needs to become "once in effect", in any pipeline: number
 * the work before it is handed out, give each number a place of its own for the result, let
 * the result depend on the message alone, and release last.  To add to a shared total would
 * not do: the next one cannot know whether the dead one had added.  tell_progress() does
 * just that, and so progress may stay behind; no total is taken from it.
 *
 * Text is never copied in user space: the kernel reads it into the block that the reader
 * reserved, and the worker reads it there.
 *
 * Where a chunk ends.  Chunk i of a file ends at the last line end within the quarter
 * before its nominal end, (i + 1) steps into the file; if there is none, at the last white
 * space there; if there is none, at the nominal end, in the middle of a word (or of
 * something longer than any word).  Then the length that the word has so far goes with the
 * next chunk, and the word is counted there.
 *
 * Words are those of `LC_ALL=C wc -w`: a run of bytes that are not white space, at least one
 * of them printable.  Its length is the number of its printable bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "wordcount.h"

enum byte_class {
	OTHER = 0,
	PRINTABLE = 1,
	SPACE = 2
};
static unsigned char class_of[256];

static void classify_bytes(void)
{
	for (int byte = '!'; byte <= '~'; byte++)
		class_of[byte] = PRINTABLE;
	for (const char *space = " \t\n\v\f\r"; *space; space++)
		class_of[(unsigned char)*space] = SPACE;
}

/*
 * Whether to open again.  A handle of a dead worker stays taken while the message that it left
 * waits for another; when many die at once, there may be none left for a moment.
 */
static bool open_again(int rc, unsigned *tries)
{
	struct timespec time = { .tv_nsec = 1000000 };
	if (rc != -EUSERS || ++*tries == 20000)
		return false;
	nanosleep(&time, NULL);
	return true;
}

/* ---- reader ---- */

/* How much of text[0 .. size), which reaches to the nominal end, belongs to the chunk. */
static size_t find_end(const unsigned char *text, size_t size, size_t quarter, bool *open)
{
	*open = false;
	const unsigned char *window = size > quarter ? text + size - quarter : text;
	const unsigned char *line_end = memrchr(window, '\n', text + size - window);
	if (line_end)
		return line_end + 1 - text;
	for (const unsigned char *end = text + size; end > window; end--)
		if (class_of[end[-1]] == SPACE)
			return end - text;
	*open = true;
	return size;
}

/* The length so far of the word at the end of the text. */
static uint64_t unfinished_length(const struct chunk_message *message, size_t size)
{
	uint64_t length = 0;
	for (const unsigned char *end = message->text + size; end > message->text; end--) {
		if (class_of[end[-1]] == SPACE)
			return length;
		length += class_of[end[-1]] == PRINTABLE;
	}
	return length + message->carry;
}

/* Reads exactly `size` bytes.  Returns 0, FILE_CHANGED when there are fewer, or an errno. */
static int read_at(int fd, unsigned char *out, size_t size, uint64_t offset)
{
	while (size) {
		ssize_t got = pread(fd, out, size, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : FILE_CHANGED;
		out += got;
		offset += got;
		size -= got;
	}
	return 0;
}

struct reading {
	const struct job *job;
	const struct file_message *file;
	struct stoa_sender *sender;
	int fd;
	int queue;     /* why the queue takes no more: STOA_CLOSED or a negative errno */
	int status;    /* what is known of the file: flags of enum file_status */
	uint64_t sent; /* bytes */
	uint64_t carry;
};

/* Fills one chunk of the file in place. */
static int fill_chunk(struct reading *r, uint64_t number, struct chunk_message *message, size_t *size)
{
	uint64_t chunk = r->job->options.chunk;
	uint64_t nominal_end = (number + 1) * chunk_step(chunk);
	bool last = number + 1 == r->file->chunks;
	bool open = false;

	*size = (last ? r->file->size : nominal_end) - r->sent;
	int rc = read_at(r->fd, message->text, *size, r->sent);
	if (rc)
		return rc;
	if (number == 0 && memchr(message->text, 0, *size))
		r->status |= FILE_BINARY;
	if (!last)
		*size = find_end(message->text, *size, chunk / 4, &open);
	else if (message->text[*size - 1] != '\n')
		r->status |= FILE_UNFINISHED;

	message->chunk = r->file->first_chunk + number;
	message->carry = r->carry;
	message->open = open;
	r->carry = open ? unfinished_length(message, *size) : 0;
	r->sent += *size;
	return 0;
}

/* Sends one chunk.  Returns 0; FILE_CHANGED or an errno of the file; 1, where the queue ended. */
static int send_chunk(struct reading *r, uint64_t number)
{
	void *block;
	size_t size;

	r->queue = stoa_sender_reserve(r->sender, sizeof(struct chunk_message) + r->job->options.chunk,
	                               &block);
	if (r->queue)
		return 1;
	int rc = fill_chunk(r, number, block, &size);
	if (rc) {
		stoa_sender_abort(r->sender, block);
		return rc;
	}
	do
		r->queue = stoa_sender_commit(r->sender, block, sizeof(struct chunk_message) + size, NULL);
	while (r->queue == -EINTR); /* a signal handler ran; nothing was sent */
	return r->queue != 0;
}

static int send_file(struct reading *r)
{
	struct stat stat;
	unsigned char beyond;
	int rc = 0;

	r->fd = open(r->file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (r->fd < 0)
		return -errno;
	if (fstat(r->fd, &stat))
		rc = -errno;
	else if (!S_ISREG(stat.st_mode))
		rc = FILE_CHANGED;
	for (uint64_t number = 0; number < r->file->chunks && !rc; number++)
		rc = send_chunk(r, number);
	if (!rc && pread(r->fd, &beyond, 1, (off_t)r->file->size) == 1)
		rc = FILE_CHANGED;
	close(r->fd);
	return rc ? rc : r->status | FILE_COUNTED;
}

/* All files that come, until there are no more.  Returns how it ended. */
static int read_files(const struct job *job, struct stoa_receiver *names, struct stoa_sender *chunks)
{
	for (;;) {
		struct stoa_message message;
		int rc = stoa_receiver_take(names, &message, NULL);
		if (rc == -EINTR)
			continue;
		if (rc)
			return rc;

		struct reading reading = { .job = job, .file = message.bytes, .sender = chunks };
		int32_t status = send_file(&reading);
		if (reading.queue)
			return reading.queue;
		rc = stoa_array_store(job->files, reading.file->file, &status);
		if (!rc)
			rc = stoa_receiver_release(names, &message);
		if (rc)
			return rc;
	}
}

int reader_run(struct job *job)
{
	struct stoa_receiver *names;
	struct stoa_sender *chunks;
	unsigned tries = 0;
	int rc;

	classify_bytes();
	do
		rc = stoa_receiver_open(job->names, &names);
	while (open_again(rc, &tries));
	if (rc)
		return complain("cannot receive file names", rc) != 0;
	do
		rc = stoa_sender_open(job->chunks, &chunks);
	while (open_again(rc, &tries));
	if (rc)
		return complain("cannot send chunks", rc) != 0;
	rc = read_files(job, names, chunks);
	if (rc != STOA_CLOSED)
		return complain("reader", rc) != 0;
	stoa_sender_close(chunks);
	stoa_receiver_close(names);
	return 0;
}

/* ---- worker ---- */

static void end_word(uint64_t row[ROW_SIZE], uint64_t length)
{
	if (!length)
		return;
	row[ROW_WORDS]++;
	row[ROW_LENGTHS + (length < LENGTHS ? length : LENGTHS) - 1]++;
}

static void count_chunk(const struct chunk_message *message, size_t size, uint64_t row[ROW_SIZE])
{
	const unsigned char *end = message->text + size;
	uint64_t length = message->carry;
	uint64_t lines = 0;

	memset(row, 0, ROW_SIZE * sizeof *row);
	for (const unsigned char *byte = message->text; byte < end; byte++) {
		unsigned class = class_of[*byte];
		if (class != SPACE) {
			length += class; /* OTHER counts 0, PRINTABLE 1 */
			continue;
		}
		lines += *byte == '\n';
		end_word(row, length);
		length = 0;
	}
	if (!message->open)
		end_word(row, length);
	row[ROW_BYTES] = size;
	row[ROW_LINES] = lines;
}

/*
 * Adds a chunk to what the progress bar and the table of workers show.  It may be left half
 * done by a death, which is why the totals are not counted in this way.
 */
static int tell_progress(const struct job *job, const uint64_t *row, unsigned index, uint64_t repeated,
                         bool redelivered)
{
	uint64_t one = 1, first = (uint64_t)index * SHARE_SIZE;
	int rc = stoa_array_fetch_add(job->shares, first + SHARE_CHUNKS, &one, NULL);
	if (!rc)
		rc = stoa_array_fetch_add(job->shares, first + SHARE_BYTES, &row[ROW_BYTES], NULL);
	if (!rc && redelivered)
		rc = stoa_array_fetch_add(job->shares, first + SHARE_REDELIVERED, &one, NULL);
	if (repeated)
		return rc ? rc : stoa_array_fetch_add(job->shares, first + SHARE_REPEATED, &one, NULL);
	if (!rc)
		rc = stoa_value_add_u64(job->lines, row[ROW_LINES]);
	if (!rc)
		rc = stoa_value_add_u64(job->words, row[ROW_WORDS]);
	return rc ? rc : stoa_value_add_u64(job->bytes, row[ROW_BYTES]);
}

static int count_message(const struct job *job, const struct stoa_message *message, unsigned index)
{
	const struct chunk_message *chunk = message->bytes;
	uint64_t row[ROW_SIZE], one = 1, repeated;

	count_chunk(chunk, message->size - sizeof *chunk, row);
	uint64_t first = chunk->chunk * ROW_SIZE;
	int rc = stoa_array_write(job->rows, first, ROW_DONE, row);
	if (!rc)
		rc = stoa_array_exchange(job->rows, first + ROW_DONE, &one, &repeated);
	if (rc)
		return rc;
	return tell_progress(job, row, index, repeated, message->flags & STOA_REDELIVERED);
}

static int count_messages(const struct job *job, struct stoa_receiver *chunks, unsigned index)
{
	for (;;) {
		struct stoa_message message;
		int rc = stoa_receiver_take(chunks, &message, NULL);
		if (rc == -EINTR)
			continue;
		if (!rc)
			rc = wait_for_turn(job);
		if (!rc)
			rc = count_message(job, &message, index);
		if (!rc)
			rc = stoa_receiver_release(chunks, &message);
		if (rc)
			return rc;
	}
}

int worker_run(struct job *job, unsigned index)
{
	struct stoa_receiver *chunks;
	unsigned tries = 0;
	int rc;

	classify_bytes();
	do
		rc = stoa_receiver_open(job->chunks, &chunks);
	while (open_again(rc, &tries));
	if (rc)
		return complain("cannot receive chunks", rc) != 0;
	rc = count_messages(job, chunks, index);
	if (rc != STOA_CLOSED)
		return complain("worker", rc) != 0;
	stoa_receiver_close(chunks);
	return 0;
}
