/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_run.c - the explorer: one execution of a scenario.
 *
 * stoa-explore is a model checker for programs on atomic.h.  The library's real sources are compiled a second
 * time with a backend of atomic.h that calls the explorer (src/atomic_explore.h) and with its malloc and
 * memcpy replaced; stress/explore_os.c, explore_kernel.c and explore_file.c stand for src/os*.c.
 *
 * Threads are fibers.  A fiber runs until its next operation (an atomic one, a fence, a futex, a pause),
 * which it posts; then somebody is picked, on the fiber's own stack, and control goes straight there.  So an
 * execution is a sequence of steps, each one fiber's posted operation and its code up to the next, and it
 * is determined by a few choices: who steps, which message a load reads, behind which message a store goes
 * (explore_memory.c), who dies.  All are taken by a driver: depth-first search, random walk, PCT, replay
 * (explore_search.c, explore_chance.c, explore_replay.c).  Everything else is put back before each
 * execution, so the same choices give the same execution.
 *
 * Death.  A mortal thread may be killed at its very beginning and after each operation that wrote; a death
 * behind a load is one behind the write before it, but for what the victim has read, which nobody needs.
 * Whoever awaits the death and sees it learns all that the victim knew: the kernel drops the locks of
 * a process after all its stores, and who then takes the lock sees them.  A thread may also be stopped
 * there: it never runs again, and nobody can tell.
 *
 * Waiting.  A futex wait reads as a sequentially consistent load and sleeps in the same step; a wake is a
 * full fence.  Where everybody sleeps, time passes until the first deadline; where there is none, it is a
 * deadlock.  A thread that pauses (os_yield, cpu_pause) is not picked again until somebody has stored
 * something; where nobody else can run, some time passes (PAUSED_NS), and it reads the newest of everything
 * from then on, as stores become visible in the end; if it still only pauses, that is a livelock.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "explore_engine.h"
#include "explore_kernel.h"

#define STACK_BYTES (256u << 10)
#define FUTILE_MAX 20u
#define PAUSED_NS 125000000u

struct engine engine;

static jmp_buf starter;

/* ---- set-up ---- */

static void add_thread(const char *name, void (*function)(void *), void *context, bool mortal)
{
	if (engine.threads == THREADS_MAX)
		abort();
	engine.fibers[engine.threads++] = (struct fiber){
		.name = name,
		.function = function,
		.context = context,
		.mortal = mortal,
		.process = explore_own_process(),
	};
	for (unsigned t = 0; engine.kernel && t + 1 < engine.threads; t++) {
		if (engine.fibers[t].process == explore_own_process())
			abort(); /* two threads of one process: see explore.h */
	}
}

void explore_thread(const char *name, void (*function)(void *), void *context)
{
	add_thread(name, function, context, false);
}

void explore_mortal(const char *name, void (*function)(void *), void *context)
{
	add_thread(name, function, context, true);
}

static void fiber_main(void);

static void make_fiber(struct fiber *fiber)
{
	static ucontext_t back, context;

	fiber->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fiber->stack == MAP_FAILED || mprotect(fiber->stack, 4096, PROT_NONE) != 0 ||
	    getcontext(&context))
		abort();
	context.uc_stack.ss_sp = fiber->stack;
	context.uc_stack.ss_size = STACK_BYTES;
	makecontext(&context, fiber_main, 0);
	engine.current = (int)(fiber - engine.fibers);
	if (_setjmp(starter) == 0)
		swapcontext(&back, &context);
}

void run_prepare(const struct explore_scenario *scenario)
{
	engine.scenario = scenario;
	if (_setjmp(engine.main) != 0) {
		fprintf(stderr, "stoa-explore: %s cannot be set up: %s\n", engine.scenario->name,
		        engine.failure.text);
		exit(1);
	}
	scenario->set_up();
	world_keep();
	for (unsigned t = 0; t < engine.threads; t++)
		make_fiber(&engine.fibers[t]);
}

void run_forget(void)
{
	for (unsigned t = 0; t < engine.threads; t++)
		munmap(engine.fibers[t].stack, STACK_BYTES);
	world_forget();
	engine.threads = 0;
	engine.unordered = engine.kernel = engine.own_fences = false;
	explore_on_reap = NULL;
	usage_forget();
	report_forget();
	plain_forget();
}

