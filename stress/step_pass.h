/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * step_pass.h - what step_pass.c, step_points.c and step_names.c know of each other.
 */
#ifndef STOA_STRESS_STEP_PASS_H
#define STOA_STRESS_STEP_PASS_H

#include "step.h"

#define PATIENCE_S 30 /* for whatever must come to an end */
#define INSTRUCTIONS_MAX 3000000

/* ---- images: what a dead process leaves ---- */

struct image {
	uint64_t n;  /* steps before it */
	uint64_t of; /* of a reaper: the n of the victim's image that it found */
	uintptr_t address;
	uint8_t *bytes;
	struct victim_area victim;
};

struct images {
	struct image *list;
	uint32_t count, room;
};

/* ---- a pass ---- */

struct pass {
	const struct scenario *scenario;
	const struct settings *settings;
	struct tally *tally;
	const struct drama *drama;
	struct world world;
	struct range shared[2]; /* the segment; the board, so that what the victim notes there counts, too */
	pid_t victim, reaper;
	struct images images; /* of the victim's operation */
	struct images reaped; /* of the reaper's, one image of the victim's after the other */
	struct replay where;  /* the point that is being tried */
	uint32_t phase;
};

/* ---- step_pass.c ---- */

void pass_failure(struct pass *pass, uintptr_t address, const char *what);
bool pass_enough(const struct pass *pass); /* failures: the rest is not tried */
/* An instruction later no less has happened.  The survivors have told on the board how much. */
void pass_check_phase(struct pass *pass, uintptr_t address);
/* A process that prepares, and is stopped at what it is to do; -1. */
pid_t pass_start_traced(struct pass *pass, void (*prepares)(struct world *), void (*acts)(struct world *),
                        void (*ends)(struct world *));

/* ---- step_points.c ---- */

void images_restore(struct pass *pass, const struct image *image);
void images_keep(struct pass *pass, struct images *images, uint64_t n, uintptr_t address);
/* Whether the last of them, from `first` on, is what there is. */
bool images_kept(const struct pass *pass, const struct images *images, uint32_t first);
void images_forget(struct images *images);

/* From here on a process that does not come to its end within PATIENCE_S is killed; 0: nobody. */
void watch(pid_t pid);
/* Survivors of one who is dead: from the bytes that are there to their end. */
void point_kill(struct pass *pass, uintptr_t address, struct fate fate);
/* The same beside a process that is stopped and then goes on; the process itself is used up. */
void point_freeze(struct pass *pass, pid_t stopped, uintptr_t address, struct fate fate);
/* The same with a copy of the process; afterwards all is as it was. */
void point_freeze_copy(struct pass *pass, pid_t pid, uintptr_t address, struct fate fate,
                       const struct image *now);
/* How many instructions a survivor needs for a turn, here and now. */
void point_turn(struct pass *pass, uintptr_t address, const struct image *now);

/* ---- step_names.c ---- */

/* All points of a scenario of names, or of one who attaches, each in a world of its own. */
void names_play(struct pass *pass);

#endif
