/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_robust_queue.c - the ring of peer_mutex_queue.c under a robust mutex. */
#define ROBUST
#include "peer_mutex_queue.c"
