/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * check.h - what the parts of the check know of each other.  The essay is at the head of check.c.
 */
#ifndef STOA_CHECK_H
#define STOA_CHECK_H

#include <stoa/array.h>
#include <stoa/inspect.h>

#include "queue.h"
#include "sync.h"
#include "value.h"

/* Words that are to be judged together. */
struct words {
	uint64_t *at;
	size_t count, room;
	bool no_memory;
};

static inline void words_add(struct words *words, uint64_t word)
{
	if (words->count < words->room)
		words->at[words->count] = word;
	words->count++;
}

struct check {
	struct stoa_segment *segment;
	void (*say)(void *context, enum stoa_finding finding, const char *object, const char *what);
	void *context;
	const char *object; /* that is being checked; NULL: the segment itself */
	bool broken, moving, no_memory;
	const uint64_t *participants; /* their states, of the same moment as what is judged */
};

__attribute__((format(printf, 3, 4))) void check_say(struct check *check, enum stoa_finding finding,
                                                     const char *format, ...);
#define broken(check, ...) check_say(check, STOA_BROKEN, __VA_ARGS__)

/*
 * Something to be checked: `collect` reads all of its words, in an order that depends on nothing that changes;
 * `judge` gets them as they were together at one moment.
 */
struct subject {
	void (*collect)(const struct subject *subject, struct words *words);
	void (*judge)(const struct subject *subject, struct check *check, const uint64_t *words);
	void *start;
	uint64_t room;
	union {
		struct queue_view queue;
		struct value_cell cell;
		struct sync sync;
		const struct stoa_segment *segment;
	};
};
void check_subject(struct check *check, const struct subject *subject);

/* Whether the owner that a word names can be one; says it where not.  `what`: "handle", and its number. */
bool check_owner(struct check *check, uint32_t slot, const char *what, uint64_t number);

/* check_directory.c */
void check_whole_directory(struct check *check);
void check_all_participants(struct check *check);

/* check_blocks.c: cells, handles and their slots */
enum check_roles { CHECK_QUEUE_ROLES, CHECK_WRITER_ROLES };
void collect_exchange(const struct exchange *exchange, struct words *words);
/* How many words that are; where cell i's is. */
size_t exchange_words(const struct exchange *exchange);
void judge_exchange(struct check *check, const struct exchange *exchange, enum check_roles roles,
                    const uint64_t *words);
void judge_role(struct check *check, uint64_t role, const char *what, uint64_t number);
void check_cell(struct check *check, void *start, uint64_t room);

/* check_queue.c, check_sync.c */
void check_queue(struct check *check, void *start, uint64_t room);
void check_sync(struct check *check, void *start, uint64_t room);

#endif
