/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * history_wrap.h - a queue that errs now and then, to show that the checkers see it.
 *
 * Only a build with -DSTOA_DEFECTS can tell it to; in every other the calls go straight through.
 */
#ifndef STOA_STRESS_HISTORY_WRAP_H
#define STOA_STRESS_HISTORY_WRAP_H

#include <string.h>

#include <stoa.h>

enum lie {
	LIE_NONE,
	LIE_SWAP,      /* two messages, the second is handed out first */
	LIE_DUPLICATE, /* a message is handed out again */
	LIE_LOSE,      /* a message is taken and dropped */
	LIE_EMPTY,     /* "empty", though there was one; it comes with the next call */
	LIE_FULL,      /* "full" without having tried */
	LIE_FORGET,    /* "sent", and it was not */
	LIE_TEAR,      /* the last byte is another one */
	LIES
};

#define WRAP_ROOM 128
#define WRAP_EVERY 5000

struct wrap {
	unsigned lie;
	unsigned calls;
	bool has; /* a message that waits here */
	size_t size;
	uint8_t bytes[WRAP_ROOM];
};

static inline bool wrap_errs(struct wrap *wrap, unsigned lie)
{
#ifdef STOA_DEFECTS
	return wrap->lie == lie && ++wrap->calls % WRAP_EVERY == 0;
#else
	(void)wrap;
	(void)lie;
	return false;
#endif
}

static inline int wrap_push(struct wrap *wrap, struct stoa_sender *sender, const void *bytes, size_t size)
{
	if (wrap_errs(wrap, LIE_FULL))
		return STOA_FULL;
	if (wrap_errs(wrap, LIE_FORGET))
		return STOA_OK;
	return stoa_sender_push(sender, bytes, size);
}

static inline int wrap_keep(struct wrap *wrap, const void *bytes, size_t size)
{
	memcpy(wrap->bytes, bytes, size);
	wrap->size = size;
	wrap->has = true;
	return STOA_OK;
}

static inline int wrap_pop(struct wrap *wrap, struct stoa_receiver *receiver, void *bytes, size_t room,
                           size_t *size)
{
	int rc;

	if (wrap->has) {
		memcpy(bytes, wrap->bytes, wrap->size);
		*size = wrap->size;
		wrap->has = false;
		return STOA_OK;
	}
	rc = stoa_receiver_pop(receiver, bytes, room, size);
	if (rc)
		return rc;
	if (wrap_errs(wrap, LIE_LOSE))
		return stoa_receiver_pop(receiver, bytes, room, size);
	if (wrap_errs(wrap, LIE_DUPLICATE))
		return wrap_keep(wrap, bytes, *size);
	if (wrap_errs(wrap, LIE_EMPTY)) {
		wrap_keep(wrap, bytes, *size);
		return STOA_EMPTY;
	}
	if (wrap_errs(wrap, LIE_TEAR))
		((uint8_t *)bytes)[*size - 1] ^= 1;
	if (wrap_errs(wrap, LIE_SWAP)) {
		uint8_t second[WRAP_ROOM];
		size_t second_size;

		if (stoa_receiver_pop(receiver, second, sizeof second, &second_size) == STOA_OK) {
			wrap_keep(wrap, bytes, *size);
			memcpy(bytes, second, second_size);
			*size = second_size;
		}
	}
	return STOA_OK;
}

#endif
