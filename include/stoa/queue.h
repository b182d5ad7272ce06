/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * stoa/queue.h - messages between processes: each to one receiver, in order,
 * copied or in place, without a lock.
 *
 * A queue holds exactly `capacity` messages of up to `message_size` bytes.  Who
 * sends opens a sender, who receives a receiver: one thread at a time each, so one
 * per thread.  Where both ends are STOA_ONE the queue is an SPSC ring; otherwise
 * it is the exchange ring of docs/exchange-ring.md.
 *
 * Leases and room.  On the exchange ring a lease holds its own block, and nothing of the
 * queue's capacity.  On the SPSC ring a leased message keeps its place, and so do those
 * behind it that were taken and acknowledged: one lease that stays open stops the queue
 * after `capacity` messages.  Where leases last, copy the message, give the queue room
 * for what passes meanwhile, or make one end STOA_MANY.
 *
 * Parcels.  On the exchange ring every message costs an exchange on a word that all fight for.  Where the
 * config's `pack` is more than 1 the ring carries parcels instead: a push makes one of a single message,
 * stoa_sender_push_many() one of up to `pack` messages.  Many small messages in bursts are then several
 * times as fast, for the price of this:
 *
 * - A parcel is one place in the queue, and goes whole to one receiver.  `capacity` and all that
 *   stoa_queue_stat() counts are parcels (a message is one, where `pack` is 1); so are ids and deliveries.
 * - A receiver that asks for fewer messages than there are keeps the rest open in one of its holds, and goes
 *   on there with its next call.  The rest is held as under a lease: the others do not see it (they are
 *   told STOA_EMPTY, and the descriptor of stoa_queue_fd() says nothing of it, so receive until
 *   STOA_EMPTY), a stopped receiver withholds it, and at the end of a drain the others wait for it.
 * - stoa_receiver_close() and a death give the rest to another, at once and flagged (STOA_DISCARD: a death
 *   drops and counts it); a message that was received before does not come again.
 *
 * Between two STOA_ONE ends bursts are as fast by themselves, and `pack` changes nothing.
 *
 * Progress, as it is told of each call, leaves out two things: waking who sleeps, which is lock-free,
 * and looking after the dead, now and then, which takes a bounded number of system
 * calls and scans.
 */
#ifndef STOA_QUEUE_H
#define STOA_QUEUE_H

#include <stoa/segment.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stoa_queue;
struct stoa_sender;
struct stoa_receiver;

enum stoa_ends {
	STOA_MANY = 0, /**< any number, up to `handles` */
	STOA_ONE = 1,  /**< one that lives, at any time; at both ends: an SPSC ring, see the head of this file */
};

enum stoa_on_death {
	STOA_REDELIVER = 0, /**< what a dead receiver had not acknowledged goes to another */
	STOA_DISCARD = 1,   /**< it is dropped and counted */
};

enum stoa_queue_flag {
	/** drain when the last sender has closed or died; one inherited over fork() counts from its
	 * first use in the child */
	STOA_CLOSE_WITH_SENDERS = 0x10,
};

enum stoa_shutdown {
	STOA_DRAIN = 1, /**< no more pushes; what is there is still delivered */
	STOA_NOW = 2,   /**< no more pushes, and what nobody holds is discarded and counted */
};

enum stoa_queue_event {
	STOA_READABLE = 1, /**< there is a message, or a pop would answer STOA_CLOSED */
	STOA_WRITABLE = 2, /**< there is room, or the queue is shut down */
};

enum stoa_message_flag {
	STOA_REDELIVERED = 1, /**< somebody held it before and died, or gave it back */
};

struct stoa_queue_config {
	size_t struct_size;    /**< sizeof(struct stoa_queue_config) */
	uint64_t capacity;     /**< messages (parcels, see `pack`), exactly; default 1,024 */
	uint64_t message_size; /**< bytes of the largest message; default 64 */
	uint32_t senders;      /**< STOA_MANY or STOA_ONE */
	uint32_t receivers;    /**< STOA_MANY or STOA_ONE */
	uint32_t handles;      /**< senders and receivers open at once, at most, and dead receivers whose messages
	                            nobody has taken yet; default 64, up to 16,384 */
	uint32_t holds;        /**< blocks that one of them may hold at once; default 4, up to 4,096 */
	uint32_t on_death;     /**< STOA_REDELIVER or STOA_DISCARD */
	uint32_t flags;        /**< STOA_EXCLUSIVE, STOA_CLOSE_WITH_SENDERS */
	uint32_t pack;         /**< messages that a parcel may carry, see the head of this file; default 1, up to
	                            1,024 */
};

