/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * value_access.c - a value read, written, and waited for.
 *
 * Whatever changed the value then looks whether somebody waits for `changed`: one load where nobody does, of
 * a line that is hardly ever written.  In the word's own line, which another core may have taken meanwhile, that
 * look would cost contended additions 4 of 10.  Every change ends in a locked operation, so that the look comes
 * after it and no wake-up is lost (event.c).
 *
 * Numbers of 4 and 8 bytes go the short way of stoa/inline_number.h, here as in the caller.
 *
 * Functions that compare do so byte by byte: a NaN equals itself, and -0.0 is not 0.0.
 */
#include <errno.h>
#include <stdlib.h>

#include "defect.h"
#include "event.h"
#include "os.h"
#include "scalar.h"
#include "value.h"

/* ---- load, store, exchange ---- */

static bool is_struct(const struct stoa_value *value)
{
	return value->type == STOA_BYTES;
}

/* Before a write: NULLs, and what may not be written. */
static int writable(const struct stoa_value *value, const void *given)
{
	if (unlikely(!value || !given))
		return -EINVAL;
	return unlikely(value->handle.segment->read_only) ? -EACCES : 0;
}

/* After a change. */
static int changed(struct stoa_value *value)
{
	if (stoa_number_awaited(&value->hot))
		event_wake_announced(&value->layout->changed, true);
	return 0;
}

int stoa_inline_changed(struct stoa_value *value)
{
	return changed(value);
}

int stoa_value_load(struct stoa_value *value, void *out)
{
	if (unlikely(!value || !out))
		return -EINVAL;
	if (likely(stoa_number_load(&value->hot, 0, out) == STOA_OK))
		return 0;
	if (is_struct(value))
		return cell_load(&value->cell, out);
	scalar_put(value->type, out, scalar_load(value->type, &value->layout->word));
	return 0;
}

/* `out` may be NULL. */
static noinline int replace_long(struct stoa_value *value, const void *in, void *out)
{
	uint64_t before;
	int rc = writable(value, in);

	if (rc)
		return rc;
	if (is_struct(value)) {
		rc = cell_store(&value->cell, &value->writer, value->handle.segment, in, out);
		return rc ? rc : changed(value);
	}
	before = scalar_swap(value->type, &value->layout->word, scalar_get(value->type, in));
	if (out)
		scalar_put(value->type, out, before);
	return changed(value);
}

static inline int replace(struct stoa_value *value, const void *in, void *out)
{
	if (unlikely(!value || !in))
		return -EINVAL;
	if (likely(stoa_number_store(&value->hot, 0, in, out) == STOA_OK))
		return changed(value);
	return replace_long(value, in, out);
}

int stoa_value_store(struct stoa_value *value, const void *in)
{
	return replace(value, in, NULL);
}

int stoa_value_exchange(struct stoa_value *value, const void *in, void *out)
{
	return out ? replace(value, in, out) : -EINVAL;
}

/* ---- compare_exchange ---- */

/*
 * One try with a slot in hand: 0 (published), STOA_CHANGED (`expected` has the value now), a
 * fault, or -EAGAIN: the value moved meanwhile.
 *
 * Where the value differs it goes into the slot's own block first: `expected` must not be lost to a
 * copy that turns out torn.
 */
static int compare_try(struct stoa_value *value, struct slot *slot, struct cell_look *look, void *expected,
                       const void *desired)
{
	int rc = cell_equals(&value->cell, look, expected);
	uint8_t *bytes;

	if (rc < 0)
		return rc;
	if (rc) {
		copy_racy_in(cell_begin(&value->cell, slot), desired, value->size);
		if (DEFECT(DEFECT_COMPARE_LATER))
			look->word = atom64_load_seq(value->cell.word);
		return cell_publish(&value->cell, slot, &look->word) ? 0 : -EAGAIN;
	}
	rc = cell_copy(&value->cell, slot, look, &bytes);
	if (rc)
		return rc;
	if (cell_bytes_equal(&value->cell, bytes, expected))
		return -EAGAIN; /* it has changed back */
	copy_racy_out(expected, bytes, value->size);
	return STOA_CHANGED;
}

static int compare_struct(struct stoa_value *value, void *expected, const void *desired)
{
	struct cell_look look = { 0 };
	struct slot *slot;
	int rc = cell_take(&value->writer, &value->cell, value->handle.segment, &slot);

	if (rc)
		return rc;
	do {
		rc = compare_try(value, slot, &look, expected, desired);
	} while (rc == -EAGAIN);
	cell_give(&value->writer, slot);
	return rc;
}

int stoa_value_compare_exchange(struct stoa_value *value, void *expected, const void *desired)
{
	uint64_t was;
	int rc;

	if (unlikely(!value || !expected || !desired))
		return -EINVAL;
	rc = stoa_number_compare(&value->hot, 0, expected, desired);
	if (likely(rc != STOA_NUMBER_LONG))
		return rc ? rc : changed(value);
	rc = writable(value, expected);
	if (rc)
		return rc;
	if (is_struct(value)) {
		rc = compare_struct(value, expected, desired);
		return rc ? rc : changed(value);
	}
	was = scalar_get(value->type, expected);
	if (scalar_compare_swap(value->type, &value->layout->word, &was, scalar_get(value->type, desired)))
		return changed(value);
	scalar_put(value->type, expected, was);
	return STOA_CHANGED;
}

/* ---- arithmetic ---- */

static noinline int fetch(struct stoa_value *value, enum scalar_op op, const void *operand, void *previous)
{
	uint64_t before;
	int rc = writable(value, operand);

	if (rc)
		return rc;
	if (!scalar_can(value->type, op))
		return -EPROTOTYPE;
	before = scalar_fetch(value->type, op, &value->layout->word, scalar_get(value->type, operand));
	if (previous)
		scalar_put(value->type, previous, before);
	return changed(value);
}

