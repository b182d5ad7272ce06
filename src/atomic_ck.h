/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * atomic_ck.h - atomic.h's vocabulary on Concurrency Kit's ck_pr.
 *
 * ck_pr's operations are relaxed by contract, so each order is made by fences around
 * them.  On x86-64 (TSO) a plain load acquires, a plain store releases and a locked
 * operation is a full fence, and ck_pr's fences for these cases are compiler barriers;
 * its loads and stores are compiler barriers themselves.
 */
#ifndef STOA_ATOMIC_CK_H
#define STOA_ATOMIC_CK_H

#include <ck_pr.h>

#include "layout.h"

#define STOA_ATOMICS_NAME "ck"

static inline void fence_acq(void)
{
	ck_pr_fence_acquire();
}
static inline void fence_rel(void)
{
	ck_pr_fence_release();
}
static inline void fence_seq(void)
{
	ck_pr_fence_strict_memory(); /* ck_pr_fence_memory() would be no fence on x86-64 */
}
/* Keeps the compiler from reordering; the other side runs os_fence_all(). */
static inline void fence_light(void)
{
	ck_pr_barrier();
}

/* Around a read-modify-write: nothing where the operation is a full fence already. */
#if defined(__x86_64__)
static inline void fence_rmw(void)
{
}
#else
static inline void fence_rmw(void)
{
	ck_pr_fence_strict_memory();
}
#endif

#define CK_OPERATIONS(BITS)                                                                                  \
	static inline uint##BITS##_t elem##BITS##_load_rlx(const void *at)                                   \
	{                                                                                                    \
		return ck_pr_load_##BITS((const uint##BITS##_t *)at);                                        \
	}                                                                                                    \
	static inline void elem##BITS##_store_rlx(void *at, uint##BITS##_t value)                            \
	{                                                                                                    \
		ck_pr_store_##BITS((uint##BITS##_t *)at, value);                                             \
	}                                                                                                    \
	static inline uint##BITS##_t elem##BITS##_load_seq(const void *at)                                   \
	{                                                                                                    \
		fence_rmw();                                                                                 \
		uint##BITS##_t value = ck_pr_load_##BITS((const uint##BITS##_t *)at);                        \
		fence_acq();                                                                                 \
		return value;                                                                                \
	}                                                                                                    \
	static inline uint##BITS##_t elem##BITS##_swap_seq(void *at, uint##BITS##_t value)                   \
	{                                                                                                    \
		fence_rmw();                                                                                 \
		value = ck_pr_fas_##BITS((uint##BITS##_t *)at, value);                                       \
		fence_rmw();                                                                                 \
		return value;                                                                                \
	}                                                                                                    \
	static inline uint##BITS##_t elem##BITS##_add_seq(void *at, uint##BITS##_t value)                    \
	{                                                                                                    \
		fence_rmw();                                                                                 \
		value = ck_pr_faa_##BITS((uint##BITS##_t *)at, value);                                       \
		fence_rmw();                                                                                 \
		return value;                                                                                \
	}                                                                                                    \
	static inline bool elem##BITS##_cas_seq(void *at, uint##BITS##_t *expected, uint##BITS##_t desired)  \
	{                                                                                                    \
		fence_rmw();                                                                                 \
		bool done = ck_pr_cas_##BITS##_value((uint##BITS##_t *)at, *expected, desired, expected);    \
		fence_rmw();                                                                                 \
		return done;                                                                                 \
	}
CK_OPERATIONS(8)
CK_OPERATIONS(16)
CK_OPERATIONS(32)
CK_OPERATIONS(64)
#undef CK_OPERATIONS

#define ATOM_OPERATIONS(ATOM, BITS)                                                                          \
	static inline uint##BITS##_t ATOM##_load_rlx(const struct ATOM *a)                                   \
	{                                                                                                    \
		return elem##BITS##_load_rlx(&a->raw);                                                       \
	}                                                                                                    \
	static inline uint##BITS##_t ATOM##_load_acq(const struct ATOM *a)                                   \
	{                                                                                                    \
		uint##BITS##_t value = elem##BITS##_load_rlx(&a->raw);                                       \
		fence_acq();                                                                                 \
		return value;                                                                                \
	}                                                                                                    \
	static inline uint##BITS##_t ATOM##_load_seq(const struct ATOM *a)                                   \
	{                                                                                                    \
		return elem##BITS##_load_seq(&a->raw);                                                       \
	}                                                                                                    \
	static inline void ATOM##_store_rlx(struct ATOM *a, uint##BITS##_t value)                            \
	{                                                                                                    \
		elem##BITS##_store_rlx(&a->raw, value);                                                      \
	}                                                                                                    \
	static inline void ATOM##_store_rel(struct ATOM *a, uint##BITS##_t value)                            \
	{                                                                                                    \
		fence_rel();                                                                                 \
		elem##BITS##_store_rlx(&a->raw, value);                                                      \
	}                                                                                                    \
	static inline void ATOM##_store_seq(struct ATOM *a, uint##BITS##_t value)                            \
	{                                                                                                    \
		(void)elem##BITS##_swap_seq(&a->raw, value);                                                 \
	}                                                                                                    \
	static inline uint##BITS##_t ATOM##_add_seq(struct ATOM *a, uint##BITS##_t value)                    \
	{                                                                                                    \
		return elem##BITS##_add_seq(&a->raw, value);                                                 \
	}                                                                                                    \
	static inline bool ATOM##_cas_seq(struct ATOM *a, uint##BITS##_t *expected, uint##BITS##_t desired)  \
	{                                                                                                    \
		return elem##BITS##_cas_seq(&a->raw, expected, desired);                                     \
	}
ATOM_OPERATIONS(atom64, 64)
ATOM_OPERATIONS(atom32, 32)
#undef ATOM_OPERATIONS

#endif
