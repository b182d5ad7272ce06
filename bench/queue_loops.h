/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * queue_loops.h - the measured loops of queues: a template, included by each adapter.
 *
 * An indirect call a message would cost as much as a fast queue, so each adapter is compiled with
 * these loops around it, once for each SIZE.  It says before the #include:
 *
 *   PEER_ID, PEER_NAME, PEER_KIND, PEER_CAN    its symbol, its name in the tables, what it can struct queue,
 *   struct end                   what all share, and what one end keeps for itself static struct queue
 *   *peer_create(const struct queue_shape *), void peer_destroy(struct queue *) static bool
 *   peer_attach(struct end *, struct queue *, enum bench_role), void peer_detach(struct end *) static bool
 *   peer_push(struct end *, const struct message *), bool peer_pop(struct end *, struct message *) and, with
 *   PEER_BURSTS defined, static size_t peer_push_many(struct end *, const struct message *, size_t), size_t
 *   peer_pop_many(struct end *, struct message *, size_t)
 *
 * A message carries its sender in the upper 16 bits of the first word and counts in the others; its last
 * word is the first one's complement.  A receiver sees that the messages of each sender come in order and
 * whole; that none is lost or comes twice, the sums tell that are compared after the run.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum {
	BURST = 32,
	SENDERS_MOST = 128,
	BETWEEN_CLOCKS = 256
};

/* How many go between two looks at the clock: one at first, and again where they take long. */
struct pace {
	unsigned now, most;
	uint64_t last, deadline;
};

static inline struct pace pace_start(struct worker *worker, unsigned most)
{
	struct pace pace = { 1, most, bench_now(), 0 };

	worker->start = pace.last;
	pace.deadline = pace.last + worker->duration;
	return pace;
}

/* For so long, and for so many; but what is too slow for that does not warm up for ever. */
static inline bool pace_on(struct pace *pace, const struct worker *worker, uint64_t sent)
{
	uint64_t now = bench_now();

	if (now - pace->last > 1000000)
		pace->now = 1;
	else if (pace->now < pace->most)
		pace->now *= 2;
	pace->last = now;
	return now < pace->deadline || (sent < worker->least && now < pace->deadline + 300000000);
}

/* ---- one after the other ---- */

static bool loop_send(void *opaque, struct worker *worker)
{
	struct end *end = (struct end *)opaque;
	struct message message;
	uint64_t first = (uint64_t)worker->number << 48, n = 0;
	struct pace pace;

	memset(&message, 0x5a, sizeof message);
	pace = pace_start(worker, BETWEEN_CLOCKS);
	do {
		for (unsigned i = 0; i < pace.now; i++) {
			message_fill(&message, first + ++n);
			while (!peer_push(end, &message))
				bench_wait(worker);
		}
	} while (pace_on(&pace, worker, n));
	worker->count = n;
	worker->sum = first * n + n * (n + 1) / 2;
	worker->end = bench_now();
	bench_sent(worker);
	return true;
}

struct seen {
	uint64_t last[SENDERS_MOST]; /* of each sender */
	uint64_t sum;
	uint64_t bad;
};

static inline void seen_check(struct seen *seen, const struct message *message)
{
	uint64_t word = message->word[0], sender = (word >> 48) % SENDERS_MOST;

	seen->bad |= (word <= seen->last[sender]) | (message_last(message) ^ word);
	seen->last[sender] = word;
	seen->sum += word;
}

/* One sender: the next number is known, and a comparison is all. */
static bool receive_alone(struct end *end, struct worker *worker)
{
	struct message message;
	uint64_t n = 0, bad = 0;

	for (;;) {
		if (!peer_pop(end, &message)) {
			if (!bench_wait(worker))
				continue;
			if (!peer_pop(end, &message))
				break;
		}
		n++;
		bad |= (message.word[0] ^ n) | (message_last(&message) ^ n);
	}
	worker->count = n;
	worker->sum = n * (n + 1) / 2;
	worker->end = bench_now();
	return !bad || bench_bad(worker, "a message was lost, came twice, out of order or torn");
}

static bool receive_mixed(struct end *end, struct worker *worker)
{
	struct message message;
	struct seen seen;
	uint64_t n = 0;

	memset(&seen, 0, sizeof seen);
	for (;;) {
		if (!peer_pop(end, &message)) {
			if (!bench_wait(worker))
				continue;
			if (!peer_pop(end, &message))
				break;
		}
		n++;
		seen_check(&seen, &message);
	}
	worker->count = n;
	worker->sum = seen.sum;
	worker->end = bench_now();
	return !seen.bad || bench_bad(worker, "a message came twice, out of order or torn");
}

