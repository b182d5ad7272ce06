/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * storm.c - `stoa-stress storm`: processes work at full speed and are killed and stopped at random, by the
 * thousand; and every message, update, permit and block is accounted for.
 *
 * The step suite tries every instruction of one operation; a storm tries what nobody thought of.  What it
 * finds is a matter of chance, so it does not prove, and its replay line may take several tries.
 *
 * Who takes part.  One segment, and in it a queue, two struct values, an array with atomic ranges, a
 * semaphore whose permits return, and a lock.  Senders, receivers and scribes (who do everything but the
 * queue, as the others do at times) each have a *seat*; a process that was killed is replaced by a fresh
 * one, which attaches, creates or opens everything, and works until it is killed, or comes and goes of its
 * own accord.  The monkey (storm_monkey.c), the parent of all, kills, stops, resumes and starts.  It never
 * stops everybody; so whoever may run must get on, and where a call does not come back for 20 s, or nothing
 * is received for so long, that is a fault: somebody waits for one who is stopped or dead.
 *
 * A round is one scenario on one segment.  It is made of gusts, the first for a tenth of the time; each ends
 * when the time is over or the ledger full.  Then all end, killed or in good order, and in the calm a process
 * of its own audits everything (storm_calm.c, storm_audit.c); after that the storm goes on over the same
 * segment.  So what creeps from gust to gust is seen: the segment is to be the same after the last gust as
 * after the first.
 *
 * The ledger lies in memory that is shared by all and is no part of the segment.  It must be right although
 * those who write it are killed at any instruction, too.  So each word of it has one writer at a time (a seat
 * has one living process, and the monkey looks only when that has surely ended), nothing in it is changed
 * but by one store, and what a process is about to do is written before, and that it is done behind it:
 *
 *   a message sent      TRIED | call | SENT, or REFUSED where the call says so
 *   a message popped    the length of the log, "in a pop" | call, which copies into the ledger | entry
 *   a lease             "in a take" | call | entry
 *   its end             whose, and "in a release" | call | entry
 *   an update           tried + 1 | call | done + 1
 *   a lock, a permit    "in acquire" | call | "has it";  "has it no more" | call
 *
 * Killed at any point of these lines, a process leaves one question at most: did its last call take effect?
 * It is left open for messages (an *uncertain* end), and the books must balance for one of the two answers;
 * for updates the value itself answers it.  A sender's TRIED may have been sent or not.  A receiver that died
 * in a pop has what it may have acknowledged in the ledger, since a message is copied before it is
 * acknowledged; one that died in a take, or in a pop before the copy was whole, has acknowledged nothing, so
 * what it got comes out again: flagged, and nobody knows whose it was.  These are counted.  Instructions take
 * effect in program order for whoever looks after the process has ended, so that release stores, which the
 * compiler does not move, are all that this takes.
 */
#include "storm.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "arguments.h"
#include "stress.h"

#ifdef STRESS_CAN_STEP
#include "storm_blocks.h"
#endif

#define PROGRAM "stoa-stress storm"
#define GUST_NS (2000 * MS)
#define ROUND_LEAST_NS (3000 * MS)

static struct storm_run run;
static volatile int interrupted;

/* In an order that belongs to the seed; each four of them have all four topologies. */
static void shuffle(void)
{
	uint64_t seed = storm_mix((uint64_t)run.seed) | 1;

	for (uint32_t i = run.count; i > 1; i--) {
		uint32_t k = (uint32_t)below(&seed, i), kept = run.chosen[i - 1];

		run.chosen[i - 1] = run.chosen[k];
		run.chosen[k] = kept;
	}
	for (uint32_t i = 0; i < run.count; i++) {
		uint32_t k = i;

		while (k < run.count && run.chosen[k] % 4 != i % 4)
			k++;
		if (k < run.count) {
			uint32_t kept = run.chosen[k];

			run.chosen[k] = run.chosen[i];
			run.chosen[i] = kept;
		}
	}
}

/* ---- a round ---- */

/* The segment has no name: nothing is left of it, whoever is killed. */
static int new_segment(void)
{
	struct stoa_segment_config config = {
		.struct_size = sizeof config,
		.bytes = storm_bytes(),
		.participants = storm->handles,
	};
	struct stoa_segment *segment;
	int rc = stoa_segment_create(NULL, &config, &segment), fd;

	if (rc) {
		fprintf(stderr, "stoa-stress: no segment: %s\n", stoa_strerror(rc));
		return -1;
	}
	fd = fcntl(stoa_segment_fd(segment), F_DUPFD_CLOEXEC, 0);
	stoa_segment_close(segment);
	return fd;
}

static void tell(const struct blow *blow)
{
	storm_report_progress(&run, blow);
}