/** A message held under a lease, read in place. */
struct stoa_message {
	const void *bytes;   /**< 64-byte aligned (but for the rest of a parcel that was begun); shared memory
	                          that a hostile sender may still change */
	size_t size;         /**< bytes; of a parcel: of all its messages, which lie side by side */
	uint64_t id;         /**< stays the same when it is delivered again */
	uint32_t deliveries; /**< this one included: 1 at first */
	uint32_t flags;      /**< STOA_REDELIVERED */
	uint32_t count;      /**< messages in it: 1, or those of a parcel, all of one size */
	uint32_t reserved;   /**< 0 */
	uint64_t private_words[4]; /**< the library's */
};

/**
 * Creates a queue or opens the one of that name.
 * Returns: 0; -EEXIST (it exists, with STOA_EXCLUSIVE); -EPROTOTYPE (it exists with another kind or any other
 *   member of the config; nothing changed); -EINVAL (no such senders, receivers, on_death or
 *   flags, `pack` over 1,024, an empty name); -ENAMETOOLONG (over 63 bytes); -EOVERFLOW (sizes
 *   beyond what the layout can number, or 2^64; `pack` messages of 2^48 bytes together); -ENOSPC;
 *   -EACCES (read-only segment and it does not exist);
 *   -EBADMSG; -ENOMEM;
 *   -EUSERS (after fork(): no participant's slot).
 * Callers: any thread.  Progress: lock-free.  Death: published whole or not at all.
 */
STOA_API int stoa_queue_create(struct stoa_segment *segment, const char *name,
                               const struct stoa_queue_config *config, struct stoa_queue **queue);

/**
 * Opens a queue.  `expect` is compared with what is there, where it is not NULL (a zero
 * member, too, means its default).
 * Returns: 0; -ENOENT; -EPROTOTYPE; -EINVAL; -ENAMETOOLONG; -EBADMSG; -ENOMEM.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is written.
 */
STOA_API int stoa_queue_open(struct stoa_segment *segment, const char *name,
                             const struct stoa_queue_config *expect, struct stoa_queue **queue);

/**
 * Gives the handle back; NULL is ignored.  Senders and receivers opened from it stay usable.
 * Returns: 0.
 * Callers: one thread, and no other call on this handle at once.  Progress: lock-free.
 * Death: nothing shared is left behind.
 */
STOA_API int stoa_queue_close(struct stoa_queue *queue);

/**
 * Tells what the queue is, in the form of its config.
 * Returns: 0; -EINVAL.
 * Callers: any thread.  Progress: wait-free.  Death: nothing shared is written.
 */
STOA_API int stoa_queue_info(const struct stoa_queue *queue, struct stoa_queue_config *info);

/**
 * The room that a queue of this config takes in a segment, in bytes.
 * Returns: 0; -EINVAL; -EOVERFLOW.
 * Callers: any.  Progress: wait-free.  Death: nothing shared is touched.
 */
STOA_API int stoa_queue_footprint(const struct stoa_queue_config *config, uint64_t *bytes);

/**
 * Shuts the queue down, for ever.  STOA_DRAIN: later pushes answer STOA_CLOSED; receivers
 * get what is left, and STOA_CLOSED only when nothing is left and, under STOA_REDELIVER, no
 * lease is open.  STOA_NOW: nothing is received any more, unread messages count as discarded;
 * open leases stay valid.  STOA_NOW may follow STOA_DRAIN.  Everyone who waits is woken.
 * STOA_EMPTY after STOA_DRAIN, by a receiver's call that began when this had returned (or whose caller has
 * learnt of it): nothing more will be committed, and all that was has been taken; only what is leased, or was
 * given back meanwhile, can still come.
 * Returns: 0; -EINVAL; -EACCES.
 * Callers: any thread of any process.  Progress: lock-free.  Death: shut down or not.
 */
