/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * test_atomic.c - litmus tests of atomic.h: built once for each backend.
 *
 * A litmus test is a tiny race whose forbidden outcome shows a missing order.  Here two
 * threads run through the same row of fresh cells, as nearly side by side as they can,
 * and write down what they saw; the forbidden outcome is looked for when both are done.
 *
 *   message passing   A: x = 1, then y = 1        B: reads y, then x     never y = 1, x = 0
 *   store buffering   A: x = 1, then reads y      B: y = 1, reads x      never both 0
 *   coherence         A: x = 1, 2, 3, …           B: reads x, x, x, …    never backwards
 *   two writers       A: x = 1   B: y = 1         C: reads x, y   D: reads y, x
 *                                                 never C: 1, 0 and D: 1, 0
 *
 * A forbidden outcome proves a fault; none proves nothing, least of all message passing on
 * x86-64, where only the compiler could spoil it.  Store buffering shows there at once: with
 * relaxed operations this test fails within milliseconds.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "atomic.h"
#include "os.h"

#define CELLS 2048u
#define CHUNK 64u /* cells between two meetings */
#define ROUNDS 16
#define THREADS 4

union word {
	struct atom64 atom64;
	struct atom32 atom32;
	uint8_t elem[8];
	_Alignas(STOA_LINE) uint8_t line[STOA_LINE];
};

struct cell {
	union word x, y;
};

/* What the threads of a race share; `seen` is each one's own until it is joined. */
static struct race {
	struct cell cells[CELLS];
	uint8_t seen[THREADS][2][CELLS];
	struct atom32 arrived;
	unsigned threads;
} race;

/* Waits until all threads of the race came here for the n-th time. */
static void meet(unsigned n)
{
	unsigned spins = 0;

	atom32_add_seq(&race.arrived, 1);
	while (atom32_load_seq(&race.arrived) < n * race.threads) {
		if (++spins % 1000)
			cpu_pause();
		else
			sched_yield();
	}
}

#define EACH_CELL(i)                                                                                         \
	for (unsigned i = 0; i < CELLS; i++)                                                                 \
		if (i % CHUNK || (meet(i / CHUNK + 1), 1))

static void run(unsigned threads, void *(*const bodies[])(void *))
{
	pthread_t ids[THREADS];

	memset(&race, 0, sizeof race);
	race.threads = threads;
	for (uintptr_t i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, bodies[i], (void *)i))
			abort(); /* the others would wait for ever */
	for (unsigned i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
}

/* ---- message passing ---- */

static unsigned stale_messages(void)
{
	unsigned stale = 0;

	for (unsigned i = 0; i < CELLS; i++)
		stale += race.seen[1][0][i] == 1 && race.seen[1][1][i] == 0;
	return stale;
}

