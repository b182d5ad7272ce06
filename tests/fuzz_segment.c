/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A segment that is damaged at random, and every call on it: each returns, and answers what its header says.
 *
 * An input is a list of bytes, and every list means something.  The first ones choose the world: how the
 * segment is made, and up to six objects of any shape.  The others are steps, until they run out: damage to
 * words of the segment, through a mapping of its own; calls of any kind; opening anew; children that play
 * some of the steps and are then killed, or stopped and killed later.  Every buffer has the exact size that
 * the call asks for, so that the address sanitizer sees a byte too many.
 *
 * LLVMFuzzerTestOneInput() fits libFuzzer and AFL++; fuzz_main.c runs it without either.  A wrong answer
 * aborts.  Time is the driver's to guard, but in children, which have an alarm of their own.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

#define CHILD_SECONDS 100
#define STEPS 200

static void play(struct world *world);

/* ---- children ---- */

/* Plays the next steps alone; then it is killed, or stopped and killed later. */
static void live_and_die(struct world *world, size_t steps, bool stop)
{
	signal(SIGALRM, SIG_DFL);
	signal(SIGSTOP, SIG_DFL);
	alarm(CHILD_SECONDS);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	world->in_child = true;
	if (steps < (size_t)(world->end - world->at))
		world->end = world->at + steps;
	play(world);
	alarm(0);
	if (stop)
		raise(SIGSTOP);
	raise(SIGKILL);
}

void bury(pid_t *child)
{
	int status;

	if (!*child)
		return;
	kill(*child, SIGKILL);
	while (waitpid(*child, &status, 0) < 0 && errno == EINTR)
		;
	*child = 0;
}

static void child(struct world *world)
{
	pid_t *place = &world->children[choose(world, CHILDREN)];
	bool stop = choose(world, 2);
	size_t steps = byte(world) / 2;
	int status = 0;

	if (world->in_child)
		return;
	bury(place);
	*place = fork();
	EXPECT(*place >= 0);
	if (*place == 0)
		live_and_die(world, steps, stop);
	while (waitpid(*place, &status, WUNTRACED) < 0 && errno == EINTR)
		;
	if (!WIFSTOPPED(status))
		*place = 0;
	if (!WIFSTOPPED(status) && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) {
		fprintf(stderr, "a child ended with status %#x\n", status);
		abort();
	}
	world->at += steps < (size_t)(world->end - world->at) ? steps : (size_t)(world->end - world->at);
}

/* ---- steps ---- */

/* One more object, or one that is there, by a shape that may not be its own. */
static void create_another(struct world *world)
{
	struct object object = { 0 };
	char old = choose(world, 4) ? 'n' : 'o';

	snprintf(object.name, sizeof object.name, "%c%d", old, (int)choose(world, 6));
	choose_shape(world, &object);
	create(world, &object);
	if (object.handle)
		use_object(world, &object);
	close_object(&object);
}

/* One thing or another with no memory or no descriptors left; a child dies of it before it lives again. */
static void go_short(struct world *world, struct object *object)
{
	uint8_t what = byte(world) % 8;

	run_short(world);
	if (what == 0)
		reap(world);
	else if (what == 1)
		reopen_object(world, object);
	else if (what == 2)
		reopen(world);
	else if (what == 3)
		create_another(world);
	else if (what == 4)
		use_name(world);
	else if (what == 5)
		child(world);
	else
		use_object(world, object);
	run_short_no_more();
}

static void rare(struct world *world)
{
	switch (choose(world, 8)) {
	case 0:
	case 1:
		reopen(world);
		break;
	case 2:
		create_another(world);
		break;
	case 3:
		use_name(world);
		break;
	case 4:
		bury(&world->children[choose(world, CHILDREN)]);
		break;
	default:
		child(world);
	}
}

static void step(struct world *world)
{
	uint8_t what = byte(world);
	struct object *object = &world->objects[what / 16 % world->count];

	switch (what % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
		damage(world);
		break;
	case 4:
		if (what & 0x80)
			rare(world);
		else
			reap(world);
		break;
	case 5:
		if ((what & 0xc0) == 0xc0)
			inspect(world);
		else if (what & 0x80)
			list(world->segment);
		else
			reopen_object(world, object);
		break;
	case 6:
		if (what & 0x80)
			talk_nonsense(world, object);
		else
			use_object(world, object);
		break;
	case 7:
		if (what & 0x80)
			go_short(world, object);
		else
			use_object(world, object);
		break;
	default:
		use_object(world, object);
	}
}

static void play(struct world *world)
{
	for (int i = 0; i < STEPS && world->at < world->end && world->segment; i++)
		step(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world = { .at = data, .end = data + size };

	begin(&world);
	play(&world);
	finish(&world);
	return 0;
}
