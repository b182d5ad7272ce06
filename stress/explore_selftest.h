/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_selftest.h - random programs, searched with and without the reduction: an exit status.
 */
#ifndef STOA_EXPLORE_SELFTEST_H
#define STOA_EXPLORE_SELFTEST_H

#include <stdint.h>

int selftest(unsigned programs, uint64_t first);

#endif
