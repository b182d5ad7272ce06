/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counter - a number that processes which know nothing of each other count up by name.
 *
 *	counter NAME [TIMES]     adds 1 TIMES times (once), prints the number
 *	counter --remove NAME
 *
 * The first one creates the segment and the value, the others find them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stoa.h>

/* README: begin */
static int count(const char *name, long times, int64_t *result)
{
	struct stoa_segment *segment;
	struct stoa_value *hits;

	int rc = stoa_segment_create(name, NULL, &segment);
	if (rc)
		return rc;
	rc = stoa_value_create(segment, "hits", NULL, &hits);
	if (!rc) {
		while (times-- > 0 && !rc)
			rc = stoa_value_add_i64(hits, 1);
		if (!rc)
			rc = stoa_value_load_i64(hits, result);
		stoa_value_close(hits);
	}
	stoa_segment_close(segment);
	return rc;
}
/* README: end */

static int answer(int rc)
{
	if (rc)
		fprintf(stderr, "counter: %s\n", stoa_strerror(rc));
	return rc != 0;
}

int main(int argc, char **argv)
{
	int64_t result;

	if (argc == 3 && !strcmp(argv[1], "--remove"))
		return answer(stoa_segment_unlink(argv[2]));
	if (argc < 2 || argc > 3 || argv[1][0] == '-') {
		fprintf(stderr, "Usage: counter NAME [TIMES], or counter --remove NAME\n");
		return 2;
	}
	int rc = count(argv[1], argc > 2 ? atol(argv[2]) : 1, &result);
	if (!rc)
		printf("%" PRId64 "\n", result);
	return answer(rc);
}