static inline int add(struct stoa_value *value, bool negative, const void *operand, void *previous)
{
	if (unlikely(!value || !operand))
		return -EINVAL;
	if (likely(stoa_number_add(&value->hot, 0, operand, negative, previous) == STOA_OK))
		return changed(value);
	return fetch(value, negative ? SCALAR_SUB : SCALAR_ADD, operand, previous);
}

int stoa_value_fetch_add(struct stoa_value *value, const void *operand, void *previous)
{
	return add(value, false, operand, previous);
}

int stoa_value_fetch_sub(struct stoa_value *value, const void *operand, void *previous)
{
	return add(value, true, operand, previous);
}

#define VALUE_FETCH(NAME, OP)                                                                                \
	int stoa_value_fetch_##NAME(struct stoa_value *value, const void *operand, void *previous)           \
	{                                                                                                    \
		return fetch(value, OP, operand, previous);                                                  \
	}
VALUE_FETCH(and, SCALAR_AND)
VALUE_FETCH(or, SCALAR_OR)
VALUE_FETCH(xor, SCALAR_XOR)
VALUE_FETCH(min, SCALAR_MIN)
VALUE_FETCH(max, SCALAR_MAX)

/* ---- update ---- */

static int update_number(struct stoa_value *value, int (*fn)(void *bytes, void *context), void *context)
{
	uint64_t found = scalar_load(value->type, &value->layout->word);
	uint64_t copy; /* aligned for every type */
	int rc;

	do {
		scalar_put(value->type, &copy, found);
		rc = fn(&copy, context);
	} while (rc == 0 && !scalar_compare_swap(value->type, &value->layout->word, &found,
	                                         scalar_get(value->type, &copy)));
	return rc ? rc : changed(value);
}

/* Publishes `copy` over the version that `look` saw: 0, -EAGAIN where it is another now, faults. */
static int publish_over(struct stoa_value *value, struct cell_look *look, const void *copy)
{
	struct slot *slot;
	int rc = cell_take(&value->writer, &value->cell, value->handle.segment, &slot);

	if (rc)
		return rc;
	/*
	 * The version was looked at before the slot was ours: by now the slot may hold that very block.
	 * What a slot offers and what it wants must be two, so the version must have been there since.
	 */
	if (atom64_load_seq(value->cell.word) == look->word || DEFECT(DEFECT_UPDATE_UNLOOKED)) {
		copy_racy_in(cell_begin(&value->cell, slot), copy, value->size);
		rc = cell_publish(&value->cell, slot, &look->word) ? 0 : -EAGAIN;
	} else {
		rc = -EAGAIN;
	}
	cell_give(&value->writer, slot);
	return rc;
}

/* fn works on memory of this process alone, and no slot is taken while it runs. */
static int update_struct(struct stoa_value *value, int (*fn)(void *bytes, void *context), void *context)
{
	struct cell_look look = { 0 };
	void *copy = (void *)(uintptr_t)elem64_swap_seq(&value->spare, 0);
	int rc;

	if (!copy)
		copy = malloc(value->size);
	if (!copy)
		return -ENOMEM;
	for (;;) {
		rc = cell_read(&value->cell, &look, copy);
		if (rc)
			break;
		rc = fn(copy, context);
		if (rc)
			break;
		rc = publish_over(value, &look, copy);
		if (rc != -EAGAIN)
			break;
	}
	free((void *)(uintptr_t)elem64_swap_seq(&value->spare, (uintptr_t)copy));
	return rc ? rc : changed(value);
}

int stoa_value_update(struct stoa_value *value, int (*fn)(void *bytes, void *context), void *context)
{
	int rc = writable(value, value);

	if (rc || !fn)
		return rc ? rc : -EINVAL;
	return is_struct(value) ? update_struct(value, fn, context) : update_number(value, fn, context);
}

/* ---- wait ---- */

/* Whether the value equals `bytes`: 1, 0 or -EBADMSG. */
static int equals(struct stoa_value *value, const void *bytes)
{
	struct cell_look look = { 0 };

	if (is_struct(value))
		return cell_equals(&value->cell, &look, bytes);
	return scalar_load(value->type, &value->layout->word) == scalar_get(value->type, bytes);
}

static int wait_asleep(struct stoa_value *value, const void *while_equal, uint64_t deadline_ns)
{
	struct event_word *event = &value->layout->changed;
	uint64_t slice = 0;

	for (;;) {
		uint32_t announced = event_announce(event);
		int rc = equals(value, while_equal), slept;

		if (rc <= 0)
			return rc;
		slept = event_wait(event, announced, event_slice(&slice, deadline_ns));
		rc = equals(value, while_equal);
		if (rc <= 0)
			return rc;
		if (slept == -EINTR)
			return -EINTR;
		if (os_now_ns() >= deadline_ns)
			return STOA_TIMEOUT;
	}
}

int stoa_value_wait(struct stoa_value *value, const void *while_equal, const struct timespec *deadline)
{
	uint64_t deadline_ns = os_timespec_ns(deadline);
	int rc = writable(value, while_equal);

	if (rc)
		return rc;
	for (int i = 0; i < EVENT_SPINS; i++) {
		rc = equals(value, while_equal);
		if (rc <= 0)
			return rc;
		if (i == 0 && os_now_ns() >= deadline_ns)
			return STOA_TIMEOUT;
		cpu_pause();
	}
	return wait_asleep(value, while_equal, deadline_ns);
}
