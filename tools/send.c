/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * send.c - stoa send: messages from stdin into a queue.
 *
 * A batch is of messages of one size that were read together: nothing that has been read waits for more to come.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer.h"
#include "input.h"
#include "options.h"
#include "target.h"

#define BATCH_MOST 65536

struct send {
	struct target target;
	struct stoa_queue *queue;
	struct stoa_sender *sender;
	struct input input;
	bool records, close, json;
	uint64_t batch, count, rate; /* 0: no count, no rate */
	bool forever;                /* no timeout */
	double timeout;              /* seconds */
	struct timespec start;
	uint64_t sent;
	uint8_t *messages; /* of the batch, side by side */
	size_t size_each, batched;
};

/* When the next one may go, at `rate` a second. */
static void await_turn(const struct send *send)
{
	uint64_t ns = send->sent % send->rate * 1000000000 / send->rate + (uint64_t)send->start.tv_nsec;
	struct timespec turn = {
		.tv_sec = send->start.tv_sec + (time_t)(send->sent / send->rate + ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000),
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &turn, NULL) == EINTR)
		continue;
}

/* Waits for room as long as it may: a deadline for each message that finds none. */
static int send_one(struct send *send, const void *message, size_t size)
{
	struct timespec deadline = stoa_deadline((int64_t)(send->timeout * 1e9));
	int rc;

	do {
		rc = stoa_sender_send(send->sender, message, size, send->forever ? NULL : &deadline);
	} while (rc == -EINTR);
	send->sent += rc == 0;
	return rc;
}

static int flush_batch(struct send *send)
{
	const uint8_t *next = send->messages;
	int rc = 0;

	while (send->batched && (!rc || rc == STOA_FULL)) {
		size_t done = 1;

		if (rc == STOA_FULL) {
			rc = send_one(send, next, send->size_each);
			if (rc)
				break;
		} else {
			rc = stoa_sender_push_many(send->sender, next, send->size_each, send->batched, &done);
			send->sent += done;
		}
		next += done * send->size_each;
		send->batched -= done;
	}
	return rc;
}

static int add_to_batch(struct send *send, const void *message, size_t size)
{
	int rc = 0;

	if (send->batched == send->batch || (send->batched && size != send->size_each))
		rc = flush_batch(send);
	if (rc)
		return rc;
	send->size_each = size;
	memcpy(send->messages + send->batched++ * size, message, size);
	return 0;
}

static bool enough(const struct send *send)
{
	return send->count && send->sent + send->batched >= send->count;
}

static int send_what_is_there(struct send *send)
{
	const void *message;
	size_t size;
	int rc = 0;

	while (!rc && !enough(send) && input_next(&send->input, &message, &size)) {
		if (send->rate)
			await_turn(send);
		rc = send->batch > 1 ? add_to_batch(send, message, size) : send_one(send, message, size);
	}
	return rc ? rc : flush_batch(send);
}

static int complain_input(const struct send *send, size_t longest)
{
	const struct input *input = &send->input;

	if (strcmp(input->wrong, "too long") == 0)
		return complain(send->target.object,
		                "%s %" PRIu64 " of the input is longer than its messages: %zu bytes",
		                send->records ? "record" : "line", input->count + 1, longest);
	return complain("stdin", "behind %" PRIu64 " messages: %s", input->count, input->wrong);
}

static int send_all(struct send *send, size_t longest)
{
	int rc;

	send->start = stoa_deadline(0);
	input_begin(&send->input, 0, send->records, longest);
	send->messages = must_have(malloc(send->batch * (longest ? longest : 1)));
	do {
		rc = send_what_is_there(send);
	} while (!rc && !enough(send) && input_fill(&send->input));
	free(send->messages);
	input_end(&send->input);
	if (rc < 0)
		return target_complain(&send->target, rc);
	if (rc)
		return complain(send->target.object, "%s; %" PRIu64 " were sent",
		                rc == STOA_CLOSED ? "it was shut down" : "no room, and no time left",
		                send->sent);
	return send->input.wrong ? complain_input(send, longest) : STATUS_OK;
}