static void put_back(void)
{
	world_put_back();
	memory_reset();
	engine.now_ns = 1000000000;
	engine.step_count = 0;
	engine.crashes = engine.crash_limit;
	engine.stops = engine.stop_limit;
	engine.verdict = VERDICT_HELD;
	engine.failure = (struct failure){ 0 };
	engine.outcome[0] = 0;
	for (unsigned t = 0; t < engine.threads; t++) {
		struct fiber *fiber = &engine.fibers[t];

		fiber->state = FIBER_READY;
		fiber->wrote = true;
		fiber->responded = fiber->timed_out = false;
		fiber->stores_seen = UINT32_MAX;
		fiber->futile = 0;
	}
}

/* ---- one execution ---- */

void run_fail(const char *kind, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	engine.failure.kind = kind;
	vsnprintf(engine.failure.text, sizeof engine.failure.text, format, arguments);
	va_end(arguments);
	engine.verdict = VERDICT_FAILED;
	_longjmp(engine.main, 1);
}

void explore_fail(const char *kind, const char *format, ...)
{
	char text[sizeof engine.failure.text];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	run_fail(kind, "%s", text);
}

static bool is_over(const struct fiber *fiber)
{
	return fiber->state == FIBER_ENDED || fiber->state == FIBER_DEAD || fiber->state == FIBER_STOPPED;
}

static bool can_step(const struct fiber *fiber)
{
	if (fiber->state != FIBER_READY)
		return false;
	if (fiber->op.kind == OP_AWAIT)
		return is_over(&engine.fibers[fiber->op.other]);
	return fiber->op.kind != OP_PAUSE || fiber->stores_seen != memory.stores;
}

/* Nobody can go on: those who pause see the newest now; else time passes. */
static uint32_t wake_somebody(void)
{
	struct fiber *first = NULL;
	uint32_t ready = 0;

	for (unsigned t = 0; t < engine.threads; t++) {
		struct fiber *fiber = &engine.fibers[t];

		if (fiber->state == FIBER_READY && fiber->op.kind == OP_PAUSE) {
			if (++fiber->futile > FUTILE_MAX)
				run_fail("livelock",
				         "%s waits for ever, though it sees the newest of all stores",
				         fiber->name);
			memory_refresh(t);
			ready |= 1u << t;
		}
		if (fiber->state == FIBER_ASLEEP && (!first || fiber->op.deadline_ns < first->op.deadline_ns))
			first = fiber;
	}
	if (ready)
		engine.now_ns += PAUSED_NS; /* who waits with patience may lose it */
	if (ready || !first || first->op.deadline_ns == UINT64_MAX)
		return ready;
	engine.now_ns = first->op.deadline_ns;
	first->timed_out = true;
	first->state = FIBER_READY;
	first->op.kind = OP_LOCAL;
	return 1u << (first - engine.fibers);
}

static void take_stock(struct moment *moment)
{
	bool any = false;

	*moment = (struct moment){ .current = engine.current };
	for (unsigned t = 0; t < engine.threads; t++) {
		const struct fiber *fiber = &engine.fibers[t];
		bool vulnerable = fiber->mortal && fiber->wrote &&
		                  (fiber->state == FIBER_READY || fiber->state == FIBER_ASLEEP);

		any |= !is_over(fiber);
		moment->ready |= (uint32_t)can_step(fiber) << t;
		moment->mortal |= (uint32_t)(vulnerable && engine.crashes) << t;
		moment->stoppable |= (uint32_t)(vulnerable && engine.stops) << t;
	}
	if (any && !moment->ready)
		moment->ready = wake_somebody();
	if (any && !moment->ready)
		run_fail("deadlock", "all who have not ended sleep or wait for each other");
}

static void end_fiber(unsigned t, enum fate fate)
{
	struct fiber *fiber = &engine.fibers[t];

	engine.steps[engine.step_count++] = (struct step){ .thread = (uint8_t)t, .fate = (uint8_t)fate };
	fiber->state = fate == FATE_DIE ? FIBER_DEAD : FIBER_STOPPED;
	if (fate == FATE_DIE)
		engine.crashes--;
	else
		engine.stops--;
	if (fate == FATE_DIE)
		kernel_death(t);
	engine.driver->stepped(&(struct effect){ .thread = t, .died = true });
}

