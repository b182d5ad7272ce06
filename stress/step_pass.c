/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * step_pass.c - one pass over a scenario: every instruction of one operation, as a place to die at
 * and as a place to be stopped at.
 *
 * The processes of a world, all forks of one without exec:
 *
 *   stage      makes the world, has handles of its own, and traces the others
 *   victim     a participant of its own, single-stepped through the operation
 *   reaper     another participant; waits until the victim is dead
 *   survivors  a copy of the stage for each point: it works, recovers, audits, and ends
 *
 * Why one run of the operation is enough for all points.  What a dead process leaves behind is the
 * bytes of the segment, and locks that the kernel drops.  So the victim is stepped once, the
 * segment's bytes are kept whenever an instruction has changed them, and when the victim has been
 * killed for good each of these images is put back and given to survivors.  That is what they would
 * have found had it been killed there.
 *
 * A stopped process must be able to go on.  There the victim is copied at the instruction (trace_copy()):
 * the copy is stopped, survivors work, the copy is resumed to the end, the survivors audit, and the image
 * is put back for the victim, which has not moved.  Processes influence each other only where they touch
 * the segment or call the kernel, so a stop is tried before each instruction that may do so; being stopped
 * anywhere else is the same as being stopped at the next of these.  (--every does not trust this.)  Points
 * are numbered by these steps, not by instructions, of which there may be a few more or less in another
 * run, as where the text of /proc is read.
 *
 * A copy has the lock of the one that it was copied from.  So nobody takes it for dead before both are, which
 * is why the images of a reaper, too, wait until the reaper has been killed.
 *
 * The copies of processes are made by clone(2) without the library's fork handlers: they are the
 * same participant, at another time.
 */
#include "step.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "participant.h"

#define PATIENCE_S 30       /* for whatever must come to an end */
#define INSTRUCTIONS_MAX 3000000
#define FAULTS_MAX 10       /* of one pass: then the rest is not tried */

struct image {
	uint64_t n;  /* steps before it */
	uint64_t of; /* of a reaper: the n of the victim's image that it found */
	uintptr_t address;
	uint8_t *bytes;
	struct victim_area victim;
};

struct images {
	struct image *list;
	uint32_t count, room;
};

struct pass {
	const struct scenario *scenario;
	const struct settings *settings;
	struct tally *tally;
	const struct drama *drama;
	struct world world;
	struct range shared[2]; /* the segment; the board, so that what the victim notes there counts, too */
	pid_t victim, reaper;
	struct images images; /* of the victim's operation */
	struct images reaped; /* of the reaper's, one image of the victim's after the other */
	struct replay where;  /* the point that is being tried */
	uint32_t phase;
};

/* ---- failures ---- */

_Noreturn void fault(struct world *world, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	if (!world->board->failed)
		vsnprintf(world->board->text, sizeof world->board->text, format, list);
	va_end(list);
	world->board->failed = 1;
	_exit(1);
}

static void failure(struct pass *pass, uintptr_t address, const char *what)
{
	struct board *board = pass->world.board;
	struct tally *tally = pass->tally;

	if (tally->failures++ == 0) {
		snprintf(tally->text, sizeof tally->text, "%s (at %#lx)", board->failed ? board->text : what,
		         (unsigned long)address);
		tally->where = pass->where;
	}
	board->failed = 0;
}

static bool enough(const struct pass *pass)
{
	return pass->tally->failures >= FAULTS_MAX;
}

/* ---- images ---- */

static void restore(struct pass *pass, const struct image *image)
{
	memcpy(pass->world.base, image->bytes, pass->world.bytes);
	pass->world.board->victim = image->victim;
}

static void keep(struct pass *pass, struct images *images, uint64_t n, uintptr_t address)
{
	struct image *image;

	if (images->count == images->room) {
		images->room = images->room ? images->room * 2 : 64;
		images->list = realloc(images->list, images->room * sizeof *images->list);
	}
	image = &images->list[images->count++];
	image->n = n;
	image->of = 0;
	image->address = address;
	image->victim = pass->world.board->victim;
	image->bytes = malloc(pass->world.bytes);
	memcpy(image->bytes, pass->world.base, pass->world.bytes);
}

/* Whether the last image is what there is. */
static bool kept(const struct pass *pass, const struct images *images, uint32_t first)
{
	const struct image *last = &images->list[images->count - 1];

	return images->count > first && memcmp(last->bytes, pass->world.base, pass->world.bytes) == 0 &&
	       memcmp(&last->victim, &pass->world.board->victim, sizeof last->victim) == 0;
}

static void forget(struct images *images)
{
	for (uint32_t i = 0; i < images->count; i++)
		free(images->list[i].bytes);
	images->count = 0;
}

