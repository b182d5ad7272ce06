/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_posix_semaphore.c - a word guarded by a POSIX semaphore. */
#define FUTEX_POSIX
#include "peer_futex.c"
