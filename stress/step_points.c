/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * step_points.c - one point: somebody has died or stands still, and survivors go on; and the images of
 * memory that it takes to come back to it.
 */
#include "step_pass.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- images ---- */

void images_restore(struct pass *pass, const struct image *image)
{
	memcpy(pass->world.base, image->bytes, pass->world.bytes);
	pass->world.board->victim = image->victim;
}

void images_keep(struct pass *pass, struct images *images, uint64_t n, uintptr_t address)
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

bool images_kept(const struct pass *pass, const struct images *images, uint32_t first)
{
	const struct image *last = &images->list[images->count - 1];

	return images->count > first && memcmp(last->bytes, pass->world.base, pass->world.bytes) == 0 &&
	       memcmp(&last->victim, &pass->world.board->victim, sizeof last->victim) == 0;
}

void images_forget(struct images *images)
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

void watch(pid_t pid)
{
	struct sigaction action = { .sa_handler = on_alarm };

	watched = pid;
	sigaction(SIGALRM, &action, NULL);
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
	check_any_moment(&pass->world);
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
	pass_failure(pass, address,
	             WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
	                     ? "the survivors did not come to an end"
	                     : "the survivors crashed");
	return -1;
}

/* ---- points ---- */

void point_kill(struct pass *pass, uintptr_t address, struct fate fate)
{
	pass->world.board->phase = 0;
	wait_survivors(pass, start_survivors(pass, fate, false), address);
}

void point_turn(struct pass *pass, uintptr_t address, const struct image *now)
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
		pass_failure(pass, address, "a survivor needs too many instructions, or crashed");
	if (n > pass->tally->longest)
		pass->tally->longest = n;
	images_restore(pass, now);
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
	pass_failure(pass, address, "the process that had been stopped crashed, or did not come to an end");
	return false;
}

void point_freeze(struct pass *pass, pid_t stopped, uintptr_t address, struct fate fate)
{
	pid_t survivors = start_survivors(pass, fate, true);
	int rc = wait_survivors(pass, survivors, address);
	bool well;

	if (rc != 1) {
		trace_kill(stopped);
		return;
	}
	well = resume(pass, stopped, address);
	kill(survivors, well ? SIGCONT : SIGKILL);
	if (well)
		wait_survivors(pass, survivors, address);
	else
		waitpid(survivors, &rc, 0);
}

void point_freeze_copy(struct pass *pass, pid_t pid, uintptr_t address, struct fate fate,
                       const struct image *now)
{
	int file = trace_reads(pid);
	off_t position = file >= 0 ? lseek(file, 0, SEEK_CUR) : 0;
	pid_t copy = trace_copy(pid);

	if (copy < 0) {
		pass_failure(pass, address, "clone failed");
		return;
	}
	point_freeze(pass, copy, address, fate);
	images_restore(pass, now);
	if (file >= 0) {
		lseek(file, position, SEEK_SET);
		close(file);
	}
}

/* ---- others of the stage ---- */

/* Waits until a child has done `act` and stopped: it is a participant as it was then. */
static pid_t stop_after(struct world *world, void (*act)(struct world *world))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		act(world);
		raise(SIGSTOP);
		_exit(1);
	}
	watch(pid);
	require(world, pid > 0 && waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status),
	        "a process that was to die could not get that far: %s", world->board->text);
	watch(0);
	return pid;
}

void kill_after(struct world *world, void (*act)(struct world *world))
{
	pid_t pid = stop_after(world, act);

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

pid_t stop_asleep(struct world *world, void (*act)(struct world *world))
{
	static const struct range nothing[2];
	pid_t pid = fork();
	uintptr_t at;

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		trace_mark();
		act(world);
		trace_mark();
		_exit(1);
	}
	watch(pid);
	require(world, pid > 0 && trace_begin(pid), "a process that was to wait could not begin");
	for (enum next next = NEXT_PRIVATE; next != NEXT_SLEEP;) {
		next = trace_look(pid, nothing, &at);
		require(world,
		        next != NEXT_END && next != NEXT_LOST && (next == NEXT_SLEEP || trace_step(pid)),
		        "a process that was to wait did not: %s", world->board->text);
	}
	watch(0);
	return pid;
}
