/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * atomic.h - the only door to atomic operations.
 *
 * The order stands in an operation's name: _rlx (relaxed), _acq (acquire), _rel
 * (release), _seq (sequentially consistent).  The vocabulary is small on purpose, so
 * that a backend is short; each operation has a litmus test in tests/test_atomic.c.
 *
 *   atom64, atom32      load_rlx load_acq load_seq, store_rlx store_rel store_seq,
 *                       add_seq (gives the value before), cas_seq
 *   elem8 … elem64      elements of values and arrays, which are no struct atom64:
 *                       load_rlx load_seq, store_rlx, swap_seq, add_seq, cas_seq
 *   fence_acq _rel _seq, and fence_light: against the compiler alone, where the other
 *                       side runs os_fence_all()
 *
 * *_cas_seq(word, &expected, desired) tells whether it exchanged; where it did not,
 * `expected` gets what was there.
 *
 * Backends, by the build option `atomics`:
 *   ck       Concurrency Kit's ck_pr, with fences where the order asks for more than the
 *            operation gives: the default on x86-64
 *   builtin  the compiler's __atomic builtins, which sanitizers understand: the default
 *            elsewhere
 * and, for stoa-explore alone:
 *   explore  the explorer, a model checker: docs/testing.md
 */
#ifndef STOA_ATOMIC_H
#define STOA_ATOMIC_H

#include <stdbool.h>
#include <string.h>

#include <ck_cc.h>
#include <ck_pr.h>

#include "layout.h"

#if defined(STOA_ATOMICS_BUILTIN)
#include "atomic_builtin.h"
#elif defined(STOA_ATOMICS_EXPLORE)
#include "atomic_explore.h"
#else
#include "atomic_ck.h"
#endif

#define likely(condition) CK_CC_LIKELY(condition)
#define unlikely(condition) CK_CC_UNLIKELY(condition)
#define noinline __attribute__((noinline)) /* what is rare is kept out of what is hot */

/* What stoa/inline.h, whose words are plain to its users, does here. */
#define STOA_HOT_LOAD32(at) atom32_load_rlx((const struct atom32 *)(at))
#define STOA_HOT_ACQUIRE64(at) atom64_load_acq((const struct atom64 *)(at))
#define STOA_HOT_RELEASE64(at, value) atom64_store_rel((struct atom64 *)(at), value)
#define STOA_HOT_LIGHT() fence_light()
/* And stoa/inline_number.h. */
#define STOA_NUMBER_LOAD64(at) elem64_load_seq(at)
#define STOA_NUMBER_LOAD32(at) elem32_load_seq(at)
#define STOA_NUMBER_SWAP64(at, number) elem64_swap_seq(at, number)
#define STOA_NUMBER_SWAP32(at, number) elem32_swap_seq(at, number)
#define STOA_NUMBER_ADD64(at, number) elem64_add_seq(at, number)
#define STOA_NUMBER_ADD32(at, number) elem32_add_seq(at, number)
#define STOA_NUMBER_CAS64(at, expected, desired) elem64_cas_seq(at, expected, desired)
#define STOA_NUMBER_CAS32(at, expected, desired) elem32_cas_seq(at, expected, desired)

/* A busy wait's pause. */
static inline void cpu_pause(void)
{
#if defined(STOA_ATOMICS_EXPLORE)
	explore_pause();
#else
	ck_pr_stall();
#endif
}

/*
 * Copies between private memory and shared payload that somebody else may be writing or
 * reading at the same time, in relaxed words of 8 bytes: a torn copy is found out by the
 * caller, but it is no data race.  The shared side is 8-byte aligned and its room a
 * multiple of 8; the private side is of `size` bytes and any alignment.
 *
 * On x86-64, where the atomics are assembly anyway, the C library's memcpy() does it: assembly, too, to
 * which a race means nothing, four times as fast, and done before what follows it, as
 * loads and stores there keep their order and what is not kept (string instructions, stores around the
 * caches) is kept at its end.  Linux reads under its sequence counts so.
 */
#if defined(__x86_64__) && !defined(STOA_ATOMICS_BUILTIN) && !defined(STOA_ATOMICS_EXPLORE)
#define COPY_BY_LIBRARY 32 /* bytes, from which on it pays */

static inline bool copied_by_library(void *to, const void *from, size_t size)
{
	if (size < COPY_BY_LIBRARY)
		return false;
	ck_pr_barrier();
	memcpy(to, from, size);
	ck_pr_barrier();
	return true;
}
#else
static inline bool copied_by_library(void *to, const void *from, size_t size)
{
	(void)to;
	(void)from;
	(void)size;
	return false;
}
#endif

static inline void copy_racy_out(void *private_to, const void *shared_from, size_t size)
{
	const uint8_t *from = shared_from;
	uint8_t *to = private_to;
	uint64_t word;

	if (copied_by_library(private_to, shared_from, size))
		return;
	for (; size >= sizeof word; size -= sizeof word, from += sizeof word, to += sizeof word) {
		word = elem64_load_rlx(from);
		memcpy(to, &word, sizeof word);
	}
	if (size) {
		word = elem64_load_rlx(from);
		memcpy(to, &word, size);
	}
}

static inline void copy_racy_in(void *shared_to, const void *private_from, size_t size)
{
	const uint8_t *from = private_from;
	uint8_t *to = shared_to;
	uint64_t word;

	if (copied_by_library(shared_to, private_from, size))
		return;
	for (; size >= sizeof word; size -= sizeof word, from += sizeof word, to += sizeof word) {
		memcpy(&word, from, sizeof word);
		elem64_store_rlx(to, word);
	}
	if (size) {
		word = 0;
		memcpy(&word, from, size);
		elem64_store_rlx(to, word);
	}
}

#endif
