/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * atomic_builtin.h - atomic.h's vocabulary on the compiler's __atomic builtins.
 */
#ifndef STOA_ATOMIC_BUILTIN_H
#define STOA_ATOMIC_BUILTIN_H

#include "layout.h"

#define STOA_ATOMICS_NAME "builtin"

#define ATOM_OPERATIONS(ATOM, TYPE)                                                                          \
	static inline TYPE ATOM##_load_rlx(const struct ATOM *a)                                             \
	{                                                                                                    \
		return __atomic_load_n(&a->raw, __ATOMIC_RELAXED);                                           \
	}                                                                                                    \
	static inline TYPE ATOM##_load_acq(const struct ATOM *a)                                             \
	{                                                                                                    \
		return __atomic_load_n(&a->raw, __ATOMIC_ACQUIRE);                                           \
	}                                                                                                    \
	static inline TYPE ATOM##_load_seq(const struct ATOM *a)                                             \
	{                                                                                                    \
		return __atomic_load_n(&a->raw, __ATOMIC_SEQ_CST);                                           \
	}                                                                                                    \
	static inline void ATOM##_store_rlx(struct ATOM *a, TYPE value)                                      \
	{                                                                                                    \
		__atomic_store_n(&a->raw, value, __ATOMIC_RELAXED);                                          \
	}                                                                                                    \
	static inline void ATOM##_store_rel(struct ATOM *a, TYPE value)                                      \
	{                                                                                                    \
		__atomic_store_n(&a->raw, value, __ATOMIC_RELEASE);                                          \
	}                                                                                                    \
	static inline void ATOM##_store_seq(struct ATOM *a, TYPE value)                                      \
	{                                                                                                    \
		__atomic_store_n(&a->raw, value, __ATOMIC_SEQ_CST);                                          \
	}                                                                                                    \
	static inline TYPE ATOM##_add_seq(struct ATOM *a, TYPE value)                                        \
	{                                                                                                    \
		return __atomic_fetch_add(&a->raw, value, __ATOMIC_SEQ_CST);                                 \
	}                                                                                                    \
	static inline bool ATOM##_cas_seq(struct ATOM *a, TYPE *expected, TYPE desired)                      \
	{                                                                                                    \
		return __atomic_compare_exchange_n(&a->raw, expected, desired, false, __ATOMIC_SEQ_CST,      \
		                                   __ATOMIC_SEQ_CST);                                        \
	}
ATOM_OPERATIONS(atom64, uint64_t)
ATOM_OPERATIONS(atom32, uint32_t)
#undef ATOM_OPERATIONS

static inline void fence_acq(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}
static inline void fence_rel(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}
static inline void fence_seq(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
/* Keeps the compiler from reordering; the other side runs os_fence_all(). */
static inline void fence_light(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#define ELEM_OPERATIONS(BITS)                                                                                \
	static inline uint##BITS##_t elem##BITS##_load_rlx(const void *at)                                   \
	{                                                                                                    \
		return __atomic_load_n((const uint##BITS##_t *)at, __ATOMIC_RELAXED);                        \
	}                                                                                                    \
	static inline void elem##BITS##_store_rlx(void *at, uint##BITS##_t value)                            \
	{                                                                                                    \
		__atomic_store_n((uint##BITS##_t *)at, value, __ATOMIC_RELAXED);                             \
	}                                                                                                    \
	static inline uint##BITS##_t elem##BITS##_load_seq(const void *at)                                   \
	{                                                                                                    \
		return __atomic_load_n((const uint##BITS##_t *)at, __ATOMIC_SEQ_CST);                        \
	}                                                                                                    \
	static inline uint##BITS##_t elem##BITS##_swap_seq(void *at, uint##BITS##_t value)                   \
	{                                                                                                    \
		return __atomic_exchange_n((uint##BITS##_t *)at, value, __ATOMIC_SEQ_CST);                   \
	}                                                                                                    \
	static inline uint##BITS##_t elem##BITS##_add_seq(void *at, uint##BITS##_t value)                    \
	{                                                                                                    \
		return __atomic_fetch_add((uint##BITS##_t *)at, value, __ATOMIC_SEQ_CST);                    \
	}                                                                                                    \
	static inline bool elem##BITS##_cas_seq(void *at, uint##BITS##_t *expected, uint##BITS##_t desired)  \
	{                                                                                                    \
		return __atomic_compare_exchange_n((uint##BITS##_t *)at, expected, desired, false,           \
		                                   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                      \
	}
ELEM_OPERATIONS(8)
ELEM_OPERATIONS(16)
ELEM_OPERATIONS(32)
ELEM_OPERATIONS(64)
#undef ELEM_OPERATIONS

#endif
