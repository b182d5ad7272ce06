/* SPDX-License-Identifier: BSD-2-Clause */
/* peers.c - who is here, and who is not. */
#include "peers.h"

#include "options.h"
#include "results.h"

#define SIZES(name) QUEUE_SYMBOL(name, 8), QUEUE_SYMBOL(name, 64), QUEUE_SYMBOL(name, 1024)
#define THREE(name) &QUEUE_SYMBOL(name, 8), &QUEUE_SYMBOL(name, 64), &QUEUE_SYMBOL(name, 1024)

extern const struct queue_peer SIZES(stoa), SIZES(stoa_inline), SIZES(stoa_pack), SIZES(stoa_lto), SIZES(ck_ring), SIZES(boost_spsc),
	SIZES(boost_queue), SIZES(rte_ring), SIZES(rte_hts), SIZES(vyukov), SIZES(cached), SIZES(mutex),
	SIZES(robust_mutex), SIZES(mailbox), SIZES(broken);

const struct queue_peer *const queue_peers[] = {
	THREE(stoa),       THREE(stoa_inline), THREE(stoa_pack),
#ifdef WITH_LTO
	THREE(stoa_lto),
#endif
	THREE(ck_ring),
#ifdef WITH_BOOST
	THREE(boost_spsc), THREE(boost_queue),
#endif
#ifdef WITH_RTE
	THREE(rte_ring),   THREE(rte_hts),
#endif
	THREE(vyukov),     THREE(cached),      THREE(mutex), THREE(robust_mutex),
	THREE(mailbox),    THREE(broken),      NULL,
};

bool queue_serves(const struct queue_peer *peer, size_t size, unsigned can)
{
	if (peer->size != size || (peer->can & QUEUE_BROKEN && !options.broken))
		return false;
	if (peer->can & QUEUE_BURSTS_ONLY && !(can & QUEUE_BURSTS))
		return false;
	return (peer->can & can) == can;
}

/* ---- structs ---- */

#define VALUES(name) VALUE_SYMBOL(name, 64), VALUE_SYMBOL(name, 1024), VALUE_SYMBOL(name, 65536)
#define EACH_VALUE(name) &VALUE_SYMBOL(name, 64), &VALUE_SYMBOL(name, 1024), &VALUE_SYMBOL(name, 65536)

extern const struct value_peer VALUES(stoa), VALUES(stoa_lto), VALUES(ck_sequence), VALUES(seqlock),
	VALUES(mutex), VALUES(robust), VALUES(rwlock), VALUES(plain);

const struct value_peer *const value_peers[] = {
	EACH_VALUE(stoa),
#ifdef WITH_LTO
	EACH_VALUE(stoa_lto),
#endif
	EACH_VALUE(ck_sequence),
	EACH_VALUE(seqlock),
	EACH_VALUE(mutex),
	EACH_VALUE(robust),
	EACH_VALUE(rwlock),
	EACH_VALUE(plain),
	NULL,
};

/* ---- numbers ---- */

extern const struct scalar_peer SCALAR_SYMBOL(stoa), SCALAR_SYMBOL(stoa_array), SCALAR_SYMBOL(stoa_inline),
	SCALAR_SYMBOL(stoa_inline_array), SCALAR_SYMBOL(stoa_lto), SCALAR_SYMBOL(stoa_lto_array),
	SCALAR_SYMBOL(plain), SCALAR_SYMBOL(mutex), SCALAR_SYMBOL(robust), SCALAR_SYMBOL(rwlock);

const struct scalar_peer *const scalar_peers[] = {
	&SCALAR_SYMBOL(stoa),
	&SCALAR_SYMBOL(stoa_array),
	&SCALAR_SYMBOL(stoa_inline),
	&SCALAR_SYMBOL(stoa_inline_array),
#ifdef WITH_LTO
	&SCALAR_SYMBOL(stoa_lto),
	&SCALAR_SYMBOL(stoa_lto_array),
#endif
	&SCALAR_SYMBOL(mutex),
	&SCALAR_SYMBOL(robust),
	&SCALAR_SYMBOL(rwlock),
	&SCALAR_SYMBOL(plain),
	NULL,
};

/* ---- channels ---- */

extern const struct channel_peer CHANNEL_SYMBOL(stoa), CHANNEL_SYMBOL(stoa_in_place),
	CHANNEL_SYMBOL(stoa_semaphore), CHANNEL_SYMBOL(pipe), CHANNEL_SYMBOL(stream), CHANNEL_SYMBOL(packets),
	CHANNEL_SYMBOL(mq), CHANNEL_SYMBOL(boost_mq), CHANNEL_SYMBOL(zmq), CHANNEL_SYMBOL(posix_semaphore),
	CHANNEL_SYMBOL(futex), CHANNEL_SYMBOL(copy_out);

const struct channel_peer *const channel_peers[] = {
	&CHANNEL_SYMBOL(stoa),
	&CHANNEL_SYMBOL(stoa_in_place),
	&CHANNEL_SYMBOL(stoa_semaphore),
	&CHANNEL_SYMBOL(pipe),
	&CHANNEL_SYMBOL(stream),
	&CHANNEL_SYMBOL(packets),
	&CHANNEL_SYMBOL(mq),
#ifdef WITH_BOOST
	&CHANNEL_SYMBOL(boost_mq),
#endif
#ifdef WITH_ZMQ
	&CHANNEL_SYMBOL(zmq),
#endif
	&CHANNEL_SYMBOL(posix_semaphore),
	&CHANNEL_SYMBOL(futex),
	&CHANNEL_SYMBOL(copy_out),
	NULL,
};

/* ---- who is missing ---- */

const char *const missing_peers[] = {
#ifndef WITH_LTO
	"stoa/lto (a compiler with link-time optimization)",
#endif
#ifndef WITH_BOOST
	"boost spsc_queue, queue, message_queue (libboost-dev, g++)",
#endif
#ifndef WITH_RTE
	"rte_ring (libdpdk-dev)",
#endif
#ifndef WITH_ZMQ
	"ZeroMQ (libzmq3-dev)",
#endif
	NULL,
};
