/* SPDX-License-Identifier: BSD-2-Clause */
/* test_base.c - return codes in words, deadlines, the version, type sizes. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <stoa/base.h>

#include "os.h"

static void every_outcome_has_words_of_its_own(void **state)
{
	(void)state;
	for (int rc = STOA_OK; rc <= STOA_OWNER_DIED; rc++) {
		assert_string_not_equal(stoa_strerror(rc), "unknown return code");
		for (int other = STOA_OK; other < rc; other++)
			assert_string_not_equal(stoa_strerror(rc), stoa_strerror(other));
	}
}

static void a_fault_has_the_words_of_its_errno_or_better_ones(void **state)
{
	(void)state;
	assert_string_equal(stoa_strerror(-ENOENT), "No such file or directory");
	assert_string_equal(stoa_strerror(-EPROTOTYPE), "of another kind or shape, or of a machine with other words");
	assert_string_not_equal(stoa_strerror(-EBADMSG), stoa_strerror(-ENODATA));
}

static void what_is_no_return_code_has_words_too(void **state)
{
	(void)state;
	assert_string_equal(stoa_strerror(STOA_OWNER_DIED + 1), "unknown return code");
	assert_string_equal(stoa_strerror(INT_MAX), "unknown return code");
	assert_string_equal(stoa_strerror(INT_MIN), "unknown return code");
	assert_non_null(stoa_strerror(-4000));
}

static void a_deadline_lies_ahead_by_what_was_asked(void **state)
{
	uint64_t before = os_now_ns(), at;
	struct timespec deadline = stoa_deadline(1500000000);

	(void)state;
	at = os_timespec_ns(&deadline);
	assert_true(at >= before + 1500000000u);
	assert_true(at <= os_now_ns() + 1500000000u);
	assert_true(deadline.tv_nsec >= 0 && deadline.tv_nsec < 1000000000);
}

static void a_negative_deadline_has_passed(void **state)
{
	struct timespec near = stoa_deadline(-1000), far = stoa_deadline(INT64_MIN);

	(void)state;
	assert_true(os_timespec_ns(&near) < os_now_ns());
	assert_true(os_timespec_ns(&near) > 0);
	assert_int_equal(os_timespec_ns(&far), 1);
}

static void the_longest_deadline_is_a_proper_time(void **state)
{
	struct timespec deadline = stoa_deadline(INT64_MAX);

	(void)state;
	assert_true(deadline.tv_sec >= INT64_MAX / 1000000000);
	assert_true(deadline.tv_nsec >= 0 && deadline.tv_nsec < 1000000000);
}

static void stoa_now_has_always_passed(void **state)
{
	(void)state;
	assert_int_equal(os_timespec_ns(&stoa_now), 0);
}

static void the_version_is_that_of_the_header(void **state)
{
	char version[32];

	(void)state;
	snprintf(version, sizeof version, "%d.%d.%d", STOA_VERSION_MAJOR, STOA_VERSION_MINOR,
	         STOA_VERSION_PATCH);
	assert_string_equal(stoa_version(), version);
	assert_string_equal(stoa_version(), STOA_VERSION_STRING);
	assert_string_equal(stoa_version(), BUILT_VERSION);
}

static void types_have_the_sizes_of_their_c_types(void **state)
{
	(void)state;
	assert_int_equal(stoa_type_size(STOA_I8), sizeof(int8_t));
	assert_int_equal(stoa_type_size(STOA_I16), sizeof(int16_t));
	assert_int_equal(stoa_type_size(STOA_I32), sizeof(int32_t));
	assert_int_equal(stoa_type_size(STOA_I64), sizeof(int64_t));
	assert_int_equal(stoa_type_size(STOA_U8), sizeof(uint8_t));
	assert_int_equal(stoa_type_size(STOA_U16), sizeof(uint16_t));
	assert_int_equal(stoa_type_size(STOA_U32), sizeof(uint32_t));
	assert_int_equal(stoa_type_size(STOA_U64), sizeof(uint64_t));
	assert_int_equal(stoa_type_size(STOA_F32), sizeof(float));
	assert_int_equal(stoa_type_size(STOA_F64), sizeof(double));
	assert_int_equal(stoa_type_size(STOA_BOOL), 1);
}

static void bytes_and_what_is_no_type_have_no_size(void **state)
{
	(void)state;
	assert_int_equal(stoa_type_size(STOA_BYTES), 0);
	assert_int_equal(stoa_type_size((enum stoa_type)0), 0);
	assert_int_equal(stoa_type_size((enum stoa_type)(STOA_BYTES + 1)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_outcome_has_words_of_its_own),
		cmocka_unit_test(a_fault_has_the_words_of_its_errno_or_better_ones),
		cmocka_unit_test(what_is_no_return_code_has_words_too),
		cmocka_unit_test(a_deadline_lies_ahead_by_what_was_asked),
		cmocka_unit_test(a_negative_deadline_has_passed),
		cmocka_unit_test(the_longest_deadline_is_a_proper_time),
		cmocka_unit_test(stoa_now_has_always_passed),
		cmocka_unit_test(the_version_is_that_of_the_header),
		cmocka_unit_test(types_have_the_sizes_of_their_c_types),
		cmocka_unit_test(bytes_and_what_is_no_type_have_no_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
