/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_rwlock_scalar.c - the number of peer_lock_scalar.c under a read-write lock. */
#define LOCK_RW
#include "peer_lock_scalar.c"
