/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_main.h - the command: gets its arguments alone; an exit status, or -1 where it does not
 * understand them.
 */
#ifndef STOA_EXPLORE_MAIN_H
#define STOA_EXPLORE_MAIN_H

int explore_main(int argc, char **argv);

#endif
