/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * atomic_explore.h - atomic.h's vocabulary, answered by the explorer (stress/explore_engine.h), which runs
 * threads as fibers and chooses what each operation does within what C11 allows.
 *
 * Operations are macros, so that each knows its own site: name, function, file, line.  A site's order is
 * data, not code: the explorer can weaken it and see whether anybody notices.  The linker gathers pointers to
 * all of them in the section explore_sites, also to those that nothing reaches.
 */
#ifndef STOA_ATOMIC_EXPLORE_H
#define STOA_ATOMIC_EXPLORE_H

#include "layout.h"

#define STOA_ATOMICS_NAME "explore"

enum explore_order {
	EXPLORE_RELAXED = 0,
	EXPLORE_ACQUIRE = 1,
	EXPLORE_RELEASE = 2,
	EXPLORE_BOTH = 3,
	EXPLORE_SEQ = 7, /* acquires and releases, too, as far as the operation reads and writes */
};

struct explore_site {
	const char *operation, *function, *file;
	int line;
	unsigned order;
	unsigned declared; /* the order before anybody weakened it */
	struct explore_site *next; /* of those that were reached; the last one names itself */
};

uint64_t explore_load(struct explore_site *site, const void *at, unsigned size);
void explore_store(struct explore_site *site, void *at, unsigned size, uint64_t value);
uint64_t explore_swap(struct explore_site *site, void *at, unsigned size, uint64_t value);
uint64_t explore_add(struct explore_site *site, void *at, unsigned size, uint64_t value);
bool explore_cas(struct explore_site *site, void *at, unsigned size, uint64_t *expected, uint64_t desired);
void explore_fence(struct explore_site *site);
void explore_pause(void);

#define EXPLORE_SITE(name, with_order)                                                                       \
	({                                                                                                   \
		static struct explore_site explore_site_ = {                                                 \
			.operation = name,                                                                   \
			.function = __func__,                                                                \
			.file = __FILE__,                                                                    \
			.line = __LINE__,                                                                    \
			.order = with_order,                                                                 \
			.declared = with_order,                                                              \
		};                                                                                           \
		static struct explore_site *explore_listed_                                                  \
			__attribute__((used, section("explore_sites"))) = &explore_site_;                    \
		&explore_site_;                                                                              \
	})

/* Typed, so that a wrong type does not compile here either. */
#define EXPLORE_OPERATIONS(NAME, CONST_WORD, WORD, TYPE)                                                     \
	static inline TYPE NAME##_load_at(struct explore_site *site, CONST_WORD at)                          \
	{                                                                                                    \
		return (TYPE)explore_load(site, at, sizeof(TYPE));                                           \
	}                                                                                                    \
	static inline void NAME##_store_at(struct explore_site *site, WORD at, TYPE value)                   \
	{                                                                                                    \
		explore_store(site, at, sizeof(TYPE), value);                                                \
	}                                                                                                    \
	static inline TYPE NAME##_swap_at(struct explore_site *site, WORD at, TYPE value)                    \
	{                                                                                                    \
		return (TYPE)explore_swap(site, at, sizeof(TYPE), value);                                    \
	}                                                                                                    \
	static inline TYPE NAME##_add_at(struct explore_site *site, WORD at, TYPE value)                     \
	{                                                                                                    \
		return (TYPE)explore_add(site, at, sizeof(TYPE), value);                                     \
	}                                                                                                    \
	static inline bool NAME##_cas_at(struct explore_site *site, WORD at, TYPE *expected, TYPE desired)   \
	{                                                                                                    \
		uint64_t wide = *expected;                                                                   \
		bool done = explore_cas(site, at, sizeof(TYPE), &wide, desired);                             \
                                                                                                             \
		*expected = (TYPE)wide;                                                                      \
		return done;                                                                                 \
	}
EXPLORE_OPERATIONS(atom64, const struct atom64 *, struct atom64 *, uint64_t)
EXPLORE_OPERATIONS(atom32, const struct atom32 *, struct atom32 *, uint32_t)
EXPLORE_OPERATIONS(elem8, const void *, void *, uint8_t)
EXPLORE_OPERATIONS(elem16, const void *, void *, uint16_t)
EXPLORE_OPERATIONS(elem32, const void *, void *, uint32_t)
EXPLORE_OPERATIONS(elem64, const void *, void *, uint64_t)
#undef EXPLORE_OPERATIONS

/* clang-format off */
#define atom64_load_rlx(at)          atom64_load_at(EXPLORE_SITE("load_rlx", EXPLORE_RELAXED), at)
#define atom64_load_acq(at)          atom64_load_at(EXPLORE_SITE("load_acq", EXPLORE_ACQUIRE), at)
#define atom64_load_seq(at)          atom64_load_at(EXPLORE_SITE("load_seq", EXPLORE_SEQ), at)
#define atom64_store_rlx(at, value)  atom64_store_at(EXPLORE_SITE("store_rlx", EXPLORE_RELAXED), at, value)
#define atom64_store_rel(at, value)  atom64_store_at(EXPLORE_SITE("store_rel", EXPLORE_RELEASE), at, value)
#define atom64_store_seq(at, value)  atom64_store_at(EXPLORE_SITE("store_seq", EXPLORE_SEQ), at, value)
#define atom64_add_seq(at, value)    atom64_add_at(EXPLORE_SITE("add_seq", EXPLORE_SEQ), at, value)
#define atom64_cas_seq(at, expected, desired) \
	atom64_cas_at(EXPLORE_SITE("cas_seq", EXPLORE_SEQ), at, expected, desired)

