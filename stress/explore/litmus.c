/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Litmus shapes: a few accesses of two or three words, and exactly what may come of them.  They are the test
 * of the explorer's memory model: an outcome too few is a defect it would miss, one too many a false alarm.
 * The names are those of the literature (Alglave, Maranget, Sewell).
 */
#include "atomic.h"
#include "os.h"
#include "scenarios.h"

static struct world {
	struct atom64 x, y;
	int r[4];
} w;

#define THREAD(name, ...)                                                                                    \
	static void name(void *unused)                                                                       \
	{                                                                                                    \
		(void)unused;                                                                                \
		__VA_ARGS__                                                                                  \
	}
#define LOAD(order, word) (int)atom64_load_##order(&w.word)
#define STORE(order, word, value) atom64_store_##order(&w.word, value);
#define ADD_RLX(word, value) atom64_add_at(EXPLORE_SITE("add_rlx", EXPLORE_RELAXED), &w.word, value)
#define OUTCOMES(...)                                                                                        \
	(const char *const[])                                                                                \
	{                                                                                                    \
		__VA_ARGS__, NULL                                                                            \
	}

/* Up to four threads, by name; then what an outcome tells. */
#define SHAPE(name, report, ...)                                                                             \
	static void name##_set_up(void)                                                                      \
	{                                                                                                    \
		static void (*const threads[])(void *) = { __VA_ARGS__ };                                    \
		static const char *const called[] = { "one", "two", "three", "four" };                       \
                                                                                                             \
		explore_state(&w, sizeof w);                                                                 \
		explore_name(&w.x, sizeof w.x, 1, "x");                                                      \
		explore_name(&w.y, sizeof w.y, 1, "y");                                                      \
		for (unsigned i = 0; i < sizeof threads / sizeof *threads; i++)                              \
			explore_thread(called[i], threads[i], NULL);                                         \
	}                                                                                                    \
	static void name##_check(void)                                                                       \
	{                                                                                                    \
		report;                                                                                      \
	}

#define TELL_2 explore_outcome("%d %d", w.r[0], w.r[1])
#define TELL_3 explore_outcome("%d %d %d", w.r[0], w.r[1], w.r[2])
#define TELL_4 explore_outcome("%d %d %d %d", w.r[0], w.r[1], w.r[2], w.r[3])
#define TELL_LAST explore_outcome("%d %d", (int)atom64_load_seq(&w.x), (int)atom64_load_seq(&w.y))
#define TELL_1_AND_X explore_outcome("%d %d", w.r[0], (int)atom64_load_seq(&w.x))
#define TELL_1_AND_Y explore_outcome("%d %d", w.r[0], (int)atom64_load_seq(&w.y))

/* ---- message passing: x is the data, y the flag ---- */

THREAD(mp_write, STORE(rlx, x, 1) STORE(rlx, y, 1))
THREAD(mp_write_rel, STORE(rlx, x, 1) STORE(rel, y, 1))
THREAD(mp_write_fence, STORE(rlx, x, 1) fence_rel(); STORE(rlx, y, 1))
THREAD(mp_read, w.r[0] = LOAD(rlx, y); w.r[1] = LOAD(rlx, x);)
THREAD(mp_read_acq, w.r[0] = LOAD(acq, y); w.r[1] = LOAD(rlx, x);)
THREAD(mp_read_fence, w.r[0] = LOAD(rlx, y); fence_acq(); w.r[1] = LOAD(rlx, x);)
SHAPE(mp, TELL_2, mp_write, mp_read)
SHAPE(mp_acq, TELL_2, mp_write, mp_read_acq)
SHAPE(mp_rel, TELL_2, mp_write_rel, mp_read)
SHAPE(mp_rel_acq, TELL_2, mp_write_rel, mp_read_acq)
SHAPE(mp_fences, TELL_2, mp_write_fence, mp_read_fence)
SHAPE(mp_fence_acq, TELL_2, mp_write_fence, mp_read_acq)
SHAPE(mp_rel_fence, TELL_2, mp_write_rel, mp_read_fence)

