/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * scalar.h - numbers of every type in shared memory, one atomic word each.
 *
 * Inside the library a number is its bits in a uint64_t, zero-extended.  STOA_BOOL is
 * 0 or 1 on the way in and on the way out, whatever byte somebody put there.
 */
#ifndef STOA_SCALAR_H
#define STOA_SCALAR_H

#include <stdbool.h>

#include <stoa/base.h>

#include "layout.h"

enum scalar_op { SCALAR_ADD, SCALAR_SUB, SCALAR_AND, SCALAR_OR, SCALAR_XOR, SCALAR_MIN, SCALAR_MAX };

/* Bytes of one number; 0 for STOA_BYTES and for what is no type. */
unsigned scalar_width(uint32_t type);

/* Between private memory of any alignment and bits. */
uint64_t scalar_get(uint32_t type, const void *from);
void scalar_put(uint32_t type, void *to, uint64_t bits);

/* One number in shared memory, aligned to its width; sequentially consistent. */
uint64_t scalar_load(uint32_t type, const void *at);
uint64_t scalar_swap(uint32_t type, void *at, uint64_t bits);
/* Whether it exchanged; where it did not, `expected` gets what was there. */
bool scalar_compare_swap(uint32_t type, void *at, uint64_t *expected, uint64_t desired);

/* Whether numbers of this type have this operation. */
bool scalar_can(uint32_t type, enum scalar_op op);
/* The operation in one atomic step, by the rules of stoa_value_fetch_add(); gives the number before. */
uint64_t scalar_fetch(uint32_t type, enum scalar_op op, void *at, uint64_t operand);

/*
 * Copies elements [first, first + count) of the numbers at `base`, which is 8-byte aligned,
 * in relaxed words as large as alignment allows: each element is whole, and nothing outside
 * the range is touched.  Fences are the caller's.
 */
void scalar_read_range(uint32_t type, const void *base, uint64_t first, uint64_t count, void *out);
void scalar_write_range(uint32_t type, void *base, uint64_t first, uint64_t count, const void *in);

#endif
