/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * step_names.c - a pass over a scenario of names.
 *
 * A name cannot be put back as bytes can, and copies of a process share the locks and files that it has
 * open.  So each point has a world of its own, and a victim that runs freely to the last system call
 * before the point, and is stepped from there.  Where the points are is seen by stepping one of them all the
 * way.  What happens in shared memory is tried by other scenarios; here the victim's own segment counts
 * only where it has one before it begins, and all its system calls do.
 *
 * The same for who attaches, as the locks that it takes would be its copies', too.
 */
#include "step_pass.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os.h"

#define UNLINK_BYTE (1ull << 62) /* segment_life.c: locked by who is removing a name */

/* For each step how many system calls come before it. */
struct route {
	uint64_t *calls;
	uint64_t count, room;
};

/* The stage's handles on the world before. */
static void leave(struct world *world)
{
	stoa_sender_close(world->sender);
	stoa_receiver_close(world->receiver);
	stoa_queue_close(world->queue);
	stoa_segment_close(world->segment);
}

static pid_t start(struct pass *pass)
{
	const struct victim_area *area = &pass->world.board->victim;
	bool named = scenario_kind(pass->scenario) == OF_NAME;
	pid_t pid;

	if (!named)
		leave(&pass->world);
	pass->drama->stage(&pass->world);
	pid = pass_start_traced(pass, pass->drama->victim_prepares, pass->drama->victim_acts,
	                        pass->drama->victim_ends);
	pass->shared[0].start = named ? area->base : (uintptr_t)pass->world.base;
	pass->shared[0].end = pass->shared[0].start + (named ? area->bytes : pass->world.bytes);
	return pid;
}

static void add(struct route *route, uint64_t calls)
{
	if (route->count == route->room) {
		route->room = route->room ? route->room * 2 : 256;
		route->calls = realloc(route->calls, route->room * sizeof *route->calls);
	}
	route->calls[route->count++] = calls;
}

/* The way of one victim, to its end: a point is before its first instruction, and before each step. */
static void explore(struct pass *pass, struct route *route)
{
	enum next next = NEXT_LOST;
	uint64_t calls = 0;
	uintptr_t address;
	pid_t pid = start(pass);

	for (uint64_t n = 0; pid > 0 && n < INSTRUCTIONS_MAX; n++) {
		next = trace_look(pid, pass->shared, &address);
		if (next != NEXT_PRIVATE)
			add(route, calls);
		pass->tally->instructions++;
		if (next == NEXT_END || next == NEXT_LOST || !trace_step(pid))
			break;
		calls += next == NEXT_SYSCALL || next == NEXT_SLEEP;
	}
	if (next != NEXT_END)
		pass_failure(pass, 0, "the operation crashed, or did not come to an end");
	if (pid > 0)
		trace_kill(pid);
}

/* A fresh victim, about to take step n.  -1. */
static pid_t arrive(struct pass *pass, const struct route *route, uint64_t n, uintptr_t *address)
{
	uint64_t first = n;
	pid_t pid = start(pass);
	enum next next;

	if (pid < 0)
		return -1;
	while (first > 0 && route->calls[first - 1] == route->calls[n])
		first--;
	if (trace_skip(pid, route->calls[n])) {
		while ((next = trace_look(pid, pass->shared, address)) != NEXT_LOST) {
			if (next != NEXT_PRIVATE && first++ == n)
				return pid;
			pass->tally->instructions++;
			if (next == NEXT_END || !trace_step(pid))
				break;
		}
	}
	trace_kill(pid);
	pass_failure(pass, 0, "the operation took another way");
	return -1;
}

/* Who is stopped while it removes a name keeps others from it: that is known, and bounded. */
static bool removes_name(const struct world *world)
{
	int fd = os_open(world->path, false), locked;

	if (fd < 0)
		return false;
	locked = os_byte_locked(fd, UNLINK_BYTE);
	os_close(fd);
	return locked > 0;
}

static void kill_at(struct pass *pass, const struct route *route, uint64_t n)
{
	struct fate fate = { .victim_dead = true };
	uintptr_t address = 0;
	pid_t pid;

	pass->where.kill = (long)n;
	pid = arrive(pass, route, n, &address);
	if (pid < 0)
		return;
	trace_kill(pid);
	point_kill(pass, address, fate);
	pass_check_phase(pass, address);
	pass->tally->kills++;
}

static void freeze_at(struct pass *pass, const struct route *route, uint64_t n)
{
	struct fate fate = { 0 };
	uintptr_t address = 0;
	pid_t pid;

	pass->where.freeze = (long)n;
	pid = arrive(pass, route, n, &address);
	if (pid < 0)
		return;
	if (scenario_kind(pass->scenario) == OF_NAME && removes_name(&pass->world)) {
		trace_kill(pid);
		return;
	}
	point_freeze(pass, pid, address, fate);
	pass->tally->freezes++;
}

void names_play(struct pass *pass)
{
	const struct replay *only = &pass->settings->only;
	struct route route = { 0 };

	if (scenario_kind(pass->scenario) == OF_NAME && !names_choose(&pass->world))
		return;
	explore(pass, &route);
	for (uint64_t n = 0; n < route.count && !pass_enough(pass) && only->freeze < 0; n++) {
		if (only->kill < 0 || (uint64_t)only->kill == n)
			kill_at(pass, &route, n);
	}
	pass->where.kill = -1;
	for (uint64_t n = 0; n < route.count && !pass_enough(pass) && only->kill < 0; n++) {
		if (only->freeze < 0 || (uint64_t)only->freeze == n)
			freeze_at(pass, &route, n);
	}
	if (scenario_kind(pass->scenario) == OF_NAME)
		unlink(pass->world.path);
	free(route.calls);
}
