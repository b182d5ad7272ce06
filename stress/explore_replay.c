/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_replay.c - schedules: written down, read, run again, shortened.
 *
 * As text: a letter for each step, its thread (a is the first); 3a: three steps; a(2): the step takes the
 * third newest of its choices; A: the thread is killed; !a: it is stopped for ever.
 *
 * A schedule is replayed leniently: a step of a thread that cannot step is skipped, a choice that is not
 * there becomes the newest, and what the schedule leaves open goes on without preemption, reading the newest.
 * So any part of a schedule is one, too, and a failure is shortened by leaving out whatever it does without:
 * first deaths, then old reads, then changes of thread, over and over until nothing more can go.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "explore_engine.h"

#define ROUNDS_MAX 8
#define TRIES_MAX 200000u

static const struct step *script;
static unsigned script_length, cursor;

/* ---- replay ---- */

static bool is_possible(const struct moment *moment, const struct step *step)
{
	uint32_t who = step->fate == FATE_DIE    ? moment->mortal
	               : step->fate == FATE_STOP ? moment->stoppable
	                                         : moment->ready;

	return who >> step->thread & 1;
}

static struct decision pick(const struct moment *moment)
{
	uint32_t ready = moment->ready;

	while (cursor < script_length && !is_possible(moment, &script[cursor]))
		cursor++;
	if (cursor < script_length) {
		const struct step *step = &script[cursor];

		cursor += step->fate != FATE_STEP; /* else choose(), or stepped(), is still to come */
		return (struct decision){ .thread = step->thread, .fate = step->fate };
	}
	if (moment->current >= 0 && (ready >> moment->current & 1))
		return (struct decision){ .thread = moment->current };
	return (struct decision){ .thread = __builtin_ctz(ready) };
}

static unsigned choose(const struct op *op, uint64_t options)
{
	unsigned wanted = cursor < script_length ? script[cursor].choice : 0;

	(void)op;
	return options >> wanted & 1 ? wanted : (unsigned)__builtin_ctzll(options);
}

static void stepped(const struct effect *effect)
{
	if (!effect->died && cursor < script_length)
		cursor++;
}

static const struct driver replaying = { .pick = pick, .choose = choose, .stepped = stepped };

enum verdict replay(const struct step *steps, unsigned count)
{
	script = steps;
	script_length = count;
	cursor = 0;
	return run_once(&replaying);
}

/* ---- text ---- */

static bool same_step(const struct step *a, const struct step *b)
{
	return a->thread == b->thread && a->fate == FATE_STEP && b->fate == FATE_STEP && !a->choice &&
	       !b->choice;
}

void schedule_print(FILE *to, const struct step *steps, unsigned count)
{
	for (unsigned i = 0, n; i < count; i += n) {
		for (n = 1; i + n < count && same_step(&steps[i], &steps[i + n]); n++)
			;
		if (steps[i].fate == FATE_STOP)
			fputs("!", to);
		if (n > 1)
			fprintf(to, "%u", n);
		fputc((steps[i].fate == FATE_DIE ? 'A' : 'a') + steps[i].thread, to);
		if (steps[i].choice)
			fprintf(to, "(%u)", steps[i].choice);
	}
}

int schedule_parse(const char *text, struct step *steps, unsigned room)
{
	unsigned count = 0;

	while (*text) {
		struct step step = { .fate = FATE_STEP };
		unsigned times = 1;

		if (isdigit((unsigned char)*text))
			times = (unsigned)strtoul(text, (char **)&text, 10);
		if (*text == '!') {
			step.fate = FATE_STOP;
			text++;
		}
		if (!isalpha((unsigned char)*text) || tolower((unsigned char)*text) >= 'a' + (int)THREADS_MAX)
			return -1;
		if (isupper((unsigned char)*text))
			step.fate = FATE_DIE;
		step.thread = (uint8_t)(tolower((unsigned char)*text++) - 'a');
		if (*text == '(') {
			step.choice = (uint8_t)strtoul(text + 1, (char **)&text, 10);
			if (*text++ != ')')
				return -1;
		}
		while (times--) {
			if (count == room)
				return -1;
			steps[count++] = step;
		}
	}
	return (int)count;
}

/* ---- shrinking ---- */

static struct step best[STEPS_MAX], tried[STEPS_MAX];
static unsigned best_count, tries;
static const char *wanted_kind;

/* Deaths weigh most, then old reads, then changes of thread, then steps. */
static uint64_t weight(const struct step *steps, unsigned count)
{
	uint64_t sum = count;

	for (unsigned i = 0; i < count; i++) {
		sum += steps[i].fate != FATE_STEP ? 1u << 28 : 0;
		sum += steps[i].choice ? 1u << 22 : 0;
		sum += i && steps[i].thread != steps[i - 1].thread ? 1u << 14 : 0;
	}
	return sum;
}

/* Runs `tried`; keeps what it came to where that is lighter and fails in the same way. */
static bool attempt(unsigned count)
{
	if (++tries > TRIES_MAX || replay(tried, count) != VERDICT_FAILED ||
	    engine.failure.kind != wanted_kind)
		return false;
	if (weight(engine.steps, engine.step_count) >= weight(best, best_count))
		return false;
	best_count = engine.step_count;
	memcpy(best, engine.steps, best_count * sizeof *best);
	return true;
}

static void copy_without(unsigned from, unsigned length)
{
	memcpy(tried, best, from * sizeof *tried);
	memcpy(tried + from, best + from + length, (best_count - from - length) * sizeof *tried);
}

static bool leave_out(unsigned length)
{
	bool better = false;

	for (unsigned i = 0; i + length <= best_count; i++) {
		copy_without(i, length);
		better |= attempt(best_count - length);
	}
	return better;
}

static bool read_newest(void)
{
	bool better = false;

	for (unsigned i = 0; i < best_count; i++) {
		if (!best[i].choice)
			continue;
		memcpy(tried, best, best_count * sizeof *tried);
		tried[i].choice = 0;
		better |= attempt(best_count);
	}
	return better;
}

static unsigned run_end(unsigned i)
{
	unsigned thread = best[i].thread;

	while (i < best_count && best[i].thread == thread)
		i++;
	return i;
}

/* Two neighbouring stretches of different threads change places. */
static bool swap_stretches(void)
{
	bool better = false;

	for (unsigned i = 0; i < best_count; i = i < best_count ? run_end(i) : i) {
		unsigned middle = run_end(i), end;

		if (middle >= best_count)
			break;
		end = run_end(middle);
		memcpy(tried, best, best_count * sizeof *tried);
		memcpy(tried + i, best + middle, (end - middle) * sizeof *tried);
		memcpy(tried + i + end - middle, best + i, (middle - i) * sizeof *tried);
		better |= attempt(best_count);
	}
	return better;
}

void shrink(void)
{
	bool better = true;

	wanted_kind = engine.failure.kind;
	best_count = engine.step_count;
	tries = 0;
	memcpy(best, engine.steps, best_count * sizeof *best);
	for (int round = 0; better && round < ROUNDS_MAX && tries < TRIES_MAX; round++) {
		better = false;
		for (unsigned length = best_count / 2; length > 1; length /= 2)
			better |= leave_out(length);
		better |= leave_out(1);
		better |= read_newest();
		better |= swap_stretches();
	}
	replay(best, best_count);
}
