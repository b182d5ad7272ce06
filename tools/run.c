/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.c - stoa run: a pool of workers from the shell.
 *
 * One process, the boss, reads stdin, and makes units of it: a line (--each), or a block of lines.  It hands
 * them out through a queue of stoa.  Up to N workers, forked by it, take units under leases.  For each a
 * worker starts the command, with the line as an argument or with the block as its stdin, awaits its end, and
 * starts it again if it failed and may.  Then it tells the boss the result, and only then acknowledges the
 * unit.  The boss prints the output, and the log.
 *
 * Who dies, and when:
 *	the command		its worker sees it and tries again, or tells the failure
 *	a worker		its command dies with it; the lease brings its unit to another worker, and the boss forks
 *				one in its place.  The command runs again, maybe for the second time to its end: if the
 *				worker had told the result, and not yet acknowledged it.  The boss knows which units have
 *				a result and ignores a second one, so that output and log have each unit once.
 *	the boss		workers and commands die with it; lines from others (run_feed.c) that were not done go to
 *				the next who runs
 *
 * The boss hands out no more than the queue has places for, so it never waits for room.  It waits in poll(2)
 * alone: for stdin, for lines from others, for results, for signals (deaths of workers, and its own end), and
 * for who reads its output.
 *
 * run_units.c has what is handed out and what comes back, run_pool.c the workers as the boss sees them,
 * run_worker.c a worker, run_feed.c lines from others, run_output.c output, log and progress.
 */
#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "target.h"

#define JOBS_MOST 1000
#define LONGEST_LEAST (1u << 16) /* of those by default */
#define LONGEST_BLOCK (1u << 18)
#define QUEUE_SHOULD (1u << 26) /* bytes, by default at most */
#define LONGEST_MOST (1u << 26)
#define PROGRESS_MS 200

/* ---- the boss ---- */

static bool wants_input(const struct run *run)
{
	return run_has_place(run) && !run->input.ended && !run->input.wrong && !run->halting;
}

static bool finished(const struct run *run)
{
	bool read = run->input.wrong || (run->input.ended && run->input.start == run->input.end);
	bool fed = run->input.wrong || run->feed.fd < 0 || run->feed.ended;

	if (run->halting)
		return run->broken || !run->working;
	return run->broken || (read && fed && !run->block_bytes && !run->open_count);
}

static void read_input(struct run *run)
{
	input_fill(&run->input);
	if (run->input.ended || run->input.wrong)
		run_feed_shut(run);
}

/* Until all is done, or cannot be. */
static void work(struct run *run)
{
	struct pollfd fds[4] = {
		{ .fd = run->results[0], .events = POLLIN },
		{ .fd = run->signals, .events = POLLIN },
		{ .events = POLLIN },
		{ .events = POLLIN },
	};

	for (;;) {
		run_hand_out(run);
		run_progress(run, false);
		if (finished(run))
			return;
		fds[2].fd = wants_input(run) ? STDIN_FILENO : -1;
		fds[3].fd = run_has_place(run) && run_feed_may_take(&run->feed) ? run->feed.fd : -1;
		if (poll(fds, 4, run->progress ? PROGRESS_MS : -1) < 0 && errno != EINTR) {
			complain("poll", "%s", strerror(errno));
			run->broken = true;
		}
		run_take_signals(run);
		if (run->some_died && !run->broken)
			run_replace_workers(run);
		run_take_results(run); /* also of those that ended just now */
		if (fds[2].fd >= 0 && fds[2].revents)
			read_input(run);
	}
}

uint32_t run_people(const struct run *run)
{
	return (uint32_t)(2 * run->jobs + 8);
}

static int make_units_queue(struct run *run, const struct stoa_queue_config *queue, uint64_t bytes)
{
	const struct stoa_segment_config segment = {
		.struct_size = sizeof segment,
		.participants = run_people(run),
		.bytes = bytes,
	};
	int rc = 0;

	if (run->feed.made)
		rc = stoa_segment_open(run->name, 0, &run->segment);
	else
		rc = stoa_segment_create(NULL, &segment, &run->segment);
	if (!rc)
		rc = stoa_queue_create(run->segment, RUN_UNITS, queue, &run->queue);
	if (!rc)
		rc = stoa_sender_open(run->queue, &run->sender);
	return rc ? complain_write("the queue", rc) : STATUS_OK;
}

