/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_robust_scalar.c - the number of peer_lock_scalar.c under a robust mutex. */
#define LOCK_ROBUST
#include "peer_lock_scalar.c"