STOA_API int stoa_queue_shutdown(struct stoa_queue *queue, unsigned how);

struct stoa_queue_stat {
	size_t struct_size;    /**< sizeof(struct stoa_queue_stat) */
	uint64_t capacity;     /**< messages; where `pack` is more than 1 this and all below are parcels */
	uint64_t message_size; /**< bytes */
	uint64_t length;       /**< committed messages that nobody holds, redelivered ones included */
	uint64_t held;         /**< messages under a lease, or being received */
	uint64_t sent;         /**< messages ever committed */
	uint64_t received;     /**< messages ever taken out of the ring, redelivered ones counted once */
	uint64_t redelivered;  /**< times that a message went back for another receiver; SPSC: was handed
				* out again; there it may miss one for each receiver that was killed */
	uint64_t discarded;    /**< by STOA_DISCARD and by STOA_NOW */
	uint32_t senders;      /**< open, of processes that live as far as can be told */
	uint32_t receivers;    /**< likewise */
	uint32_t shutdown;     /**< 0, STOA_DRAIN or STOA_NOW */
	uint32_t reserved;     /**< 0 */
};

/**
 * Tells how the queue stands.  Each number is right for a moment during the call.
 * Returns: 0; -EINVAL; -EBADMSG; -ENOMEM.
 * Callers: any thread of any process, also read-only.  Progress: STOA_ONE on both ends wait-free, else
 *   lock-free; in time proportional to capacity and handles, at the worst to the square of handles x
 *   holds.  Death: nothing shared is written.
 */
STOA_API int stoa_queue_stat(const struct stoa_queue *queue, struct stoa_queue_stat *stat);

/**
 * Tells how many messages wait in the queue: `length` of stoa_queue_stat() alone, for those who ask often.
 * Returns: 0; STOA_FULL (it is told, too, and there was no room for another); -EINVAL; -EBADMSG.
 * Callers: any thread of any process, also read-only.  Progress: as stoa_queue_stat(); in a few steps
 *   where messages were never given back, else in time proportional to the handles.  Death: nothing shared is
 *   written.
 */
STOA_API int stoa_queue_length(const struct stoa_queue *queue, uint64_t *length);

/**
 * A descriptor for epoll, poll and select.  It is readable (level-triggered) while the queue has one of
 * `events` (STOA_READABLE, STOA_WRITABLE); one per queue handle and set of events.  It may report too early,
 * so the calls after it should not wait; it never stays silent.  The first call in a process starts a helper
 * thread.  The descriptor belongs to the queue handle; never read or close it.
 * Returns: a descriptor; -EINVAL; -EACCES; -ENOMEM; -EMFILE; -EAGAIN (no thread is to be had).
 * Callers: any thread.  Progress: blocking within the process.  Death: nothing is left
 *   behind but, at most, one needless wake-up call.
 */
STOA_API int stoa_queue_fd(struct stoa_queue *queue, unsigned events);

/**
 * Opens a sender.  It keeps the queue's mapping; the queue handle may be closed before it.
 * Returns: 0; -EBUSY (STOA_ONE, and the other lives); -EUSERS (all handles are taken, after
 *   reaping); -EACCES; -ENOMEM; -EBADMSG; -EINVAL.  A queue that was shut down opens:
 *   its pushes answer STOA_CLOSED.
 * Callers: any thread.  Progress: lock-free.  Death: reaped by the others.
 */
STOA_API int stoa_sender_open(struct stoa_queue *queue, struct stoa_sender **sender);

/**
 * Closes a sender and aborts its reservations; NULL is ignored.
 * Returns: 0.
 * Callers: the sender's thread.  Progress: lock-free.  Death: reaped by the others.
 */
STOA_API int stoa_sender_close(struct stoa_sender *sender);

/**
 * Sends a copy of a message, or says at once that it cannot.  Bytes need no alignment.
 * Returns: 0 (committed); STOA_FULL; STOA_CLOSED; -EMSGSIZE (over message_size); -ENOBUFS
 *   (all `holds` blocks are reserved); -EBUSY, -EUSERS (first use in a forked child: as
 *   stoa_sender_open()); -EBADMSG; -EINVAL.
 * Callers: the sender's thread.  Progress: STOA_ONE on both ends wait-free, else lock-free.
 *   STOA_FULL: now and then looks after the dead.  Death: committed whole or not at all.
 */
