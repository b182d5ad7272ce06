/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * section.h - the sections of the bench, in the order in which they run.
 */
#ifndef BENCH_SECTION_H
#define BENCH_SECTION_H

#include <stdbool.h>

/* False: a check of the data failed. */
bool section_spsc(void);
bool section_rtt(void);
bool section_pair(void);
bool section_mpmc(void);
bool section_value(void);
bool section_scalar(void);
bool section_wake(void);
bool section_sizes(void);
bool section_over(void);
bool section_frozen(void);
bool section_killed(void);
bool section_attach(void);
bool section_growth(void);
bool section_tune(void);

/* 1024: "1 Ki"; `unit` such as "B" goes behind. */
const char *in_units(unsigned long long number, const char *unit);

#endif
