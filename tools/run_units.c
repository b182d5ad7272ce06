/* SPDX-License-Identifier: BSD-2-Clause */
/* run_units.c - what the boss of stoa run hands out, a line or a block of lines each, and the results. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

/* ---- handing out ---- */

bool run_has_place(const struct run *run)
{
	return run->open_count < run->capacity &&
	       (!run->keep_order || run->handed_out - run->next_out < PARKED_MOST);
}

/* There is room: the queue has a place for each unit that is open. */
static void hand_out(struct run *run, size_t bytes, struct claim *claims)
{
	struct unit *unit = &run->open[run->open_count];
	int rc;

	memcpy(run->block, &run->handed_out, UNIT_HEAD);
	rc = stoa_sender_push(run->sender, run->block, UNIT_HEAD + bytes);
	if (rc) {
		complain("the queue", "%s", stoa_strerror(rc));
		run_settle_claims(run, claims, false);
		run->broken = true;
		return;
	}
	*unit = (struct unit){ .number = run->handed_out++, .sent = run->each ? 0 : bytes, .claims = claims };
	if (run->each)
		unit->line = must_have(strndup((const char *)run->block + UNIT_HEAD, bytes));
	run->open_count++;
	run_pool_grow(run);
}

static void hand_out_block(struct run *run)
{
	uint64_t bytes = run->block_bytes;
	struct claim *claims = run->block_claims;

	run->block_bytes = run->block_lines = 0;
	run->block_claims = NULL;
	if (bytes)
		hand_out(run, bytes, claims);
}

static void add_to_block(struct run *run, const void *line, size_t size, struct lease *lease)
{
	uint8_t *end;

	if (run->block_bytes + size + 1 > run->longest)
		hand_out_block(run);
	end = run->block + UNIT_HEAD + run->block_bytes;
	memcpy(end, line, size);
	end[size] = '\n';
	run->block_bytes += size + 1;
	run_claim(&run->block_claims, lease);
	if (++run->block_lines == run->lines)
		hand_out_block(run);
}

/* On stdin that is the end; a message of others has failed, as it would with the next who gets it. */
static void refuse(struct run *run, const struct lease *lease, const char *why)
{
	if (!lease) {
		run->input.wrong = why;
		return;
	}
	complain(run->name, "a message has %s", why);
	run->done++;
	run->failed++;
}

static void hand_out_line(struct run *run, const void *line, size_t size, struct lease *lease)
{
	struct claim *claims = NULL;

	memcpy(run->block + UNIT_HEAD, line, size);
	if (memchr(run->block + UNIT_HEAD, '\0', size)) {
		refuse(run, lease, "a NUL byte, which no argument can have");
		return;
	}
	run_claim(&claims, lease);
	hand_out(run, size, claims);
}

static bool next_line(struct run *run, const void **line, size_t *size, struct lease **lease)
{
	*lease = NULL;
	return run_feed_next(run, line, size, lease) || input_next(&run->input, line, size);
}

/* A block that is not full goes only to a worker that has nothing else to do, or at the end. */
void run_hand_out(struct run *run)
{
	struct lease *lease;
	const void *line;
	size_t size;

	while (!run->broken && !run->halting && !run->input.wrong && run_has_place(run) &&
	       next_line(run, &line, &size, &lease))
		(run->each ? hand_out_line : add_to_block)(run, line, size, lease);
	if (!run->broken && !run->halting && run_has_place(run) &&
	    (run->input.ended || run->open_count < run->jobs))
		hand_out_block(run);
}

/* ---- results ---- */

static struct unit *open_unit(const struct run *run, uint64_t number)
{
	for (uint64_t i = 0; i < run->open_count; i++) {
		if (run->open[i].number == number)
			return &run->open[i];
	}
	return NULL; /* this is its second result */
}

static void judge(struct run *run, const struct result *result)
{
	bool succeeded = run_succeeded(result->status);

	run->deaths = 0;
	run->failed += !succeeded;
	if (run_is_hopeless(run, result) && !run->broken) {
		complain(run->command[0], "%s", strerror(result->cannot));
		run->broken = true;
		run->broken_status = WEXITSTATUS(result->status);
	}
	if (succeeded || run->halt == HALT_NEVER || run->halting)
		return;
	run->halting = true;
	run->broken |= run->halt == HALT_NOW;
	stoa_queue_shutdown(run->queue, STOA_NOW);
}

static void take_result(struct run *run, const struct result *result, const void *bytes, int fd)
{
	struct unit *unit = open_unit(run, result->number);

	if (unit) {
		run->done++;
		run_output_take(run, result, unit, bytes, fd);
		run_settle_claims(run, unit->claims, !run->broken);
		free(unit->line);
		*unit = run->open[--run->open_count];
		judge(run, result);
	}
	if (fd >= 0)
		close(fd);
}

void run_take_results(struct run *run)
{
	for (;;) {
		union {
			struct cmsghdr head;
			char room[CMSG_SPACE(sizeof(int))];
		} control;
		struct result result;
		char output[SHORT_OUTPUT];
		struct iovec bytes[2] = { { &result, sizeof result }, { output, sizeof output } };
		struct msghdr message = {
			.msg_iov = bytes,
			.msg_iovlen = 2,
			.msg_control = &control,
			.msg_controllen = sizeof control,
		};
		ssize_t got = recvmsg(run->results[0], &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		const struct cmsghdr *head;
		int fd = -1;

		if (got < (ssize_t)sizeof result)
			return;
		head = CMSG_FIRSTHDR(&message);
		if (head && head->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(head), sizeof fd);
		if (fd < 0 && result.output > (uint64_t)got - sizeof result) {
			complain("output", "%s", strerror(EMFILE)); /* the descriptor did not come through */
			run->broken = true;
			return;
		}
		take_result(run, &result, fd < 0 ? output : NULL, fd);
	}
}

void run_units_end(struct run *run)
{
	for (uint64_t i = 0; i < run->open_count; i++) {
		run_settle_claims(run, run->open[i].claims, false);
		free(run->open[i].line);
	}
	run_settle_claims(run, run->block_claims, false);
	free(run->open);
	free(run->block);
}