/* ---- processes ---- */

static pid_t watched;

static void on_alarm(int signal)
{
	(void)signal;
	if (watched > 0)
		kill(watched, SIGKILL);
}

static void watch(pid_t pid)
{
	watched = pid;
	alarm(pid > 0 ? PATIENCE_S : 0);
}

/* A copy of this process that is the same participant: no fork handlers run. */
static pid_t copy_self(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static pid_t start_survivors(struct pass *pass, struct fate fate, bool pauses)
{
	pid_t pid = copy_self();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pass->world.fate = fate;
	pass->drama->works(&pass->world);
	if (pauses) {
		kill((pid_t)syscall(SYS_getpid), SIGSTOP);
		pass->world.fate.victim_resumed = !fate.victim_dead;
		pass->world.fate.reaper_frozen = false;
	}
	pass->drama->audits(&pass->world);
	_exit(0);
}

/* Waits for the survivors: 0 they ended well, 1 they paused, -1 they failed. */
static int wait_survivors(struct pass *pass, pid_t pid, uintptr_t address)
{
	int status = 0;
	pid_t got;

	watch(pid);
	do {
		got = waitpid(pid, &status, WUNTRACED);
	} while (got < 0 && errno == EINTR);
	watch(0);
	if (WIFSTOPPED(status))
		return 1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	failure(pass, address,
	        WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? "the survivors did not come to an end"
	                                                           : "the survivors crashed");
	return -1;
}

/* ---- points ---- */

static void try_kill(struct pass *pass, uintptr_t address, struct fate fate)
{
	pass->world.board->phase = 0;
	wait_survivors(pass, start_survivors(pass, fate, false), address);
}

static bool is_measured(const struct scenario *scenario)
{
	return !scenario->meddling && !scenario->stepped_reaper && scenario->capacity <= 3 &&
	       scenario->message_size <= 100;
}

/* How many instructions a survivor needs for a turn, here and now. */
static void try_turn(struct pass *pass, uintptr_t address, const struct image *now)
{
	uint64_t n = 0;
	pid_t pid = copy_self();
	uintptr_t at;

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		trace_mark();
		pass->drama->turn(&pass->world);
		trace_mark();
		_exit(0);
	}
	if (pid > 0 && trace_begin(pid)) {
		while (n <= TURN_MOST && trace_look(pid, pass->shared, &at) != NEXT_END && trace_step(pid))
			n++;
	}
	trace_kill(pid);
	if (n == 0 || n > TURN_MOST || pass->world.board->failed)
		failure(pass, address, "a survivor needs too many instructions, or crashed");
	if (n > pass->tally->longest)
		pass->tally->longest = n;
	restore(pass, now);
}

