/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * stoa/inline.h - the hottest calls, for the compiler to merge into the caller's loop.
 *
 * stoa_sender_push_inline() and stoa_receiver_pop_inline() are stoa_sender_push() and
 * stoa_receiver_pop(): same results, same callers, same behaviour in death.  In a queue with one sender
 * and one receiver (STOA_ONE, STOA_ONE) whose messages are of up to 64 bytes, a message of exactly
 * message_size bytes goes the short way, in the caller; everything else becomes a call.
 *
 * struct stoa_hot_end is part of the binary interface by this header alone.  Its form may change; a
 * program that was compiled with another one then misses stoa_inline_form_1, and is not loaded.
 */
#ifndef STOA_INLINE_H
#define STOA_INLINE_H

#include <stdint.h>
#include <string.h>

#include <stoa/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The library's own sources come with operations of their own (src/atomic.h), which a model checker
 * understands; for everybody else these are the compiler's: the first of this header, the second of
 * stoa/inline_number.h.
 */
#ifndef STOA_HOT_LOAD32
#define STOA_HOT_LOAD32(at) __atomic_load_n(at, __ATOMIC_RELAXED)
#define STOA_HOT_ACQUIRE64(at) __atomic_load_n(at, __ATOMIC_ACQUIRE)
#define STOA_HOT_RELEASE64(at, value) __atomic_store_n(at, value, __ATOMIC_RELEASE)
#define STOA_HOT_LIGHT() __atomic_signal_fence(__ATOMIC_SEQ_CST)

