/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_search.c - depth-first search: through everything, or within bounds.
 *
 * An execution is a path in a tree whose nodes are choices: WHO makes the next step (or dies), WHAT the step
 * does of all it may.  The path is kept; the next execution takes it again up to the last node where
 * something is untried.  No state is kept: fibers cannot be copied.
 *
 * Everything, with a reduction.  Two steps of different threads commute if their order does not matter, and
 * then one order is enough.  Let t and u be steps that are possible now.
 *
 *   Sleep sets (Godefroid): once all that begins with t was tried, t sleeps.  While others step, it goes on
 *   sleeping as long as whatever u;t leads to, t;u has led to as well; else it wakes up.  wakes() has the
 *   rule.  It is no symmetric relation: a relaxed load, for one, may be put off but not brought forward over
 *   a store that it could read, while whatever it can read after the store but the store itself it could
 *   read before.  So a load that wakes up for a store of which it only needs to try what is new does just
 *   that (`from_number`).
 *
 *   Steps that go first: a relaxed or releasing store, a fence that is not sequentially consistent, the end
 *   of a wait for a death, any operation on a word that concerns nobody else (explore_usage.c).  Whatever others do before such a step t, they can do after it with the same
 *   results, since stores may be hidden behind any that their thread has not seen, and loads may read old
 *   ones.  So where such a step is possible, it (and the death in its place) is all that is tried: a
 *   persistent set.  It does not hold beside os_fence_all(), which orders with everything, nor where
 *   somebody looks whether another is dead instead of waiting for it: the first such operation turns
 *   this off, and the search begins again.  With processes (explore_kernel.c) looks at deaths are looks at
 *   words, which depend on the deaths that change these words: so a step goes first only where its thread
 *   cannot be killed, else somebody's look at it in its place would be left out.
 *
 * Deaths commute with everything but looks at them, and their number is the same in all orders of the same
 * steps, so the bound on deaths and the reduction go together.  Bounds on preemptions or stale reads would
 * not: a bounded search has no reduction, and is complete within: so many preemptions, so many loads and
 * stores that are not at the newest end, so many deaths.
 *
 * Histories: what is checked about real time (explore_history.h) must not depend on which of two equal
 * orders was tried.  The strictest is the one in which operations end early and begin late.  So
 * beginning is a step of its own, which wakes up when somebody's operation ended.
 */
#include <string.h>
#include <time.h>

#include "explore_engine.h"

#define DIE 8u /* bits of a WHO: thread steps, dies, is stopped */
#define STOP 16u
#define THREADS_MASK 0xffu

struct node {
	unsigned chosen;
	uint64_t options, tried;       /* tried: WHO only */
	uint32_t numbers[THREADS_MAX]; /* messages at the location of each thread's operation */
};

static struct node nodes[2 * STEPS_MAX];
static unsigned node_count, depth;
static uint64_t asleep;
static uint32_t seen[THREADS_MAX];
static bool reducing, bounded;
static int preemptions_left, stale_left;

/* ---- what commutes ---- */

enum waking {
	STAYS,
	NEW_ONLY,
	WAKES
};

static enum waking wakes_access(const struct op *op, const struct effect *effect)
{
	bool seq = op->order == EXPLORE_SEQ;

	if (seq && effect->seq && !effect->location)
		return WAKES; /* a fence moves all that is sequentially consistent */
	if (seq && effect->kind == OP_FUTEX_WAKE)
		return WAKES;
	if (op->location != effect->location)
		return STAYS;
	if (op->kind == OP_LOAD) {
		if (effect->wrote)
			return seq && effect->seq ? WAKES : NEW_ONLY;
		return seq && effect->seq && !effect->newest ? WAKES : STAYS;
	}
	if (op->kind == OP_STORE && !seq)
		return STAYS;
	return effect->wrote || (seq && effect->seq) ? WAKES : STAYS;
}

/* The last step was a death: whether it dropped that lock. */
static bool is_changed_by_death(const struct location *location, unsigned thread)
{
	return location->last->thread == (int)thread && location->last->step == engine.step_count - 1;
}