/* The one that was stopped goes on, to its end. */
static bool resume(struct pass *pass, pid_t pid, uintptr_t address)
{
	int status = 0;
	bool ended;

	watch(pid);
	ended = trace_finish(pid);
	if (ended) {
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	watch(0);
	if (ended && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	failure(pass, address, "the process that had been stopped crashed, or did not come to an end");
	return false;
}

static void try_freeze(struct pass *pass, pid_t pid, uintptr_t address, struct fate fate,
                       const struct image *now)
{
	int rc, file = trace_reads(pid);
	off_t position = file >= 0 ? lseek(file, 0, SEEK_CUR) : 0;
	pid_t copy = trace_copy(pid), survivors;

	if (copy < 0) {
		failure(pass, address, "clone failed");
		return;
	}
	survivors = start_survivors(pass, fate, true);
	rc = wait_survivors(pass, survivors, address);
	if (rc == 1) {
		bool well = resume(pass, copy, address);

		kill(survivors, well ? SIGCONT : SIGKILL);
		if (well)
			wait_survivors(pass, survivors, address);
		else
			waitpid(survivors, &rc, 0);
	} else {
		trace_kill(copy);
	}
	restore(pass, now);
	if (file >= 0) {
		lseek(file, position, SEEK_SET);
		close(file);
	}
}

/* ---- a walk ---- */

struct walk {
	pid_t pid;
	struct images *images;
	uint32_t first; /* of this walk's images */
	struct fate fate;
	bool meddle;
	bool turns; /* a survivor's are counted whenever the segment has changed */
	long only_freeze, only_kill; /* -1: all */
	uint64_t *freezes;
	long *where;
	uint64_t instructions;
	uint64_t steps; /* of these, how many touched shared memory or called the kernel */
	uint32_t invited;
};

static bool is_point(const struct pass *pass, const struct walk *walk, enum next next)
{
	bool matters = walk->instructions == 0 || next != NEXT_PRIVATE || pass->settings->every;

	if (pass->settings->only.kill >= 0 && walk->only_freeze < 0)
		return false;
	return matters && (walk->only_freeze < 0 || (uint64_t)walk->only_freeze == walk->steps);
}

/* The SPSC ring has no locked instructions on its way: there any access does. */
static bool invites_meddling(const struct scenario *scenario, enum next next)
{
	return next == NEXT_LOCKED || (next == NEXT_SHARED && scenario_of_queue(scenario) &&
	                               scenario->topology == SPSC);
}

static void meddle(struct pass *pass, struct walk *walk, uintptr_t address)
{
	forget(walk->images); /* the stage will not be again what it was then; other scenarios have those */
	pass->drama->meddles(&pass->world);
	keep(pass, walk->images, walk->steps, address);
	walk->meddle = false;
}

/* The process is about to run an instruction: all that is to be done before it. */
static void halt_at(struct pass *pass, struct walk *walk, enum next next, uintptr_t address)
{
	struct images *images = walk->images;
	bool fresh = images->count == walk->first || !kept(pass, images, walk->first);

	if (fresh)
		keep(pass, images, walk->steps, address);
	if (fresh && walk->turns && !walk->meddle)
		try_turn(pass, address, &images->list[images->count - 1]);
	if (walk->meddle && invites_meddling(pass->scenario, next) && ++walk->invited == pass->scenario->meddle_at)
		meddle(pass, walk, address);
	if (walk->meddle || !is_point(pass, walk, next))
		return;
	*walk->where = (long)walk->steps;
	try_freeze(pass, walk->pid, address, walk->fate, &images->list[images->count - 1]);
	*walk->where = -1;
	++*walk->freezes;
}

/* Steps to the end, or to where it is to be killed.  Whether it got there. */
static bool walk_along(struct pass *pass, struct walk *walk)
{
	for (; walk->instructions < INSTRUCTIONS_MAX; walk->instructions++) {
		uintptr_t address;
		enum next next = trace_look(walk->pid, pass->shared, &address);

		if (next == NEXT_LOST)
			break;
		halt_at(pass, walk, next, address);
		pass->tally->instructions++;
		if (next == NEXT_END || (long)walk->steps == walk->only_kill || enough(pass))
			return true;
		if (!trace_step(walk->pid))
			break;
		walk->steps += next != NEXT_PRIVATE;
	}
	failure(pass, 0, "the operation crashed, or did not come to an end");
	return false;
}

/* ---- the acts of a pass ---- */

static pid_t start_traced(struct pass *pass, void (*prepares)(struct world *), void (*acts)(struct world *),
                          void (*ends)(struct world *))
{
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		prepares(&pass->world);
		memset(&pass->world.board->victim, 0, offsetof(struct victim_area, lease_id));
		memset(pass->world.board->victim.out, 0, sizeof pass->world.board->victim.out);
		trace_mark();
		acts(&pass->world);
		trace_mark();
		ends(&pass->world);
		_exit(0);
	}
	watch(pid);
	if (pid < 0 || !trace_begin(pid)) {
		failure(pass, 0, "the victim, or the reaper, could not get ready");
		pid = -1;
	}
	watch(0);
	return pid;
}

static void reap_once(struct world *world)
{
	int rc = stoa_segment_reap(world->segment);

	require(world, rc >= 0, "reaping answers %s", stoa_strerror(rc));
}

static void join(struct world *world)
{
	uint32_t slot;

	require(world, participant_self(world->segment, &slot) == 0, "the reaper cannot join");
}

static void nothing(struct world *world)
{
	(void)world;
}

static void check_phase(struct pass *pass, const struct image *image)
{
	uint32_t phase = pass->world.board->phase;
	char text[128];

	if (phase < pass->phase) {
		snprintf(text, sizeof text, "an instruction later less has happened: phase %u after %u", phase,
		         pass->phase);
		failure(pass, image->address, text);
	}
	pass->phase = phase;
}

/* Every image, to survivors of one who is dead. */
static void kill_at_all(struct pass *pass, const struct images *images, struct fate fate, uint64_t *kills,
                        long *where, bool ordered)
{
	for (uint32_t i = 0; i < images->count && !enough(pass); i++) {
		const struct image *image = &images->list[i];

		*where = (long)image->n;
		restore(pass, image);
		try_kill(pass, image->address, fate);
		++*kills;
		if (ordered && !pass->world.board->failed)
			check_phase(pass, image);
	}
	*where = -1;
}

/* The victim is dead; for each of its images a reaper is stepped. */
static void step_reapers(struct pass *pass)
{
	struct fate fate = { .victim_dead = true, .reaper_frozen = true };
	const struct replay *only = &pass->settings->only;

	for (uint32_t i = 0; i < pass->images.count && !enough(pass); i++) {
		const struct image *image = &pass->images.list[i];
		struct walk walk = {
			.images = &pass->reaped,
			.first = pass->reaped.count,
			.fate = fate,
			.only_freeze = only->reaper_freeze,
			.only_kill = only->reaper_kill,
			.freezes = &pass->tally->reaper_freezes,
			.where = &pass->where.reaper_freeze,
		};

		if (only->kill >= 0 && (uint64_t)only->kill != image->n)
			continue;
		restore(pass, image);
		walk.pid = trace_copy(pass->reaper);
		if (walk.pid < 0) {
			failure(pass, 0, "clone failed");
			return;
		}
		pass->where.kill = (long)image->n;
		walk_along(pass, &walk);
		trace_kill(walk.pid);
		for (uint32_t k = walk.first; k < pass->reaped.count; k++)
			pass->reaped.list[k].of = image->n;
	}
	pass->where.kill = -1;
}

static void kill_reapers(struct pass *pass)
{
	struct fate fate = { .victim_dead = true, .reaper_gone = true };
	uint32_t i = 0;

	trace_kill(pass->reaper);
	if (pass->settings->only.reaper_kill >= 0)
		i = pass->reaped.count - 1;
	for (; i < pass->reaped.count && !enough(pass); i++) {
		const struct image *image = &pass->reaped.list[i];

		pass->where.kill = (long)image->of;
		pass->where.reaper_kill = (long)image->n;
		restore(pass, image);
		try_kill(pass, image->address, fate);
		pass->tally->reaper_kills++;
	}
}

static void play(struct pass *pass)
{
	const struct replay *only = &pass->settings->only;
	struct fate dead = { .victim_dead = true };
	bool reaper_only = only->reaper_kill >= 0 || only->reaper_freeze >= 0;
	struct walk walk = {
		.images = &pass->images,
		.fate = { 0 },
		.meddle = pass->scenario->meddling != MEDDLE_NOT,
		.turns = is_measured(pass->scenario) && only->kill < 0 && only->freeze < 0,
		.only_freeze = only->freeze,
		.only_kill = only->kill,
		.freezes = &pass->tally->freezes,
		.where = &pass->where.freeze,
	};

	if (pass->scenario->stepped_reaper)
		pass->reaper = start_traced(pass, join, reap_once, nothing);
	pass->victim = start_traced(pass, pass->drama->victim_prepares, pass->drama->victim_acts,
	                            pass->drama->victim_ends);
	if (pass->victim < 0 || pass->reaper < 0)
		return;
	walk.pid = pass->victim;
	walk_along(pass, &walk);
	trace_kill(pass->victim);
	if (enough(pass) || only->freeze >= 0 || walk.meddle) /* it never came to that: another scenario has it */
		return;
	if (only->kill >= 0) { /* the last image is what there was at this very instruction */
		struct image last = pass->images.list[pass->images.count - 1];

		last.n = (uint64_t)only->kill;
		pass->images = (struct images){ 0 };
		pass->images.list = malloc(sizeof last);
		pass->images.list[0] = last;
		pass->images.count = 1;
	}
	if (!reaper_only)
		kill_at_all(pass, &pass->images, dead, &pass->tally->kills, &pass->where.kill, true);
	if (pass->reaper && !enough(pass) && (reaper_only || only->kill < 0)) {
		step_reapers(pass);
		if (only->reaper_freeze < 0)
			kill_reapers(pass);
	}
}

void step_pass(const struct scenario *scenario, const struct settings *settings, struct tally *tally)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct pass *pass = calloc(1, sizeof *pass);
	struct board *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (!pass || board == MAP_FAILED) {
		tally->failures++;
		snprintf(tally->text, sizeof tally->text, "no memory");
		return;
	}
	pass->scenario = scenario;
	pass->settings = settings;
	pass->tally = tally;
	pass->drama = drama_of(scenario);
	pass->world.scenario = scenario;
	pass->world.board = board;
	pass->where = (struct replay){ -1, -1, -1, -1 };
	sigaction(SIGALRM, &action, NULL);
	pass->drama->stage(&pass->world);
	pass->shared[0].start = (uintptr_t)pass->world.base;
	pass->shared[0].end = pass->shared[0].start + pass->world.bytes;
	pass->shared[1].start = (uintptr_t)board;
	pass->shared[1].end = pass->shared[1].start + sizeof *board;
	play(pass);
}

void kill_after(struct world *world, void (*act)(struct world *world))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		act(world);
		raise(SIGSTOP);
		_exit(1);
	}
	watch(pid);
	require(world, pid > 0 && waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status),
	        "a process that was to die could not get that far: %s", world->board->text);
	watch(0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	world->deaths++;
}
