/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wordcount.h - what the processes of the word count share, and who does what.
 *
 *	wordcount.c          the parent: options, the job from start to end, Ctrl-C
 *	wordcount_children.c the parent's children: start, replace, stop
 *	wordcount_kill.c     --kill: which child is killed, and when
 *	wordcount_segment.c  what lies in shared memory
 *	wordcount_list.c     the lister: which files, and which chunk numbers are theirs
 *	wordcount_work.c     reader and worker: all traffic through the queues
 *	wordcount_report.c   progress, table, JSON, and the comparison with wc(1)
 */
#ifndef WORDCOUNT_H
#define WORDCOUNT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <stoa.h>

/* ---- what the processes share ---- */

enum {
	LENGTHS = 16, /* classes of word lengths: 1 to 15, and 16 or more */
};

/*
 * The array "rows" has one row for each chunk.  Whoever counts a chunk writes the same
 * numbers to the same row, so a chunk that is counted twice changes nothing.
 */
enum row {
	ROW_BYTES,
	ROW_LINES,
	ROW_WORDS,
	ROW_LENGTHS,
	ROW_DONE = ROW_LENGTHS + LENGTHS,
	ROW_SIZE,
};

/* The array "shares" has one line for each worker: for the table, not for the totals. */
enum share {
	SHARE_CHUNKS,
	SHARE_BYTES,
	SHARE_REDELIVERED, /* chunks that came to this worker because another died */
	SHARE_REPEATED,    /* chunks whose row was there already */
	SHARE_SIZE,
};

/* The array "files" has one word for each file: 0, flags, or a negative errno. */
enum file_status {
	FILE_COUNTED = 1,
	FILE_CHANGED = 2,    /* longer or shorter than it was when it was listed */
	FILE_BINARY = 4,     /* has a NUL byte near its start */
	FILE_UNFINISHED = 8, /* its last byte is no line end */
};

/* A message of the queue "names": a file for a reader. */
struct file_message {
	uint64_t file; /* index in the array "files" */
	uint64_t size;
	uint64_t first_chunk;
	uint64_t chunks;
	char path[]; /* ended by NUL */
};

/* A message of the queue "chunks": text for a worker. */
struct chunk_message {
	uint64_t chunk; /* row in the array "rows" */
	uint64_t carry; /* length, so far, of the word in which the text begins; 0 if in none */
	uint64_t open;  /* 1: the word at the end goes on in the next chunk, and is counted there */
	uint64_t reserved;
	unsigned char text[];
};

/* ---- what the parent knows; the children inherit it by fork() ---- */

struct options {
	unsigned readers;
	unsigned workers;
	uint64_t chunk; /* bytes of text in a message, at most */
	uint64_t capacity;
	const char *segment; /* NULL: without a name */
	unsigned kills;      /* children to kill while they work */
	uint64_t seed;       /* of what is chosen for that */
	bool quiet;
	bool json;
	bool compare;
};

struct file {
	char *path;
	uint64_t size;
	uint64_t first_chunk;
	uint64_t chunks;
	struct stat stat;     /* when it was listed */
	const char *left_out; /* why it is not in the totals; NULL: it is */
};

/* What is not counted, and why: the first few are kept, the rest is a number. */
enum {
	NOTES_KEPT = 10
};
struct notes {
	uint64_t count;
	struct {
		char *path;
		char reason[64];
	} kept[NOTES_KEPT];
};

struct list {
	struct file *files;
	size_t count;
	size_t room;
	size_t longest_path;
	uint64_t chunks;
	uint64_t bytes;
	uint64_t bytes_limit; /* of the default input; 0: none */
	uint64_t compressed;
	uint64_t symlinks;
};

struct totals {
	uint64_t lines, words, bytes;
	uint64_t lengths[LENGTHS];
	uint64_t files, empty, binary, unfinished;
};

