/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * scalar.c - numbers of every type in shared memory.
 *
 * Two questions are kept apart.  How wide is the word?  That decides which atomic
 * operation runs (BY_WIDTH).  What do its bits mean?  That decides the arithmetic, which
 * is a pure function on bits (apply).  Integer addition and subtraction are the
 * same on signed and unsigned words and the machine has them as one atomic instruction: wait-free.
 * Everything else, sums of floats and of STOA_BOOL included, is a compare-and-swap loop around the
 * pure function: lock-free.  An operation that would not change the word ends with the load that
 * saw it.
 *
 * STOA_BOOL is a byte that others may have set to anything, through stoa_array_data() and
 * stoa_value_data() for instance: every byte but 0 reads as 1, and a comparison looks at what it reads as.
 */
#include "scalar.h"

#include "atomic.h"
#include "defect.h"

static const uint8_t widths[] = {
	[STOA_I8] = 1,  [STOA_I16] = 2, [STOA_I32] = 4, [STOA_I64] = 8, [STOA_U8] = 1,   [STOA_U16] = 2,
	[STOA_U32] = 4, [STOA_U64] = 8, [STOA_F32] = 4, [STOA_F64] = 8, [STOA_BOOL] = 1, [STOA_BYTES] = 0,
};

unsigned scalar_width(uint32_t type)
{
	return type < sizeof widths ? widths[type] : 0;
}

/* Runs DO(bits of the width) for the type's width. */
#define BY_WIDTH(type, DO)                                                                                   \
	switch (scalar_width(type)) {                                                                        \
	case 1:                                                                                              \
		DO(8);                                                                                       \
		break;                                                                                       \
	case 2:                                                                                              \
		DO(16);                                                                                      \
		break;                                                                                       \
	case 4:                                                                                              \
		DO(32);                                                                                      \
		break;                                                                                       \
	default:                                                                                             \
		DO(64);                                                                                      \
		break;                                                                                       \
	}

/* The bits as a user may see them. */
static uint64_t normal(uint32_t type, uint64_t bits)
{
	return type == STOA_BOOL ? bits != 0 : bits;
}

uint64_t scalar_get(uint32_t type, const void *from)
{
	uint64_t bits;

#define GET(BITS)                                                                                            \
	{                                                                                                    \
		uint##BITS##_t number;                                                                       \
		memcpy(&number, from, sizeof number);                                                        \
		bits = number;                                                                               \
	}
	BY_WIDTH(type, GET)
#undef GET
	return normal(type, bits);
}

void scalar_put(uint32_t type, void *to, uint64_t bits)
{
#define PUT(BITS)                                                                                            \
	{                                                                                                    \
		uint##BITS##_t number = (uint##BITS##_t)bits;                                                \
		memcpy(to, &number, sizeof number);                                                          \
	}
	BY_WIDTH(type, PUT)
#undef PUT
}

/* ---- one word ---- */

static uint64_t word_load_rlx(uint32_t type, const void *at)
{
#define LOAD(BITS) return elem##BITS##_load_rlx(at)
	BY_WIDTH(type, LOAD)
#undef LOAD
}

static void word_store_rlx(uint32_t type, void *at, uint64_t bits)
{
#define STORE(BITS) elem##BITS##_store_rlx(at, (uint##BITS##_t)bits)
	BY_WIDTH(type, STORE)
#undef STORE
}

static uint64_t word_load_seq(uint32_t type, const void *at)
{
#define LOAD(BITS) return elem##BITS##_load_seq(at)
	BY_WIDTH(type, LOAD)
#undef LOAD
}

static uint64_t word_add_seq(uint32_t type, void *at, uint64_t operand)
{
#define ADD(BITS) return elem##BITS##_add_seq(at, (uint##BITS##_t)operand)
	BY_WIDTH(type, ADD)
#undef ADD
}

