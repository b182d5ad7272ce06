/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_stoa_semaphore.c - a word guarded by a semaphore of stoa. */
#define FUTEX_STOA
#include "peer_futex.c"