struct comparison {
	bool done, equal;
	uint64_t lines, words, bytes;
	double seconds;
	char trouble[96]; /* why there is none */
};

enum role {
	READER,
	WORKER,
	ROLES
};
struct child {
	pid_t pid; /* 0: none */
	enum role role;
	unsigned index;
};

struct job {
	struct options options;
	struct list list;
	struct notes notes;

	struct stoa_segment *segment;
	struct stoa_queue *names, *chunks;
	struct stoa_array *rows, *files, *shares, *lengths;
	struct stoa_value *lines, *words, *bytes; /* progress, and the totals in the end */
	struct stoa_value *turns, *limit;         /* --kill: turns drawn, and which of them have come */

	struct child *children;
	unsigned running[ROLES];
	unsigned killed[ROLES]; /* and others put in their place */
	unsigned kills_done;    /* those of them that --kill killed */
	unsigned parts_shown;
	bool failed;

	unsigned short random[3]; /* the state of erand48() */
	uint64_t due, next_due;   /* the turns at which the next two children are killed */

	struct timespec started, shown;
	double seconds;
};

/* Number of the signal that asks the parent to end, or 0. */
extern volatile sig_atomic_t interrupted;

/* ---- wordcount_children.c ---- */

/* All of them.  Returns 0, or what went wrong, which was said. */
int spawn_all(struct job *job);
/* Puts a process in a child's place: at the start, and again when one was killed. */
int spawn(struct job *job, struct child *child);
/* What is to be done when a child has ended, with the status of waitpid(). */
void on_end(struct job *job, struct child *child, int status);
/* Looks after the children.  Returns false when the job is to end early. */
bool tend(struct job *job);
/* Nanoseconds after which to look again. */
int64_t tick_ns(const struct job *job);
void pause_shortly(int64_t nanoseconds);
void stop_children(struct job *job);

/* ---- wordcount_kill.c ---- */

int plan_kills(struct job *job);
/* Kills the children whose time has come. */
void kill_due(struct job *job);
/* No kill comes any more. */
void end_kills(struct job *job);
/* The worker: waits until a chunk that it took may be counted. */
int wait_for_turn(const struct job *job);

/* ---- wordcount_segment.c ---- */

int create_segment(struct job *job);
void remove_segment(struct job *job);
/* One line on stderr; returns rc. */
int complain(const char *what, int rc);
/* Ends the program where memory is used up. */
void *must(void *memory);

/* ---- wordcount_list.c ---- */

/* Adds a file, or all files under a directory.  Returns false when interrupted. */
bool list_path(struct job *job, const char *path, bool named);
/* Adds text that most machines have. */
bool list_default(struct job *job);
/* Gives each file its chunk numbers. */
void list_number(struct job *job);
void list_free(struct job *job);
void note(struct job *job, const char *path, const char *reason);

/* ---- wordcount_work.c ---- */

/*
 * A chunk ends at most a quarter before its nominal end, which is a multiple of this: so a
 * file's size alone tells how many chunks it has, and its contents alone where they end.
 */
static inline uint64_t chunk_step(uint64_t chunk)
{
	return chunk - chunk / 4;
}

/* The children; both return the exit status of their process. */
int reader_run(struct job *job);
int worker_run(struct job *job, unsigned index);

/* ---- wordcount_report.c ---- */

double seconds_since(const struct timespec *start);
void show_progress(struct job *job);
void clear_progress(struct job *job);
/* Adds up the rows of all files that are not left out; false where a row is missing. */
bool add_up(struct job *job, struct totals *totals);
/* Leaves out the files that are no longer what they were when they were listed. */
size_t leave_out_changed(struct job *job);
/* Counts the same files with wc(1); leaves out those that change meanwhile. */
bool compare_with_wc(struct job *job, struct totals *totals, struct comparison *wc);
void print_table(struct job *job, const struct totals *totals, const struct comparison *wc);
void print_json(struct job *job, const struct totals *totals, const struct comparison *wc);

#endif
