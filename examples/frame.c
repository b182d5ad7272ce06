/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame - a sensor's last frame: one process writes it, any number read it whole.
 *
 *	frame write NAME [COUNT]   writes COUNT frames (100,000), as fast as it can
 *	frame read NAME            reads until it has seen the last one; exit status 1
 *	                           if a frame was torn or came after a later one
 *	frame remove NAME
 *
 * A reader does not slow the writer down, and a writer killed in the middle of a frame
 * leaves the frame before it.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stoa.h>

struct frame {
	uint64_t number; /* 1, 2, ...; 0: none yet */
	uint64_t last;   /* number of the last one */
	double sample[16];
	uint64_t checksum;
};

static uint64_t checksum(const struct frame *frame)
{
	const unsigned char *bytes = (const unsigned char *)frame;
	uint64_t sum = 1;
	for (size_t i = 0; i < offsetof(struct frame, checksum); i++)
		sum = sum * 31 + bytes[i];
	return sum;
}

static int write_frames(struct stoa_value *value, uint64_t count)
{
	int rc = 0;
	for (uint64_t number = 1; number <= count && !rc; number++) {
		struct frame frame = { .number = number, .last = count };
		for (int i = 0; i < 16; i++)
			frame.sample[i] = (double)number / (i + 1);
		frame.checksum = checksum(&frame);
		rc = stoa_value_store(value, &frame);
	}
	return rc;
}

static int read_frames(struct stoa_value *value, uint64_t *read, uint64_t *wrong)
{
	struct frame frame = { 0 };
	uint64_t before = 0;

	while (frame.number == 0 || frame.number < frame.last) {
		int rc = stoa_value_wait(value, &frame, NULL); /* for another than this one */
		if (!rc)
			rc = stoa_value_load(value, &frame);
		if (rc)
			return rc;
		++*read;
		*wrong += frame.checksum != checksum(&frame) || frame.number < before;
		before = frame.number;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct stoa_value_config config = { .struct_size = sizeof config, .size = sizeof(struct frame) };
	struct stoa_segment *segment;
	struct stoa_value *value;
	uint64_t read = 0, wrong = 0;

	if (argc == 3 && !strcmp(argv[1], "remove"))
		return stoa_segment_unlink(argv[2]) != 0;
	bool writes = argc > 2 && !strcmp(argv[1], "write");
	if (argc < 3 || argc > 4 || (!writes && strcmp(argv[1], "read"))) {
		fprintf(stderr, "Usage: frame write NAME [COUNT], frame read NAME, or frame remove NAME\n");
		return 2;
	}
	int rc = stoa_segment_create(argv[2], NULL, &segment);
	rc = rc ? rc : stoa_value_create(segment, "frame", &config, &value);
	if (!rc) {
		rc = writes ? write_frames(value, argc > 3 ? strtoull(argv[3], NULL, 10) : 100000)
		            : read_frames(value, &read, &wrong);
		stoa_value_close(value);
		stoa_segment_close(segment);
	}
	if (rc)
		fprintf(stderr, "frame: %s\n", stoa_strerror(rc));
	else if (!writes)
		printf("%" PRIu64 " frames read, %" PRIu64 " wrong\n", read, wrong);
	return rc || wrong;
}
