/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recv.c - stoa recv: messages from a queue to stdout.
 *
 * Messages are taken under leases, written, flushed, and only then acknowledged.  Killed between the last two, it
 * has written what another receives again; killed before, or where the write fails, it has lost nothing.
 *
 * A parcel is one lease.  Of one that may have more messages than --count leaves, they are received one by one, each
 * acknowledged before it is written, and the rest goes to others when the receiver closes.
 */
#include <errno.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "input.h"
#include "options.h"
#include "peek.h"
#include "target.h"

struct receive {
	struct target target;
	struct stoa_queue *queue;
	struct stoa_receiver *receiver;
	struct stoa_queue_config shape;
	bool records, json;
	uint64_t batch, count; /* 0: as many as it may hold; no count */
	bool forever;          /* no timeout */
	double timeout;        /* seconds */
	uint64_t received;
	struct stoa_message *held;
	uint8_t *one; /* where a message goes that is received without a lease */
	int write_error;
};

static uint64_t messages_in(const struct stoa_message *message)
{
	return message->count > 1 ? message->count : 1;
}

static void write_json(const struct stoa_message *message, const uint8_t *bytes, size_t size)
{
	answer_object(NULL);
	if (message) {
		answer_number("id", message->id);
		answer_number("deliveries", message->deliveries);
	}
	answer_number("size", size);
	answer_bytes(bytes, size);
	answer_end();
}

/* `message` is what it came with, or NULL. */
static void write_message(const struct receive *receive, const struct stoa_message *message,
                          const uint8_t *bytes, size_t size)
{
	const uint8_t head[RECORD_HEAD] = { (uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16),
		                            (uint8_t)(size >> 24) };

	if (receive->json) {
		write_json(message, bytes, size);
		return;
	}
	if (receive->records)
		fwrite(head, sizeof head, 1, stdout);
	fwrite(bytes, 1, size, stdout);
	if (!receive->records)
		putchar('\n');
}

static void write_lease(const struct receive *receive, const struct stoa_message *message)
{
	size_t each = message->size / messages_in(message);

	for (uint64_t i = 0; i < messages_in(message); i++)
		write_message(receive, message, (const uint8_t *)message->bytes + i * each, each);
}

/* -EIO: the reason is in write_error, and what is held goes to another. */
static int flush(struct receive *receive)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	receive->write_error = errno;
	return -EIO;
}

/* Whether a lease, on top of `messages` that are held, may be more than what is wanted. */
static bool may_be_too_much(const struct receive *receive, uint64_t messages)
{
	return receive->count && receive->count - receive->received < messages + receive->shape.pack;
}

/* Waits for the first, and takes what is there besides; `*held` of them. */
static int take_some(struct receive *receive, const struct timespec *until, uint64_t *held)
{
	uint64_t messages = 0;
	int rc;

	for (*held = 0; *held < receive->batch && !may_be_too_much(receive, messages); ++*held) {
		do {
			rc = stoa_receiver_take(receive->receiver, &receive->held[*held],
			                        *held ? &stoa_now : until);
		} while (rc == -EINTR);
		if (rc)
			return *held ? 0 : rc;
		messages += messages_in(&receive->held[*held]);
	}
	return 0;
}

static int receive_leases(struct receive *receive, const struct timespec *until)
{
	uint64_t held;
	int rc = take_some(receive, until, &held);

	for (uint64_t i = 0; i < held; i++)
		write_lease(receive, &receive->held[i]);
	if (!rc)
		rc = flush(receive);
	for (uint64_t i = 0; i < held && !rc; i++) {
		receive->received += messages_in(&receive->held[i]);
		rc = stoa_receiver_release(receive->receiver, &receive->held[i]);
	}
	return rc;
}

static int receive_one(struct receive *receive, const struct timespec *until)
{
	size_t size;
	int rc;

	do {
		rc = stoa_receiver_recv(receive->receiver, receive->one, receive->shape.message_size, &size,
		                        until);
	} while (rc == -EINTR);
	if (rc)
		return rc;
	write_message(receive, NULL, receive->one, size);
	receive->received++;
	return flush(receive);
}

static int receive_some(struct receive *receive)
{
	struct timespec deadline = stoa_deadline((int64_t)(receive->timeout * 1e9));
	const struct timespec *until = receive->forever ? NULL : &deadline;

	return (may_be_too_much(receive, 0) ? receive_one : receive_leases)(receive, until);
}

