/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_robust_value.c - the struct of peer_lock_value.c under a robust mutex. */
#define LOCK_ROBUST
#include "peer_lock_value.c"
