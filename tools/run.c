/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.c - stoa run: a pool of workers from the shell.
 *
 * One process, the boss, reads stdin, and makes units of it: a line (--each), or a block of lines.  It hands them out
 * through a queue of stoa.  N workers, forked by it, take units under leases.  For each a worker starts the command,
 * with the line as an argument or with the block as its stdin, awaits its end, and starts it again if it failed and
 * may.  Then it tells the boss the result, and only then acknowledges the unit.  The boss prints the output, and
 * the log.
 *
 * Who dies, and when:
 *	the command		its worker sees it and tries again, or tells the failure
 *	a worker		its command dies with it; the lease brings its unit to another worker, and the boss forks
 *				one in its place.  The command runs again, maybe for the second time to its end: if the
 *				worker had told the result, and not yet acknowledged it.  The boss knows which units have
 *				a result and ignores a second one, so that output and log have each unit once.
 *	the boss		workers and commands die with it
 *
 * The boss hands out no more than the queue has places for, so it never waits for room; it waits in poll(2) alone,
 * for stdin, for results, and for signals: deaths of workers, and its own end.
 */
#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "target.h"

#define JOBS_MOST 1000
#define LONGEST_DEFAULT 65536
#define LONGEST_MOST (1u << 26)
#define DEATHS_MOST 100 /* of workers, with no result among them */
#define PROGRESS_MS 200

/* ---- workers ---- */

static bool start_worker(struct run *run, pid_t *worker)
{
	*worker = fork();
	if (*worker == 0)
		run_worker(run);
	if (*worker < 0)
		complain("fork", "%s", strerror(errno));
	return *worker > 0;
}

static bool worker_ended(struct run *run, int status)
{
	if (run->ending)
		return true;
	if (WIFSIGNALED(status) && ++run->deaths <= DEATHS_MOST)
		return true;
	if (WIFSIGNALED(status))
		complain("run", "%d workers were killed, and got nothing done", DEATHS_MOST);
	else if (run_succeeded(status))
		complain("run", "the queue was shut down by somebody else");
	return false; /* it has said why */
}

/* Others take the places of those that were killed. */
static void replace_workers(struct run *run)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		uint64_t i = 0;

		while (i < run->jobs && run->workers[i] != pid)
			i++;
		if (i == run->jobs)
			continue;
		run->workers[i] = 0;
		if (!worker_ended(run, status) || (!run->ending && (stoa_segment_reap(run->segment) < 0 ||
		                                                    !start_worker(run, &run->workers[i]))))
			run->broken = true;
	}
}

static void end_workers(struct run *run)
{
	for (uint64_t i = 0; i < run->jobs; i++) {
		if (run->workers[i] > 0 && run->broken)
			kill(run->workers[i], SIGKILL);
	}
	for (uint64_t i = 0; i < run->jobs; i++) {
		if (run->workers[i] > 0)
			waitpid(run->workers[i], NULL, 0);
	}
}

/* ---- handing out ---- */

static bool has_place(const struct run *run)
{
	return run->open_count < run->capacity &&
	       (!run->keep_order || run->handed_out - run->next_out < PARKED_MOST);
}

static void hand_out(struct run *run, size_t bytes)
{
	struct unit *unit = &run->open[run->open_count];
	int rc;

	memcpy(run->block, &run->handed_out, UNIT_HEAD);
	do {
		rc = stoa_sender_send(run->sender, run->block, UNIT_HEAD + bytes, NULL);
	} while (rc == -EINTR);
	if (rc) {
		complain("the queue", "%s", stoa_strerror(rc));
		run->broken = true;
		return;
	}
	*unit = (struct unit){ .number = run->handed_out++ };
	if (run->each)
		unit->line = must_have(strndup((const char *)run->block + UNIT_HEAD, bytes));
	run->open_count++;
}

static void hand_out_block(struct run *run)
{
	uint64_t bytes = run->block_bytes;

	run->block_bytes = run->block_lines = 0;
	if (bytes)
		hand_out(run, bytes);
}

static void add_to_block(struct run *run, const void *line, size_t size)
{
	uint8_t *end;

	if (run->block_bytes + size + 1 > run->longest)
		hand_out_block(run);
	end = run->block + UNIT_HEAD + run->block_bytes;
	memcpy(end, line, size);
	end[size] = '\n';
	run->block_bytes += size + 1;
	if (++run->block_lines == run->lines)
		hand_out_block(run);
}

