/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_broken.c - the ring of peer_cached.c, that loses a message now and then. */
#define BROKEN
#include "peer_cached.c"
