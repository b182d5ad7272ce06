/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * mutate_hunt.c - one hunt for one planted defect: a program of the suite, run until it finds something.
 *
 * The programs speak to people: "FAILED", what and where, and a line that replays it.  The hunt reads that
 * as it comes and ends the program as soon as it knows enough.  The program is asked to end, and killed only
 * if it does not: it has segments with names to remove.
 */
#include "mutate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "defect.h"

#define WORDS_MOST 24
#define PATIENCE 3.0 /* seconds in which a program ends that is asked to */

/* The order that serves for every defect: the quickest first.  Where worlds are large: some by chance. */
static const char *const general[] = {
	"explore", "explore --all --pct 3 --executions 2000", "step --quick", "history", "storm",
};

/* What finds a defect soonest. */
static const char *const hints[DEFECTS] = {
	[DEFECT_INTENT_AFTER] = "explore crash/push",
	[DEFECT_INTENT_DROPPED] = "explore crash/pop",
	[DEFECT_ACKNOWLEDGE] = "explore crash/pop",
	[DEFECT_PLAIN_STORE] = "explore crash/orphan/reapers",
	[DEFECT_NO_HAZARD] = "step mpmc/push/one/cap2/holds2/size24/reaper",
	[DEFECT_SAME_LAP] = "explore crash/pop",
	[DEFECT_GENERATION] = "explore value/1w1r",
	[DEFECT_PERMIT_STORE] = "step sync/semaphore_wait/one/cap3/returns/reaper",
	[DEFECT_PERMIT_UNTOLD] = "step sync/semaphore_wait/one/cap3/returns/cycle",
	[DEFECT_LOCK_STORE] = "step sync/lock_acquire/free/reaper",
	[DEFECT_ROUND_SAME] = "step sync/barrier_wait/last/cap2/pop",
	[DEFECT_ROUND_OF_DEAD] = "step sync/barrier_wait/wounded/cap2",
	[DEFECT_HINT_AHEAD] = "step mpmc/push/one/cap2/holds2/size24",
	[DEFECT_CATCH_UP_FAR] = "explore xring/1p2c/cap1",
	[DEFECT_CLOSE_STORE] = "explore xring/drain",
	[DEFECT_DELIVERIES_KEPT] = "storm mpmc/cap2/redeliver/stop",
	[DEFECT_ORPHAN_IGNORED] = "history queue/mpmc/lease",
	[DEFECT_HANDLE_EARLY] = "step mpsc/pop_many/full/cap2/holds2/size24",
	[DEFECT_CLAIM_STORE] = "explore orphan/handles",
	[DEFECT_DISCARD_TWICE] = "step mpmc/pop/one/cap2/holds2/size24/discard/reaper",
	[DEFECT_RETAKE_STORE] = "explore orphan/retake",
	[DEFECT_RETAKE_TALLY] = "explore orphan/retake/crash",
	[DEFECT_ORPHAN_INTENT] = "explore orphan/hands",
	[DEFECT_SCAN_MOVING] = "explore crash/pop",
	[DEFECT_SCAN_ONE_LINK] = "explore crash/pops",
	[DEFECT_REDELIVER_STORE] = "explore crash/orphan/reapers",
	[DEFECT_DISCARD_UNCOUNTED] = "step mpmc/pop/one/cap2/holds2/size24/discard",
	[DEFECT_RETAKEN_SETTLED] = "explore orphan/retake/crash",
	[DEFECT_HELD_MOVING] = "explore orphan/hands",
	[DEFECT_TAIL_EARLY] = "explore ring/cap1",
	[DEFECT_RELEASED_EARLY] = "explore ring/cap1",
	[DEFECT_LEASE_FREED] = "history queue/spsc/lease",
	[DEFECT_TAKEN_EARLY] = "explore ring/look",
	[DEFECT_DRAIN_UNLOOKED] = "explore ring/drain",
	[DEFECT_VERDICT_UNASKED] = "explore ring/drain",
	[DEFECT_SUCCESSOR_SHORT] = "storm spsc/cap2/redeliver",
	[DEFECT_SUCCESSOR_FAR] = "explore ring/receiver",
	[DEFECT_DISCARD_UNMARKED] = "step spsc/receiver_open/wounded/cap2/holds2/size24/discard",
	[DEFECT_LEASE_FORGOTTEN] = "step mpmc/shutdown_drain/one/cap2/holds2/size24",
	[DEFECT_SOLE_KEPT] = "step mpsc/pop/one/cap2/holds2/size24",
	[DEFECT_LEASE_KEPT] = "step mpmc/receiver_close/full/cap2/holds2/size24",
	[DEFECT_GENERATION_LEFT] = "explore value/1w1r",
	[DEFECT_PUBLISHED_EARLY] = "step value/value_store/one/size40",
	[DEFECT_SLOT_SHARED] = "explore threads/exchange",
	[DEFECT_EDIT_STALE] = "explore array/ranges/add",
	[DEFECT_COMPARE_LATER] = "step value/value_compare_exchange/full/size40",
	[DEFECT_FIRST_UNFENCED] = "explore threads/first",
	[DEFECT_FIRST_UNLOOKED] = "explore threads/first",
	[DEFECT_FETCH_STORE] = "explore number/max",
	[DEFECT_WAKE_UNCOUNTED] = "explore event/2",
	[DEFECT_WAKE_LAST] = "explore event/2",
	[DEFECT_ANNOUNCE_STORE] = "explore event/2",
	[DEFECT_EVENT_MISSED] = "explore flag/clear",
	[DEFECT_CLEAR_STORE] = "step sync/event_clear/set",
	[DEFECT_COUNT_STORE] = "explore semaphore/count",
	[DEFECT_PERMIT_ONE_LOOK] = "step sync/semaphore_wait/one/cap3/returns/cycle",
	[DEFECT_OWNER_DIED_UNTOLD] = "step sync/lock_acquire/free",
	[DEFECT_LOCK_UNINSPECTED] = "step sync/lock_acquire/free",
	[DEFECT_SEAT_AT_ONCE] = "step sync/barrier_wait/second/cap3/push",
	[DEFECT_ROUND_LATE] = "explore barrier/back",
	[DEFECT_GENERATION_SAME] = "explore participant/",
	[DEFECT_CLAIM_FIRST] = "explore participant/come-go",
	[DEFECT_IDENTITY_LATE] = "step life/segment_attach",
	[DEFECT_ENTER_BLIND] = "explore participant/come-go",
	[DEFECT_RELEASED_UNDER] = "explore participant/come-go",
	[DEFECT_FREED_UNDER] = "explore participant/come-go",
	[DEFECT_LEFT_UNSETTLED] = "step life/segment_detach",
	[DEFECT_LEFT_UNLOCKED] = "explore participant/come-go",
	[DEFECT_NAME_TWICE] = "step life/queue_create",
	[DEFECT_BUILT_LATE] = "step life/queue_create",
	[DEFECT_REAPED_LINKED] = "step life/queue_create",
	[DEFECT_BUILDING_KEPT] = "step life/queue_create",
	[DEFECT_LINKED_UNSEEN] = "step life/queue_create",
	[DEFECT_ROOM_DIRTY] = "step life/queue_create",
	[DEFECT_CUT_STORE] = "step life/array_create",
	[DEFECT_ENTRY_STORE] = "step life/queue_create",
	[DEFECT_LAST_UNLOOKED] = "step name/segment_close_last/there/shm",
	[DEFECT_JOINED_DOOMED] = "step name/segment_close_last/there/shm",
	[DEFECT_NAME_UNLOOKED] = "step name/segment_open/doomed/shm",
	[DEFECT_SIZE_BELIEVED] = "explore scan/size",
	[DEFECT_DISCARD_KEPT] = "explore scan/discard",
	[DEFECT_ORPHAN_DELIVERIES] = "explore scan/deliveries",
	[DEFECT_SCAN_ORPHAN] = "explore scan/orphan",
	[DEFECT_INHERITED_UNMARKED] = "explore deliveries/",
	[DEFECT_AGAIN_UNMARKED] = "explore deliveries/",
	[DEFECT_SENDER_UNCOUNTED] = "step mpmc/sender_open/one/cap2/holds2/size24/close",
	[DEFECT_SENDERS_ONCE] = "explore queue/come-go",
	[DEFECT_CLOSING_STORE] = "explore queue/both-ways",
	[DEFECT_ORPHAN_UNTOLD] = "explore queue/told",
	[DEFECT_EPOCH_LATE] = "explore queue/told",
	[DEFECT_UPDATE_UNLOOKED] = "explore threads/",
	[DEFECT_WAKE_CLEARS] = "explore event/2",
	[DEFECT_PERMIT_OF_DEAD_UNTOLD] = "explore semaphore/unseen/dead",
	[DEFECT_HAZARD_KEPT] = "explore participant/hazard-kept --pct 3",
	[DEFECT_SIZES_UNTOLD] = "explore ring/short/sizes",
	[DEFECT_SIZES_LATE] = "explore ring/short/sizes",
	[DEFECT_LEASE_PASSED] = "explore deliveries/beside",
	[DEFECT_RESERVED_PASSED] = "step spsc/pop/one/cap2/holds2/size4",
	[DEFECT_RUN_TAIL_EARLY] = "explore ring/short/runs",
	[DEFECT_RUN_RELEASED_EARLY] = "explore ring/short/runs",
	[DEFECT_ORPHANS_PASSED] = "explore queue/told",
	[DEFECT_CLOSING_PASSED] = "explore queue/told",
	[DEFECT_FORK_UNSEEN] = "step spsc/pop/one/cap2/holds2/size4",
	[DEFECT_CONSUMED_KEPT] = "step mpmc/receiver_close/wounded/cap2/holds2/size24/pack2",
	[DEFECT_CONSUMED_UNREAD] = "explore parcel/close",
	[DEFECT_CONSUMED_EARLY] = "step mpmc/pop/one/cap2/holds2/size24/pack2",
	[DEFECT_CONSUMED_UNTOLD] = "explore parcel/close",
	[DEFECT_PARCEL_ACKNOWLEDGED] = "explore parcel/part",
	[DEFECT_PARCEL_KEPT] = "explore parcel/close",
	[DEFECT_PARCEL_AFTER_NOW] = "explore parcel/now",
};

