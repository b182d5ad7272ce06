/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * chain_parts.h - what the files of a chain know of each other: chain.c (sending, and the whole idea),
 * chain_ring.c (its words and rings), chain_receive.c, chain_life.c, chain_tell.c.
 */
#ifndef STOA_PYTHON_CHAIN_PARTS_H
#define STOA_PYTHON_CHAIN_PARTS_H

#include "chain.h"

#define SHUT (1ull << 63)
#define NUMBER(tail) ((uint32_t)(tail))

struct finished {
	uint32_t first, mask;
	uint64_t sent;
};

/* A segment and the queue in it, to be opened without the interpreter's lock. */
struct opening {
	const char *name;
	struct stoa_queue_config shape;
	unsigned participants, mode, flags;
	uint64_t more; /* room beside the ring */
	bool create;
	struct stoa_segment *segment;
	struct stoa_queue *queue;
};

int open_segment(struct opening *opening);

/* The word `tail`; SHUT for a queue of one ring. */
uint64_t load_tail(const struct chain *chain);
bool in_finished(const struct finished *finished, uint32_t number);
bool is_finished(const struct chain *chain, uint32_t number);
/* The first ring from `number` on that is not finished, or the last one. */
uint32_t next_unfinished(const struct chain *chain, uint32_t number, uint32_t last);
/* Whether ring k, which get_ring() with that answer has not found, was finished meanwhile; else somebody has removed its
 * file, or the words are nonsense. */
bool is_gone(const struct chain *chain, uint32_t number, int rc);

/* Ring k, with one more use.  0, -ENOENT, -ESHUTDOWN (the chain was closed here), or another fault. */
int get_ring(struct chain *chain, uint32_t number, bool create, struct ring **ring);
bool has_ring(const struct chain *chain, uint32_t number);
/* The chain itself uses it no longer. */
void forget_ring(struct chain *chain, uint32_t number);
/* Removes its file. */
void remove_ring(const struct chain *chain, uint32_t number);

/* The next message goes to `ring`, or comes from there; its use is taken over. */
static inline void move(struct ring **from, struct ring *ring)
{
	ring_leave(*from);
	*from = ring;
}

/* The ring to send to, where `ring` is full or shut down.  0, STOA_CLOSED, or a fault. */
int extend(struct chain *chain, struct ring *ring, struct ring **next);

/* Opens the first ring to receive from. */
int chain_start_receive(struct chain *chain);
/* The first ring from `number` on that is not finished. */
int ring_to_receive(struct chain *chain, uint32_t number, struct ring **ring);

/* The descriptor of chain_fd() follows the chain; has ticked; is closed. */
void chain_watch(const struct chain *chain, const struct ring *ring, bool more);
void chain_tick(const struct chain *chain);
void chain_end_poll(struct chain *chain);

#endif
