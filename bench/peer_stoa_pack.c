/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_stoa_pack.c - stoa's exchange ring with bursts in parcels. */
#define STOA_PACK 32
#include "peer_stoa_queue.c"