/* What nothing can notice, and why; where something does, the reason is wrong. */
static const char *const vain[DEFECTS] = {
	[DEFECT_SCAN_ORDER] = "what a dead one holds stays the same, so cells may be older than the intents; "
			      "and an intent younger than the cells names no block of the dead",
};

const char *hunt_in_vain(int defect)
{
	return vain[defect];
}

void hunt_program(const char *words, char program[HUNT_TEXT])
{
	snprintf(program, HUNT_TEXT, "%.*s", (int)strcspn(words, " "), words);
}

const char *hunt_words(int defect, unsigned n, bool with_hints)
{
	if (with_hints && hints[defect] && n-- == 0)
		return hints[defect];
	return n < sizeof general / sizeof *general ? general[n] : NULL;
}

double hunt_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- beginning ---- */

struct command {
	const char *program;
	char text[512];
	char *words[WORDS_MOST];
};

/* How long each program is to hunt, in its own terms: the explorer and the histories count by scenario. */
static void make_command(struct command *command, const char *words, int defect, double seconds)
{
	bool explores = strncmp(words, "explore", 7) == 0, records = strncmp(words, "history", 7) == 0;
	const char *rest = words + strcspn(words, " ");
	char *at = command->text;
	int count = 1;

	if (explores)
		snprintf(at, sizeof command->text, "%s --defect %d --seconds %.0f", rest, defect,
		         strchr(words, '/') || seconds < 10 ? seconds : seconds / 10);
	else if (records)
		snprintf(at, sizeof command->text,
		         "run%s --defect %d --seconds %.2f --seed 1 --save /dev/null", rest, defect,
		         strchr(words, '/') ? seconds : seconds / 20);
	else if (strncmp(words, "step", 4) == 0)
		snprintf(at, sizeof command->text, "%s --defect %d --seconds %.0f --seed 1 --jobs 1", words,
		         defect, seconds);
	else
		snprintf(at, sizeof command->text, "%s --defect %d --seconds %.0f --seed 1", words, defect,
		         seconds);
	command->program = explores  ? "stoa-explore"
	                   : records ? "stoa-history-defective"
	                             : "stoa-stress-defective";
	for (at = strtok(at, " "); at && count < WORDS_MOST - 1; at = strtok(NULL, " "))
		command->words[count++] = at;
	command->words[count] = NULL;
}