#define STOA_NUMBER_LOAD64(at) __atomic_load_n(at, __ATOMIC_SEQ_CST)
#define STOA_NUMBER_LOAD32(at) __atomic_load_n(at, __ATOMIC_SEQ_CST)
#define STOA_NUMBER_SWAP64(at, number) __atomic_exchange_n(at, number, __ATOMIC_SEQ_CST)
#define STOA_NUMBER_SWAP32(at, number) __atomic_exchange_n(at, number, __ATOMIC_SEQ_CST)
#define STOA_NUMBER_ADD64(at, number) __atomic_fetch_add(at, number, __ATOMIC_SEQ_CST)
#define STOA_NUMBER_ADD32(at, number) __atomic_fetch_add(at, number, __ATOMIC_SEQ_CST)
#define STOA_NUMBER_CAS64(at, expected, desired)                                                             \
	__atomic_compare_exchange_n(at, expected, desired, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#define STOA_NUMBER_CAS32(at, expected, desired)                                                             \
	__atomic_compare_exchange_n(at, expected, desired, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

#define STOA_INLINE_KEPT __attribute__((used))
#if defined(__has_attribute)
#if __has_attribute(retain)
#undef STOA_INLINE_KEPT
/* Also where the linker collects what nobody refers to. */
#define STOA_INLINE_KEPT __attribute__((used, retain))
#endif
#endif
/**
 * Marks of the forms of struct stoa_hot_end and struct stoa_hot_number: the loader refuses a program that was
 * compiled with others.
 */
extern STOA_API const char stoa_inline_form_1;
extern STOA_API const char stoa_inline_number_form_1;
STOA_INLINE_KEPT static const char *const stoa_inline_needs_form_1 = &stoa_inline_form_1;
STOA_INLINE_KEPT static const char *const stoa_inline_number_needs_form_1 = &stoa_inline_number_form_1;
#endif

#ifdef __cplusplus
}
#endif

#include <stoa/inline_number.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * An end of such a queue, the first member of a sender and of a receiver.  ring.c says what the words mean
 * and why no fence is needed between a release and the look that follows it.
 */
struct stoa_hot_end {
	unsigned char *queue;     /* in shared memory; or an image of one that sends everybody the long way */
	uint64_t size;            /* of messages that go the short way */
	uint64_t position, limit; /* the next one, and the first that is not known to be free, or filled */
	unsigned char *at;        /* the place of `position` ... */
	unsigned char *begin, *end; /* ... in the ring */
	uint64_t stride;            /* of places */
	uint64_t capacity, lap;     /* `lap`: the position at `begin` */
};

/* Words of a queue: 32 bits, ... */
#define STOA_HOT_READABLE(end) ((const uint32_t *)(const void *)((end)->queue + 80))
#define STOA_HOT_WRITABLE(end) ((const uint32_t *)(const void *)((end)->queue + 88))
/* ... and 64 bits. */
#define STOA_HOT_TAIL(end) ((uint64_t *)(void *)((end)->queue + 192))
#define STOA_HOT_RELEASED(end) ((uint64_t *)(void *)((end)->queue + 256))

/* In readable and writable. */
#define STOA_HOT_SOMEBODY 1u /* waits to be woken */
#define STOA_HOT_LONG_WAY 2u /* the queue is closing, or sizes vary */

/* Behind its release STOA_HOT_SOMEBODY or STOA_HOT_LONG_WAY is set; not one of the named outcomes. */
#define STOA_HOT_LOOK 1000
/* Nothing has happened: the long way. */
#define STOA_HOT_LONG 1001

static inline void stoa_hot_copy(void *to, const void *from, size_t size)
{
	if (__builtin_constant_p(size)) {
		memcpy(to, from, size);
		return;
	}
	/*
	 * What the compiler does not know of the caller's buffers it does not warn about: sizes have been
	 * checked.
	 */
	__asm__("" : "+r"(to), "+r"(from));
	if (size == 8) /* constants for the compiler */
		memcpy(to, from, 8);
	else if (size == 64)
		memcpy(to, from, 64);
	else if (size)
		memcpy(to, from, size);
}

/* Of places for messages of a size; what the compiler knows it does not load. */
static inline uint64_t stoa_hot_stride(const struct stoa_hot_end *end, size_t size)
{
	if (!__builtin_constant_p(size))
		return end->stride;
	return size <= 32 ? (size + 7) & ~(uint64_t)7 : (size + 63) & ~(uint64_t)63;
}

static inline void stoa_hot_step(struct stoa_hot_end *end, uint64_t position, unsigned char *at, size_t size)
{
	at += stoa_hot_stride(end, size);
	end->position = position + 1;
	if (__builtin_expect(at == end->end, 0)) {
		at = end->begin;
		end->lap = position + 1;
	}
	end->at = at;
}

/* Whether there is room for one; FULL and nonsense go the long way. */
static inline int stoa_hot_room(struct stoa_hot_end *end, uint64_t position)
{
	uint64_t limit;

	if (__builtin_expect(position != end->limit, 1))
		return 1;
	/* [Q2] acquire; pairs with the releases of `released`: what lay there has been read. */
	limit = STOA_HOT_ACQUIRE64(STOA_HOT_RELEASED(end)) + end->capacity;
	if (limit - position - 1 >= end->capacity)
		return 0;
	end->limit = limit;
	return 1;
}

/*
 * Whether there is a message; EMPTY and nonsense go the long way, and what is not to be had here.  The look
 * comes after the tail: who sees a message of another size sees the bit.
 */
static inline int stoa_hot_filled(struct stoa_hot_end *end, uint64_t position)
{
	uint64_t limit;

	if (position != end->limit)
		return (STOA_HOT_LOAD32(STOA_HOT_WRITABLE(end)) & STOA_HOT_LONG_WAY) == 0;
	/* [Q1] acquire; pairs with the releases of `tail`: what lies below it is whole. */
	limit = STOA_HOT_ACQUIRE64(STOA_HOT_TAIL(end));
	if (__builtin_expect(limit - position - 1 >= end->capacity ||
	                             (STOA_HOT_LOAD32(STOA_HOT_WRITABLE(end)) & STOA_HOT_LONG_WAY) != 0,
	                     0))
		return 0;
	end->limit = limit;
	return 1;
}

/* STOA_OK, or STOA_HOT_LOOK before the end has moved on, or STOA_HOT_LONG. */
static inline int stoa_hot_push(struct stoa_hot_end *end, const void *message, size_t size)
{
	const uint32_t *look = STOA_HOT_READABLE(end);
	uint64_t position = end->position, *tail = STOA_HOT_TAIL(end);
	unsigned char *at = end->at;

	if (__builtin_expect(size != end->size || (STOA_HOT_LOAD32(look) & STOA_HOT_LONG_WAY) != 0 ||
	                             !stoa_hot_room(end, position),
	                     0))
		return STOA_HOT_LONG;
	stoa_hot_copy(at, message, size);
	/* [Q1] release; pairs with stoa_hot_filled(), and committed() in ring_half.h: the message before its
	 * position. */
	STOA_HOT_RELEASE64(tail, position + 1);
	STOA_HOT_LIGHT();
	if (__builtin_expect((STOA_HOT_LOAD32(look) & (STOA_HOT_SOMEBODY | STOA_HOT_LONG_WAY)) != 0, 0))
		return STOA_HOT_LOOK;
	stoa_hot_step(end, position, at, size);
	return STOA_OK;
}

/*
 * STOA_OK, or STOA_HOT_LOOK when the end has moved on, or STOA_HOT_LONG.  A `room` that the compiler knows
 * goes the short way only where it is the size of the messages, and then all is constant.
 */
static inline int stoa_hot_pop(struct stoa_hot_end *end, void *out, size_t room, size_t *size)
{
	const uint32_t *look = STOA_HOT_WRITABLE(end);
	uint64_t position = end->position, *released = STOA_HOT_RELEASED(end);
	uint64_t length = __builtin_constant_p(room) ? room : end->size;
	unsigned char *at = end->at;

	if (__builtin_expect(room < length || length != end->size || !stoa_hot_filled(end, position), 0))
		return STOA_HOT_LONG;
	if (__builtin_constant_p(room))
		stoa_hot_copy(out, at, room);
	else
		stoa_hot_copy(out, at, length);
	/* [Q2] release; pairs with stoa_hot_room(), and room_for_one() in ring_send.c: the message has been
	 * read. */
	STOA_HOT_RELEASE64(released, position + 1);
	STOA_HOT_LIGHT();
	if (size)
		*size = length;
	stoa_hot_step(end, position, at, length);
	return __builtin_expect((STOA_HOT_LOAD32(look) & STOA_HOT_SOMEBODY) != 0, 0) ? STOA_HOT_LOOK
	                                                                             : STOA_OK;
}

#ifdef __cplusplus
#define STOA_HOT_END(handle) reinterpret_cast<struct stoa_hot_end *>(handle)
#else
#define STOA_HOT_END(handle) ((struct stoa_hot_end *)(void *)(handle))
#endif

/**
 * What an inline call leaves to the library: it wakes who waits, and takes back what came too late for a
 * queue that is shut down.  For the calls of stoa/inline.h alone, after STOA_HOT_LOOK.
 * Returns: 0; STOA_CLOSED (a push that came too late).
 * Callers: the sender's or the receiver's thread.  Progress: lock-free.  Death: as of the call that it ends.
 */
STOA_API int stoa_inline_pushed(struct stoa_sender *sender);
STOA_API int stoa_inline_popped(struct stoa_receiver *receiver);

/**
 * Sends a copy of a message, in the caller's own code where it can: stoa_sender_push() with a sender that is
 * not NULL, and a message that is not NULL unless its size is 0.
 * Returns, Callers, Progress, Death: as stoa_sender_push().
 */
static inline int stoa_sender_push_inline(struct stoa_sender *sender, const void *message, size_t size)
{
	int rc = stoa_hot_push(STOA_HOT_END(sender), message, size);

	if (__builtin_expect(rc == STOA_OK, 1))
		return rc;
	return rc == STOA_HOT_LOOK ? stoa_inline_pushed(sender) : stoa_sender_push(sender, message, size);
}

/**
 * Receives a copy of the next message, in the caller's own code where it can: stoa_receiver_pop() with a
 * receiver that is not NULL, and `out` that is not NULL unless `room` is 0.
 * Returns, Callers, Progress, Death: as stoa_receiver_pop().
 */
static inline int stoa_receiver_pop_inline(struct stoa_receiver *receiver, void *out, size_t room,
                                           size_t *size)
{
	int rc = stoa_hot_pop(STOA_HOT_END(receiver), out, room, size);

	if (__builtin_expect(rc == STOA_OK, 1))
		return rc;
	return rc == STOA_HOT_LOOK ? stoa_inline_popped(receiver)
	                           : stoa_receiver_pop(receiver, out, room, size);
}

#ifdef __cplusplus
}
#endif

#endif