/* Whether a sleeping operation has something new to try after `effect`. */
static enum waking wakes(const struct op *op, const struct effect *effect)
{
	if (op->kind == OP_FENCE_ALL || effect->kind == OP_FENCE_ALL)
		return WAKES;
	if (op->watches && effect->died)
		return is_changed_by_death(op->location, effect->thread) ? WAKES : STAYS;
	switch (op->kind) {
	case OP_INVOKE:
		return effect->responded ? WAKES : STAYS;
	case OP_PROBE:
		return effect->died ? WAKES : STAYS;
	case OP_FENCE:
		return op->order == EXPLORE_SEQ && effect->seq ? WAKES : STAYS;
	case OP_FUTEX_WAIT:
	case OP_FUTEX_WAKE:
		return effect->seq || effect->location == op->location ? WAKES : STAYS;
	case OP_LOAD:
	case OP_STORE:
	case OP_SWAP:
	case OP_ADD:
	case OP_CAS:
		return wakes_access(op, effect);
	default:
		return STAYS;
	}
}

static bool goes_first(unsigned thread, const struct op *op)
{
	switch (op->kind) {
	case OP_STORE:
		return op->order != EXPLORE_SEQ || usage_is_private(thread, op);
	case OP_LOAD:
	case OP_SWAP:
	case OP_ADD:
	case OP_CAS:
		return usage_is_private(thread, op);
	case OP_FENCE:
		return op->order != EXPLORE_SEQ;
	case OP_AWAIT:
	case OP_LOCAL:
		return true;
	default:
		return false;
	}
}

static void stepped(const struct effect *effect)
{
	unsigned by = effect->thread;

	if (!reducing)
		return;
	asleep &= ~(((1ull << DIE) | (1ull << STOP) | 1) << by);
	engine.fibers[by].from_number = 0;
	if (effect->kind == OP_PROBE)
		asleep &= THREADS_MASK;
	asleep &= ~((uint64_t)effect->watched << DIE);
	if (effect->location)
		usage_note(effect->location, by, effect->wrote);
	for (unsigned t = 0; t < engine.threads; t++) {
		struct fiber *fiber = &engine.fibers[t];
		bool sleeps = asleep >> t & 1;
		enum waking waking;

		if (t == by || fiber->state != FIBER_READY || !(sleeps || fiber->from_number))
			continue;
		waking = wakes(&fiber->op, effect);
		if (waking == STAYS)
			continue;
		asleep &= ~(1ull << t);
		if (waking == WAKES)
			fiber->from_number = 0;
		else if (sleeps)
			fiber->from_number = seen[t];
	}
}

/* ---- choices ---- */

static bool is_preempted(const struct moment *moment, unsigned choice)
{
	return moment->current >= 0 && (moment->ready >> moment->current & 1) &&
	       choice != (unsigned)moment->current && choice < DIE &&
	       engine.fibers[moment->current].op.kind != OP_PAUSE;
}

static uint64_t candidates(const struct moment *moment)
{
	uint64_t all = moment->ready | (uint64_t)moment->mortal << DIE | (uint64_t)moment->stoppable << STOP;

	if (bounded && preemptions_left == 0) {
		for (unsigned t = 0; t < engine.threads; t++)
			all &= ~((uint64_t)is_preempted(moment, t) << t);
	}
	if (!reducing)
		return all;
	for (unsigned t = 0; t < engine.threads && !engine.unordered; t++) {
		if (engine.kernel && (moment->mortal >> t & 1))
			continue; /* somebody may want to look before it is dead */
		if ((moment->ready >> t & 1) && goes_first(t, &engine.fibers[t].op)) {
			all &= ((1ull << DIE) | (1ull << STOP) | 1) << t;
			break;
		}
	}
	return all & ~asleep;
}

/* Who runs goes on, if it may. */
static unsigned first_choice(uint64_t options, int current)
{
	return current >= 0 && (options >> current & 1) ? (unsigned)current
	                                                : (unsigned)__builtin_ctzll(options);
}

static struct node *new_node(uint64_t options)
{
	struct node *node = &nodes[node_count++];

	*node = (struct node){ .options = options };
	return node;
}

static struct node *new_who(const struct moment *moment)
{
	uint64_t options = candidates(moment);
	struct node *node;