static void hand_out_line(struct run *run, const void *line, size_t size)
{
	if (memchr(line, '\0', size)) {
		run->input.wrong = "a NUL byte, which no argument can have";
		return;
	}
	memcpy(run->block + UNIT_HEAD, line, size);
	hand_out(run, size);
}

/* A block that is not full goes only to a worker that has nothing else to do, or at the end. */
static void hand_out_what_is_there(struct run *run)
{
	const void *line;
	size_t size;

	while (!run->broken && !run->input.wrong && has_place(run) && input_next(&run->input, &line, &size))
		(run->each ? hand_out_line : add_to_block)(run, line, size);
	if (!run->broken && has_place(run) && (run->input.ended || run->open_count < run->jobs))
		hand_out_block(run);
}

static bool wants_input(const struct run *run)
{
	return has_place(run) && !run->input.ended && !run->input.wrong;
}

static bool finished(const struct run *run)
{
	bool read = run->input.wrong || (run->input.ended && run->input.start == run->input.end);

	return run->broken || (read && !run->block_bytes && !run->open_count);
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

static void take_result(struct run *run, const struct result *result, int fd)
{
	struct unit *unit = open_unit(run, result->number);

	if (!unit) {
		if (fd >= 0)
			close(fd);
		return;
	}
	run->deaths = 0;
	run->done++;
	run->failed += !run_succeeded(result->status);
	run_output_take(run, result, unit, fd);
	free(unit->line);
	*unit = run->open[--run->open_count];
}

static void take_results(struct run *run)
{
	for (;;) {
		union {
			struct cmsghdr head;
			char room[CMSG_SPACE(sizeof(int))];
		} control;
		struct result result;
		struct iovec bytes = { &result, sizeof result };
		struct msghdr message = {
			.msg_iov = &bytes,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof control,
		};
		const struct cmsghdr *head;
		int fd = -1;

		if (recvmsg(run->results[0], &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof result)
			return;
		head = CMSG_FIRSTHDR(&message);
		if (head && head->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(head), sizeof fd);
		take_result(run, &result, fd);
	}
}

/* ---- the boss ---- */

/* The signal that ends it, or 0. */
static int take_signals(struct run *run)
{
	struct signalfd_siginfo info;
	int ended_by = 0;

	while (read(run->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo != SIGCHLD)
			ended_by = (int)info.ssi_signo;
	}
	if (!ended_by)
		replace_workers(run);
	return ended_by;
}

/* Until all is done, or cannot be; the signal that ended it, or 0. */
static int work(struct run *run)
{
	struct pollfd fds[3] = {
		{ .fd = run->results[0], .events = POLLIN },
		{ .fd = run->signals, .events = POLLIN },
		{ .events = POLLIN },
	};
	int ended_by = 0;

	for (;;) {
		hand_out_what_is_there(run);
		run_progress(run, false);
		if (finished(run))
			return 0;
		fds[2].fd = wants_input(run) ? STDIN_FILENO : -1;
		if (poll(fds, 3, run->progress ? PROGRESS_MS : -1) < 0 && errno != EINTR) {
			complain("poll", "%s", strerror(errno));
			run->broken = true;
			return 0;
		}
		take_results(run);
		ended_by = take_signals(run);
		if (ended_by) {
			run->broken = true;
			return ended_by;
		}
		if (fds[2].fd >= 0 && fds[2].revents)
			input_fill(&run->input);
	}
}

static bool catch_signals(struct run *run)
{
	sigset_t mask;

	signal(SIGCHLD, SIG_DFL); /* who ignores it hears nothing of the dead */
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, &run->old_mask);
	run->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signals >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, run->results) == 0)
		return true;
	complain("run", "%s", strerror(errno));
	return false;
}