#define atom32_load_rlx(at)          atom32_load_at(EXPLORE_SITE("load_rlx", EXPLORE_RELAXED), at)
#define atom32_load_acq(at)          atom32_load_at(EXPLORE_SITE("load_acq", EXPLORE_ACQUIRE), at)
#define atom32_load_seq(at)          atom32_load_at(EXPLORE_SITE("load_seq", EXPLORE_SEQ), at)
#define atom32_store_rlx(at, value)  atom32_store_at(EXPLORE_SITE("store_rlx", EXPLORE_RELAXED), at, value)
#define atom32_store_rel(at, value)  atom32_store_at(EXPLORE_SITE("store_rel", EXPLORE_RELEASE), at, value)
#define atom32_store_seq(at, value)  atom32_store_at(EXPLORE_SITE("store_seq", EXPLORE_SEQ), at, value)
#define atom32_add_seq(at, value)    atom32_add_at(EXPLORE_SITE("add_seq", EXPLORE_SEQ), at, value)
#define atom32_cas_seq(at, expected, desired) \
	atom32_cas_at(EXPLORE_SITE("cas_seq", EXPLORE_SEQ), at, expected, desired)

#define EXPLORE_ELEM_LOAD_RLX(bits, at) \
	elem##bits##_load_at(EXPLORE_SITE("load_rlx", EXPLORE_RELAXED), at)
#define EXPLORE_ELEM_LOAD_SEQ(bits, at) \
	elem##bits##_load_at(EXPLORE_SITE("load_seq", EXPLORE_SEQ), at)
#define EXPLORE_ELEM_STORE_RLX(bits, at, value) \
	elem##bits##_store_at(EXPLORE_SITE("store_rlx", EXPLORE_RELAXED), at, value)
#define EXPLORE_ELEM_SWAP_SEQ(bits, at, value) \
	elem##bits##_swap_at(EXPLORE_SITE("swap_seq", EXPLORE_SEQ), at, value)
#define EXPLORE_ELEM_ADD_SEQ(bits, at, value) \
	elem##bits##_add_at(EXPLORE_SITE("add_seq", EXPLORE_SEQ), at, value)
#define EXPLORE_ELEM_CAS_SEQ(bits, at, expected, desired) \
	elem##bits##_cas_at(EXPLORE_SITE("cas_seq", EXPLORE_SEQ), at, expected, desired)

#define elem8_load_rlx(at)          EXPLORE_ELEM_LOAD_RLX(8, at)
#define elem16_load_rlx(at)         EXPLORE_ELEM_LOAD_RLX(16, at)
#define elem32_load_rlx(at)         EXPLORE_ELEM_LOAD_RLX(32, at)
#define elem64_load_rlx(at)         EXPLORE_ELEM_LOAD_RLX(64, at)
#define elem8_load_seq(at)          EXPLORE_ELEM_LOAD_SEQ(8, at)
#define elem16_load_seq(at)         EXPLORE_ELEM_LOAD_SEQ(16, at)
#define elem32_load_seq(at)         EXPLORE_ELEM_LOAD_SEQ(32, at)
#define elem64_load_seq(at)         EXPLORE_ELEM_LOAD_SEQ(64, at)
#define elem8_store_rlx(at, value)  EXPLORE_ELEM_STORE_RLX(8, at, value)
#define elem16_store_rlx(at, value) EXPLORE_ELEM_STORE_RLX(16, at, value)
#define elem32_store_rlx(at, value) EXPLORE_ELEM_STORE_RLX(32, at, value)
#define elem64_store_rlx(at, value) EXPLORE_ELEM_STORE_RLX(64, at, value)
#define elem8_swap_seq(at, value)   EXPLORE_ELEM_SWAP_SEQ(8, at, value)
#define elem16_swap_seq(at, value)  EXPLORE_ELEM_SWAP_SEQ(16, at, value)
#define elem32_swap_seq(at, value)  EXPLORE_ELEM_SWAP_SEQ(32, at, value)
#define elem64_swap_seq(at, value)  EXPLORE_ELEM_SWAP_SEQ(64, at, value)
#define elem8_add_seq(at, value)    EXPLORE_ELEM_ADD_SEQ(8, at, value)
#define elem16_add_seq(at, value)   EXPLORE_ELEM_ADD_SEQ(16, at, value)
#define elem32_add_seq(at, value)   EXPLORE_ELEM_ADD_SEQ(32, at, value)
#define elem64_add_seq(at, value)   EXPLORE_ELEM_ADD_SEQ(64, at, value)
#define elem8_cas_seq(at, expected, desired)  EXPLORE_ELEM_CAS_SEQ(8, at, expected, desired)
#define elem16_cas_seq(at, expected, desired) EXPLORE_ELEM_CAS_SEQ(16, at, expected, desired)
#define elem32_cas_seq(at, expected, desired) EXPLORE_ELEM_CAS_SEQ(32, at, expected, desired)
#define elem64_cas_seq(at, expected, desired) EXPLORE_ELEM_CAS_SEQ(64, at, expected, desired)

#define fence_acq()   explore_fence(EXPLORE_SITE("fence_acq", EXPLORE_ACQUIRE))
#define fence_rel()   explore_fence(EXPLORE_SITE("fence_rel", EXPLORE_RELEASE))
#define fence_seq()   explore_fence(EXPLORE_SITE("fence_seq", EXPLORE_SEQ))
/* Nothing: the other side's os_fence_all() does it all, see explore_os.c. */
#define fence_light() ((void)0)
/* clang-format on */

#endif