/* Who steps next; deaths on the way. */
static int next_thread(void)
{
	for (;;) {
		struct moment moment;
		struct decision decision;

		take_stock(&moment);
		if (!moment.ready)
			return -1;
		if (engine.step_count >= engine.step_limit)
			run_fail("livelock", "more than %u steps", engine.step_limit);
		decision = engine.driver->pick(&moment);
		if (decision.thread < 0)
			engine.verdict = VERDICT_CUT;
		if (decision.thread < 0 || decision.fate == FATE_STEP)
			return decision.thread;
		end_fiber((unsigned)decision.thread, decision.fate);
	}
}

/* Gives control to whoever is next; returns when it is the caller's turn. */
static void pass_on(void)
{
	int self = engine.current, next = next_thread();

	if (next < 0)
		_longjmp(engine.main, 1);
	if (next == self)
		return;
	engine.current = next;
	if (self >= 0 && _setjmp(engine.fibers[self].here) != 0)
		return;
	_longjmp(engine.fibers[next].here, 1);
}

/* The calling fiber's last step is over: its code has come to the next operation. */
static void close_step(struct fiber *self)
{
	if (engine.starting)
		return;
	engine.effect.responded = self->responded;
	self->responded = false;
	self->wrote = engine.effect.wrote;
	engine.driver->stepped(&engine.effect);
}

struct step *run_step(struct op op)
{
	struct fiber *self = &engine.fibers[engine.current];
	struct step *step;

	close_step(self);
	self->op = op;
	if (engine.starting) {
		if (_setjmp(self->here) == 0)
			_longjmp(starter, 1);
	} else {
		pass_on();
	}
	step = &engine.steps[engine.step_count++];
	*step = (struct step){ .thread = (uint8_t)engine.current, .site = op.site, .op = self->op };
	engine.effect = (struct effect){
		.thread = (unsigned)engine.current,
		.kind = self->op.kind,
		.location = self->op.location,
	};
	return step;
}

void run_sleep(void)
{
	struct fiber *self = &engine.fibers[engine.current];

	self->wrote = true;
	engine.effect.wrote = true; /* a death in here counts, too */
	close_step(self);
	self->state = FIBER_ASLEEP;
	self->timed_out = false;
	pass_on();
	engine.effect = (struct effect){ .thread = (unsigned)engine.current, .kind = OP_LOCAL };
	engine.steps[engine.step_count++] = (struct step){
		.thread = (uint8_t)engine.current,
		.op = { .kind = OP_LOCAL },
		.note = self->timed_out ? "its time is up" : "wakes up",
	};
}

static void fiber_main(void)
{
	struct fiber *self;

	if (_setjmp(engine.fibers[engine.current].base) == 0)
		_longjmp(starter, 1);
	self = &engine.fibers[engine.current];
	self->function(self->context);
	/* A mortal thread may die at its very end, too. */
	if (engine.fibers[engine.current].mortal)
		run_step((struct op){ .kind = OP_LOCAL });
	self = &engine.fibers[engine.current];
	close_step(self);
	self->state = FIBER_ENDED;
	if (engine.starting)
		_longjmp(starter, 1);
	pass_on();
}

static void start_fibers(void)
{
	engine.starting = true;
	for (unsigned t = 0; t < engine.threads; t++) {
		engine.current = (int)t;
		if (_setjmp(starter) == 0)
			_longjmp(engine.fibers[t].base, 1);
		t = (unsigned)engine.current;
	}
	engine.starting = false;
	engine.current = -1;
}

/* When nobody moves any more: on real memory, where the newest of everything is. */
static void run_check(void)
{
	if (engine.scenario->check && _setjmp(engine.main) == 0)
		engine.scenario->check();
}

enum verdict run_once(const struct driver *driver)
{
	engine.driver = driver;
	put_back();
	engine.running = true;
	if (_setjmp(engine.main) == 0) {
		start_fibers();
		pass_on();
	}
	engine.running = false;
	if (engine.verdict == VERDICT_HELD)
		run_check();
	return engine.verdict;
}

void explore_outcome(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(engine.outcome, sizeof engine.outcome, format, arguments);
	va_end(arguments);
}

const void *explore_parameters(void)
{
	return engine.scenario->parameters;
}

unsigned explore_self(void)
{
	return (unsigned)engine.current;
}

bool explore_returned(unsigned thread)
{
	return engine.fibers[thread].state == FIBER_ENDED;
}

uint32_t explore_now(void)
{
	static uint32_t before; /* of set_up(), where each look is another moment */

	if (!engine.running)
		return ++before;
	return before + 1 + engine.step_count;
}
