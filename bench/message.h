/* SPDX-License-Identifier: BSD-2-Clause */
/* message.h - a message of SIZE bytes, which the build gives. */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include "queue_peer.h"

struct message {
	uint64_t word[SIZE / 8];
};

static inline uint64_t message_last(const struct message *message)
{
	return SIZE > 8 ? ~message->word[SIZE / 8 - 1] : message->word[0];
}

static inline void message_fill(struct message *message, uint64_t word)
{
	if (SIZE > 8)
		message->word[SIZE / 8 - 1] = ~word;
	message->word[0] = word;
}

#endif