static int open_and_send(struct send *send)
{
	struct stoa_queue_config shape = { .struct_size = sizeof shape };
	int rc = stoa_queue_open(send->target.segment, send->target.object, NULL, &send->queue), status;

	if (rc == -EPROTOTYPE)
		return complain(send->target.object, "it is no queue");
	if (rc)
		return target_complain(&send->target, rc);
	stoa_queue_info(send->queue, &shape);
	rc = stoa_sender_open(send->queue, &send->sender);
	status = rc ? target_complain(&send->target, rc) : send_all(send, shape.message_size);
	stoa_sender_close(send->sender);
	if (!status && send->close) {
		rc = stoa_queue_shutdown(send->queue, STOA_DRAIN);
		status = rc ? target_complain(&send->target, rc) : STATUS_OK;
	}
	stoa_queue_close(send->queue);
	return status;
}

static void print_json(const struct send *send)
{
	answer_object(NULL);
	answer_text("name", send->target.name);
	answer_text("object", send->target.object);
	answer_number("sent", send->sent);
	answer_end();
}

static bool take_option(const struct command *command, int letter, struct send *send)
{
	switch (letter) {
	case 'b':
		return number_option(command, "batch", optarg, 1, BATCH_MOST, &send->batch);
	case 'c':
		return number_option(command, "count", optarg, 1, UINT64_MAX, &send->count);
	case 'r':
		return number_option(command, "rate", optarg, 1, 1000000000, &send->rate);
	case 't':
		send->forever = false;
		return seconds_option(command, "timeout", optarg, 0, SECONDS_MOST, &send->timeout);
	case 'l':
		return send->records = true;
	case 'j':
		return send->json = true;
	default:
		return send->close = true;
	}
}

static int run(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "records", no_argument, NULL, 'l' },
		{ "batch", required_argument, NULL, 'b' },
		{ "rate", required_argument, NULL, 'r' },
		{ "count", required_argument, NULL, 'c' },
		{ "timeout", required_argument, NULL, 't' },
		{ "close", no_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		HELP_OPTION,
		END_OPTION,
	};
	struct send send = { .batch = 1, .forever = true };
	int letter, status;

	while ((letter = next_option(command, argc, argv, options)) != -1) {
		if (letter == 'h' || letter == '?')
			return letter == 'h' ? STATUS_OK : STATUS_USAGE;
		if (!take_option(command, letter, &send))
			return STATUS_USAGE;
	}
	if (argc - optind != 2)
		return misused(command, "it takes the names of a segment and of a queue");
	if (send.rate)
		send.batch = 1;
	if (send.json && !answer_possible())
		return STATUS_FAILURE;
	status = target_open(&send.target, argv[optind], argv[optind + 1], 0);
	if (status)
		return status;
	status = open_and_send(&send);
	if (send.json)
		print_json(&send);
	target_close(&send.target);
	return status;
}

/* clang-format off */
const struct command command_send = {
	.name = "send",
	.operands = "[OPTION ...] NAME QUEUE",
	.summary = "Sends the lines of stdin, each as a message",
	.help =
		"A line that is longer than the queue's messages ends it, and so does a queue that was shut down: the\n"
		"lines before that were sent.  The end of stdin ends it well.\n"
		"\n"
		"  --records           not lines, but bytes with their length before them: 4 bytes, little-endian\n"
		"  --batch N           up to N lines of one length that are there go together; 1 by default\n"
		"  --rate N            at most N in a second\n"
		"  --count N           ends after N\n"
		"  --timeout SECONDS   for one that finds no room; then it is a failure\n"
		"  --close             at the end the queue is shut down: who receives gets the rest, and ends\n"
		"  --json              at the end, also after a failure: how many were sent, as JSON\n"
		"  --help              this text\n",
	.run = run,
};
/* clang-format on */
