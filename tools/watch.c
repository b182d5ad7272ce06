/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.c - stoa watch: a line whenever something has changed.
 *
 * Who sets a value wakes who waits for it.  Arrays, and how other objects stand, are looked at every so often; so are
 * values in segments that may only be read.  Either way only the last of several quick changes is seen.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer.h"
#include "options.h"
#include "source.h"

#define LOOK_NS 50000000

struct watch {
	struct source source;
	bool json, can_wait;
	bool forever; /* no deadline */
	struct timespec deadline;
	uint64_t count; /* changes to end with; 0: none */
};

static void print_element(const struct watch *watch, uint64_t i)
{
	const struct source *source = &watch->source;

	if (watch->json) {
		answer_object(NULL);
		if (!source->single)
			answer_number("index", source->first + i);
		source_print(source, i, true, "value");
		answer_end();
		return;
	}
	if (!source->single)
		printf("%" PRIu64 " ", source->first + i);
	source_print(source, i, false, NULL);
}

/* How many elements are others than in `old`; NULL: all. */
static uint64_t print_changed(const struct watch *watch, const uint8_t *old)
{
	const struct source *source = &watch->source;
	uint64_t changed = 0;

	for (uint64_t i = 0; i < source->count; i++) {
		if (old &&
		    memcmp(old + i * source->size, source->bytes + i * source->size, source->size) == 0)
			continue;
		print_element(watch, i);
		changed++;
	}
	return changed;
}

static bool is_past(const struct timespec *deadline)
{
	struct timespec now = stoa_deadline(0);

	return now.tv_sec != deadline->tv_sec ? now.tv_sec > deadline->tv_sec
	                                      : now.tv_nsec >= deadline->tv_nsec;
}

/* 0: look again; STOA_TIMEOUT; a negative errno. */
static int await_change(struct watch *watch)
{
	struct timespec next;
	int rc;

	if (watch->can_wait) {
		rc = stoa_value_wait(watch->source.value, watch->source.bytes,
		                     watch->forever ? NULL : &watch->deadline);
		return rc == -EINTR ? 0 : rc;
	}
	if (!watch->forever && is_past(&watch->deadline))
		return STOA_TIMEOUT;
	next = stoa_deadline(LOOK_NS);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	return 0;
}

static int watch_source(struct watch *watch)
{
	struct source *source = &watch->source;
	size_t bytes = source->count * source->size;
	uint8_t *old = must_have(malloc(bytes));
	uint64_t changes = 0;
	int rc = source_read(source);

	if (!rc)
		print_changed(watch, NULL);
	while (!rc && (!watch->count || changes < watch->count)) {
		fflush(stdout);
		if (ferror(stdout))
			break;
		memcpy(old, source->bytes, bytes);
		rc = await_change(watch);
		if (!rc)
			rc = source_read(source);
		if (!rc)
			changes += print_changed(watch, old);
	}
	free(old);
	if (rc == STOA_TIMEOUT && !watch->count)
		return STATUS_OK;
	return rc ? target_complain(&source->target, rc) : STATUS_OK;
}

/* Who may only read looks, and does not wait. */
static int open_source(struct watch *watch, const char *name, const char *object, const struct range *range)
{
	struct stoa_segment *segment;
	bool writable = stoa_segment_open(name, 0, &segment) == 0;
	int status = source_open(&watch->source, name, object, range, writable ? 0 : STOA_READ_ONLY);

	watch->can_wait = writable && !status && watch->source.target.kind == STOA_KIND_VALUE;
	if (writable)
		stoa_segment_close(segment);
	return status;
}

static int run(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "count", required_argument, NULL, 'c' },
		{ "timeout", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },
		HELP_OPTION,
		END_OPTION,
	};
	struct watch watch = { .forever = true };
	struct range range = { 0 };
	int letter, status;
	double seconds;

	while ((letter = next_option(command, argc, argv, options)) != -1) {
		if (letter == 'h' || letter == '?')
			return letter == 'h' ? STATUS_OK : STATUS_USAGE;
		watch.json |= letter == 'j';
		if (letter == 'c' && !number_option(command, "count", optarg, 1, UINT64_MAX, &watch.count))
			return STATUS_USAGE;
		if (letter == 't') {
			if (!seconds_option(command, "timeout", optarg, 0, SECONDS_MOST, &seconds))
				return STATUS_USAGE;
			watch.forever = false;
			watch.deadline = stoa_deadline((int64_t)(seconds * 1e9));
		}
	}
	if (argc - optind < 2 || argc - optind > 3)
		return misused(command, "it takes the names of a segment and of an object, and an index");
	if (argc - optind == 3 && !range_of_text(command, argv[optind + 2], &range))
		return STATUS_USAGE;
	if (watch.json && !answer_possible())
		return STATUS_FAILURE;
	answer_in_lines(true);
	status = open_source(&watch, argv[optind], argv[optind + 1], &range);
	if (status)
		return status;
	status = watch_source(&watch);
	source_close(&watch.source);
	return status;
}

/* clang-format off */
const struct command command_watch = {
	.name = "watch",
	.operands = "[--count N] [--timeout SECONDS] [--json] NAME OBJECT [INDEX | FIRST-LAST]",
	.summary = "Prints what stoa get does, and a line whenever it has changed",
	.help =
		"Elements of an array have their index before them, unless it is one.  Of changes that follow each\n"
		"other within a moment the last is seen.\n"
		"\n"
		"  --count N           ends after N changes\n"
		"  --timeout SECONDS   ends after that time; with --count it is a failure\n"
		"  --json              a line of JSON for each\n"
		"  --help              this text\n",
	.run = run,
};
/* clang-format on */