/* ---- store buffering, load buffering ---- */

THREAD(sb_1, STORE(rel, x, 1) w.r[0] = LOAD(acq, y);)
THREAD(sb_2, STORE(rel, y, 1) w.r[1] = LOAD(acq, x);)
THREAD(sb_seq_1, STORE(seq, x, 1) w.r[0] = LOAD(seq, y);)
THREAD(sb_seq_2, STORE(seq, y, 1) w.r[1] = LOAD(seq, x);)
THREAD(sb_fence_1, STORE(rlx, x, 1) fence_seq(); w.r[0] = LOAD(rlx, y);)
THREAD(sb_fence_2, STORE(rlx, y, 1) fence_seq(); w.r[1] = LOAD(rlx, x);)
THREAD(sb_light, STORE(rlx, x, 1) fence_light(); w.r[0] = LOAD(rlx, y);)
THREAD(sb_heavy, STORE(rlx, y, 1) os_fence_all(); w.r[1] = LOAD(rlx, x);)
THREAD(lb_1, w.r[0] = LOAD(rlx, x); STORE(rlx, y, 1))
THREAD(lb_2, w.r[1] = LOAD(rlx, y); STORE(rlx, x, 1))
SHAPE(sb, TELL_2, sb_1, sb_2)
SHAPE(sb_seq, TELL_2, sb_seq_1, sb_seq_2)
SHAPE(sb_half, TELL_2, sb_seq_1, sb_2)
SHAPE(sb_fences, TELL_2, sb_fence_1, sb_fence_2)
SHAPE(sb_fence_half, TELL_2, sb_fence_1, sb_2)
SHAPE(sb_fence_seq, TELL_2, sb_fence_1, sb_seq_2)
SHAPE(sb_asymmetric, TELL_2, sb_light, sb_heavy)
SHAPE(lb, TELL_2, lb_1, lb_2)

/* ---- two writers, two readers ---- */

THREAD(write_x, STORE(rel, x, 1))
THREAD(write_y, STORE(rel, y, 1))
THREAD(write_x_seq, STORE(seq, x, 1))
THREAD(write_y_seq, STORE(seq, y, 1))
THREAD(read_xy, w.r[0] = LOAD(acq, x); w.r[1] = LOAD(acq, y);)
THREAD(read_yx, w.r[2] = LOAD(acq, y); w.r[3] = LOAD(acq, x);)
THREAD(read_xy_seq, w.r[0] = LOAD(seq, x); w.r[1] = LOAD(seq, y);)
THREAD(read_yx_seq, w.r[2] = LOAD(seq, y); w.r[3] = LOAD(seq, x);)
THREAD(read_xy_fence, w.r[0] = LOAD(rlx, x); fence_seq(); w.r[1] = LOAD(rlx, y);)
THREAD(read_yx_fence, w.r[2] = LOAD(rlx, y); fence_seq(); w.r[3] = LOAD(rlx, x);)
SHAPE(iriw, TELL_4, write_x, write_y, read_xy, read_yx)
SHAPE(iriw_seq, TELL_4, write_x_seq, write_y_seq, read_xy_seq, read_yx_seq)
SHAPE(iriw_fences, TELL_4, write_x, write_y, read_xy_fence, read_yx_fence)

#define IRIW_BUT_ONE                                                                                         \
	"0 0 0 0", "0 0 0 1", "0 0 1 0", "0 0 1 1", "0 1 0 0", "0 1 0 1", "0 1 1 0", "0 1 1 1", "1 0 0 0",   \
		"1 0 0 1", "1 0 1 1", "1 1 0 0", "1 1 0 1", "1 1 1 0", "1 1 1 1"

/* ---- modification order ---- */

