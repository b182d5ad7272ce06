/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mutate.h - `stoa-stress mutate`, which plants defects and hunts for them, and `stoa-stress replay`.
 */
#ifndef STOA_MUTATE_H
#define STOA_MUTATE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

int mutate_main(int argc, char **argv);
int replay_main(int argc, char **argv);

/*
 * Where a program of the suite lies: beside this one, or, installed, where programs lie that nobody
 * calls by hand.  False, and `path` says where it should be, where there is none.
 */
bool program_find(const char *name, char path[PATH_MAX]);

/* ---- hunts: mutate_hunt.c ---- */

#define HUNT_TEXT 200

struct hunt {
	const char *words; /* the program and what it plays, as the general order or a hint says */
	pid_t pid;
	int fd;                         /* what it says */
	double started, ends, found_at; /* in seconds; found_at: 0 where it has found nothing yet */
	bool told;                      /* to end */
	bool complete;                  /* nothing more is to be heard of what it found */
	size_t used;
	char line[1024]; /* that is not yet whole */
	/* what it found */
	char scenario[HUNT_TEXT], kind[HUNT_TEXT], replay[2 * HUNT_TEXT];
};

enum hunt_end { HUNT_RUNS, HUNT_FOUND, HUNT_FOUND_NOTHING, HUNT_NOT_TRIED };

double hunt_now(void);
/* The name of a hunt's program. */
void hunt_program(const char *words, char program[HUNT_TEXT]);
/* What is tried for a defect as the n-th, the hint of the defect first; NULL after the last. */
const char *hunt_words(int defect, unsigned n, bool hints);
/* Why nothing can notice a defect, but as a delay, or at all; NULL where something should. */
const char *hunt_in_vain(int defect);
/* False where no process can be had. */
bool hunt_begin(struct hunt *hunt, const char *words, int defect, double seconds);
/* Reads what there is.  HUNT_RUNS, or how it ended; then it is gone. */
enum hunt_end hunt_look(struct hunt *hunt);
/* Ends it, whatever it does. */
void hunt_stop(struct hunt *hunt);

/* ---- campaigns: mutate.c, mutate_report.c ---- */

enum fate { WAITS, HUNTED, FOUND, SURVIVED };

struct mutant {
	const char *name, *words;
	bool chosen;
	enum fate fate;
	bool untried; /* one of the programs could not do its part */
	unsigned hunts;
	double started;
};

struct place {
	int mutant; /* 0: none */
	struct hunt hunt;
	struct hunt found; /* what was found, while the same is tried without the defect */
	char control[2 * HUNT_TEXT];
};

struct campaign {
	struct place *places;
	long jobs, seconds; /* 0: the default of each program */
	bool json, hints, defects, orders, progress;
	unsigned chosen, found, survived, untried;
	unsigned expected, stale; /* survived, as hunt_in_vain() says, or was found all the same */
	unsigned holes;           /* survived all that could be tried */
	double started;
};

/* `hunt`: what found it, or NULL. */
void report_fate(const struct campaign *campaign, int number, const struct mutant *mutant,
                 const struct hunt *hunt);
void report_progress(const struct campaign *campaign);
void report_sum(const struct campaign *campaign);

#endif
