/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_futex.h - the kernel's part of an execution, for explore_os.c.
 */
#ifndef STOA_EXPLORE_FUTEX_H
#define STOA_EXPLORE_FUTEX_H

#include "layout.h"

/* As the functions of os.h that bear these names. */
int explore_futex_wait(struct atom32 *word, uint32_t expected, uint64_t deadline_ns);
int explore_futex_wake(struct atom32 *word, int count);
void explore_fence_all(void);
uint64_t explore_now_ns(void);
/* A pause; outside of an execution, nothing but time that passes. */
void explore_sleep(uint64_t ns);

#endif