/* Places for those that work, for as many that have died, and for the boss. */
static int make_queue(struct run *run)
{
	uint32_t people = (uint32_t)(2 * run->jobs + 8);
	struct stoa_queue_config queue = {
		.struct_size = sizeof queue,
		.capacity = run->capacity,
		.message_size = UNIT_HEAD + run->longest,
		.handles = people,
		.holds = 1,
	};
	struct stoa_segment_config segment = {
		.struct_size = sizeof segment,
		.participants = people,
		.flags = STOA_EXCLUSIVE | (run->name ? STOA_UNLINK_LAST : 0),
	};
	int rc = stoa_queue_footprint(&queue, &segment.bytes);

	if (!rc)
		rc = stoa_segment_create(run->name, &segment, &run->segment);
	if (!rc)
		rc = stoa_queue_create(run->segment, "lines", &queue, &run->queue);
	if (!rc)
		rc = stoa_sender_open(run->queue, &run->sender);
	return rc ? complain_write(run->name ? run->name : "the queue", rc) : STATUS_OK;
}

static int say_how_it_ended(const struct run *run)
{
	const char *wrong = run->input.wrong;

	if (run->broken)
		return STATUS_FAILURE;
	if (wrong && strcmp(wrong, "too long") == 0)
		return complain("stdin", "line %" PRIu64 " is longer than %" PRIu64 " bytes; see --longest",
		                run->input.count + 1, run->longest - !run->each);
	if (wrong)
		return complain("stdin", "behind %" PRIu64 " lines: %s", run->input.count, wrong);
	if (run->failed)
		return complain("run", "%" PRIu64 " of %" PRIu64 " failed", run->failed, run->done);
	return STATUS_OK;
}

static int start_and_work(struct run *run, int *ended_by)
{
	run->boss = getpid();
	if (!run_output_begin(run) || !catch_signals(run)) {
		run->progress = false;
		run_output_end(run);
		return STATUS_FAILURE;
	}
	input_begin(&run->input, STDIN_FILENO, false, run->longest - !run->each);
	for (uint64_t i = 0; i < run->jobs && !run->broken; i++)
		run->broken = !start_worker(run, &run->workers[i]);
	*ended_by = work(run);
	run->ending = true;
	stoa_queue_shutdown(run->queue, STOA_NOW);
	end_workers(run);
	run_output_end(run);
	return *ended_by ? STATUS_FAILURE : say_how_it_ended(run);
}

static void clean_up(struct run *run)
{
	for (uint64_t i = 0; i < run->open_count; i++)
		free(run->open[i].line);
	input_end(&run->input);
	free(run->open);
	free(run->block);
	free(run->workers);
	stoa_sender_close(run->sender);
	stoa_queue_close(run->queue);
	stoa_segment_close(run->segment);
}

static int run_all(struct run *run)
{
	int ended_by = 0, status;

	run->capacity = 2 * run->jobs + 2;
	run->open = must_have(calloc(run->capacity, sizeof *run->open));
	run->block = must_have(malloc(UNIT_HEAD + run->longest));
	run->workers = must_have(calloc(run->jobs, sizeof *run->workers));
	status = make_queue(run);
	if (!status)
		status = start_and_work(run, &ended_by);
	clean_up(run);
	if (ended_by) {
		signal(ended_by, SIG_DFL);
		raise(ended_by);
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

static int run(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "jobs", required_argument, NULL, 'j' },
		{ "each", no_argument, NULL, 'e' },
		{ "keep-order", no_argument, NULL, 'k' },
		{ "lines", required_argument, NULL, 'n' },
		{ "longest", required_argument, NULL, 'l' },
		{ "retries", required_argument, NULL, 'r' },
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
		.longest = LONGEST_DEFAULT,
		.signals = -1,
	};
	int letter;

	while ((letter = next_option_of(command, argc, argv, "+:j:k", options)) != -1) {
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
		"  --longest N        bytes that a copy gets at most, and so a line; 64K by default\n"
		"  --retries N        a copy that fails is started again, N times at most; 0 by default.  One that a\n"
		"                     signal has killed is started again 3 times at least\n"
		"  --queue NAME       the queue is made in a segment of that name, for stoa top; else it has none\n"
		"  --joblog FILE      a line for each copy that has ended, as GNU parallel writes it\n"
		"  --progress         how far it is, where stderr is a terminal\n"
		"  --help             this text\n"
		"\n"
		"Exit status: 0 all done; 1 some failed, or it could not go on; 2 wrong usage.\n",
	.run = run,
};
/* clang-format on */
