/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_stoa_in_place.c - the queue of peer_stoa_channel.c, nothing copied. */
#define STOA_IN_PLACE
#include "peer_stoa_channel.c"