/* What is made here under a name has both queues, so that stoa top shows who holds what. */
static int make_queues(struct run *run)
{
	const struct stoa_queue_config queue = {
		.struct_size = sizeof queue,
		.capacity = run->capacity,
		.message_size = UNIT_HEAD + run->longest,
		.handles = run_people(run),
		.holds = 1,
		.flags = STOA_CLOSE_WITH_SENDERS, /* so that who joins knows whether this pool lives */
	};
	uint64_t bytes = 0;
	int rc = stoa_queue_footprint(&queue, &bytes), status;

	if (rc)
		return complain_write("the queue", rc);
	status = run->name ? run_feed_open(run, bytes) : STATUS_OK;
	return status ? status : make_units_queue(run, &queue, bytes);
}

static int say_how_it_ended(const struct run *run)
{
	const char *wrong = run->input.wrong;

	if (run->broken_status)
		return run->broken_status;
	if (wrong && strcmp(wrong, "too long") == 0)
		return complain("stdin", "line %" PRIu64 " is longer than %" PRIu64 " bytes; see --longest",
		                run->input.count + 1, run->longest - !run->each);
	if (wrong)
		return complain("stdin", "behind %" PRIu64 " lines: %s", run->input.count, wrong);
	if (run->halting)
		return complain("run", "%" PRIu64 " of %" PRIu64 " failed, and nothing more was started",
		                run->failed, run->done);
	if (run->failed)
		return complain("run", "%" PRIu64 " of %" PRIu64 " failed", run->failed, run->done);
	return run->broken || run->no_log ? STATUS_FAILURE : STATUS_OK;
}

/* Signals are caught first: from then on it is ended in order, with nothing left in /dev/shm. */
static int begin(struct run *run)
{
	int status = run_pool_begin(run) ? make_queues(run) : STATUS_FAILURE;

	if (!status && !run_output_begin(run)) {
		run->progress = false;
		run_output_end(run);
		status = STATUS_FAILURE;
	}
	return status;
}

static int start_and_work(struct run *run)
{
	int status = begin(run);

	if (status)
		return status;
	work(run);
	run_pool_end(run);
	run_output_end(run);
	if (run->ended_by || (run->broken && !run->halting && !run->broken_status))
		return STATUS_FAILURE; /* it has been said why */
	return say_how_it_ended(run);
}

static int run_all(struct run *run)
{
	int status;

	run->capacity = 2 * run->jobs + 2;
	run->open = must_have(calloc(run->capacity, sizeof *run->open));
	run->block = must_have(malloc(UNIT_HEAD + run->longest));
	run->workers = must_have(calloc(run->jobs, sizeof *run->workers));
	run->program = run_program(run->command[0]);
	input_begin(&run->input, STDIN_FILENO, false, run->longest - !run->each);
	status = start_and_work(run);
	run_units_end(run);
	input_end(&run->input);
	free(run->workers);
	free(run->inherited);
	free(run->program);
	run_feed_close(run);
	stoa_sender_close(run->sender);
	stoa_queue_close(run->queue);
	stoa_segment_close(run->segment);
	if (run->ended_by) {
		signal(run->ended_by, SIG_DFL);
		raise(run->ended_by);
		sigprocmask(SIG_SETMASK, &run->old_mask, NULL);
	}
	return status;
}

/* ---- the command ---- */

static bool take_option(const struct command *command, int letter, struct run *run)
{
	switch (letter) {
	case 'j':
		return number_option(command, "jobs", optarg, 1, JOBS_MOST, &run->jobs);
	case 'e':
		return run->each = true;
	case 'k':
		return run->keep_order = true;
	case 'n':
		return number_option(command, "lines", optarg, 1, UINT64_MAX, &run->lines);
	case 'l':
		return size_option(command, "longest", optarg, 2, LONGEST_MOST, &run->longest);
	case 'r':
		return number_option(command, "retries", optarg, 0, UINT32_MAX, &run->retries);
	case 'x':
		run->halt = strcmp(optarg, "now") == 0 ? HALT_NOW : HALT_SOON;
		if (run->halt == HALT_NOW || strcmp(optarg, "soon") == 0)
			return true;
		misused(command, "--halt takes soon or now, not \"%s\"", optarg);
		return false;
	case 'q':
		run->name = optarg;
		return true;
	case 'o':
		run->joblog_path = optarg;
		return true;
	default:
		return run->progress = true;
	}
}