/* PUBLISH(y) makes it 1; OBSERVE(y) gives it.  x is the message, written and read relaxed. */
#define MESSAGE_PASSING(NAME, PUBLISH, OBSERVE)                                                              \
	static void *NAME##_sender(void *unused)                                                             \
	{                                                                                                    \
		EACH_CELL(i) {                                                                               \
			union word *y = &race.cells[i].y;                                                    \
			atom64_store_rlx(&race.cells[i].x.atom64, 1);                                        \
			PUBLISH(y);                                                                          \
		}                                                                                            \
		return unused;                                                                               \
	}                                                                                                    \
	static void *NAME##_receiver(void *unused)                                                           \
	{                                                                                                    \
		EACH_CELL(i) {                                                                               \
			union word *y = &race.cells[i].y;                                                    \
			race.seen[1][0][i] = (uint8_t)OBSERVE(y);                                            \
			race.seen[1][1][i] = (uint8_t)atom64_load_rlx(&race.cells[i].x.atom64);              \
		}                                                                                            \
		return unused;                                                                               \
	}                                                                                                    \
	static void NAME(void **state)                                                                       \
	{                                                                                                    \
		(void)state;                                                                                 \
		for (int round = 0; round < ROUNDS; round++) {                                               \
			run(2, (void *(*const[])(void *)){ NAME##_sender, NAME##_receiver });                \
			assert_int_equal(stale_messages(), 0);                                               \
		}                                                                                            \
	}

/* Statements as expressions, for the macros above and below. */
#define OPERATIONS_OF_ATOM(BITS)                                                                             \
	static inline void rel##BITS(union word *w)                                                          \
	{                                                                                                    \
		atom##BITS##_store_rel(&w->atom##BITS, 1);                                                   \
	}                                                                                                    \
	static inline void fence_then_rlx##BITS(union word *w)                                               \
	{                                                                                                    \
		fence_rel();                                                                                 \
		atom##BITS##_store_rlx(&w->atom##BITS, 1);                                                   \
	}                                                                                                    \
	static inline void seq##BITS(union word *w)                                                          \
	{                                                                                                    \
		atom##BITS##_store_seq(&w->atom##BITS, 1);                                                   \
	}                                                                                                    \
	static inline void add##BITS(union word *w)                                                          \
	{                                                                                                    \
		atom##BITS##_add_seq(&w->atom##BITS, 1);                                                     \
	}                                                                                                    \
	static inline void cas##BITS(union word *w)                                                          \
	{                                                                                                    \
		uint##BITS##_t expected = 0;                                                                 \
		atom##BITS##_cas_seq(&w->atom##BITS, &expected, 1);                                          \
	}                                                                                                    \
	static inline uint##BITS##_t get_acq##BITS(union word *w)                                            \
	{                                                                                                    \
		return atom##BITS##_load_acq(&w->atom##BITS);                                                \
	}                                                                                                    \
	static inline uint##BITS##_t get_rlx##BITS(union word *w)                                            \
	{                                                                                                    \
		return atom##BITS##_load_rlx(&w->atom##BITS);                                                \
	}                                                                                                    \
	static inline uint##BITS##_t get_rlx_then_fence##BITS(union word *w)                                 \
	{                                                                                                    \
		uint##BITS##_t value = atom##BITS##_load_rlx(&w->atom##BITS);                                \
		fence_acq();                                                                                 \
		return value;                                                                                \
	}                                                                                                    \
	static inline uint##BITS##_t get_seq##BITS(union word *w)                                            \
	{                                                                                                    \
		return atom##BITS##_load_seq(&w->atom##BITS);                                                \
	}                                                                                                    \
	static inline uint##BITS##_t get_add##BITS(union word *w)                                            \
	{                                                                                                    \
		return atom##BITS##_add_seq(&w->atom##BITS, 0);                                              \
	}                                                                                                    \
	static inline uint##BITS##_t get_cas##BITS(union word *w)                                            \
	{                                                                                                    \
		uint##BITS##_t value = 7; /* never there: gives what is */                                   \
		atom##BITS##_cas_seq(&w->atom##BITS, &value, 8);                                             \
		return value;                                                                                \
	}
OPERATIONS_OF_ATOM(64)
OPERATIONS_OF_ATOM(32)

#define OPERATIONS_OF_ELEM(BITS)                                                                             \
	static inline void elem_swap##BITS(union word *w)                                                    \
	{                                                                                                    \
		elem##BITS##_swap_seq(w->elem, 1);                                                           \
	}                                                                                                    \
	static inline void elem_add##BITS(union word *w)                                                     \
	{                                                                                                    \
		elem##BITS##_add_seq(w->elem, 1);                                                            \
	}                                                                                                    \
	static inline void elem_cas##BITS(union word *w)                                                     \
	{                                                                                                    \
		uint##BITS##_t expected = 0;                                                                 \
		elem##BITS##_cas_seq(w->elem, &expected, 1);                                                 \
	}                                                                                                    \
	static inline void elem_rlx_then_fence##BITS(union word *w)                                          \
	{                                                                                                    \
		elem##BITS##_store_rlx(w->elem, 1);                                                          \
		fence_seq();                                                                                 \
	}                                                                                                    \
	static inline uint##BITS##_t elem_get_rlx##BITS(union word *w)                                       \
	{                                                                                                    \
		return elem##BITS##_load_rlx(w->elem);                                                       \
	}                                                                                                    \
	static inline uint##BITS##_t elem_get_seq##BITS(union word *w)                                       \
	{                                                                                                    \
		return elem##BITS##_load_seq(w->elem);                                                       \
	}                                                                                                    \
	static inline uint##BITS##_t elem_get_swap##BITS(union word *w)                                      \
	{                                                                                                    \
		/* Gives the value, and leaves 0: the cell is looked at once. */                             \
		return elem##BITS##_swap_seq(w->elem, 0);                                                    \
	}                                                                                                    \
	static inline uint##BITS##_t elem_get_add##BITS(union word *w)                                       \
	{                                                                                                    \
		return elem##BITS##_add_seq(w->elem, 0);                                                     \
	}                                                                                                    \
	static inline uint##BITS##_t elem_get_cas##BITS(union word *w)                                       \
	{                                                                                                    \
		uint##BITS##_t value = 7;                                                                    \
		elem##BITS##_cas_seq(w->elem, &value, 8);                                                    \
		return value;                                                                                \
	}
OPERATIONS_OF_ELEM(8)
OPERATIONS_OF_ELEM(16)
OPERATIONS_OF_ELEM(32)
OPERATIONS_OF_ELEM(64)

MESSAGE_PASSING(store_rel64_hands_over_to_load_acq64, rel64, get_acq64)
MESSAGE_PASSING(store_rel32_hands_over_to_load_acq32, rel32, get_acq32)
MESSAGE_PASSING(fence_rel_before_a_store64_hands_over_to_fence_acq_after_a_load64, fence_then_rlx64,
                get_rlx_then_fence64)
MESSAGE_PASSING(fence_rel_before_a_store32_hands_over_to_fence_acq_after_a_load32, fence_then_rlx32,
                get_rlx_then_fence32)
MESSAGE_PASSING(store_seq64_hands_over_to_load_seq64, seq64, get_seq64)
MESSAGE_PASSING(store_seq32_hands_over_to_load_seq32, seq32, get_seq32)
MESSAGE_PASSING(add_seq64_hands_over_to_add_seq64, add64, get_add64)
MESSAGE_PASSING(add_seq32_hands_over_to_add_seq32, add32, get_add32)
MESSAGE_PASSING(cas_seq64_hands_over_to_a_failing_cas_seq64, cas64, get_cas64)
MESSAGE_PASSING(cas_seq32_hands_over_to_a_failing_cas_seq32, cas32, get_cas32)
MESSAGE_PASSING(elem8_swap_hands_over_to_load_seq, elem_swap8, elem_get_seq8)
MESSAGE_PASSING(elem16_swap_hands_over_to_load_seq, elem_swap16, elem_get_seq16)
MESSAGE_PASSING(elem32_swap_hands_over_to_load_seq, elem_swap32, elem_get_seq32)
MESSAGE_PASSING(elem64_swap_hands_over_to_load_seq, elem_swap64, elem_get_seq64)
MESSAGE_PASSING(elem8_cas_hands_over_to_swap, elem_cas8, elem_get_swap8)
MESSAGE_PASSING(elem16_cas_hands_over_to_swap, elem_cas16, elem_get_swap16)
MESSAGE_PASSING(elem32_cas_hands_over_to_swap, elem_cas32, elem_get_swap32)
MESSAGE_PASSING(elem64_cas_hands_over_to_swap, elem_cas64, elem_get_swap64)
MESSAGE_PASSING(elem8_add_hands_over_to_a_failing_cas, elem_add8, elem_get_cas8)
MESSAGE_PASSING(elem16_add_hands_over_to_a_failing_cas, elem_add16, elem_get_cas16)
MESSAGE_PASSING(elem32_add_hands_over_to_a_failing_cas, elem_add32, elem_get_cas32)
MESSAGE_PASSING(elem64_add_hands_over_to_a_failing_cas, elem_add64, elem_get_cas64)

/* ---- store buffering ---- */

static unsigned both_missed(void)
{
	unsigned missed = 0;

	for (unsigned i = 0; i < CELLS; i++)
		missed += race.seen[0][0][i] == 0 && race.seen[1][0][i] == 0;
	return missed;
}

/* A: SET_A(x), GET_A(y).  B: SET_B(y), GET_B(x). */
#define STORE_BUFFERING(NAME, SET_A, GET_A, SET_B, GET_B)                                                    \
	static void *NAME##_a(void *unused)                                                                  \
	{                                                                                                    \
		EACH_CELL(i) {                                                                               \
			SET_A(&race.cells[i].x);                                                             \
			race.seen[0][0][i] = (uint8_t)GET_A(&race.cells[i].y);                               \
		}                                                                                            \
		return unused;                                                                               \
	}                                                                                                    \
	static void *NAME##_b(void *unused)                                                                  \
	{                                                                                                    \
		EACH_CELL(i) {                                                                               \
			SET_B(&race.cells[i].y);                                                             \
			race.seen[1][0][i] = (uint8_t)GET_B(&race.cells[i].x);                               \
		}                                                                                            \
		return unused;                                                                               \
	}                                                                                                    \
	static void NAME(void **state)                                                                       \
	{                                                                                                    \
		(void)state;                                                                                 \
		for (int round = 0; round < ROUNDS; round++) {                                               \
			run(2, (void *(*const[])(void *)){ NAME##_a, NAME##_b });                            \
			assert_int_equal(both_missed(), 0);                                                  \
		}                                                                                            \
	}
#define STORE_BUFFERING_ALIKE(NAME, SET, GET) STORE_BUFFERING(NAME, SET, GET, SET, GET)

static inline void rlx_then_fence64(union word *w)
{
	atom64_store_rlx(&w->atom64, 1);
	fence_seq();
}

static inline void rlx_then_light64(union word *w)
{
	atom64_store_rlx(&w->atom64, 1);
	fence_light();
}

static inline void rlx_then_fence_all64(union word *w)
{
	atom64_store_rlx(&w->atom64, 1);
	os_fence_all();
}

STORE_BUFFERING_ALIKE(store_seq64_then_load_seq64_never_miss_each_other, seq64, get_seq64)
STORE_BUFFERING_ALIKE(store_seq32_then_load_seq32_never_miss_each_other, seq32, get_seq32)
STORE_BUFFERING_ALIKE(fence_seq_between_relaxed_operations_never_misses, rlx_then_fence64, get_rlx64)
STORE_BUFFERING_ALIKE(add_seq64_then_load_seq64_never_miss_each_other, add64, get_seq64)
STORE_BUFFERING_ALIKE(add_seq32_then_load_seq32_never_miss_each_other, add32, get_seq32)
STORE_BUFFERING_ALIKE(cas_seq64_then_load_seq64_never_miss_each_other, cas64, get_seq64)
STORE_BUFFERING_ALIKE(cas_seq32_then_load_seq32_never_miss_each_other, cas32, get_seq32)
STORE_BUFFERING(store_seq64_then_a_failing_cas_seq64_never_miss_each_other, seq64, get_cas64, seq64, get_cas64)
STORE_BUFFERING_ALIKE(elem8_swap_then_load_seq_never_miss_each_other, elem_swap8, elem_get_seq8)
STORE_BUFFERING_ALIKE(elem16_swap_then_load_seq_never_miss_each_other, elem_swap16, elem_get_seq16)
STORE_BUFFERING_ALIKE(elem32_swap_then_load_seq_never_miss_each_other, elem_swap32, elem_get_seq32)
STORE_BUFFERING_ALIKE(elem64_swap_then_load_seq_never_miss_each_other, elem_swap64, elem_get_seq64)
STORE_BUFFERING_ALIKE(elem8_add_then_add_never_miss_each_other, elem_add8, elem_get_add8)
STORE_BUFFERING_ALIKE(elem16_add_then_add_never_miss_each_other, elem_add16, elem_get_add16)
STORE_BUFFERING_ALIKE(elem32_add_then_add_never_miss_each_other, elem_add32, elem_get_add32)
STORE_BUFFERING_ALIKE(elem64_add_then_add_never_miss_each_other, elem_add64, elem_get_add64)
STORE_BUFFERING_ALIKE(elem8_cas_then_load_seq_never_miss_each_other, elem_cas8, elem_get_seq8)
STORE_BUFFERING_ALIKE(elem16_cas_then_load_seq_never_miss_each_other, elem_cas16, elem_get_seq16)
STORE_BUFFERING_ALIKE(elem32_cas_then_load_seq_never_miss_each_other, elem_cas32, elem_get_seq32)
STORE_BUFFERING_ALIKE(elem64_cas_then_load_seq_never_miss_each_other, elem_cas64, elem_get_seq64)
STORE_BUFFERING_ALIKE(elem8_store_with_fence_seq_then_load_never_miss, elem_rlx_then_fence8, elem_get_rlx8)
STORE_BUFFERING_ALIKE(elem16_store_with_fence_seq_then_load_never_miss, elem_rlx_then_fence16, elem_get_rlx16)
STORE_BUFFERING_ALIKE(elem32_store_with_fence_seq_then_load_never_miss, elem_rlx_then_fence32, elem_get_rlx32)
STORE_BUFFERING_ALIKE(elem64_store_with_fence_seq_then_load_never_miss, elem_rlx_then_fence64, elem_get_rlx64)
STORE_BUFFERING(fence_light_here_and_os_fence_all_there_race, rlx_then_light64, get_rlx64, rlx_then_fence_all64,
                get_rlx64)

static void fence_light_against_os_fence_all_never_misses(void **state)
{
	if (os_fence_register())
		skip();
	fence_light_here_and_os_fence_all_there_race(state);
}

/* ---- two writers: all agree on the order of sequentially consistent stores ---- */

static void *write_x(void *unused)
{
	EACH_CELL(i)
		atom64_store_seq(&race.cells[i].x.atom64, 1);
	return unused;
}

static void *write_y(void *unused)
{
	EACH_CELL(i)
		atom64_store_seq(&race.cells[i].y.atom64, 1);
	return unused;
}

static void *read_x_then_y(void *unused)
{
	EACH_CELL(i) {
		race.seen[2][0][i] = (uint8_t)atom64_load_seq(&race.cells[i].x.atom64);
		race.seen[2][1][i] = (uint8_t)atom64_load_seq(&race.cells[i].y.atom64);
	}
	return unused;
}

static void *read_y_then_x(void *unused)
{
	EACH_CELL(i) {
		race.seen[3][0][i] = (uint8_t)atom64_load_seq(&race.cells[i].y.atom64);
		race.seen[3][1][i] = (uint8_t)atom64_load_seq(&race.cells[i].x.atom64);
	}
	return unused;
}

static void readers_agree_on_the_order_of_two_store_seq(void **state)
{
	(void)state;
	run(4, (void *(*const[])(void *)){ write_x, write_y, read_x_then_y, read_y_then_x });
	for (unsigned i = 0; i < CELLS; i++)
		assert_false(race.seen[2][0][i] && !race.seen[2][1][i] && race.seen[3][0][i] &&
		             !race.seen[3][1][i]);
}

/* ---- coherence and wholeness ---- */

#define STEPS 120u /* fits every width */

#define COHERENCE(NAME, BITS, LOAD, STORE)                                                                   \
	static void *NAME##_writer(void *unused)                                                             \
	{                                                                                                    \
		EACH_CELL(i) {                                                                               \
			for (unsigned n = 1; n <= STEPS; n++)                                                \
				STORE(&race.cells[i].x, (uint##BITS##_t)n);                                  \
		}                                                                                            \
		return unused;                                                                               \
	}                                                                                                    \
	static void *NAME##_reader(void *unused)                                                             \
	{                                                                                                    \
		EACH_CELL(i) {                                                                               \
			uint##BITS##_t last = 0, now;                                                        \
			for (unsigned n = 1; n <= STEPS; n++, last = now) {                                  \
				now = LOAD(&race.cells[i].x);                                                \
				race.seen[1][0][i] |= now < last;                                            \
			}                                                                                    \
		}                                                                                            \
		return unused;                                                                               \
	}                                                                                                    \
	static void NAME(void **state)                                                                       \
	{                                                                                                    \
		(void)state;                                                                                 \
		run(2, (void *(*const[])(void *)){ NAME##_writer, NAME##_reader });                          \
		for (unsigned i = 0; i < CELLS; i++)                                                         \
			assert_int_equal(race.seen[1][0][i], 0);                                             \
	}

#define STORE_ATOM64(w, value) atom64_store_rlx(&(w)->atom64, value)
#define STORE_ATOM32(w, value) atom32_store_rlx(&(w)->atom32, value)
#define STORE_ELEM8(w, value) elem8_store_rlx((w)->elem, value)
#define STORE_ELEM16(w, value) elem16_store_rlx((w)->elem, value)
#define STORE_ELEM32(w, value) elem32_store_rlx((w)->elem, value)
#define STORE_ELEM64(w, value) elem64_store_rlx((w)->elem, value)

COHERENCE(relaxed_loads_of_atom64_never_go_back, 64, get_rlx64, STORE_ATOM64)
COHERENCE(relaxed_loads_of_atom32_never_go_back, 32, get_rlx32, STORE_ATOM32)
COHERENCE(relaxed_loads_of_elem8_never_go_back, 8, elem_get_rlx8, STORE_ELEM8)
COHERENCE(relaxed_loads_of_elem16_never_go_back, 16, elem_get_rlx16, STORE_ELEM16)
COHERENCE(relaxed_loads_of_elem32_never_go_back, 32, elem_get_rlx32, STORE_ELEM32)
COHERENCE(relaxed_loads_of_elem64_never_go_back, 64, elem_get_rlx64, STORE_ELEM64)

static void *write_all_bits_or_none(void *unused)
{
	EACH_CELL(i) {
		for (unsigned n = 0; n < STEPS; n++)
			atom64_store_rlx(&race.cells[i].x.atom64, n % 2 ? UINT64_MAX : 0);
	}
	return unused;
}

static void *look_for_halves(void *unused)
{
	EACH_CELL(i) {
		for (unsigned n = 0; n < STEPS; n++) {
			uint64_t value = atom64_load_rlx(&race.cells[i].x.atom64);

			race.seen[1][0][i] |= value != 0 && value != UINT64_MAX;
		}
	}
	return unused;
}

static void relaxed_words_are_never_torn(void **state)
{
	(void)state;
	run(2, (void *(*const[])(void *)){ write_all_bits_or_none, look_for_halves });
	for (unsigned i = 0; i < CELLS; i++)
		assert_int_equal(race.seen[1][0][i], 0);
}

/* ---- contention: nothing is lost ---- */

/*
 * THREADS threads take TICKETS numbers each from one word, whose neighbours are watched.  Every
 * number must have been taken as often as the width says, and the end must be the sum.
 */
#define TICKETS 16384u

static _Alignas(STOA_LINE) uint8_t arena[STOA_LINE];
static struct atom32 taken[THREADS * TICKETS];

#define MIDDLE (arena + STOA_LINE / 2)

#define CONTENTION(NAME, BITS, TAKE)                                                                         \
	static void *NAME##_taker(void *unused)                                                              \
	{                                                                                                    \
		meet(1);                                                                                     \
		for (unsigned i = 0; i < TICKETS; i++)                                                       \
			atom32_add_seq(&taken[TAKE() % (THREADS * TICKETS)], 1);                             \
		return unused;                                                                               \
	}                                                                                                    \
	static void NAME(void **state)                                                                       \
	{                                                                                                    \
		void *(*bodies[THREADS])(void *);                                                            \
		const uint64_t numbers = BITS < 16 ? 1u << BITS % 16 : THREADS * TICKETS;                    \
		uint##BITS##_t end;                                                                          \
		(void)state;                                                                                 \
		memset(arena, 0xa5, sizeof arena);                                                           \
		memset(MIDDLE, 0, BITS / 8);                                                                 \
		memset(taken, 0, sizeof taken);                                                              \
		for (int i = 0; i < THREADS; i++)                                                            \
			bodies[i] = NAME##_taker;                                                            \
		run(THREADS, bodies);                                                                        \
		for (uint64_t i = 0; i < numbers; i++)                                                       \
			assert_int_equal(atom32_load_rlx(&taken[i]), THREADS *TICKETS / numbers);            \
		memcpy(&end, MIDDLE, sizeof end);                                                            \
		assert_true(end == (uint##BITS##_t)(THREADS * TICKETS));                                     \
		assert_int_equal(MIDDLE[-1], 0xa5);                                                          \
		assert_int_equal(MIDDLE[BITS / 8], 0xa5);                                                    \
	}

#define TAKE_FROM_ELEM(BITS)                                                                                    \
	static uint##BITS##_t take_by_add##BITS(void)                                                        \
	{                                                                                                    \
		return elem##BITS##_add_seq(MIDDLE, 1);                                                      \
	}                                                                                                    \
	static uint##BITS##_t take_by_cas##BITS(void)                                                        \
	{                                                                                                    \
		uint##BITS##_t number = elem##BITS##_load_rlx(MIDDLE);                                       \
		while (!elem##BITS##_cas_seq(MIDDLE, &number, (uint##BITS##_t)(number + 1)))                 \
			;                                                                                    \
		return number;                                                                               \
	}
TAKE_FROM_ELEM(8)
TAKE_FROM_ELEM(16)
TAKE_FROM_ELEM(32)
TAKE_FROM_ELEM(64)

#define TAKE_FROM_ATOM(BITS)                                                                                 \
	static uint##BITS##_t take_atom_by_add##BITS(void)                                                   \
	{                                                                                                    \
		return atom##BITS##_add_seq((struct atom##BITS *)(void *)MIDDLE, 1);                         \
	}                                                                                                    \
	static uint##BITS##_t take_atom_by_cas##BITS(void)                                                   \
	{                                                                                                    \
		struct atom##BITS *word = (struct atom##BITS *)(void *)MIDDLE;                               \
		uint##BITS##_t number = atom##BITS##_load_rlx(word);                                         \
		while (!atom##BITS##_cas_seq(word, &number, number + 1))                                     \
			;                                                                                    \
		return number;                                                                               \
	}
TAKE_FROM_ATOM(32)
TAKE_FROM_ATOM(64)

CONTENTION(elem8_add_loses_nothing, 8, take_by_add8)
CONTENTION(elem16_add_loses_nothing, 16, take_by_add16)
CONTENTION(elem32_add_loses_nothing, 32, take_by_add32)
CONTENTION(elem64_add_loses_nothing, 64, take_by_add64)
CONTENTION(elem8_cas_loses_nothing, 8, take_by_cas8)
CONTENTION(elem16_cas_loses_nothing, 16, take_by_cas16)
CONTENTION(elem32_cas_loses_nothing, 32, take_by_cas32)
CONTENTION(elem64_cas_loses_nothing, 64, take_by_cas64)
CONTENTION(atom32_add_loses_nothing, 32, take_atom_by_add32)
CONTENTION(atom64_add_loses_nothing, 64, take_atom_by_add64)
CONTENTION(atom32_cas_loses_nothing, 32, take_atom_by_cas32)
CONTENTION(atom64_cas_loses_nothing, 64, take_atom_by_cas64)

/* Each thread swaps the token in its hand for the one that lies there, again and again. */
static uint64_t hands[THREADS];

#define TOKENS(NAME, BITS)                                                                                   \
	static void *NAME##_player(void *player)                                                             \
	{                                                                                                    \
		uint##BITS##_t token = (uint##BITS##_t)((uintptr_t)player + 1);                              \
		meet(1);                                                                                     \
		for (unsigned i = 0; i < TICKETS; i++)                                                       \
			token = elem##BITS##_swap_seq(MIDDLE, token);                                        \
		hands[(uintptr_t)player] = token;                                                            \
		return NULL;                                                                                 \
	}                                                                                                    \
	static void NAME(void **state)                                                                       \
	{                                                                                                    \
		void *(*bodies[THREADS])(void *);                                                            \
		unsigned seen;                                                                               \
		(void)state;                                                                                 \
		memset(arena, 0xa5, sizeof arena);                                                           \
		memset(MIDDLE, 0, BITS / 8);                                                                 \
		for (int i = 0; i < THREADS; i++)                                                            \
			bodies[i] = NAME##_player;                                                           \
		run(THREADS, bodies);                                                                        \
		seen = 1u << elem##BITS##_load_rlx(MIDDLE);                                                  \
		for (int i = 0; i < THREADS; i++)                                                            \
			seen += 1u << hands[i];                                                              \
		assert_int_equal(seen, (1u << (THREADS + 1)) - 1);                                           \
		assert_int_equal(MIDDLE[-1], 0xa5);                                                          \
		assert_int_equal(MIDDLE[BITS / 8], 0xa5);                                                    \
	}
TOKENS(elem8_swap_loses_no_token, 8)
TOKENS(elem16_swap_loses_no_token, 16)
TOKENS(elem32_swap_loses_no_token, 32)
TOKENS(elem64_swap_loses_no_token, 64)

/* ---- what each operation answers, alone ---- */

#define ANSWERS_OF_ATOM(NAME, ATOM, TYPE, HIGH)                                                              \
	static void NAME(void **state)                                                                       \
	{                                                                                                    \
		struct ATOM word = { 3 };                                                                    \
		TYPE expected = 4;                                                                           \
		(void)state;                                                                                 \
		assert_true(ATOM##_load_rlx(&word) == 3);                                                    \
		ATOM##_store_rlx(&word, HIGH);                                                               \
		assert_true(ATOM##_load_acq(&word) == HIGH);                                                 \
		ATOM##_store_rel(&word, 5);                                                                  \
		assert_true(ATOM##_load_seq(&word) == 5);                                                    \
		ATOM##_store_seq(&word, HIGH);                                                               \
		assert_true(ATOM##_add_seq(&word, 2) == HIGH);                                               \
		assert_true(ATOM##_load_rlx(&word) == 1); /* wraps around */                                 \
		assert_false(ATOM##_cas_seq(&word, &expected, 9));                                           \
		assert_true(expected == 1);                                                                  \
		assert_true(ATOM##_cas_seq(&word, &expected, HIGH));                                         \
		assert_true(expected == 1);                                                                  \
		assert_true(ATOM##_load_rlx(&word) == HIGH);                                                 \
	}
ANSWERS_OF_ATOM(atom64_answers_as_it_should, atom64, uint64_t, UINT64_MAX)
ANSWERS_OF_ATOM(atom32_answers_as_it_should, atom32, uint32_t, UINT32_MAX)

#define ANSWERS_OF_ELEM(NAME, BITS)                                                                          \
	static void NAME(void **state)                                                                       \
	{                                                                                                    \
		const uint##BITS##_t high = UINT##BITS##_MAX;                                                \
		uint##BITS##_t expected = 4;                                                                 \
		(void)state;                                                                                 \
		memset(arena, 0xa5, sizeof arena);                                                           \
		elem##BITS##_store_rlx(MIDDLE, 3);                                                           \
		assert_true(elem##BITS##_load_rlx(MIDDLE) == 3);                                             \
		assert_true(elem##BITS##_swap_seq(MIDDLE, high) == 3);                                       \
		assert_true(elem##BITS##_load_seq(MIDDLE) == high);                                          \
		assert_true(elem##BITS##_add_seq(MIDDLE, 2) == high);                                        \
		assert_true(elem##BITS##_load_rlx(MIDDLE) == 1);                                             \
		assert_false(elem##BITS##_cas_seq(MIDDLE, &expected, 9));                                    \
		assert_true(expected == 1);                                                                  \
		assert_true(elem##BITS##_cas_seq(MIDDLE, &expected, high));                                  \
		assert_true(elem##BITS##_load_rlx(MIDDLE) == high);                                          \
		for (unsigned i = 0; i < STOA_LINE; i++)                                                     \
			assert_int_equal(arena[i], arena + i < MIDDLE || arena + i >= MIDDLE + BITS / 8 ?    \
			                                   0xa5 :                                            \
			                                   0xff);                                            \
	}
ANSWERS_OF_ELEM(elem8_answers_as_it_should_and_leaves_its_neighbours, 8)
ANSWERS_OF_ELEM(elem16_answers_as_it_should_and_leaves_its_neighbours, 16)
ANSWERS_OF_ELEM(elem32_answers_as_it_should_and_leaves_its_neighbours, 32)
ANSWERS_OF_ELEM(elem64_answers_as_it_should_and_leaves_its_neighbours, 64)

/* ---- racy copies ---- */

static void racy_copies_are_exact_at_every_size_and_alignment(void **state)
{
	_Alignas(8) uint8_t shared[48];
	uint8_t from[64], to[64];

	(void)state;
	for (unsigned i = 0; i < sizeof from; i++)
		from[i] = (uint8_t)(i + 1);
	for (unsigned size = 0; size <= 40; size++) {
		for (unsigned shift = 0; shift < 8; shift++) {
			memset(shared, 0xee, sizeof shared);
			memset(to, 0xee, sizeof to);
			copy_racy_in(shared, from + shift, size);
			assert_memory_equal(shared, from + shift, size);
			for (unsigned i = (size + 7) / 8 * 8; i < sizeof shared; i++)
				assert_int_equal(shared[i], 0xee);
			copy_racy_out(to + shift, shared, size);
			assert_memory_equal(to + shift, from + shift, size);
			for (unsigned i = 0; i < sizeof to; i++)
				if (i < shift || i >= shift + size)
					assert_int_equal(to[i], 0xee);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(atom64_answers_as_it_should),
		cmocka_unit_test(atom32_answers_as_it_should),
		cmocka_unit_test(elem8_answers_as_it_should_and_leaves_its_neighbours),
		cmocka_unit_test(elem16_answers_as_it_should_and_leaves_its_neighbours),
		cmocka_unit_test(elem32_answers_as_it_should_and_leaves_its_neighbours),
		cmocka_unit_test(elem64_answers_as_it_should_and_leaves_its_neighbours),
		cmocka_unit_test(store_rel64_hands_over_to_load_acq64),
		cmocka_unit_test(store_rel32_hands_over_to_load_acq32),
		cmocka_unit_test(fence_rel_before_a_store64_hands_over_to_fence_acq_after_a_load64),
		cmocka_unit_test(fence_rel_before_a_store32_hands_over_to_fence_acq_after_a_load32),
		cmocka_unit_test(store_seq64_hands_over_to_load_seq64),
		cmocka_unit_test(store_seq32_hands_over_to_load_seq32),
		cmocka_unit_test(add_seq64_hands_over_to_add_seq64),
		cmocka_unit_test(add_seq32_hands_over_to_add_seq32),
		cmocka_unit_test(cas_seq64_hands_over_to_a_failing_cas_seq64),
		cmocka_unit_test(cas_seq32_hands_over_to_a_failing_cas_seq32),
		cmocka_unit_test(elem8_swap_hands_over_to_load_seq),
		cmocka_unit_test(elem16_swap_hands_over_to_load_seq),
		cmocka_unit_test(elem32_swap_hands_over_to_load_seq),
		cmocka_unit_test(elem64_swap_hands_over_to_load_seq),
		cmocka_unit_test(elem8_cas_hands_over_to_swap),
		cmocka_unit_test(elem16_cas_hands_over_to_swap),
		cmocka_unit_test(elem32_cas_hands_over_to_swap),
		cmocka_unit_test(elem64_cas_hands_over_to_swap),
		cmocka_unit_test(elem8_add_hands_over_to_a_failing_cas),
		cmocka_unit_test(elem16_add_hands_over_to_a_failing_cas),
		cmocka_unit_test(elem32_add_hands_over_to_a_failing_cas),
		cmocka_unit_test(elem64_add_hands_over_to_a_failing_cas),
		cmocka_unit_test(store_seq64_then_load_seq64_never_miss_each_other),
		cmocka_unit_test(store_seq32_then_load_seq32_never_miss_each_other),
		cmocka_unit_test(fence_seq_between_relaxed_operations_never_misses),
		cmocka_unit_test(add_seq64_then_load_seq64_never_miss_each_other),
		cmocka_unit_test(add_seq32_then_load_seq32_never_miss_each_other),
		cmocka_unit_test(cas_seq64_then_load_seq64_never_miss_each_other),
		cmocka_unit_test(cas_seq32_then_load_seq32_never_miss_each_other),
		cmocka_unit_test(store_seq64_then_a_failing_cas_seq64_never_miss_each_other),
		cmocka_unit_test(elem8_swap_then_load_seq_never_miss_each_other),
		cmocka_unit_test(elem16_swap_then_load_seq_never_miss_each_other),
		cmocka_unit_test(elem32_swap_then_load_seq_never_miss_each_other),
		cmocka_unit_test(elem64_swap_then_load_seq_never_miss_each_other),
		cmocka_unit_test(elem8_add_then_add_never_miss_each_other),
		cmocka_unit_test(elem16_add_then_add_never_miss_each_other),
		cmocka_unit_test(elem32_add_then_add_never_miss_each_other),
		cmocka_unit_test(elem64_add_then_add_never_miss_each_other),
		cmocka_unit_test(elem8_cas_then_load_seq_never_miss_each_other),
		cmocka_unit_test(elem16_cas_then_load_seq_never_miss_each_other),
		cmocka_unit_test(elem32_cas_then_load_seq_never_miss_each_other),
		cmocka_unit_test(elem64_cas_then_load_seq_never_miss_each_other),
		cmocka_unit_test(elem8_store_with_fence_seq_then_load_never_miss),
		cmocka_unit_test(elem16_store_with_fence_seq_then_load_never_miss),
		cmocka_unit_test(elem32_store_with_fence_seq_then_load_never_miss),
		cmocka_unit_test(elem64_store_with_fence_seq_then_load_never_miss),
		cmocka_unit_test(fence_light_against_os_fence_all_never_misses),
		cmocka_unit_test(readers_agree_on_the_order_of_two_store_seq),
		cmocka_unit_test(relaxed_loads_of_atom64_never_go_back),
		cmocka_unit_test(relaxed_loads_of_atom32_never_go_back),
		cmocka_unit_test(relaxed_loads_of_elem8_never_go_back),
		cmocka_unit_test(relaxed_loads_of_elem16_never_go_back),
		cmocka_unit_test(relaxed_loads_of_elem32_never_go_back),
		cmocka_unit_test(relaxed_loads_of_elem64_never_go_back),
		cmocka_unit_test(relaxed_words_are_never_torn),
		cmocka_unit_test(elem8_add_loses_nothing),
		cmocka_unit_test(elem16_add_loses_nothing),
		cmocka_unit_test(elem32_add_loses_nothing),
		cmocka_unit_test(elem64_add_loses_nothing),
		cmocka_unit_test(elem8_cas_loses_nothing),
		cmocka_unit_test(elem16_cas_loses_nothing),
		cmocka_unit_test(elem32_cas_loses_nothing),
		cmocka_unit_test(elem64_cas_loses_nothing),
		cmocka_unit_test(atom32_add_loses_nothing),
		cmocka_unit_test(atom64_add_loses_nothing),
		cmocka_unit_test(atom32_cas_loses_nothing),
		cmocka_unit_test(atom64_cas_loses_nothing),
		cmocka_unit_test(elem8_swap_loses_no_token),
		cmocka_unit_test(elem16_swap_loses_no_token),
		cmocka_unit_test(elem32_swap_loses_no_token),
		cmocka_unit_test(elem64_swap_loses_no_token),
		cmocka_unit_test(racy_copies_are_exact_at_every_size_and_alignment),
	};

	return cmocka_run_group_tests_name("atomics: " STOA_ATOMICS_NAME, tests, NULL, NULL);
}