THREAD(w22_1, STORE(rel, x, 1) STORE(rel, y, 2))
THREAD(w22_2, STORE(rel, y, 1) STORE(rel, x, 2))
THREAD(w22_seq_1, STORE(seq, x, 1) STORE(seq, y, 2))
THREAD(w22_seq_2, STORE(seq, y, 1) STORE(seq, x, 2))
THREAD(w22_fence_1, STORE(rlx, x, 1) fence_seq(); STORE(rlx, y, 2))
THREAD(w22_fence_2, STORE(rlx, y, 1) fence_seq(); STORE(rlx, x, 2))
SHAPE(w22, TELL_LAST, w22_1, w22_2)
SHAPE(w22_seq, TELL_LAST, w22_seq_1, w22_seq_2)
SHAPE(w22_fences, TELL_LAST, w22_fence_1, w22_fence_2)

THREAD(write_x_twice, STORE(rlx, x, 1) STORE(rlx, x, 2))
THREAD(write_x_3, STORE(rlx, x, 3))
THREAD(read_x_twice, w.r[0] = LOAD(rlx, x); w.r[1] = LOAD(rlx, x);)
THREAD(read_write_x, w.r[0] = LOAD(rlx, x); STORE(rlx, x, 1))
THREAD(write_read_x, STORE(rlx, x, 1) w.r[0] = LOAD(rlx, x);)
THREAD(write_x_2, STORE(rlx, x, 2))
SHAPE(corr, TELL_2, write_x_twice, read_x_twice)
SHAPE(coww, TELL_LAST, write_x_twice, write_x_3)
SHAPE(corw, TELL_1_AND_X, read_write_x, write_x_2)
SHAPE(cowr, TELL_1_AND_X, write_read_x, write_x_2)

THREAD(read_x_12, w.r[0] = LOAD(rlx, x); w.r[1] = LOAD(rlx, x);)
THREAD(read_x_34, w.r[2] = LOAD(rlx, x); w.r[3] = LOAD(rlx, x);)
THREAD(write_x_1, STORE(rlx, x, 1))
/* All readers see the stores to one word in one order. */
SHAPE(corr2,
      explore_check(!(w.r[0] == 1 && w.r[1] == 2 && w.r[2] == 2 && w.r[3] == 1) &&
                            !(w.r[0] == 2 && w.r[1] == 1 && w.r[2] == 1 && w.r[3] == 2),
                    "two readers saw two stores in opposite orders"),
      write_x_1, write_x_2, read_x_12, read_x_34)

THREAD(r_1, STORE(seq, x, 1) STORE(seq, y, 1))
THREAD(r_2, STORE(seq, y, 2) w.r[0] = LOAD(seq, x);)
THREAD(r_weak_2, STORE(rel, y, 2) w.r[0] = LOAD(acq, x);)
THREAD(s_1, STORE(rlx, x, 2) STORE(rel, y, 1))
THREAD(s_2, w.r[0] = LOAD(acq, y); STORE(rlx, x, 1))
SHAPE(r_seq, TELL_1_AND_Y, r_1, r_2)
SHAPE(r_weak, TELL_1_AND_Y, r_1, r_weak_2)
SHAPE(s, TELL_1_AND_X, s_1, s_2)

/* ---- causes of causes ---- */

THREAD(wrc_2, w.r[0] = LOAD(acq, x); STORE(rel, y, 1))
THREAD(wrc_3, w.r[1] = LOAD(acq, y); w.r[2] = LOAD(rlx, x);)
THREAD(wrc_rlx_2, w.r[0] = LOAD(rlx, x); STORE(rlx, y, 1))
THREAD(wrc_rlx_3, w.r[1] = LOAD(rlx, y); w.r[2] = LOAD(rlx, x);)
THREAD(rwc_2, w.r[0] = LOAD(rlx, x); fence_seq(); w.r[1] = LOAD(rlx, y);)
THREAD(rwc_3, STORE(rlx, y, 1) fence_seq(); w.r[2] = LOAD(rlx, x);)
SHAPE(wrc, TELL_3, write_x, wrc_2, wrc_3)
SHAPE(wrc_rlx, TELL_3, write_x_1, wrc_rlx_2, wrc_rlx_3)
SHAPE(rwc, TELL_3, write_x_1, rwc_2, rwc_3)