static bool set_out(uint32_t index)
{
	static const uint32_t sizes[] = { 16, 48, 100, 1000 }, holds[] = { 1, 2, 4, 4 };
	uint64_t seed = storm_mix(run.round_seed) | 1;
	uint32_t processes = (uint32_t)run.processes;

	memset(storm, 0, sizeof *storm);
	storm_ledger_wipe();
	storm->scenario = storm_scenario(index);
	storm_name(&storm->scenario, run.name);
	storm->seats = processes;
	storm->senders = storm->receivers = (processes - processes / 4) / 2;
	storm->handles = 2 * processes + 8; /* of each dead one something may be withheld for a while */
	storm->message_size = sizes[below(&seed, 4)];
	storm->holds = holds[below(&seed, 4)];
	storm->thing = (uint32_t)below(&seed, 3);
	storm->segment_fd = new_segment();
	return storm->segment_fd >= 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* How many deaths, of all that are wanted, the round is for: 0 is any number. */
static uint64_t deaths_wanted(void)
{
	uint64_t left = run.deaths > (long)run.deaths_done ? (uint64_t)run.deaths - run.deaths_done : 1;
	uint64_t share = run.deaths <= 0 ? 0 : (uint64_t)run.deaths / run.count + 100;

	return run.deaths <= 0 ? 0 : least(share, left);
}

static void blow_all(struct blow *blow)
{
	uint64_t start = os_now_ns(), end = least(start + run.round_ns, run.end_ns);
	uint64_t wanted = storm->scenario.kills ? deaths_wanted() : 0;
	bool first = true;

	if (run.deaths > 0 && storm->scenario.kills && run.seconds <= 0)
		end = run.end_ns; /* deaths alone count */
	do {
		uint64_t tenth = start + (end - start) / 10;

		blow->end_ns = first && !wanted ? tenth : least(end, os_now_ns() + GUST_NS);
		blow->deaths_most = wanted ? (first ? wanted / 10 + 1 : wanted - blow->deaths) : 0;
		storm_blow(blow, &interrupted);
		if (interrupted || storm_has_failed() || !storm_calm(first))
			break;
		storm_ledger_wipe();
		first = false;
	} while (os_now_ns() < end && (!wanted || blow->deaths < wanted));
}

static bool play(uint32_t index)
{
	struct blow blow = { .tell = tell };
	uint64_t start = os_now_ns();

	blow.seed = storm_mix(run.round_seed + 1) | 1;
	if (!set_out(index))
		return false;
	blow_all(&blow);
	close(storm->segment_fd);
	run.deaths_done += blow.deaths;
	run.stops_done += blow.stops;
	run.messages_done += storm->messages;
	run.failed = storm_has_failed();
	run.rounds_done += !run.failed && !interrupted;
	storm_report_round(&run, &blow, (double)(os_now_ns() - start) / 1e9);
	return true;
}

static bool is_over(void)
{
	return run.failed || interrupted || os_now_ns() >= run.end_ns ||
	       (run.deaths > 0 && run.deaths_done >= (uint64_t)run.deaths);
}

static int play_all(void)
{
	uint64_t share;

	run.start_ns = os_now_ns();
	run.end_ns = run.seconds > 0 ? run.start_ns + (uint64_t)run.seconds * 1000 * MS : UINT64_MAX;
	share = run.seconds > 0 ? (uint64_t)run.seconds * 1000 * MS / run.count : 0;
	run.round_ns = share > ROUND_LEAST_NS ? share : ROUND_LEAST_NS;
	run.rounds = run.seconds > 0 ? (uint32_t)((uint64_t)run.seconds * 1000 * MS / run.round_ns)
	                             : run.count;
	run.rounds += run.rounds == 0;
	storm_report_head(&run);
	for (run.round = 0; !is_over(); run.round++) {
		run.round_seed = run.round ? storm_mix((uint64_t)run.seed + run.round) >> 16
		                           : (uint64_t)run.seed;
		if (!play(run.chosen[run.round % run.count]))
			return 2;
	}
	run.interrupted = interrupted;
	return storm_report_verdict(&run);
}

/* ---- what was asked for ---- */

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

/* How many words there are; -1: something is wrong, and has been told. */
static int parse(int argc, char **argv)
{
	const struct argument known[] = {
		{ "seconds", .integer = &run.seconds, .least = 1, .most = 10000000 },
		{ "deaths", .integer = &run.deaths, .least = 1, .most = 1000000000 },
		{ "seed", .integer = &run.seed, .most = LONG_MAX },
		{ "processes", .integer = &run.processes, .least = 6, .most = SEATS_MAX },
		{ "defect", .integer = &run.defect, .most = LONG_MAX },
		{ "json", .flag = &run.json },
		{ .name = NULL },
	};
	int words = arguments_take(PROGRAM, known, argc, argv);

	if (words >= 0 && !stress_defect(run.defect))
		return arguments_refuse(PROGRAM, "--defect %ld: there is no such one in this build",
		                        run.defect);
	return words;
}

/* The scenarios that the words name; false: one names none. */
static bool choose(int count, char **words, bool wanted[STORM_SCENARIOS])
{
	for (int i = 0; i < count; i++) {
		bool any = false;

		for (uint32_t k = 0; k < STORM_SCENARIOS; k++) {
			struct storm_scenario scenario = storm_scenario(k);
			char name[STORM_NAME_ROOM];

			storm_name(&scenario, name);
			wanted[k] |= strstr(name, words[i]) != NULL;
			any |= strstr(name, words[i]) != NULL;
		}
		if (!any) {
			arguments_refuse(PROGRAM,
			                 "no scenario has the name '%s'; `stoa-stress list` has them", words[i]);
			return false;
		}
	}
	return true;
}

int storm_main(int argc, char **argv)
{
	bool wanted[STORM_SCENARIOS] = { false };
	struct sigaction action = { .sa_handler = interrupt };
	int words;

	run = (struct storm_run){ .processes = 8, .seed = -1 };
	words = parse(argc, argv);
	if (words < 0 || !choose(words, argv, wanted))
		return 2;
	for (uint32_t i = 0; i < STORM_SCENARIOS; i++) {
		if (words == 0 || wanted[i])
			run.chosen[run.count++] = i;
	}
	if (run.seconds <= 0 && run.deaths <= 0)
		run.seconds = 60;
	if (run.seed < 0)
		run.seed = (long)(storm_mix((uint64_t)os_realtime_ns()) >> 44);
	shuffle();
	run.progress = isatty(STDERR_FILENO) && !run.json;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	prctl(PR_SET_TIMERSLACK, 1);
	if (!storm_ledger_make())
		return 2;
#ifdef STRESS_CAN_STEP
	if (!storm_blocks_make())
		return 2;
#endif
	return play_all();
}
