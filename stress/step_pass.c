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
#include "step_pass.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "participant.h"

#define FAULTS_MAX 10 /* of one pass: then the rest is not tried */

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

void victim_finishes(struct world *world, int rc)
{
	volatile struct victim_area *area = &world->board->victim; /* in this order */

	area->rc = rc;
	area->finished = 1;
}

void pass_failure(struct pass *pass, uintptr_t address, const char *what)
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

bool pass_enough(const struct pass *pass)
{
	return pass->tally->failures >= FAULTS_MAX;
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
	uint32_t invited, sleeps;
};

static bool is_point(const struct pass *pass, const struct walk *walk, enum next next)
{
	bool matters = walk->instructions == 0 || next != NEXT_PRIVATE || pass->settings->every;

	if (pass->settings->only.kill >= 0 && walk->only_freeze < 0)
		return false;
	return matters && (walk->only_freeze < 0 || (uint64_t)walk->only_freeze == walk->steps);
}

/* The SPSC ring has no locked instructions on its way, permits and seats are looked at by plain loads. */
static bool invites_meddling(const struct scenario *scenario, enum next next)
{
	enum kind kind = scenario_kind(scenario);
	bool any = kind == OF_SYNC || (kind == OF_QUEUE && scenario->topology == SPSC);

	return next == NEXT_LOCKED || (next == NEXT_SHARED && any);
}

/* A survivor's turn has a bound where the structure is small, and nobody else is at it. */
static bool is_measured(const struct scenario *scenario)
{
	return !scenario->meddling && !scenario->stepped_reaper && scenario->capacity <= 3 &&
	       scenario->message_size <= 100;
}

static void meddle(struct pass *pass, struct walk *walk, uintptr_t address)
{
	images_forget(walk->images); /* the stage will not be again what it was; other scenarios have those */
	pass->drama->meddles(&pass->world);
	images_keep(pass, walk->images, walk->steps, address);
	walk->meddle = false;
}

/* The process is about to run an instruction: all that is to be done before it. */
static void halt_at(struct pass *pass, struct walk *walk, enum next next, uintptr_t address)
{
	struct images *images = walk->images;
	bool fresh = images->count == walk->first || !images_kept(pass, images, walk->first);

	if (fresh)
		images_keep(pass, images, walk->steps, address);
	if (fresh && walk->turns && !walk->meddle)
		point_turn(pass, address, &images->list[images->count - 1]);
	if (walk->meddle && invites_meddling(pass->scenario, next) &&
	    ++walk->invited == pass->scenario->meddle_at)
		meddle(pass, walk, address);
	if (walk->meddle || !is_point(pass, walk, next))
		return;
	*walk->where = (long)walk->steps;
	point_freeze_copy(pass, walk->pid, address, walk->fate, &images->list[images->count - 1]);
	*walk->where = -1;
	++*walk->freezes;
}

/* Who waits does the same again after each slice of its sleep: one slice is enough. */
static bool is_asleep_again(const struct pass *pass, struct walk *walk, enum next next)
{
	return pass->scenario->waits && next == NEXT_SLEEP && ++walk->sleeps == 2;
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
		if (next == NEXT_END || (long)walk->steps == walk->only_kill || pass_enough(pass) ||
		    is_asleep_again(pass, walk, next))
			return true;
		if (!trace_step(walk->pid))
			break;
		walk->steps += next != NEXT_PRIVATE;
	}
	pass_failure(pass, 0, "the operation crashed, or did not come to an end");
	return false;
}

/* ---- the acts of a pass ---- */

