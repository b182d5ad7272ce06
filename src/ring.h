/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * ring.h - the SPSC ring: pure, never sleeping.
 *
 * One sender's and one receiver's half; queue.c sees to it that each has one user.
 */
#ifndef STOA_RING_H
#define STOA_RING_H

#include "atomic.h"
#include "event.h"
#include "segment.h"

#include <stoa/inline.h>

struct ring {
	struct ring_layout *shared;
	struct queue_layout *queue; /* of which: closing, readable, writable */
	uint64_t capacity;
	uint64_t message_size;
	uint32_t holds;
	uint32_t blocks; /* 0: payload in place; else blocks behind numbers */
	struct atom32 *marks;
	void *sizes; /* struct atom32[], or with blocks struct atom64[] */
	uint8_t *payload;
	uint64_t stride;
};

/* What an end looks at, as if it were its queue, that shall take the long way: ends of other queues, too. */
struct ring_object {
	struct queue_layout queue;
	struct ring_layout ring;
};
extern struct ring_object ring_long_way;

static inline bool ring_has_short_way(const struct stoa_hot_end *hot)
{
	return hot->queue != (const unsigned char *)&ring_long_way;
}

int ring_plan(const struct stoa_queue_config *config, uint64_t offset, struct ring_layout *layout,
              uint64_t *end);
/* `shared` lies behind the queue_layout. */
void ring_view(struct ring *ring, const struct stoa_queue_config *config, void *object,
               struct ring_layout *shared, const struct ring_layout *plan);
void ring_format(const struct ring *ring);

/* ---- the sender's half ---- */

struct ring_sender {
	/* first; hot.position is the next one to send, hot.limit where to look again */
	struct stoa_hot_end hot;
	struct ring ring;
	uint32_t *spares; /* with blocks: `holds` of them, private; else NULL */
	uint8_t *staging; /* without blocks: `holds` buffers of 64-byte aligned private memory */
	bool fenced;      /* the process could not register for os_fence_all() */
	bool sizes_vary;  /* as the shared word */
	bool slow;        /* the short way is not for now: ring_sender_slow() */
};

/* Takes up where the last sender left.  0, -EBADMSG, -ENOMEM. */
int ring_sender_open(struct ring_sender *sender, const struct ring *ring);
void ring_sender_close(struct ring_sender *sender);
/* STOA_OK, STOA_FULL, STOA_CLOSED, -EBADMSG. */
int ring_push(struct ring_sender *sender, const void *message, uint64_t size);
/* `count` messages one behind the other, as far as there is room; how many went is `*done`. */
int ring_push_many(struct ring_sender *sender, const void *messages, uint64_t size, size_t count,
                   size_t *done);
/* After stoa_hot_push() said STOA_HOT_LOOK: STOA_OK, STOA_CLOSED. */
int ring_pushed(struct ring_sender *sender);
/* Whether every push shall come to ring_push(), and then to its caller. */
void ring_sender_slow(struct ring_sender *sender, bool slow);
/* Where hold k's message is written before ring_commit(). */
void *ring_reserved(const struct ring_sender *sender, uint32_t k);
int ring_commit(struct ring_sender *sender, uint32_t k, uint64_t size);

/* ---- the receiver's half ---- */

enum ring_hold_state { RING_IDLE, RING_LEASED, RING_RETURNED };

struct ring_hold {
	uint64_t position;
	enum ring_hold_state state;
	uint32_t deliveries; /* so far */
};

struct ring_receiver {
	/* first; hot.position: the first that was never handed out; hot.limit: tail */
	struct stoa_hot_end hot;
	struct ring ring;
	uint64_t released; /* ours, while something is held; else hot.position */
	struct ring_hold *holds;
	uint32_t open;     /* holds that are not idle */
	uint32_t returned; /* of these, given back */
	uint8_t *staging;  /* where the payload in the ring is not 64-byte aligned */
	bool fenced;       /* as the sender's */
	bool sizes_vary;   /* below hot.limit */
};

/*
 * Takes up where the last receiver left: what it had not acknowledged is handed out first, or,
 * with `discard`, dropped and counted.  0, -EBADMSG, -ENOMEM.
 */
int ring_receiver_open(struct ring_receiver *receiver, const struct ring *ring, bool discard);
/* Forgets; what was leased and not given back is the next receiver's. */
void ring_receiver_close(struct ring_receiver *receiver);
/* STOA_OK, STOA_EMPTY, STOA_CLOSED (with `drain`), -EMSGSIZE, -EBADMSG. */
int ring_pop(struct ring_receiver *receiver, void *out, uint64_t room, bool drain, uint64_t *size);
/*
 * Up to `count` messages of message_size bytes into places of `room` bytes each, of those that
 * are surely there: how many; 0 where ring_pop() must be asked.
 */
size_t ring_pop_many(struct ring_receiver *receiver, void *out, uint64_t room, size_t count);

struct ring_message {
	const void *bytes;
	uint64_t size, position;
	uint32_t deliveries; /* this one included */
};
/* Leases the next message as hold `*k`.  STOA_OK, STOA_EMPTY, STOA_CLOSED (with `drain`), -ENOBUFS,
 * -EBADMSG. */
int ring_take(struct ring_receiver *receiver, bool drain, uint32_t *k, struct ring_message *message);
void ring_release(struct ring_receiver *receiver, uint32_t k);
void ring_return(struct ring_receiver *receiver, uint32_t k);

/* ---- looking, by anybody ---- */

/*
 * 1 or 0, from the shared words alone.  `abandoned`: there is no receiver, so what the last one had not
 * acknowledged waits for the next one.
 */
int ring_readable(const struct ring *ring, bool abandoned);
int ring_writable(const struct ring *ring);

struct ring_stat {
	uint64_t sent, received, held, unread, redelivered, discarded;
};
int ring_stat(const struct ring *ring, struct ring_stat *stat);

#endif
