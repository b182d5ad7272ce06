/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sanitizers.h - whether this is a build under one of the compiler's sanitizers.
 */
#ifndef STOA_TEST_SANITIZERS_H
#define STOA_TEST_SANITIZERS_H

/* gcc defines a macro, clang has a feature. */
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZES_ADDRESSES 1
#else
#define SANITIZES_ADDRESSES 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define SANITIZES_THREADS 1
/* In a program whose forked children start threads, which that sanitizer forbids unless it is asked. */
#define SANITIZER_LETS_CHILDREN_START_THREADS                                                                \
	const char *__tsan_default_options(void);                                                            \
	const char *__tsan_default_options(void)                                                             \
	{                                                                                                    \
		return "die_after_fork=0";                                                                   \
	}
#else
#define SANITIZES_THREADS 0
#define SANITIZER_LETS_CHILDREN_START_THREADS
#endif

#endif
