/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_rwlock_value.c - the struct of peer_lock_value.c under a read-write lock. */
#define LOCK_RW
#include "peer_lock_value.c"