/* ---- read-modify-writes, release sequences ---- */

THREAD(add_10, ADD_RLX(y, 10);)
THREAD(mp_write_rel_rlx, STORE(rlx, x, 1) STORE(rel, y, 1) STORE(rlx, y, 2))
THREAD(add_x_10, w.r[0] = (int)ADD_RLX(x, 10);)
THREAD(add_x_1, w.r[1] = (int)ADD_RLX(x, 1);)
THREAD(cas_1, uint64_t old = 0; w.r[0] = atom64_cas_seq(&w.x, &old, 1);)
THREAD(cas_2, uint64_t old = 0; w.r[1] = atom64_cas_seq(&w.x, &old, 2);)
SHAPE(sequence, TELL_2, mp_write_rel, add_10, mp_read_acq)
SHAPE(sequence_store, TELL_2, mp_write_rel_rlx, mp_read_acq)
SHAPE(rmw_store, TELL_1_AND_X, add_x_10, write_x_1)
SHAPE(rmw_rmw, TELL_2, add_x_10, add_x_1)
SHAPE(cas_cas, TELL_2, cas_1, cas_2)

/* ---- deaths ---- */

THREAD(
	await_one, if (explore_await_death(0)) {
		w.r[0] = 1;
		w.r[1] = LOAD(rlx, y);
		w.r[2] = LOAD(rlx, x);
	})

static void death_set_up(void)
{
	explore_state(&w, sizeof w);
	explore_mortal("victim", mp_write, NULL);
	explore_thread("heir", await_one, NULL);
}

static void stop_set_up(void)
{
	explore_state(&w, sizeof w);
	explore_mortal("stopped", mp_write, NULL);
	explore_thread("other", mp_read, NULL);
}

static void death_check(void)
{
	TELL_3;
}

#define LITMUS(id, function, words, ...)                                                                     \
	{                                                                                                    \
		.name = "litmus/" id, .about = words, .set_up = function##_set_up,                           \
		.check = function##_check, .outcomes = __VA_ARGS__                                           \
	}
#define ALL_2 OUTCOMES("0 0", "0 1", "1 0", "1 1")