static bool loop_receive(void *opaque, struct worker *worker)
{
	struct end *end = (struct end *)opaque;

	return worker->alone ? receive_alone(end, worker) : receive_mixed(end, worker);
}

/* ---- there and back ---- */

static inline void wait_for(struct worker *worker)
{
	if (BENCH_UNLIKELY(worker->yields && (++worker->waits & 1023) == 0))
		sched_yield();
}

#define PING_OVER UINT64_MAX

/* A batch is timed as a whole: an interruption spoils one of many.  With a histogram each trip by itself. */
static bool loop_ping(void *out_end, void *in_end, struct worker *worker)
{
	struct end *out = (struct end *)out_end, *in = (struct end *)in_end;
	struct message message, back;
	uint64_t n = 0, bad = 0, deadline, ticks = 0, before, now;

	memset(&message, 0x5a, sizeof message);
	worker->start = now = bench_now();
	deadline = now + worker->duration;
	do {
		before = now;
		for (unsigned i = 0; i < BENCH_BATCH; i++) {
			if (worker->histogram)
				ticks = bench_ticks();
			message_fill(&message, ++n);
			while (!peer_push(out, &message))
				wait_for(worker);
			while (!peer_pop(in, &back))
				wait_for(worker);
			bad |= back.word[0] ^ n;
			if (worker->histogram)
				histogram_record(worker->histogram, bench_ticks_ns(bench_ticks() - ticks));
		}
		now = bench_now();
		if (!worker->histogram)
			bench_batch(worker, now - before);
	} while (now < deadline);
	worker->count = n;
	worker->end = now;
	message_fill(&message, PING_OVER);
	while (!peer_push(out, &message))
		wait_for(worker);
	return !bad || bench_bad(worker, "what came back was something else");
}

static bool loop_pong(void *out_end, void *in_end, struct worker *worker)
{
	struct end *out = (struct end *)out_end, *in = (struct end *)in_end;
	struct message message;

	for (;;) {
		while (!peer_pop(in, &message))
			wait_for(worker);
		if (message.word[0] == PING_OVER)
			return true;
		while (!peer_push(out, &message))
			wait_for(worker);
	}
}

/* ---- push and pop in one thread ---- */

static bool loop_pair(void *out_end, void *in_end, struct worker *worker)
{
	struct end *out = (struct end *)out_end, *in = (struct end *)in_end;
	struct message message, back;
	uint64_t n = 0, bad = 0, deadline;

	memset(&message, 0x5a, sizeof message);
	memset(&back, 0, sizeof back);
	worker->start = bench_now();
	deadline = worker->start + worker->duration;
	do {
		for (unsigned i = 0; i < BETWEEN_CLOCKS; i++) {
			message_fill(&message, ++n);
			bad |= !peer_push(out, &message);
			bad |= !peer_pop(in, &back);
			bad |= (back.word[0] ^ n) | (message_last(&back) ^ n);
		}
	} while (n < worker->least || bench_now() < deadline);
	worker->count = n;
	worker->end = bench_now();
	return !bad || bench_bad(worker, "a push or a pop failed, or gave something else");
}

/* ---- bursts ---- */

#ifdef PEER_BURSTS

static bool loop_send_bursts(void *opaque, struct worker *worker)
{
	struct end *end = (struct end *)opaque;
	struct message burst[BURST];
	uint64_t first = (uint64_t)worker->number << 48, n = 0;
	struct pace pace;

	memset(burst, 0x5a, sizeof burst);
	pace = pace_start(worker, BETWEEN_CLOCKS / 4);
	do {
		for (unsigned i = 0; i < pace.now; i++) {
			for (unsigned k = 0; k < BURST; k++)
				message_fill(&burst[k], first + ++n);
			for (size_t done = 0; done < BURST;) {
				size_t more = peer_push_many(end, burst + done, BURST - done);

				done += more;
				if (!more)
					bench_wait(worker);
			}
		}
	} while (pace_on(&pace, worker, n));
	worker->count = n;
	worker->sum = first * n + n * (n + 1) / 2;
	worker->end = bench_now();
	bench_sent(worker);
	return true;
}

