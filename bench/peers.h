/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * peers.h - what is in this program; each table ends with NULL.
 */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include "channel_peer.h"
#include "queue_peer.h"
#include "scalar_peer.h"
#include "value_peer.h"

extern const struct queue_peer *const queue_peers[];
/* Is it for messages of this size, and can all that is asked for? */
bool queue_serves(const struct queue_peer *peer, size_t size, unsigned can);

extern const struct value_peer *const value_peers[];
extern const struct scalar_peer *const scalar_peers[];
extern const struct channel_peer *const channel_peers[];

#endif