const struct explore_scenario litmus_scenarios[] = {
	LITMUS("mp", mp, "message passing, all relaxed", ALL_2),
	LITMUS("mp-acq", mp_acq, "without release", ALL_2),
	LITMUS("mp-rel", mp_rel, "without acquire", ALL_2),
	LITMUS("mp-rel-acq", mp_rel_acq, "released, acquired", OUTCOMES("0 0", "0 1", "1 1")),
	LITMUS("mp-fences", mp_fences, "by fences", OUTCOMES("0 0", "0 1", "1 1")),
	LITMUS("mp-fence-acq", mp_fence_acq, "a fence, and an acquire", OUTCOMES("0 0", "0 1", "1 1")),
	LITMUS("mp-rel-fence", mp_rel_fence, "a release, and a fence", OUTCOMES("0 0", "0 1", "1 1")),
	LITMUS("sb", sb, "store buffering, released and acquired", ALL_2),
	LITMUS("sb-seq", sb_seq, "sequentially consistent", OUTCOMES("0 1", "1 0", "1 1")),
	LITMUS("sb-half", sb_half, "on one side only", ALL_2),
	LITMUS("sb-fences", sb_fences, "full fences", OUTCOMES("0 1", "1 0", "1 1")),
	LITMUS("sb-fence-half", sb_fence_half, "a full fence on one side only", ALL_2),
	LITMUS("sb-fence-seq", sb_fence_seq, "a full fence against accesses", OUTCOMES("0 1", "1 0", "1 1")),
	LITMUS("sb-asymmetric", sb_asymmetric, "os_fence_all() on one side", OUTCOMES("0 1", "1 0", "1 1")),
	LITMUS("lb", lb, "load buffering: 1 1 is not modelled", OUTCOMES("0 0", "0 1", "1 0")),
	LITMUS("iriw", iriw, "independent reads of independent writes", OUTCOMES(IRIW_BUT_ONE, "1 0 1 0")),
	LITMUS("iriw-seq", iriw_seq, "sequentially consistent", OUTCOMES(IRIW_BUT_ONE)),
	LITMUS("iriw-fences", iriw_fences, "full fences between the reads", OUTCOMES(IRIW_BUT_ONE)),
	LITMUS("2+2w", w22, "two words written in opposite orders", OUTCOMES("1 1", "1 2", "2 1", "2 2")),
	LITMUS("2+2w-seq", w22_seq, "sequentially consistent", OUTCOMES("1 2", "2 1", "2 2")),
	LITMUS("2+2w-fences", w22_fences, "full fences", OUTCOMES("1 2", "2 1", "2 2")),
	LITMUS("corr", corr, "no older value after a newer one",
	       OUTCOMES("0 0", "0 1", "0 2", "1 1", "1 2", "2 2")),
	LITMUS("coww", coww, "a thread's stores are in its order", OUTCOMES("2 0", "3 0")),
	LITMUS("corw", corw, "a store is newer than what was read before", OUTCOMES("0 1", "0 2", "2 1")),
	LITMUS("cowr", cowr, "nothing older than one's own store is read", OUTCOMES("1 1", "1 2", "2 2")),
	LITMUS("corr2", corr2, "one order of stores for all readers", NULL),
	LITMUS("r-seq", r_seq, "a store before a load of another word", OUTCOMES("0 1", "1 1", "1 2")),
	LITMUS("r-weak", r_weak, "the same, weaker", OUTCOMES("0 1", "0 2", "1 1", "1 2")),
	LITMUS("s", s, "a store ordered behind what caused it", OUTCOMES("0 1", "0 2", "1 1")),
	LITMUS("wrc", wrc, "a cause of a cause",
	       OUTCOMES("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 0", "1 0 1", "1 1 1")),
	LITMUS("wrc-rlx", wrc_rlx, "the same, relaxed",
	       OUTCOMES("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 0", "1 0 1", "1 1 0", "1 1 1")),
	LITMUS("rwc", rwc, "a fence knows what was read before it",
	       OUTCOMES("0 0 0", "0 0 1", "0 1 0", "0 1 1", "1 0 1", "1 1 0", "1 1 1")),
	LITMUS("sequence", sequence, "a release sequence goes on through an addition",
	       OUTCOMES("0 0", "0 1", "1 1", "10 0", "10 1", "11 1")),
	LITMUS("sequence-store", sequence_store, "and not through a store",
	       OUTCOMES("0 0", "0 1", "1 1", "2 0", "2 1")),
	LITMUS("rmw-store", rmw_store, "nothing comes between", OUTCOMES("0 1", "1 11")),
	LITMUS("rmw-rmw", rmw_rmw, "no two read the same", OUTCOMES("0 10", "1 0")),
	LITMUS("cas-cas", cas_cas, "one of two succeeds", OUTCOMES("0 1", "1 0")),
	{ .name = "litmus/death",
	  .about = "who sees a death knows what the victim did",
	  .set_up = death_set_up,
	  .check = death_check,
	  .crashes = 1,
	  .outcomes = OUTCOMES("0 0 0", "1 0 0", "1 0 1", "1 1 1") },
	{ .name = "litmus/stop",
	  .about = "a thread may stop between two stores",
	  .set_up = stop_set_up,
	  .check = mp_check,
	  .stops = 1,
	  .outcomes = ALL_2 },
	{ 0 },
};
