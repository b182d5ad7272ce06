/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * stress.h - the commands of stoa-stress.
 *
 * A command gets the arguments behind its name.  It returns the exit status, or -1 where it does
 * not understand them.
 */
#ifndef STOA_STRESS_H
#define STOA_STRESS_H

#include <stdbool.h>

int step_main(int argc, char **argv);
int step_list(bool all);

/* Turns a planted defect on; 0 is none.  False where this build does not have it. */
bool stress_defect(long number);

#endif