pid_t pass_start_traced(struct pass *pass, void (*prepares)(struct world *), void (*acts)(struct world *),
                          void (*ends)(struct world *))
{
	pid_t pid = fork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		prepares(&pass->world);
		memset(&pass->world.board->victim, 0, offsetof(struct victim_area, base));
		memset(pass->world.board->victim.out, 0, sizeof pass->world.board->victim.out);
		trace_mark();
		acts(&pass->world);
		trace_mark();
		ends(&pass->world);
		_exit(0);
	}
	watch(pid);
	if (pid < 0 || !trace_begin(pid)) {
		pass_failure(pass, 0, "the victim, or the reaper, could not get ready");
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

void pass_check_phase(struct pass *pass, uintptr_t address)
{
	uint32_t phase = pass->world.board->phase;
	char text[128];

	if (phase < pass->phase) {
		snprintf(text, sizeof text, "an instruction later less has happened: phase %u after %u",
		         phase, pass->phase);
		pass_failure(pass, address, text);
	}
	pass->phase = phase;
}

/* Every image, to survivors of one who is dead. */
static void kill_at_all(struct pass *pass, const struct images *images, struct fate fate, uint64_t *kills,
                        long *where, bool ordered)
{
	for (uint32_t i = 0; i < images->count && !pass_enough(pass); i++) {
		const struct image *image = &images->list[i];

		*where = (long)image->n;
		images_restore(pass, image);
		point_kill(pass, image->address, fate);
		++*kills;
		if (ordered)
			pass_check_phase(pass, image->address);
	}
	*where = -1;
}

/* The victim is dead; for each of its images a reaper is stepped. */
static void step_reapers(struct pass *pass)
{
	struct fate fate = { .victim_dead = true, .reaper_frozen = true };
	const struct replay *only = &pass->settings->only;

	for (uint32_t i = 0; i < pass->images.count && !pass_enough(pass); i++) {
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
		images_restore(pass, image);
		walk.pid = trace_copy(pass->reaper);
		if (walk.pid < 0) {
			pass_failure(pass, 0, "clone failed");
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
	for (; i < pass->reaped.count && !pass_enough(pass); i++) {
		const struct image *image = &pass->reaped.list[i];

		pass->where.kill = (long)image->of;
		pass->where.reaper_kill = (long)image->n;
		images_restore(pass, image);
		point_kill(pass, image->address, fate);
		pass->tally->reaper_kills++;
	}
}

/* Steps the victim to its end and kills it.  Whether there is more to be tried. */
static bool walk_victim(struct pass *pass)
{
	const struct replay *only = &pass->settings->only;
	struct walk walk = {
		.images = &pass->images,
		.meddle = pass->scenario->meddling != MEDDLE_NOT,
		.turns = is_measured(pass->scenario) && only->kill < 0 && only->freeze < 0,
		.only_freeze = only->freeze,
		.only_kill = only->kill,
		.freezes = &pass->tally->freezes,
		.where = &pass->where.freeze,
	};

	pass->victim = pass_start_traced(pass, pass->drama->victim_prepares, pass->drama->victim_acts,
	                                 pass->drama->victim_ends);
	if (pass->victim < 0)
		return false;
	walk.pid = pass->victim;
	walk_along(pass, &walk);
	trace_kill(pass->victim);
	/* Where it never came to the meddling another scenario has it. */
	return !pass_enough(pass) && only->freeze < 0 && !walk.meddle;
}

/* A replay: the last image is what there was at this very instruction. */
static void keep_last(struct pass *pass, long n)
{
	struct image last = pass->images.list[--pass->images.count];

	images_forget(&pass->images);
	last.n = (uint64_t)n;
	pass->images.list[pass->images.count++] = last;
}

static void play(struct pass *pass)
{
	const struct replay *only = &pass->settings->only;
	struct fate dead = { .victim_dead = true };
	bool reaper_only = only->reaper_kill >= 0 || only->reaper_freeze >= 0;

	if (pass->scenario->stepped_reaper)
		pass->reaper = pass_start_traced(pass, join, reap_once, nothing);
	if (pass->reaper < 0 || !walk_victim(pass))
		return;
	if (only->kill >= 0)
		keep_last(pass, only->kill);
	if (!reaper_only)
		kill_at_all(pass, &pass->images, dead, &pass->tally->kills, &pass->where.kill, true);
	if (pass->reaper && !pass_enough(pass) && (reaper_only || only->kill < 0)) {
		step_reapers(pass);
		if (only->reaper_freeze < 0)
			kill_reapers(pass);
	}
}

static bool prepare(struct pass *pass)
{
	struct board *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                           -1, 0);

	if (board == MAP_FAILED)
		return false;
	pass->drama = drama_of(pass->scenario);
	pass->world.scenario = pass->scenario;
	pass->world.board = board;
	pass->where = (struct replay){ -1, -1, -1, -1 };
	pass->shared[1].start = (uintptr_t)board;
	pass->shared[1].end = pass->shared[1].start + sizeof *board;
	return true;
}

void step_pass(const struct scenario *scenario, const struct settings *settings, struct tally *tally)
{
	struct pass *pass = calloc(1, sizeof *pass);

	if (pass) {
		pass->scenario = scenario;
		pass->settings = settings;
		pass->tally = tally;
	}
	if (!pass || !prepare(pass)) {
		tally->failures++;
		snprintf(tally->text, sizeof tally->text, "no memory");
		return;
	}
	pass->world.names = settings->names;
	if (scenario_kind(scenario) == OF_NAME) {
		names_play(pass);
		return;
	}
	pass->drama->stage(&pass->world);
	pass->shared[0].start = (uintptr_t)pass->world.base;
	pass->shared[0].end = pass->shared[0].start + pass->world.bytes;
	play(pass);
	/* Who attaches takes locks while it is stepped, which its copies share: once more, without copies. */
	if (scenario->operation == OP_ATTACH && !scenario->stepped_reaper && !pass_enough(pass))
		names_play(pass);
}
