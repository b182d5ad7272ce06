/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_ops.c - what a fiber calls: atomic operations, futexes, pauses, plain data.
 *
 * Outside of an execution, in a scenario's set_up() and check(), each is done at once on real memory.
 */
#include <errno.h>
#include <string.h>

#include "explore_engine.h"
#include "explore_futex.h"

/* ---- helpers ---- */

static unsigned self(void)
{
	return (unsigned)engine.current;
}

static struct explore_site *reached(struct explore_site *site)
{
	if (!site->next) {
		site->next = engine.sites ? engine.sites : site;
		engine.sites = site;
	}
	return site;
}

/* Whether an operation there is a step.  A process's own memory is its own. */
static bool is_step(const void *at)
{
	return engine.running && !(engine.kernel && world_heap_has(at));
}

static uint64_t real_load(const void *at, unsigned size)
{
	uint64_t value = 0;

	memcpy(&value, at, size);
	return value;
}

static void real_store(void *at, unsigned size, uint64_t value)
{
	memcpy(at, &value, size);
}

static struct step *post(enum op_kind kind, struct explore_site *site, const void *at, unsigned size,
                         uint64_t operand, uint64_t expected)
{
	return run_step((struct op){
		.kind = kind,
		.order = reached(site)->order,
		.site = site,
		.location = memory_location(at, size),
		.operand = operand,
		.expected = expected,
	});
}

static unsigned choose(struct step *step, uint64_t options)
{
	unsigned distance;

	if (!options) { /* the search wants only what it has not seen yet, and there is nothing */
		engine.verdict = VERDICT_CUT;
		_longjmp(engine.main, 1);
	}
	distance = options & (options - 1) ? engine.driver->choose(&step->op, options)
	                                   : (unsigned)__builtin_ctzll(options);
	step->choice = (uint8_t)distance;
	step->passed = distance;
	step->newest = step->op.location->last;
	return distance;
}

/* The message that the step reads. */
static struct message *read_message(struct step *step, uint64_t options, unsigned order)
{
	struct location *location = step->op.location;
	struct message *message = memory_nth(location, choose(step, options));

	engine.effect.newest = message == location->last;
	engine.effect.seq |= order == EXPLORE_SEQ;
	step->value = memory_read(self(), location, message, order);
	return message;
}

static void write_message(struct step *step, struct message *before, uint64_t value, bool update)
{
	engine.effect.wrote = true;
	engine.effect.seq |= step->op.order == EXPLORE_SEQ;
	memory_write(self(), step->op.location, before, step->op.order, value, update);
	step->done = true;
}

static uint64_t truncated(uint64_t value, unsigned size)
{
	return size == 8 ? value : value & ((1ull << 8 * size) - 1);
}

/* ---- atomic operations ---- */

uint64_t explore_load(struct explore_site *site, const void *at, unsigned size)
{
	struct step *step;
	struct fiber *fiber;

	if (!is_step(at))
		return real_load(at, size);
	step = post(OP_LOAD, site, at, size, 0, 0);
	fiber = &engine.fibers[self()];
	read_message(step, memory_readable(self(), step->op.location, step->op.order, fiber->from_number),
	             step->op.order);
	return step->value;
}

void explore_store(struct explore_site *site, void *at, unsigned size, uint64_t value)
{
	struct step *step;
	uint64_t options;

	if (!is_step(at)) {
		real_store(at, size, value);
		return;
	}
	step = post(OP_STORE, site, at, size, truncated(value, size), 0);
	options = memory_storable(self(), step->op.location, step->op.order);
	write_message(step, memory_nth(step->op.location, choose(step, options)), step->op.operand, false);
	step->value = step->op.operand;
}

static uint64_t exchange(enum op_kind kind, struct explore_site *site, void *at, unsigned size,
                         uint64_t operand)
{
	struct step *step = post(kind, site, at, size, operand, 0);
	unsigned order = step->op.order;
	struct message *message = read_message(
		step, memory_exchangeable(self(), step->op.location, order, false, 0), order);
	uint64_t value = step->value;

	write_message(step, message, truncated(kind == OP_ADD ? value + operand : operand, size), true);
	return value;
}

uint64_t explore_swap(struct explore_site *site, void *at, unsigned size, uint64_t value)
{
	uint64_t before;

	if (is_step(at))
		return exchange(OP_SWAP, site, at, size, value);
	before = real_load(at, size);
	real_store(at, size, value);
	return before;
}

uint64_t explore_add(struct explore_site *site, void *at, unsigned size, uint64_t value)
{
	uint64_t before;

	if (is_step(at))
		return exchange(OP_ADD, site, at, size, value);
	before = real_load(at, size);
	real_store(at, size, before + value);
	return before;
}

static bool real_cas(void *at, unsigned size, uint64_t *expected, uint64_t desired)
{
	uint64_t value = real_load(at, size);
	bool done = value == *expected;

	if (done)
		real_store(at, size, desired);
	*expected = value;
	return done;
}

bool explore_cas(struct explore_site *site, void *at, unsigned size, uint64_t *expected, uint64_t desired)
{
	struct message *message;
	struct step *step;
	uint64_t wanted = truncated(*expected, size);

	if (!is_step(at))
		return real_cas(at, size, expected, desired);
	step = post(OP_CAS, site, at, size, truncated(desired, size), wanted);
	message = read_message(step,
	                       memory_exchangeable(self(), step->op.location, step->op.order, true, wanted),
	                       step->op.order);
	*expected = step->value;
	if (step->value != wanted)
		return false;
	write_message(step, message, step->op.operand, true);
	return true;
}