/* Large blocks mean fewer copies; with many jobs they would take much memory. */
static uint64_t usual_longest(const struct run *run)
{
	uint64_t longest = run->each ? LONGEST_LEAST : LONGEST_BLOCK;

	while (longest > LONGEST_LEAST && longest * (2 * run->jobs + run_people(run)) > QUEUE_SHOULD)
		longest /= 2;
	return longest;
}

static int run(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "jobs", required_argument, NULL, 'j' },
		{ "each", no_argument, NULL, 'e' },
		{ "keep-order", no_argument, NULL, 'k' },
		{ "lines", required_argument, NULL, 'n' },
		{ "longest", required_argument, NULL, 'l' },
		{ "retries", required_argument, NULL, 'r' },
		{ "halt", required_argument, NULL, 'x' },
		{ "queue", required_argument, NULL, 'q' },
		{ "joblog", required_argument, NULL, 'o' },
		{ "progress", no_argument, NULL, 'p' },
		HELP_OPTION,
		END_OPTION,
	};
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct run all = {
		.jobs = cores < 1           ? 1
		        : cores > JOBS_MOST ? JOBS_MOST
		                            : (uint64_t)cores,
		.signals = -1,
		.spool = -1,
		.feed = { .fd = -1 },
	};
	int letter;

	while ((letter = next_option_of(command, argc, argv, "+:hj:k", options)) != -1) {
		if (letter == 'h' || letter == '?')
			return letter == 'h' ? STATUS_OK : STATUS_USAGE;
		if (!take_option(command, letter, &all))
			return STATUS_USAGE;
	}
	if (optind == argc)
		return misused(command, "it takes a command");
	if (all.each && all.lines)
		return misused(command, "--each and --lines exclude each other");
	all.command = argv + optind;
	if (!all.longest)
		all.longest = usual_longest(&all);
	return run_all(&all);
}

/* clang-format off */
const struct command command_run = {
	.name = "run",
	.operands = "[-j N] [--each] [OPTION ...] [--] COMMAND [ARGUMENT ...]",
	.summary = "Spreads the lines of stdin over N copies of a command",
	.help =
		"Each copy gets some lines as its stdin, and ends; what it prints is printed when it has ended, and is\n"
		"never mixed with that of others.  With --each there is a copy for each line, which takes the place of\n"
		"each {} in the arguments, or is the last one.  No shell sees the line.\n"
		"\n"
		"A line is done when the copy that got it has ended with status 0.  Workers that start the copies may be\n"
		"killed: others get their lines.  Output and log have each line once, but a command may have run\n"
		"more than once for it, so it should be one that can be repeated.\n"
		"\n"
		"  -j N, --jobs N     so many at once; by default one for each processor\n"
		"  --each             a copy for each line\n"
		"  -k, --keep-order   the output comes in the order of the lines\n"
		"  --lines N          a copy gets N lines at most\n"
		"  --longest N        bytes that a copy gets at most, and so a line; by default 256K, or 64K\n"
		"                     with --each and with many jobs\n"
		"  --retries N        a copy that fails is started again, N times at most; 0 by default.  One that a\n"
		"                     signal has killed is started again 3 times at least\n"
		"  --halt soon|now    at the first failure nothing more is started; now: and what runs is killed\n"
		"  --queue NAME       lines come from the queue of segment NAME, too.  It is made, and lives as long as\n"
		"                     stdin; or it is there, and all is done when it is shut down\n"
		"  --joblog FILE      a line for each copy that has ended, as GNU parallel writes it\n"
		"  --progress         how far it is, where stderr is a terminal\n"
		"  --help             this text\n"
		"\n"
		"Exit status: 0 all done; 1 some failed, or it could not go on; 2 wrong usage; 126 the command cannot be\n"
		"executed, 127 it is not there.\n",
	.run = run,
};
/* clang-format on */
