/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mutate.c - `stoa-stress mutate`: is the suite sharp enough?
 *
 * Each defect of src/defect.h is planted, by itself, in programs that are built for it, and hunted until one
 * of them finds it: the explorer, the step suite, the histories, the storms.  What nobody finds is a hole in
 * the suite.  What finds it must hold where nothing is planted.  Then the explorer weakens each of the
 * library's memory orders (explore_mutants.c).
 */
#include "mutate.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arguments.h"
#include "defect.h"

#define JOBS_MOST 256
#define SECONDS_MOST 86400
#define SECONDS 20.0
#define CONTROL_SECONDS 3.0

static const char help[] =
	"usage: stoa-stress mutate [DEFECT ...] [--seconds N] [--jobs N] [--json] [--no-hints]\n"
	"                          [--defects | --orders]\n"
	"       stoa-stress mutate list\n"
	"\n"
	"Plants defects in the library, one at a time, and lets the suite hunt for each: what finds it, and "
	"how "
	"soon.\n"
	"Then weakens each memory order, and looks whether the explorer notices.\n"
	"\n"
	"  DEFECT       its number or its name, as `list` shows them; without one: all of them\n"
	"  --seconds N  let each program hunt for so long; default: 20, and for an order what the explorer "
	"takes\n"
	"  --jobs N     defects at once; default: one for each processor\n"
	"  --json       one line of JSON for each defect\n"
	"  --no-hints   in the general order, without what is known to find it soonest: an hour\n"
	"  --defects    defects only\n"
	"  --orders     weakened orders only\n"
	"\n"
	"Exit status: 0 all were found but those that nothing can notice, 1 one was not, or one of these was,\n"
	"2 it could not be tried, or not to the end.\n";

#define MUTANT(name, words) { #name, words, false, WAITS, false, 0, 0 },
static struct mutant mutants[DEFECTS] = { { NULL, NULL, false, WAITS, false, 0, 0 }, DEFECT_LIST(MUTANT) };
#undef MUTANT

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	interrupted = number;
}

/* ---- the hunts ---- */

/* The next mutant that nobody hunts, into a place; false where there is none. */
static bool fill(struct place *place)
{
	for (int number = 1; number < DEFECTS; number++) {
		struct mutant *mutant = &mutants[number];

		if (!mutant->chosen || mutant->fate != WAITS)
			continue;
		mutant->fate = HUNTED;
		mutant->started = hunt_now();
		place->mutant = number;
		place->hunt = (struct hunt){ .pid = 0 };
		return true;
	}
	return false;
}

static void decide(struct campaign *campaign, struct place *place, bool found)
{
	struct mutant *mutant = &mutants[place->mutant];
	bool vain = hunt_in_vain(place->mutant) != NULL;

	mutant->fate = found ? FOUND : SURVIVED;
	campaign->found += found;
	campaign->survived += !found && !vain;
	campaign->expected += !found && vain;
	campaign->stale += found && vain;
	campaign->untried += !found && mutant->untried;
	campaign->holes += !found && !vain && !mutant->untried;
	report_fate(campaign, place->mutant, mutant, found ? &place->found : NULL);
	place->mutant = 0;
}

/* Where that fails without the defect, too, it proves nothing. */
static void compare(struct campaign *campaign, struct place *place, bool fails_too)
{
	place->control[0] = '\0';
	if (!fails_too) {
		decide(campaign, place, true);
		return;
	}
	mutants[place->mutant].untried = true;
	if (campaign->progress)
		fprintf(stderr, "\r\033[K");
	fprintf(stderr, "stoa-stress: fails without a defect, too: %s %s\n", place->found.words,
	        place->found.scenario);
}

/* The same scenario with nothing planted. */
static void begin_control(struct campaign *campaign, struct place *place)
{
	char program[HUNT_TEXT];

	place->found = place->hunt;
	hunt_program(place->found.words, program);
	snprintf(place->control, sizeof place->control, "%s %s", program, place->found.scenario);
	if (!hunt_begin(&place->hunt, place->control, DEFECT_NONE, CONTROL_SECONDS))
		compare(campaign, place, false);
}

/* Goes on with what a place has: begins a hunt, looks after it, decides. */
static void attend(struct campaign *campaign, struct place *place)
{
	struct mutant *mutant = &mutants[place->mutant];
	enum hunt_end end;

	if (!place->hunt.pid) {
		const char *words = hunt_words(place->mutant, mutant->hunts, campaign->hints);

		if (!words) {
			decide(campaign, place, false);
			return;
		}
		mutant->hunts++;
		if (!hunt_begin(&place->hunt, words, place->mutant,
		                campaign->seconds ? (double)campaign->seconds : SECONDS)) {
			mutant->untried = true;
			place->hunt.pid = 0;
		}
		report_progress(campaign);
		return;
	}
	end = hunt_look(&place->hunt);
	if (end == HUNT_RUNS)
		return;
	place->hunt.pid = 0;
	if (place->control[0])
		compare(campaign, place, end == HUNT_FOUND);
	else if (end == HUNT_FOUND)
		begin_control(campaign, place);
	else
		mutant->untried |= end == HUNT_NOT_TRIED;
}