	if (!options)
		return NULL;
	node = new_node(options);
	node->chosen = first_choice(options, moment->current);
	for (unsigned t = 0; t < engine.threads; t++) {
		const struct location *location = engine.fibers[t].op.location;

		node->numbers[t] = location && (moment->ready >> t & 1) ? location->messages : 0;
	}
	return node;
}

static struct decision pick(const struct moment *moment)
{
	struct node *node = depth < node_count ? &nodes[depth] : new_who(moment);

	if (!node)
		return (struct decision){ .thread = -1 };
	depth++;
	for (unsigned t = 0; reducing && t < engine.threads; t++) {
		if (node->tried >> t & 1)
			seen[t] = node->numbers[t];
	}
	asleep |= node->tried;
	if (bounded && is_preempted(moment, node->chosen))
		preemptions_left--;
	return (struct decision){
		.thread = (int)(node->chosen % DIE),
		.fate = node->chosen < DIE    ? FATE_STEP
		        : node->chosen < STOP ? FATE_DIE
		                              : FATE_STOP,
	};
}

static unsigned choose(const struct op *op, uint64_t options)
{
	struct node *node;

	(void)op;
	if (depth == node_count) {
		node = new_node(bounded && stale_left == 0 ? options & -options : options);
		node->chosen = (unsigned)__builtin_ctzll(options);
	}
	node = &nodes[depth++];
	if (node->chosen > 0)
		stale_left--;
	return node->chosen;
}

/* The next path: false where there is none. */
static bool advance(void)
{
	for (; node_count; node_count--) {
		struct node *node = &nodes[node_count - 1];
		uint64_t left;

		node->tried |= 1ull << node->chosen;
		left = node->options & ~node->tried;
		if (!left)
			continue;
		node->chosen = (unsigned)__builtin_ctzll(left);
		return true;
	}
	return false;
}

/* ---- the search ---- */

double search_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double told; /* when */

static void tell_progress(const struct tally *tally, double now)
{
	told = now;
	fprintf(stderr, "\r%s: %llu executions\033[K", engine.scenario->name,
	        (unsigned long long)(tally->executions + tally->cut));
	fflush(stderr);
}

void search_end_progress(void)
{
	if (told != 0)
		fputs("\r\033[K", stderr);
	told = 0;
}

bool search_count(const struct options *options, struct tally *tally, enum verdict verdict, double start)
{
	double now;

	tally->executions += verdict != VERDICT_CUT;
	tally->cut += verdict == VERDICT_CUT;
	if (engine.step_count > tally->longest)
		tally->longest = engine.step_count;
	if (engine.outcome[0] && verdict == VERDICT_HELD)
		outcome_note(engine.outcome);
	tally->failed = verdict == VERDICT_FAILED;
	if (tally->failed || (options->executions && tally->executions >= options->executions))
		return true;
	if ((tally->executions + tally->cut) & 63 || !(options->seconds > 0 || options->progress))
		return false;
	now = search_now();
	if (options->progress && now - (told > start ? told : start) >= 1)
		tell_progress(tally, now);
	return options->seconds > 0 && now - start > options->seconds;
}

static const struct driver depth_first = { .pick = pick, .choose = choose, .stepped = stepped };

static void search(const struct options *options, struct tally *tally)
{
	double start = search_now();
	bool unordered = engine.unordered;

	node_count = 0;
	for (;;) {
		enum verdict verdict;

		depth = 0;
		asleep = 0;
		preemptions_left = options->preemptions;
		stale_left = options->stale;
		for (unsigned t = 0; t < engine.threads; t++)
			engine.fibers[t].from_number = 0;
		verdict = run_once(&depth_first);
		if (search_count(options, tally, verdict, start))
			break;
		if (reducing && (usage_misjudged() || engine.unordered != unordered)) {
			unordered = engine.unordered;
			node_count = 0;
			continue;
		}
		if (!advance()) {
			tally->complete = true;
			break;
		}
	}
	tally->seconds = search_now() - start;
	for (unsigned t = 0; t < engine.threads; t++)
		engine.fibers[t].from_number = 0;
}

void search_all(const struct options *options, struct tally *tally)
{
	reducing = !options->no_reduction;
	bounded = false;
	search(options, tally);
}

void search_bounded(const struct options *options, struct tally *tally)
{
	reducing = false;
	bounded = true;
	search(options, tally);
}
