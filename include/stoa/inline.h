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

#include <stoa/inline_number.h>
#include <stoa/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The library's own sources come with operations of their own (src/atomic.h), which a model checker
 * understands; for everybody else these are the compiler's.
 */
#ifndef STOA_HOT_LOAD64
#define STOA_HOT_LOAD64(at) __atomic_load_n(at, __ATOMIC_RELAXED)
#define STOA_HOT_LOAD32(at) __atomic_load_n(at, __ATOMIC_RELAXED)
#define STOA_HOT_ACQUIRE64(at) __atomic_load_n(at, __ATOMIC_ACQUIRE)
#define STOA_HOT_RELEASE64(at, value) __atomic_store_n(at, value, __ATOMIC_RELEASE)
#define STOA_HOT_LIGHT() __atomic_signal_fence(__ATOMIC_SEQ_CST)
/* The loader refuses a program that was compiled with another form of struct stoa_hot_end. */
extern STOA_API const char stoa_inline_form_1;
#if defined(__has_attribute)
#if __has_attribute(retain)
__attribute__((retain)) /* also where the linker collects what nobody refers to */
#endif
#endif
__attribute__((used)) static const char *const stoa_inline_needs_form_1 = &stoa_inline_form_1;
#endif

/*
 * An end of such a queue, the first member of a sender and of a receiver.  ring.c says what the words mean
 * and why no fence is needed between a release and the look that follows it.
 */
struct stoa_hot_end {
	uint64_t position, limit;   /* the next one, and the first that is not known to be free, or filled */
	unsigned char *at;          /* the place of `position` ... */
	unsigned char *begin, *end; /* ... in the ring */
	uint64_t stride;            /* of places */
	uint64_t size;              /* of messages that go the short way */
	uint64_t capacity, lap;     /* `lap`: the position at `begin` */
	uint64_t *mine, *other;     /* the words `tail` and `released`; behind `tail`: whether sizes vary */
	const uint64_t *closing;    /* where the short way is closed for now, a word of its own */
	const uint32_t *sleepers;   /* the event word of the other end */
	const uint64_t *epoch;      /* counts fork()s ... */
	uint64_t epoch_here;        /* ... of which this handle has seen so many */
};

/* Behind its release somebody waits to be woken, or the queue is closing; not one of the named outcomes. */
#define STOA_HOT_LOOK 1000
/* Nothing has happened: the long way. */
#define STOA_HOT_LONG 1001

static inline void stoa_hot_copy(void *to, const void *from, size_t size)
{
	/* What the compiler does not know of the caller's buffers it does not warn about: sizes have been checked. */
	__asm__("" : "+r"(to), "+r"(from));
	if (size == 8) /* constants for the compiler */
		memcpy(to, from, 8);
	else if (size == 64)
		memcpy(to, from, 64);
	else if (size)
		memcpy(to, from, size);
}

static inline void stoa_hot_step(struct stoa_hot_end *end)
{
	end->position++;
	end->at += end->stride;
	if (__builtin_expect(end->at == end->end, 0)) {
		end->at = end->begin;
		end->lap = end->position;
	}
}

/* Whether there is room for one; FULL and nonsense go the long way. */
static inline int stoa_hot_room(struct stoa_hot_end *end)
{
	if (__builtin_expect(end->position != end->limit, 1))
		return 1;
	/* [Q2] acquire; pairs with the releases of `released`: what lay there has been read. */
	end->limit = STOA_HOT_ACQUIRE64(end->other) + end->capacity;
	if (end->limit - end->position - 1 < end->capacity)
		return 1;
	end->limit = end->position;
	return 0;
}

/* Whether there is a message; EMPTY, nonsense, and sizes that vary go the long way. */
static inline int stoa_hot_filled(struct stoa_hot_end *end)
{
	if (end->position != end->limit)
		return 1;
	/* [Q1] acquire; pairs with the releases of `tail`: what lies below it is whole. */
	end->limit = STOA_HOT_ACQUIRE64(end->other);
	if (__builtin_expect(end->limit - end->position - 1 < end->capacity &&
	                             STOA_HOT_LOAD64(end->other + 1) == 0,
	                     1))
		return 1;
	end->limit = end->position;
	return 0;
}

/* STOA_OK, or STOA_HOT_LOOK before the end has moved on, or STOA_HOT_LONG. */
static inline int stoa_hot_push(struct stoa_hot_end *end, const void *message, size_t size)
{
	if (__builtin_expect(size != end->size || (STOA_HOT_LOAD64(end->closing) & 3) != 0 ||
	                             *end->epoch != end->epoch_here || !stoa_hot_room(end),
	                     0))
		return STOA_HOT_LONG;
	stoa_hot_copy(end->at, message, size);
	/* [Q1] release; pairs with stoa_hot_filled(), and committed() in ring.c: the message before its
	 * position. */
	STOA_HOT_RELEASE64(end->mine, end->position + 1);
	STOA_HOT_LIGHT();
	if (__builtin_expect(
		    (STOA_HOT_LOAD64(end->closing) & 3) != 0 || (STOA_HOT_LOAD32(end->sleepers) & 1) != 0, 0))
		return STOA_HOT_LOOK;
	stoa_hot_step(end);
	return STOA_OK;
}

/* STOA_OK, or STOA_HOT_LOOK when the end has moved on, or STOA_HOT_LONG. */
static inline int stoa_hot_pop(struct stoa_hot_end *end, void *out, size_t room, size_t *size)
{
	uint64_t length = end->size;

	if (__builtin_expect(room < length || (STOA_HOT_LOAD64(end->closing) & 3) != 0 ||
	                             *end->epoch != end->epoch_here || !stoa_hot_filled(end),
	                     0))
		return STOA_HOT_LONG;
	stoa_hot_copy(out, end->at, length);
	/* [Q2] release; pairs with stoa_hot_room(), and room_for_one() in ring.c: the message has been
	 * read. */
	STOA_HOT_RELEASE64(end->mine, end->position + 1);
	STOA_HOT_LIGHT();
	if (size)
		*size = length;
	stoa_hot_step(end);
	return __builtin_expect((STOA_HOT_LOAD32(end->sleepers) & 1) != 0, 0) ? STOA_HOT_LOOK : STOA_OK;
}

#ifdef __cplusplus
#define STOA_HOT_END(handle) reinterpret_cast<struct stoa_hot_end *>(handle)
#else
#define STOA_HOT_END(handle) ((struct stoa_hot_end *)(void *)(handle))
#endif

/* What is left to do after STOA_HOT_LOOK. */
STOA_API int stoa_inline_pushed(struct stoa_sender *sender);
STOA_API int stoa_inline_popped(struct stoa_receiver *receiver);

/*
 * stoa_sender_push() with a sender that is not NULL, and a message that is not NULL unless its size is 0.
 * Returns, Callers, Progress, Death: as there.
 */
static inline int stoa_sender_push_inline(struct stoa_sender *sender, const void *message, size_t size)
{
	int rc = stoa_hot_push(STOA_HOT_END(sender), message, size);

	if (__builtin_expect(rc == STOA_OK, 1))
		return rc;
	return rc == STOA_HOT_LOOK ? stoa_inline_pushed(sender) : stoa_sender_push(sender, message, size);
}

/*
 * stoa_receiver_pop() with a receiver that is not NULL, and `out` that is not NULL unless `room` is 0.
 * Returns, Callers, Progress, Death: as there.
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