STOA_API int stoa_sender_push(struct stoa_sender *sender, const void *message, size_t size);

/**
 * Sends a copy of a message, and waits for room until the deadline.
 * Returns: 0 (committed); STOA_FULL (with &stoa_now: no room); STOA_TIMEOUT; -EINTR (a signal handler ran;
 *   not sent); else as stoa_sender_push().
 * Callers: the sender's thread.  Progress: blocking by design.  Death: as stoa_sender_push().
 */
STOA_API int stoa_sender_send(struct stoa_sender *sender, const void *message, size_t size,
                              const struct timespec *deadline);

/**
 * Sends copies of `count` messages of one size, side by side in memory, until one does not go.
 * `*done` gets how many went.  Where `pack` is more than 1 they go in parcels of so many; the last may have
 * fewer.
 * Returns: 0 (all went); else as stoa_sender_push() for the one that did not go.
 * Callers: the sender's thread.  Progress: as stoa_sender_push().  Death: the first ones are
 *   committed, each whole, and parcels, too.
 */
STOA_API int stoa_sender_push_many(struct stoa_sender *sender, const void *messages, size_t size_each,
                                   size_t count, size_t *done);

/**
 * Gives a private block to write a message of up to `size` bytes into, 64-byte aligned.
 * Returns: 0; -EMSGSIZE (over message_size); -ENOBUFS (all `holds` blocks are reserved);
 *   -EBUSY, -EUSERS (first use in a forked child); -EINVAL.
 * Callers: the sender's thread.  Progress: wait-free.  Death: aborted.
 */
STOA_API int stoa_sender_reserve(struct stoa_sender *sender, size_t size, void **bytes);

/**
 * Sends a reserved block as a message of `size` bytes, and waits for room until the deadline.
 * Messages are ordered by their commits.
 * Returns: 0 (committed; the block is no longer the caller's); STOA_FULL (with &stoa_now: no room);
 *   STOA_TIMEOUT; STOA_CLOSED; -EINTR; -EMSGSIZE (more than was reserved); -EINVAL (not reserved here);
 *   -ESTALE (reserved by the parent, before fork()); -EBADMSG.  After all but 0 the block is still the
 *   caller's.
 * Callers: the sender's thread.  Progress: as stoa_sender_send().  Death: committed whole or
 *   not at all.
 */
STOA_API int stoa_sender_commit(struct stoa_sender *sender, void *bytes, size_t size,
                                const struct timespec *deadline);

/**
 * Gives a reserved block back unsent.
 * Returns: 0; -EINVAL (not reserved here); -ESTALE (reserved by the parent, before fork()).
 * Callers: the sender's thread.  Progress: wait-free.  Death: aborted all the same.
 */
STOA_API int stoa_sender_abort(struct stoa_sender *sender, void *bytes);

/**
 * Opens a receiver.  It keeps the queue's mapping; the queue handle may be closed before it.
 * Returns: 0; -EBUSY (STOA_ONE, and the other lives); -EUSERS (all handles are taken, after
 *   reaping); -EACCES; -ENOMEM; -EBADMSG; -EINVAL.  A queue that was shut down
 *   opens: its rest is to be received.
 * Callers: any thread.  Progress: lock-free.  Death: reaped by the others.
 */
STOA_API int stoa_receiver_open(struct stoa_queue *queue, struct stoa_receiver **receiver);

/**
 * Closes a receiver and returns its leases for others; NULL is ignored.
 * Returns: 0.
 * Callers: the receiver's thread.  Progress: lock-free.  Death: reaped by the others.
 */
STOA_API int stoa_receiver_close(struct stoa_receiver *receiver);

