/* SPDX-License-Identifier: BSD-2-Clause */
/** top.h - samples, and what changed between two of them; the screen is in top_screen.c. */
#ifndef STOA_TOOL_TOP_H
#define STOA_TOOL_TOP_H

#include "gather.h"
#include "show.h"

enum sort {
	SORT_NAME,
	SORT_FILL,
	SORT_SENT,
	SORT_RECEIVED,
	SORT_HELD,
	SORT_WAITING,
	SORTS
};

/* An object; or a segment that has none, or cannot be opened: then `object` is "". */
struct row {
	uint8_t id[16];
	char *segment, *object; /* as they are: not harmless */
	uint32_t kind;
	bool rated;  /* there are two samples of it */
	double fill; /* 0 to 1; negative: it has none */
	char *state;
	uint64_t sent, received; /* so far */
	double sent_rate, received_rate;
	uint64_t held; /* by all together */
	size_t waiting;
	bool waits_unseen;
	struct text holder; /* who has held something longest; "" for nobody */
	uint64_t held_ns;
	int holder_pid;           /* 0: it is not known */
	const char *holder_state; /* of participant_state() */
	bool holder_stopped, holder_dead;
	struct hold {
		uint32_t role, participant;
		uint64_t mark, since_ns;
	} * holds;
	size_t hold_count;
};

struct sample {
	uint64_t now_ns, time_ns; /* CLOCK_MONOTONIC, CLOCK_REALTIME */
	size_t segments, alive, dead;
	struct row *rows;
	size_t count;
};

/* Looks at the segments of these names (count 0: at all); `before` may be NULL. */
void sample_take(struct sample *sample, const struct sample *before, char **names, size_t count);
void sample_end(struct sample *sample);
void sample_sort(struct sample *sample, enum sort sort);
extern const char *const sort_names[]; /* as enum sort */

/* A line of words on the whole, without its end; and the rows under their titles, as many lines. */
void sample_head(const struct sample *sample, FILE *to);
void sample_print(const struct sample *sample, FILE *to);
enum colour row_colour(const struct row *row);

/* Until the user quits.  A status. */
int top_screen(char **names, size_t count, double seconds, enum sort sort);

#endif