static int receive_all(struct receive *receive)
{
	uint64_t room = receive->shape.message_size;
	int rc = 0;

	if (!receive->batch || receive->batch > receive->shape.holds)
		receive->batch = receive->shape.holds;
	if (receive->shape.senders == STOA_ONE && receive->shape.receivers == STOA_ONE)
		receive->shape.pack = 1; /* no parcels there */
	receive->held = must_have(calloc(receive->batch, sizeof *receive->held));
	receive->one = must_have(malloc(room ? room : 1));
	while (!rc && (!receive->count || receive->received < receive->count))
		rc = receive_some(receive);
	free(receive->held);
	free(receive->one);
	if (rc == -EIO && ferror(stdout)) {
		complain("output", "%s", strerror(receive->write_error));
		__fpurge(stdout); /* nobody says it once more */
		clearerr(stdout);
		return STATUS_FAILURE;
	}
	if (rc < 0)
		return target_complain(&receive->target, rc);
	if (rc && receive->count)
		return complain(receive->target.object, "%s; %llu were received",
		                rc == STOA_CLOSED ? "it was shut down" : "no message, and no time left",
		                (unsigned long long)receive->received);
	return STATUS_OK;
}

static int open_and_receive(struct receive *receive)
{
	int rc = stoa_queue_open(receive->target.segment, receive->target.object, NULL, &receive->queue),
	    status;

	if (rc == -EPROTOTYPE)
		return complain(receive->target.object, "it is no queue");
	if (rc)
		return target_complain(&receive->target, rc);
	stoa_queue_info(receive->queue, &receive->shape);
	rc = stoa_receiver_open(receive->queue, &receive->receiver);
	status = rc ? target_complain(&receive->target, rc) : receive_all(receive);
	stoa_receiver_close(receive->receiver);
	stoa_queue_close(receive->queue);
	return status;
}

static int run(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "records", no_argument, NULL, 'l' },
		{ "batch", required_argument, NULL, 'b' },
		{ "count", required_argument, NULL, 'c' },
		{ "timeout", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },
		HELP_OPTION,
		END_OPTION,
	};
	struct receive receive = { .shape.struct_size = sizeof receive.shape, .forever = true };
	int letter, status;

	while ((letter = next_option(command, argc, argv, options)) != -1) {
		if (letter == 'h' || letter == '?')
			return letter == 'h' ? STATUS_OK : STATUS_USAGE;
		receive.records |= letter == 'l';
		receive.json |= letter == 'j';
		receive.forever &= letter != 't';
		if (letter == 'b' && !number_option(command, "batch", optarg, 1, UINT32_MAX, &receive.batch))
			return STATUS_USAGE;
		if (letter == 'c' && !number_option(command, "count", optarg, 1, UINT64_MAX, &receive.count))
			return STATUS_USAGE;
		if (letter == 't' &&
		    !seconds_option(command, "timeout", optarg, 0, SECONDS_MOST, &receive.timeout))
			return STATUS_USAGE;
	}
	if (argc - optind != 2)
		return misused(command, "it takes the names of a segment and of a queue");
	if (receive.records && receive.json)
		return misused(command, "--records and --json exclude each other");
	if (receive.json && !answer_possible())
		return STATUS_FAILURE;
	answer_in_lines(true);
	status = target_open(&receive.target, argv[optind], argv[optind + 1], 0);
	if (status)
		return status;
	status = open_and_receive(&receive);
	target_close(&receive.target);
	return status;
}

/* clang-format off */
const struct command command_recv = {
	.name = "recv",
	.operands = "[--records | --json] [--batch N] [--count N] [--timeout SECONDS] NAME QUEUE",
	.summary = "Receives messages, and prints each as a line",
	.help =
		"A message is acknowledged when it has been written and flushed.  What it has not acknowledged when it is\n"
		"killed is delivered again, to another: so a line may come twice, but none is lost (unless the queue\n"
		"was made to discard).  It ends well when the queue was shut down and nothing is left.\n"
		"\n"
		"  --records           not lines, but bytes with their length before them: 4 bytes, little-endian\n"
		"  --json              a line of JSON for each, with its id and how often it was delivered\n"
		"  --batch N           holds up to N that are there at once; by default as many as the queue allows\n"
		"  --count N           ends after N; fewer are a failure\n"
		"  --timeout SECONDS   ends when none came for that time\n"
		"  --help              this text\n",
	.run = run,
};
/* clang-format on */
