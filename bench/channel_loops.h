/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * channel_loops.h - the measured loops of messages that are waited for; a template as queue_loops.h.
 *
 * A message is made where the channel wants it and read where the channel leaves it: in private buffers,
 * where the channel copies, in the shared block itself, where it does not.  The sender writes every byte, the
 * receiver reads and checks every word: that is what a message is for.  The adapter says before the #include:
 *
 *   PEER_ID, PEER_NAME, PEER_KIND, PEER_CAN; PEER_ENDS where only the first and last word are read
 *   struct channel, struct end { size_t size; ... }
 *   static struct channel *peer_create(size_t size, size_t capacity), void peer_destroy(struct channel *)
 *   static bool peer_attach(struct end *, struct channel *, enum bench_role), void peer_detach(struct end *)
 *   static void *peer_begin(struct end *)          where to write the next message; NULL: failed
 *   static bool peer_commit(struct end *)          sends it, waiting for room
 *   static const void *peer_take(struct end *)     the next message, waited for; NULL: failed
 *   static void peer_done(struct end *)            it has been read
 */
#include <stdlib.h>
#include <string.h>

#define CHANNEL_OVER UINT64_MAX

static inline void message_write(void *bytes, size_t size, uint64_t word)
{
	uint64_t *words = (uint64_t *)bytes; /* aligned, where it is written */

	if (size > 8) {
		memset(bytes, (int)(word & 0x7f), size);
		words[size / 8 - 1] = ~word;
	}
	words[0] = word;
}

/* Where it is read it need not be. */
static inline uint64_t word_of(const void *bytes, size_t i)
{
	uint64_t word;

	memcpy(&word, (const char *)bytes + 8 * i, sizeof word);
	return word;
}

/*
 * 0 where every word is right.  Between the ends all are alike: so the second one is looked at, and each of the
 * others compared with the one before it, by the C library: a loop over words would be slower than a core reads
 * what another one has written, and nothing else would be measured.
 */
static inline uint64_t message_check(const void *bytes, size_t size, uint64_t word)
{
	uint64_t bad = word_of(bytes, 0) ^ word;
#ifndef PEER_ENDS
	const char *second = (const char *)bytes + 8;
#endif

	if (size == 8)
		return bad;
	bad |= word_of(bytes, size / 8 - 1) ^ ~word;
#ifndef PEER_ENDS
	if (size > 16)
		bad |= word_of(bytes, 1) ^ (word & 0x7f) * UINT64_C(0x0101010101010101);
	if (size > 24)
		bad |= memcmp(second, second + 8, size - 24) != 0;
#endif
	return bad;
}

static inline bool send_one(struct end *end, uint64_t word)
{
	void *bytes = peer_begin(end);

	if (!bytes)
		return false;
	message_write(bytes, end->size, word);
	return peer_commit(end);
}

static bool loop_send(void *opaque, struct worker *worker)
{
	struct end *end = (struct end *)opaque;
	unsigned between = end->size <= 1024 ? 64 : 4;
	uint64_t n = 0, deadline;

	worker->start = bench_now();
	deadline = worker->start + worker->duration;
	do {
		for (unsigned i = 0; i < between; i++)
			if (!send_one(end, ++n))
				return bench_bad(worker, "a message could not be sent");
	} while (n < worker->least || bench_now() < deadline);
	worker->count = n;
	worker->end = bench_now();
	return send_one(end, CHANNEL_OVER) || bench_bad(worker, "a message could not be sent");
}

static bool loop_receive(void *opaque, struct worker *worker)
{
	struct end *end = (struct end *)opaque;
	uint64_t n = 0, bad = 0;

	for (;;) {
		const void *bytes = peer_take(end);

		if (!bytes)
			return bench_bad(worker, "a message could not be received");
		if (BENCH_UNLIKELY(word_of(bytes, 0) == CHANNEL_OVER))
			break;
		bad |= message_check(bytes, end->size, ++n);
		peer_done(end);
	}
	worker->count = n;
	worker->end = bench_now();
	peer_done(end);
	return !bad || bench_bad(worker, "a message was lost, came twice, out of order or torn");
}

/* Both pause before they send: so the other one sleeps.  What the first one measures has the second's in it. */
static inline void pause_before(const struct worker *worker)
{
	uint64_t end = bench_now() + worker->pause_ns;

	while (worker->pause_ns && bench_now() < end)
		bench_pause();
}

static bool loop_ping(void *out_end, void *in_end, struct worker *worker)
{
	struct end *out = (struct end *)out_end, *in = (struct end *)in_end;
	uint64_t n = 0, bad = 0, deadline, ticks, ns;
	const void *bytes;

	worker->start = bench_now();
	deadline = worker->start + worker->duration;
	do {
		pause_before(worker);
		ticks = bench_ticks();
		if (!send_one(out, ++n) || !(bytes = peer_take(in)))
			return bench_bad(worker, "a message could not be sent, or received");
		bad |= word_of(bytes, 0) ^ n;
		peer_done(in);
		ns = bench_ticks_ns(bench_ticks() - ticks);
		if (worker->histogram)
			histogram_record(worker->histogram,
			                 ns > worker->pause_ns ? ns - worker->pause_ns : 0);
	} while (n < worker->least || bench_now() < deadline);
	worker->count = n;
	worker->end = bench_now();
	bad |= !send_one(out, CHANNEL_OVER);
	return !bad || bench_bad(worker, "what came back was something else");
}

static bool loop_pong(void *out_end, void *in_end, struct worker *worker)
{
	struct end *out = (struct end *)out_end, *in = (struct end *)in_end;
	const void *bytes;
	uint64_t word;

	do {
		bytes = peer_take(in);
		if (!bytes)
			return bench_bad(worker, "a message could not be received");
		word = word_of(bytes, 0);
		peer_done(in);
		pause_before(worker);
		if (word != CHANNEL_OVER && !send_one(out, word))
			return bench_bad(worker, "a message could not be sent");
	} while (word != CHANNEL_OVER);
	return true;
}

/* ---- the table ---- */

static void *loop_create(size_t size, size_t capacity)
{
	return peer_create(size, capacity);
}

static void loop_destroy(void *channel)
{
	peer_destroy((struct channel *)channel);
}

static void *loop_attach(void *channel, enum bench_role role)
{
	struct end *end = (struct end *)calloc(1, sizeof *end);

	if (end && peer_attach(end, (struct channel *)channel, role))
		return end;
	free(end);
	return NULL;
}

static void loop_detach(void *end)
{
	peer_detach((struct end *)end);
	free(end);
}

#ifdef __cplusplus
extern "C" {
#endif
extern const struct channel_peer CHANNEL_SYMBOL(PEER_ID);
const struct channel_peer CHANNEL_SYMBOL(PEER_ID) = {
	PEER_NAME,   PEER_KIND, PEER_CAN,     loop_create, loop_destroy, loop_attach,
	loop_detach, loop_send, loop_receive, loop_ping,   loop_pong,
};
#ifdef __cplusplus
}
#endif