static bool word_cas_seq(uint32_t type, void *at, uint64_t *expected, uint64_t desired)
{
	bool done;

#define CAS(BITS)                                                                                            \
	{                                                                                                    \
		uint##BITS##_t was = (uint##BITS##_t)(*expected);                                            \
		done = elem##BITS##_cas_seq(at, &was, (uint##BITS##_t)desired);                              \
		*expected = was;                                                                             \
	}
	BY_WIDTH(type, CAS)
#undef CAS
	return done;
}

uint64_t scalar_load(uint32_t type, const void *at)
{
	return normal(type, word_load_seq(type, at));
}

uint64_t scalar_swap(uint32_t type, void *at, uint64_t bits)
{
#define SWAP(BITS) bits = elem##BITS##_swap_seq(at, (uint##BITS##_t)bits)
	BY_WIDTH(type, SWAP)
#undef SWAP
	return normal(type, bits);
}

bool scalar_compare_swap(uint32_t type, void *at, uint64_t *expected, uint64_t desired)
{
	uint64_t found = *expected;

	while (!word_cas_seq(type, at, &found, desired)) {
		if (normal(type, found) != *expected) {
			*expected = normal(type, found);
			return false;
		} /* else a STOA_BOOL of an odd byte: over that byte, then */
	}
	return true;
}

/* ---- arithmetic ---- */

static bool is_float(uint32_t type)
{
	return type == STOA_F32 || type == STOA_F64;
}

static bool is_signed(uint32_t type)
{
	return type >= STOA_I8 && type <= STOA_I64;
}

bool scalar_can(uint32_t type, enum scalar_op op)
{
	bool bitwise = op == SCALAR_AND || op == SCALAR_OR || op == SCALAR_XOR;

	return scalar_width(type) && !(bitwise && is_float(type));
}

/* Whether a < b, as the type sees their bits. */
static bool integer_less(uint32_t type, uint64_t a, uint64_t b)
{
	unsigned shift = 64 - 8 * scalar_width(type);

	if (is_signed(type)) /* the top bit of the word at the top of the uint64_t */
		return (int64_t)(a << shift) < (int64_t)(b << shift);
	return a < b;
}

/* But for sums, which are one atomic instruction. */
static uint64_t integer_apply(uint32_t type, enum scalar_op op, uint64_t value, uint64_t operand)
{
	switch (op) {
	case SCALAR_AND:
		return value & operand;
	case SCALAR_OR:
		return value | operand;
	case SCALAR_XOR:
		return value ^ operand;
	case SCALAR_MIN:
		return integer_less(type, operand, value) ? operand : value;
	case SCALAR_MAX:
		return integer_less(type, value, operand) ? operand : value;
	default: /* sums: scalar_fetch() */
		return value;
	}
}

/* Saturating: 1 + 1 = 1, 0 - 1 = 0. */
static uint64_t bool_apply(enum scalar_op op, uint64_t value, uint64_t operand)
{
	if (op == SCALAR_ADD)
		op = SCALAR_OR;
	else if (op == SCALAR_SUB)
		return value & !operand;
	return integer_apply(STOA_BOOL, op, value, operand);
}

/* A float is the same sums in its own precision; F32 must not be rounded twice. */
#define FLOAT_APPLY(NAME, FLOAT)                                                                             \
	static FLOAT NAME(enum scalar_op op, FLOAT value, FLOAT operand)                                     \
	{                                                                                                    \
		switch (op) {                                                                                \
		case SCALAR_ADD:                                                                             \
			return value + operand;                                                              \
		case SCALAR_SUB:                                                                             \
			return value - operand;                                                              \
		case SCALAR_MIN:                                                                             \
			return operand < value || value != value ? operand : value;                          \
		case SCALAR_MAX:                                                                             \
			return operand > value || value != value ? operand : value;                          \
		default:                                                                                     \
			return value;                                                                        \
		}                                                                                            \
	}
FLOAT_APPLY(float_apply, float)
FLOAT_APPLY(double_apply, double)
#undef FLOAT_APPLY