/* Until one of the programs says something, or it is time to look after them all. */
static void wait_for_news(const struct campaign *campaign)
{
	struct pollfd list[JOBS_MOST];
	nfds_t count = 0;

	for (long i = 0; i < campaign->jobs; i++) {
		if (campaign->places[i].mutant && campaign->places[i].hunt.pid)
			list[count++] = (struct pollfd){ .fd = campaign->places[i].hunt.fd,
				                         .events = POLLIN };
	}
	if (poll(list, count, 100) > 0)
		usleep(10000); /* a program that has closed its pipe is about to end */
}

static void hunt_all(struct campaign *campaign)
{
	bool any = true;

	while (any && !interrupted) {
		any = false;
		for (long i = 0; i < campaign->jobs && !interrupted; i++) {
			struct place *place = &campaign->places[i];

			if (!place->mutant && !fill(place))
				continue;
			any = true;
			attend(campaign, place);
		}
		wait_for_news(campaign);
	}
	for (long i = 0; i < campaign->jobs; i++) {
		if (campaign->places[i].mutant && campaign->places[i].hunt.pid)
			hunt_stop(&campaign->places[i].hunt);
	}
}

static int hunt_defects(struct campaign *campaign)
{
	campaign->started = hunt_now();
	campaign->places = calloc((size_t)campaign->jobs, sizeof *campaign->places);
	if (!campaign->places)
		return 2;
	hunt_all(campaign);
	free(campaign->places);
	report_sum(campaign);
	if (campaign->holes || campaign->stale)
		return 1;
	return interrupted || campaign->untried ? 2 : 0;
}

/* ---- weakened orders ---- */

static int hunt_orders(const struct campaign *campaign)
{
	static char mutants_too[] = "--mutants", seconds_at_most[] = "--seconds", at_once[] = "--jobs",
		    as_json[] = "--json";
	char path[PATH_MAX], seconds[32], jobs[32];
	char *words[8] = { path, mutants_too };
	int count = 2, status;
	pid_t pid;

	snprintf(seconds, sizeof seconds, "%ld", campaign->seconds);
	snprintf(jobs, sizeof jobs, "%ld", campaign->jobs);
	words[count++] = at_once;
	words[count++] = jobs;
	if (campaign->seconds) {
		words[count++] = seconds_at_most;
		words[count++] = seconds;
	}
	if (campaign->json)
		words[count++] = as_json;
	if (!program_find("stoa-explore", path)) {
		fprintf(stderr, "stoa-stress: cannot run %s: %s\n", path, strerror(errno));
		return 2;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execv(path, words);
		_exit(2);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		kill(pid, SIGTERM);
	return pid > 0 && WIFEXITED(status) && !interrupted ? WEXITSTATUS(status) : 2;
}

/* ---- the command ---- */

static bool choose(struct campaign *campaign, const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (*end)
		for (number = 1; number < DEFECTS && strcasecmp(text, mutants[number].name) != 0; number++)
			;
	if (number < 1 || number >= DEFECTS)
		return false;
	campaign->chosen += !mutants[number].chosen;
	mutants[number].chosen = true;
	return true;
}

/* False where something is wrong, and that has been told. */
static bool parse(struct campaign *campaign, int argc, char **argv)
{
	bool no_hints = false, defects = false, orders = false;
	const struct argument known[] = {
		{ .name = "seconds", .integer = &campaign->seconds, .least = 1, .most = SECONDS_MOST },
		{ .name = "jobs", .integer = &campaign->jobs, .least = 1, .most = JOBS_MOST },
		{ .name = "json", .flag = &campaign->json },
		{ .name = "no-hints", .flag = &no_hints },
		{ .name = "defects", .flag = &defects },
		{ .name = "orders", .flag = &orders },
		{ .name = NULL },
	};
	int count = arguments_take("stoa-stress mutate", known, argc, argv);

	for (int i = 0; i < count; i++) {
		if (!choose(campaign, argv[i]))
			count = arguments_refuse("stoa-stress mutate",
			                         "there is no defect '%s'; `stoa-stress mutate "
			                         "list` has them",
			                         argv[i]);
	}
	if (count >= 0 && orders && (defects || count))
		count = arguments_refuse("stoa-stress mutate", "either defects or weakened orders");
	for (int number = 1; number < DEFECTS && count == 0; number++)
		mutants[number].chosen = true;
	if (count == 0)
		campaign->chosen = DEFECTS - 1;
	campaign->hints = !no_hints;
	campaign->defects = !orders;
	campaign->orders = !defects && count == 0;
	return count >= 0;
}

static int list(void)
{
	for (int number = 1; number < DEFECTS; number++)
		printf("%3d %-20s %s\n", number, mutants[number].name, mutants[number].words);
	return 0;
}

static void catch_interrupts(void)
{
	struct sigaction action = { .sa_handler = on_interrupt };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

int mutate_main(int argc, char **argv)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	struct campaign campaign = {
		.jobs = processors < 1           ? 1
		        : processors > JOBS_MOST ? JOBS_MOST
		                                 : processors,
	};
	int status = 0, orders = 0;

	if (argc == 1 && strcmp(argv[0], "--help") == 0) {
		fputs(help, stdout);
		return 0;
	}
	if (argc == 1 && strcmp(argv[0], "list") == 0)
		return list();
	if (!parse(&campaign, argc, argv))
		return 2;
	campaign.progress = isatty(STDERR_FILENO) && !campaign.json;
	catch_interrupts();
	if (campaign.defects)
		status = hunt_defects(&campaign);
	if (campaign.orders && !interrupted)
		orders = hunt_orders(&campaign);
	return status == 1 || orders == 1 ? 1 : status ? status : orders;
}