static void become_hunter(struct command *command, int out)
{
	char path[PATH_MAX];
	int null = open("/dev/null", O_RDONLY);

	setpgid(0, 0); /* a terminal's Ctrl-C is ours to pass on */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	if (program_find(command->program, path)) {
		command->words[0] = path;
		execv(path, command->words);
	}
	_exit(2);
}

bool hunt_begin(struct hunt *hunt, const char *words, int defect, double seconds)
{
	struct command command = { 0 };
	int ends[2];

	*hunt = (struct hunt){ .words = words, .started = hunt_now() };
	/* Loaded machines: time enough to end by itself. */
	hunt->ends = hunt->started + 4 * seconds + 60;
	make_command(&command, words, defect, seconds);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	fflush(stdout);
	hunt->pid = fork();
	if (hunt->pid == 0)
		become_hunter(&command, ends[1]);
	close(ends[1]);
	hunt->fd = ends[0];
	fcntl(hunt->fd, F_SETFL, O_NONBLOCK);
	if (hunt->pid > 0)
		return true;
	close(hunt->fd);
	return false;
}

/* ---- listening ---- */

static void copy(char to[HUNT_TEXT], const char *from, size_t length)
{
	snprintf(to, HUNT_TEXT, "%.*s", (int)(length < HUNT_TEXT ? length : HUNT_TEXT - 1), from);
}

