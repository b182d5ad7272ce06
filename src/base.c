/* SPDX-License-Identifier: BSD-2-Clause */
/* base.c - outcomes in words, deadlines, the version. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include <stoa/base.h>

#include "os.h"

const struct timespec stoa_now = { 0, 0 };

struct timespec stoa_deadline(int64_t nanoseconds)
{
	uint64_t now = os_now_ns(), at;

	/* Both are below 2^63, so the sum cannot wrap.  A time that has passed is at least 1 ns, so
	 * that it does not look like stoa_now. */
	if (nanoseconds >= 0)
		at = now + (uint64_t)nanoseconds;
	else if (now > 0 - (uint64_t)nanoseconds)
		at = now - (0 - (uint64_t)nanoseconds);
	else
		at = 1;
	return (struct timespec){ .tv_sec = (time_t)(at / 1000000000u), .tv_nsec = (long)(at % 1000000000u) };
}

/* Words for a fault, in memory that lives for ever: our own where the errno's were meant for something else; else these,
 * the same in every locale. */
static const char *fault_text(int error)
{
	switch (error) {
	case EBADMSG:
		return "no segment of stoa, or a damaged one";
	case ENODATA:
		return "cut short: the file is smaller than its segment";
	case EPROTONOSUPPORT:
		return "a segment of another version of stoa's layout";
	case EPROTOTYPE:
		return "of another kind or shape, or of a machine with other words";
	case EUSERS:
		return "as many as it was made for use it already";
	case ENOBUFS:
		return "all blocks that one may hold are held";
	case ESTALE:
		return "the parent's, from before fork()";
	}
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 32)
	return strerrordesc_np(error);
#else
	return strerror(error);
#endif
}

const char *stoa_strerror(int rc)
{
	static const char *const outcomes[] = {
		[STOA_OK] = "done",
		[STOA_EMPTY] = "empty: no message that nobody holds",
		[STOA_FULL] = "full: every place is taken",
		[STOA_TIMEOUT] = "timed out: the deadline passed, and nothing was done",
		[STOA_CLOSED] = "closed: shut down",
		[STOA_CHANGED] = "changed: the value was not the expected one",
		[STOA_OWNER_DIED] = "done, and the last holder died holding it",
	};
	const char *text = NULL;

	if (rc >= 0 && (size_t)rc < sizeof outcomes / sizeof *outcomes)
		text = outcomes[rc];
	else if (rc < 0 && rc != INT_MIN)
		text = fault_text(-rc);
	return text ? text : "unknown return code";
}

const char *stoa_version(void)
{
	return STOA_VERSION_STRING;
}

size_t stoa_type_size(enum stoa_type type)
{
	switch (type) {
	case STOA_I8:
	case STOA_U8:
	case STOA_BOOL:
		return 1;
	case STOA_I16:
	case STOA_U16:
		return 2;
	case STOA_I32:
	case STOA_U32:
	case STOA_F32:
		return 4;
	case STOA_I64:
	case STOA_U64:
	case STOA_F64:
		return 8;
	case STOA_BYTES:
		break;
	}
	return 0;
}