static uint64_t f32_apply(enum scalar_op op, uint64_t value, uint64_t operand)
{
	uint32_t bits[2] = { (uint32_t)value, (uint32_t)operand };
	float numbers[2];

	memcpy(numbers, bits, sizeof bits);
	if ((op == SCALAR_MIN || op == SCALAR_MAX) && numbers[1] != numbers[1])
		return value; /* a NaN changes nothing, not even the kind of a NaN */
	numbers[0] = float_apply(op, numbers[0], numbers[1]);
	memcpy(bits, numbers, sizeof bits);
	return bits[0];
}

static uint64_t f64_apply(enum scalar_op op, uint64_t value, uint64_t operand)
{
	uint64_t bits[2] = { value, operand };
	double numbers[2];

	memcpy(numbers, bits, sizeof bits);
	if ((op == SCALAR_MIN || op == SCALAR_MAX) && numbers[1] != numbers[1])
		return value;
	numbers[0] = double_apply(op, numbers[0], numbers[1]);
	memcpy(bits, numbers, sizeof bits);
	return bits[0];
}

static uint64_t apply(uint32_t type, enum scalar_op op, uint64_t value, uint64_t operand)
{
	if (type == STOA_F32)
		return f32_apply(op, value, operand);
	if (type == STOA_F64)
		return f64_apply(op, value, operand);
	if (type == STOA_BOOL)
		return bool_apply(op, value, operand);
	return integer_apply(type, op, value, operand);
}

uint64_t scalar_fetch(uint32_t type, enum scalar_op op, void *at, uint64_t operand)
{
	uint64_t found, result;

	if (!is_float(type) && type != STOA_BOOL && (op == SCALAR_ADD || op == SCALAR_SUB))
		return word_add_seq(type, at, op == SCALAR_ADD ? operand : 0 - operand);

	found = word_load_seq(type, at);
	do {
		result = apply(type, op, normal(type, found), operand);
		if (DEFECT(DEFECT_FETCH_STORE))
			found = word_load_seq(type, at);
	} while (result != found && !word_cas_seq(type, at, &found, result));
	return normal(type, found);
}

/* ---- ranges ---- */

/* Every byte but 0 becomes 1: the high bit of each byte tells, moved down. */
static uint64_t normal_bytes(uint32_t type, uint64_t word)
{
	const uint64_t low = 0x7f7f7f7f7f7f7f7f;

	if (type != STOA_BOOL)
		return word;
	return (((word & low) + low) | word) >> 7 & 0x0101010101010101;
}

void scalar_read_range(uint32_t type, const void *base, uint64_t first, uint64_t count, void *out)
{
	unsigned width = scalar_width(type);
	const uint8_t *from = (const uint8_t *)base + first * width;
	const uint8_t *end = from + count * width;
	uint8_t *to = out;

	while (from != end) {
		if ((uintptr_t)from % 8 || (size_t)(end - from) < 8) { /* a ragged end */
			scalar_put(type, to, normal(type, word_load_rlx(type, from)));
			from += width;
			to += width;
		} else {
			uint64_t word = normal_bytes(type, elem64_load_rlx(from));
			memcpy(to, &word, sizeof word);
			from += sizeof word;
			to += sizeof word;
		}
	}
}

void scalar_write_range(uint32_t type, void *base, uint64_t first, uint64_t count, const void *in)
{
	unsigned width = scalar_width(type);
	uint8_t *to = (uint8_t *)base + first * width;
	uint8_t *end = to + count * width;
	const uint8_t *from = in;

	while (to != end) {
		if ((uintptr_t)to % 8 || (size_t)(end - to) < 8) {
			word_store_rlx(type, to, scalar_get(type, from));
			from += width;
			to += width;
		} else {
			uint64_t word;
			memcpy(&word, from, sizeof word);
			elem64_store_rlx(to, normal_bytes(type, word));
			from += sizeof word;
			to += sizeof word;
		}
	}
}
