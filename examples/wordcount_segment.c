/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wordcount_segment.c - what lies in shared memory.
 *
 *	queue  names    file_message    parent to readers
 *	queue  chunks   chunk_message   readers to workers
 *	array  rows     u64             ROW_SIZE for each chunk: its results
 *	array  files    i32             for each file, how reading it ended
 *	array  shares   u64             SHARE_SIZE for each worker
 *	array  lengths  u64             the histogram, when all is done
 *	value  lines, words, bytes      progress; in the end the totals
 *	value  turns, limit             --kill: how far the workers are, and how far they may go
 *
 * Every size is known before the segment is created, so it is created with exactly the
 * room that is needed; where there is not so much, it says so then, and not later.
 */
#include <errno.h>
#include <stdlib.h>

#include "wordcount.h"

enum {
	HOLDS = 1, /* blocks of one sender or receiver: each uses one at a time */
};

int complain(const char *what, int rc)
{
	fprintf(stderr, "wordcount: %s: %s\n", what, stoa_strerror(rc));
	return rc;
}

void *must(void *memory)
{
	if (!memory)
		exit(complain("memory", -ENOMEM) != 0);
	return memory;
}

/*
 * Senders and receivers that a queue has room for.  Twice what is open at once, so that
 * whoever replaces a killed one finds a place also while that one's is being settled.
 */
static uint32_t places(unsigned open)
{
	return 2 * open;
}

static struct stoa_queue_config names_config(const struct job *job)
{
	return (struct stoa_queue_config){
		.struct_size = sizeof(struct stoa_queue_config),
		.capacity = 64,
		.message_size = sizeof(struct file_message) + job->list.longest_path + 1,
		.senders = STOA_ONE,
		.handles = places(job->options.readers + 1),
		.holds = HOLDS,
	};
}

static struct stoa_queue_config chunks_config(const struct job *job)
{
	return (struct stoa_queue_config){
		.struct_size = sizeof(struct stoa_queue_config),
		.capacity = job->options.capacity,
		.message_size = sizeof(struct chunk_message) + job->options.chunk,
		.handles = places(job->options.readers + job->options.workers),
		.holds = HOLDS,
	};
}

static struct stoa_array_config array_config(uint32_t type, uint64_t count)
{
	return (struct stoa_array_config){ .struct_size = sizeof(struct stoa_array_config),
		                           .type = type,
		                           .count = count ? count : 1 };
}

/* What lies in the segment, and how much room it takes. */
struct shapes {
	struct stoa_queue_config names, chunks;
	struct stoa_array_config rows, files, shares, lengths;
	struct stoa_value_config total;
	uint64_t bytes;
};

static int plan(const struct job *job, struct shapes *shapes)
{
	*shapes = (struct shapes){
		.names = names_config(job),
		.chunks = chunks_config(job),
		.rows = array_config(STOA_U64, job->list.chunks * ROW_SIZE),
		.files = array_config(STOA_I32, job->list.count),
		.shares = array_config(STOA_U64, (uint64_t)job->options.workers * SHARE_SIZE),
		.lengths = array_config(STOA_U64, LENGTHS),
		.total = { .struct_size = sizeof shapes->total, .type = STOA_U64 },
	};
	uint64_t bytes[7] = { 0 };
	int rc = 0;
	rc = rc ? rc : stoa_queue_footprint(&shapes->names, &bytes[0]);
	rc = rc ? rc : stoa_queue_footprint(&shapes->chunks, &bytes[1]);
	rc = rc ? rc : stoa_array_footprint(&shapes->rows, &bytes[2]);
	rc = rc ? rc : stoa_array_footprint(&shapes->files, &bytes[3]);
	rc = rc ? rc : stoa_array_footprint(&shapes->shares, &bytes[4]);
	rc = rc ? rc : stoa_array_footprint(&shapes->lengths, &bytes[5]);
	rc = rc ? rc : stoa_value_footprint(&shapes->total, &bytes[6]);
	for (int i = 0; i < 6; i++)
		shapes->bytes += bytes[i];
	shapes->bytes += 5 * bytes[6];
	return rc;
}

static int create_objects(struct job *job, const struct shapes *shapes)
{
	struct stoa_segment *segment = job->segment;
	int rc = stoa_queue_create(segment, "names", &shapes->names, &job->names);
	rc = rc ? rc : stoa_queue_create(segment, "chunks", &shapes->chunks, &job->chunks);
	rc = rc ? rc : stoa_array_create(segment, "rows", &shapes->rows, &job->rows);
	rc = rc ? rc : stoa_array_create(segment, "files", &shapes->files, &job->files);
	rc = rc ? rc : stoa_array_create(segment, "shares", &shapes->shares, &job->shares);
	rc = rc ? rc : stoa_array_create(segment, "lengths", &shapes->lengths, &job->lengths);
	rc = rc ? rc : stoa_value_create(segment, "lines", &shapes->total, &job->lines);
	rc = rc ? rc : stoa_value_create(segment, "words", &shapes->total, &job->words);
	rc = rc ? rc : stoa_value_create(segment, "bytes", &shapes->total, &job->bytes);
	rc = rc ? rc : stoa_value_create(segment, "turns", &shapes->total, &job->turns);
	rc = rc ? rc : stoa_value_create(segment, "limit", &shapes->total, &job->limit);
	return rc;
}

int create_segment(struct job *job)
{
	struct shapes shapes;
	int rc = plan(job, &shapes);
	if (rc)
		return complain("shared memory", rc);
	struct stoa_segment_config config = {
		.struct_size = sizeof config,
		.bytes = shapes.bytes,
		.participants = places(job->options.readers + job->options.workers) + 32,
		.flags = STOA_EXCLUSIVE,
	};
	rc = stoa_segment_create(job->options.segment, &config, &job->segment);
	if (rc) {
		fprintf(stderr, "wordcount: segment %s of %.1f MB: %s\n",
		        job->options.segment ? job->options.segment : "without a name",
		        (double)shapes.bytes / 1e6, stoa_strerror(rc));
		return rc;
	}
	rc = create_objects(job, &shapes);
	return rc ? complain("shared memory", rc) : 0;
}

void remove_segment(struct job *job)
{
	if (!job->segment)
		return;
	stoa_value_close(job->limit);
	stoa_value_close(job->turns);
	stoa_value_close(job->bytes);
	stoa_value_close(job->words);
	stoa_value_close(job->lines);
	stoa_array_close(job->lengths);
	stoa_array_close(job->shares);
	stoa_array_close(job->files);
	stoa_array_close(job->rows);
	stoa_queue_close(job->chunks);
	stoa_queue_close(job->names);
	stoa_segment_close(job->segment);
	if (job->options.segment)
		stoa_segment_unlink(job->options.segment);
}
