/* SPDX-License-Identifier: BSD-2-Clause */
/* input.c - a buffer that has room for the longest message, and for many short ones. */
#include "input.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

#define ROOM_LEAST 65536
#define READ_MOST 65536 /* so that there is something to hand out soon */

void input_begin(struct input *input, int fd, bool records, size_t longest)
{
	*input = (struct input){ .fd = fd, .records = records, .longest = longest };
	input->room = 2 * (longest + RECORD_HEAD);
	if (input->room < ROOM_LEAST)
		input->room = ROOM_LEAST;
	input->bytes = must_have(malloc(input->room));
}

static bool next_line(struct input *input, const void **message, size_t *size)
{
	const uint8_t *start = input->bytes + input->start;
	size_t there = input->end - input->start;
	const uint8_t *end = memchr(start, '\n', there);

	*message = start;
	*size = end ? (size_t)(end - start) : there;
	if (*size > input->longest)
		input->wrong = "too long";
	if (input->wrong || (!end && !(input->ended && there)))
		return false;
	input->start += *size + (end != NULL);
	return true;
}

static bool next_record(struct input *input, const void **message, size_t *size)
{
	const uint8_t *head = input->bytes + input->start;
	size_t there = input->end - input->start;

	if (there < RECORD_HEAD) {
		if (input->ended && there)
			input->wrong = "cut short";
		return false;
	}
	*size = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
	*message = head + RECORD_HEAD;
	if (*size > input->longest)
		input->wrong = "too long";
	else if (there - RECORD_HEAD < *size && input->ended)
		input->wrong = "cut short";
	if (input->wrong || there - RECORD_HEAD < *size)
		return false;
	input->start += RECORD_HEAD + *size;
	return true;
}

bool input_next(struct input *input, const void **message, size_t *size)
{
	bool there = input->records ? next_record(input, message, size) : next_line(input, message, size);

	input->count += there;
	return there;
}

/* Of a descriptor that others have made not to wait. */
static bool await_readable(int fd)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };

	return poll(&readable, 1, -1) >= 0 || errno == EINTR;
}

int input_fill(struct input *input)
{
	size_t room;
	ssize_t got;

	if (input->ended || input->wrong)
		return 0;
	memmove(input->bytes, input->bytes + input->start, input->end - input->start);
	input->end -= input->start;
	input->start = 0;
	room = input->room - input->end < READ_MOST ? input->room - input->end : READ_MOST;
	do {
		got = read(input->fd, input->bytes + input->end, room);
	} while (got < 0 && (errno == EINTR || (errno == EAGAIN && await_readable(input->fd))));
	if (got < 0) {
		input->wrong = strerror(errno);
		return 0;
	}
	input->end += (size_t)got;
	input->ended = got == 0;
	return 1; /* at the end, too: a last line may have none */
}

/* What was read and not handed out is there for the next who reads, where one can go back. */
void input_end(struct input *input)
{
	if (input->end > input->start)
		(void)!lseek(input->fd, -(off_t)(input->end - input->start), SEEK_CUR);
	free(input->bytes);
}