/* "FAILED  ...": a scenario (the explorer), that and what happened (histories), what happened (others). */
static void hear_failure(struct hunt *hunt, const char *text)
{
	size_t name = strcspn(text, ",");

	hunt->found_at = hunt_now();
	if (strncmp(hunt->words, "explore", 7) == 0) {
		copy(hunt->scenario, text, strlen(text));
	} else if (strncmp(hunt->words, "history", 7) == 0) {
		const char *what = strstr(text, ": ");

		copy(hunt->scenario, text, name);
		copy(hunt->kind, what ? what + 2 : text, strlen(text));
		hunt->complete = true;
	} else {
		copy(hunt->kind, text, strlen(text));
	}
}

static void hear_replay(struct hunt *hunt, const char *text)
{
	const char *scenario = text;

	snprintf(hunt->replay, sizeof hunt->replay, "%s", text);
	for (int i = 0; i < 2; i++) /* behind "stoa-stress step" */
		scenario += strcspn(scenario, " ") + (scenario[strcspn(scenario, " ")] == ' ');
	if (!hunt->scenario[0])
		copy(hunt->scenario, scenario, strcspn(scenario, " "));
	hunt->complete = true;
}

static void hear(struct hunt *hunt, const char *line)
{
	const char *text = line + strspn(line, " ");

	if (hunt->complete)
		return;
	if (!hunt->found_at && strncmp(line, "FAILED  ", 8) == 0)
		hear_failure(hunt, line + 8);
	else if (hunt->found_at && strncmp(text, "replay: ", 8) == 0)
		hear_replay(hunt, text + 8);
	else if (hunt->found_at && !hunt->kind[0] && (*text < '0' || *text > '9')) /* not a count or a step */
		copy(hunt->kind, text, strlen(text));
}

/* False where there will be nothing more. */
static bool listen(struct hunt *hunt)
{
	for (;;) {
		ssize_t n = read(hunt->fd, hunt->line + hunt->used, sizeof hunt->line - 1 - hunt->used);
		char *at = hunt->line, *end;

		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR);
		hunt->used += (size_t)n;
		hunt->line[hunt->used] = '\0';
		while ((end = strchr(at, '\n'))) {
			*end = '\0';
			hear(hunt, at);
			at = end + 1;
		}
		hunt->used -= (size_t)(at - hunt->line);
		memmove(hunt->line, at, hunt->used);
		if (hunt->used == sizeof hunt->line - 1)
			hunt->used = 0; /* nobody writes such a line */
	}
}

/* ---- ending ---- */

/* It is gone, and its group with it: what a scenario that was killed has left. */
static enum hunt_end bury(struct hunt *hunt, int status)
{
	kill(-hunt->pid, SIGKILL);
	close(hunt->fd);
	if (WIFSIGNALED(status) && !hunt->told && !hunt->found_at) {
		hunt->found_at = hunt_now();
		snprintf(hunt->kind, sizeof hunt->kind, "it crashed itself, by signal %d", WTERMSIG(status));
	}
	if (hunt->found_at)
		return HUNT_FOUND;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? HUNT_FOUND_NOTHING : HUNT_NOT_TRIED;
}

enum hunt_end hunt_look(struct hunt *hunt)
{
	bool silent = !listen(hunt);
	double now = hunt_now();
	int status;

	if (waitpid(hunt->pid, &status, WNOHANG) == hunt->pid) {
		listen(hunt);
		return bury(hunt, status);
	}
	if (!hunt->told && (hunt->complete || now > hunt->ends || (silent && now > hunt->ends - 60) ||
	                    (hunt->found_at && now > hunt->found_at + PATIENCE))) {
		kill(hunt->pid, SIGTERM);
		hunt->told = true;
		hunt->ends = now + PATIENCE;
	} else if (hunt->told && now > hunt->ends) {
		kill(-hunt->pid, SIGKILL);
	}
	return HUNT_RUNS;
}

void hunt_stop(struct hunt *hunt)
{
	double end = hunt_now() + PATIENCE;
	int status;

	kill(hunt->pid, SIGTERM);
	while (waitpid(hunt->pid, &status, WNOHANG) == 0) {
		if (hunt_now() > end)
			kill(hunt->pid, SIGKILL);
		usleep(10000);
	}
	kill(-hunt->pid, SIGKILL);
	close(hunt->fd);
}