/**
 * Receives a copy of the next message, acknowledged when this returns, or says at once that
 * there is none.  `size`, where not NULL, gets the message's size, also with -EMSGSIZE.
 * STOA_EMPTY while the queue drains: none but what is leased will come, see stoa_queue_shutdown().
 * Returns: 0; STOA_EMPTY; STOA_CLOSED; -EMSGSIZE (longer than `room`; it stays first in line);
 *   -ENOBUFS (all `holds` blocks are leased); -EBUSY, -EUSERS (first use in a forked child: as
 *   stoa_receiver_open()); -EBADMSG; -EINVAL.
 * Callers: the receiver's thread.  Progress: STOA_ONE on both ends wait-free, else lock-free; the end
 *   of a drain takes system calls and a scan.
 * Death: still in line, or delivered again to another (STOA_DISCARD: dropped and counted); of a parcel
 *   all that was not received.
 */
STOA_API int stoa_receiver_pop(struct stoa_receiver *receiver, void *out, size_t room, size_t *size);

/**
 * Receives a copy of the next message, and waits for one until the deadline.
 * At the end of a drain, under STOA_REDELIVER, it waits for all open leases: for those of stopped
 * processes, and for its own, too.
 * Returns: 0; STOA_EMPTY (with &stoa_now: no message that nobody holds); STOA_TIMEOUT; -EINTR (a signal
 *   handler ran; nothing consumed); else as stoa_receiver_pop().
 * Callers: the receiver's thread.  Progress: blocking by design.  Death: as stoa_receiver_pop().
 */
STOA_API int stoa_receiver_recv(struct stoa_receiver *receiver, void *out, size_t room, size_t *size,
                                const struct timespec *deadline);

/**
 * Receives copies of up to `count` messages, `room_each` bytes apart in `out`, until one does
 * not come.  `sizes`, where not NULL, gets their sizes; `*done` how many came.
 * Returns: 0 (at least one came, or count was 0); else as stoa_receiver_pop() for the first.
 *   -EMSGSIZE (the first that waits is longer than `room_each`; `sizes[0]` has its size).
 * Callers: the receiver's thread.  Progress: as stoa_receiver_pop().  Death: as
 *   stoa_receiver_pop(), for each.
 */
STOA_API int stoa_receiver_pop_many(struct stoa_receiver *receiver, void *out, size_t room_each,
                                    size_t *sizes, size_t count, size_t *done);

/**
 * Takes the next message under a lease, to be read in place, and waits for one until the
 * deadline.  It is this receiver's until release or return; if the process dies before, it
 * goes to another.  STOA_ONE on both ends: it keeps its place until then, see the head of this file.
 * Where messages come in parcels, it takes all of one, or what this receiver has left of one, as one message.
 * Returns: 0; STOA_EMPTY (with &stoa_now: no message that nobody holds); STOA_TIMEOUT; STOA_CLOSED; -EINTR;
 *   -ENOBUFS (all `holds` blocks are leased); -EBUSY, -EUSERS (first use in a forked child); -EBADMSG;
 *   -EINVAL.
 * Callers: the receiver's thread.  Progress: blocking by design; with &stoa_now as
 *   stoa_receiver_pop().  Death: delivered again to another (STOA_DISCARD: dropped, counted).
 */
STOA_API int stoa_receiver_take(struct stoa_receiver *receiver, struct stoa_message *message,
                                const struct timespec *deadline);

/**
 * Acknowledges a message and gives its block back.
 * Returns: 0; -EINVAL (no open lease of this receiver); -ESTALE (the parent's, before fork()).
 * Callers: the receiver's thread.  Progress: wait-free; STOA_ONE on both ends in time proportional
 *   to the messages behind it that were released before.  Death: acknowledged or not.
 */
STOA_API int stoa_receiver_release(struct stoa_receiver *receiver, struct stoa_message *message);

/**
 * Gives a message back unacknowledged, for any receiver (this one too): same id, one more
 * delivery, STOA_REDELIVERED.  It comes ahead of those that wait; but a receiver that has the rest of a parcel open
 * finishes that first.  Of several that were given back any may come first; STOA_ONE on both ends: the oldest.
 * Returns: 0; -EINVAL (no open lease of this receiver); -ESTALE (the parent's, before fork()).
 * Callers: the receiver's thread.  Progress: lock-free.  Death: it goes to another all the same.
 */
STOA_API int stoa_receiver_return(struct stoa_receiver *receiver, struct stoa_message *message);

#ifdef __cplusplus
}
#endif

#endif