static bool loop_receive_bursts(void *opaque, struct worker *worker)
{
	struct end *end = (struct end *)opaque;
	struct message burst[BURST];
	struct seen seen;
	bool alone = worker->alone;
	uint64_t n = 0, sum = 0;
	size_t come;

	memset(&seen, 0, sizeof seen);
	for (;;) {
		come = peer_pop_many(end, burst, BURST);
		if (!come) {
			if (!bench_wait(worker))
				continue;
			come = peer_pop_many(end, burst, BURST);
			if (!come)
				break;
		}
		if (alone) {
			for (size_t k = 0; k < come; k++) {
				uint64_t expected = n + k + 1;

				seen.bad |= (burst[k].word[0] ^ expected) |
				            (message_last(&burst[k]) ^ expected);
			}
			n += come;
			continue;
		}
		for (size_t k = 0; k < come; k++)
			seen_check(&seen, &burst[k]);
		n += come;
	}
	sum = alone ? n * (n + 1) / 2 : seen.sum;
	worker->count = n;
	worker->sum = sum;
	worker->end = bench_now();
	return !seen.bad || bench_bad(worker, "a message was lost, came twice, out of order or torn");
}

static bool loop_pair_bursts(void *out_end, void *in_end, struct worker *worker)
{
	struct end *out = (struct end *)out_end, *in = (struct end *)in_end;
	struct message burst[BURST], back[BURST];
	uint64_t n = 0, bad = 0, deadline;

	memset(burst, 0x5a, sizeof burst);
	memset(back, 0, sizeof back);
	worker->start = bench_now();
	deadline = worker->start + worker->duration;
	do {
		for (unsigned i = 0; i < BETWEEN_CLOCKS / 4; i++) {
			for (unsigned k = 0; k < BURST; k++)
				message_fill(&burst[k], n + k + 1);
			bad |= peer_push_many(out, burst, BURST) != BURST;
			bad |= peer_pop_many(in, back, BURST) != BURST;
			for (unsigned k = 0; k < BURST; k++)
				bad |= (back[k].word[0] ^ (n + k + 1)) |
				       (message_last(&back[k]) ^ (n + k + 1));
			n += BURST;
		}
	} while (n < worker->least || bench_now() < deadline);
	worker->count = n;
	worker->end = bench_now();
	return !bad || bench_bad(worker, "a push or a pop failed, or gave something else");
}

#else
#define loop_send_bursts NULL
#define loop_receive_bursts NULL
#define loop_pair_bursts NULL
#endif

/* ---- without an end ---- */

static bool loop_pour(void *opaque, struct worker *worker)
{
	struct end *end = (struct end *)opaque;
	struct message message;
	uint64_t first = (uint64_t)worker->number << 48, n = 0;

	memset(&message, 0x5a, sizeof message);
	do {
		message_fill(&message, first + ++n);
		while (!peer_push(end, &message))
			bench_wait(worker);
		worker->progress = n;
	} while (n);
	return true;
}

/* Order is not asked for here: what a dead receiver had goes to another one, later than it was sent. */
static bool loop_drain(void *opaque, struct worker *worker)
{
	struct end *end = (struct end *)opaque;
	struct message message;
	uint64_t n = 0;

	do {
		while (!peer_pop(end, &message))
			bench_wait(worker);
		if (BENCH_UNLIKELY(message_last(&message) != message.word[0] || message.word[0] == 0))
			return bench_bad(worker, "a message was torn");
		worker->progress = ++n;
	} while (n);
	return true;
}

/* ---- the table ---- */

static void *loop_create(const struct queue_shape *shape)
{
	return peer_create(shape);
}

static void loop_destroy(void *queue)
{
	peer_destroy((struct queue *)queue);
}

static void *loop_attach(void *queue, enum bench_role role)
{
	struct end *end = (struct end *)aligned_alloc(2 * BENCH_LINE, (sizeof *end | 255) + 1);

	if (!end)
		return NULL;
	memset((void *)end, 0, sizeof *end);
	if (peer_attach(end, (struct queue *)queue, role))
		return end;
	free(end);
	return NULL;
}

static void loop_detach(void *opaque)
{
	struct end *end = (struct end *)opaque;

	peer_detach(end);
	free(end);
}

#ifdef __cplusplus
extern "C" {
#endif
extern const struct queue_peer QUEUE_SYMBOL(PEER_ID, SIZE);
const struct queue_peer QUEUE_SYMBOL(PEER_ID, SIZE) = {
	PEER_NAME,        PEER_KIND,           PEER_CAN,    SIZE,      loop_create,
	loop_destroy,     loop_attach,         loop_detach, loop_send, loop_receive,
	loop_send_bursts, loop_receive_bursts, loop_ping,   loop_pong, loop_pair,
	loop_pair_bursts, loop_pour,           loop_drain,
};
#ifdef __cplusplus
}
#endif