void explore_fence(struct explore_site *site)
{
	struct step *step;

	if (!engine.running)
		return;
	step = run_step((struct op){ .kind = OP_FENCE, .order = reached(site)->order, .site = site });
	memory_fence(self(), step->op.order);
	engine.effect.seq = step->op.order == EXPLORE_SEQ;
}

void explore_pause(void)
{
	struct fiber *fiber;

	if (!engine.running)
		return;
	fiber = &engine.fibers[self()];
	if (fiber->stores_seen != memory.stores)
		fiber->futile = 0;
	fiber->stores_seen = memory.stores;
	run_step((struct op){ .kind = OP_PAUSE });
}

/* ---- for explore_os.c ---- */

void explore_fence_all(void)
{
	static struct explore_site site = { "fence_all", "os_fence_all", "os.h", 0,
		                            EXPLORE_SEQ, EXPLORE_SEQ,    NULL };

	if (!engine.running)
		return;
	engine.unordered = true;
	run_step((struct op){ .kind = OP_FENCE_ALL, .order = EXPLORE_SEQ, .site = &site });
	memory_fence_all(self());
	engine.effect.seq = true;
}

int explore_futex_wait(struct atom32 *word, uint32_t expected, uint64_t deadline_ns)
{
	static struct explore_site site = { "futex_wait", "os_futex_wait", "os.h", 0,
		                            EXPLORE_SEQ,  EXPLORE_SEQ,     NULL };
	struct step *step;

	if (!engine.running)
		return 0;
	step = post(OP_FUTEX_WAIT, &site, &word->raw, sizeof word->raw, expected, 0);
	engine.fibers[self()].op.deadline_ns = deadline_ns;
	read_message(step, memory_readable(self(), step->op.location, EXPLORE_SEQ, 0), EXPLORE_SEQ);
	if (step->value != expected)
		return 0;
	step->done = true;
	if (deadline_ns <= engine.now_ns)
		return -ETIMEDOUT;
	run_sleep();
	return engine.fibers[self()].timed_out ? -ETIMEDOUT : 0;
}

int explore_futex_wake(struct atom32 *word, int count)
{
	static struct explore_site site = { "futex_wake", "os_futex_wake", "os.h", 0,
		                            EXPLORE_SEQ,  EXPLORE_SEQ,     NULL };
	struct step *step;
	int woken = 0;

	if (!engine.running)
		return 0;
	step = post(OP_FUTEX_WAKE, &site, &word->raw, sizeof word->raw, (uint64_t)count, 0);
	memory_fence(self(), EXPLORE_SEQ);
	engine.effect.seq = engine.effect.wrote = true;
	for (unsigned t = 0; t < engine.threads && woken < count; t++) {
		struct fiber *fiber = &engine.fibers[t];

		if (fiber->state != FIBER_ASLEEP || fiber->op.location != step->op.location)
			continue;
		fiber->state = FIBER_READY;
		fiber->op.kind = OP_LOCAL;
		woken++;
	}
	step->value = (uint64_t)woken;
	return woken;
}

uint64_t explore_now_ns(void)
{
	return engine.now_ns;
}

void explore_sleep(uint64_t ns)
{
	if (engine.running)
		explore_pause();
	else
		engine.now_ns += ns;
}

/* ---- deaths, histories ---- */

bool explore_await_death(unsigned thread)
{
	struct fiber *fiber = &engine.fibers[thread];
	struct step *step;

	if (!engine.running)
		return fiber->state == FIBER_DEAD;
	step = run_step((struct op){ .kind = OP_AWAIT, .other = thread });
	if (fiber->state != FIBER_STOPPED)
		memory_learn(self(), thread);
	step->note = fiber->state == FIBER_DEAD ? "it is dead" : "it lives, or has returned";
	return fiber->state == FIBER_DEAD;
}

bool explore_is_dead(unsigned thread)
{
	struct fiber *fiber = &engine.fibers[thread];

	if (!engine.running)
		return fiber->state == FIBER_DEAD;
	engine.unordered = true;
	run_step((struct op){ .kind = OP_PROBE, .other = thread });
	if (fiber->state == FIBER_DEAD)
		memory_learn(self(), thread);
	return fiber->state == FIBER_DEAD;
}

void explore_invoke(void)
{
	if (engine.running)
		run_step((struct op){ .kind = OP_INVOKE });
}

void explore_respond(void)
{
	if (engine.running)
		engine.fibers[self()].responded = true;
}

/* ---- plain data ---- */

static void plain(const void *at, size_t size, bool write)
{
	const char *wrong;

	if (!engine.running || !size)
		return;
	wrong = plain_access(self(), at, size, write);
	if (wrong)
		run_fail("race", "%s: %zu bytes of plain data at %s are %s", engine.fibers[self()].name, size,
		         report_place(at), wrong);
}

uint64_t explore_get(const uint64_t *word)
{
	plain(word, sizeof *word, false);
	return *word;
}

void explore_set(uint64_t *word, uint64_t value)
{
	plain(word, sizeof *word, true);
	*word = value;
}

void *explore_memcpy(void *to, const void *from, size_t size)
{
	if (engine.running && world_has(from))
		plain(from, size, false);
	if (engine.running && world_has(to))
		plain(to, size, true);
	return memcpy(to, from, size);
}

void *explore_memset(void *at, int byte, size_t size)
{
	if (engine.running && world_has(at) && !(engine.kernel && world_heap_has(at))) {
		plain(at, size, true);
		memory_overwrite(at, size);
	}
	return memset(at, byte, size);
}
