/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sync.h - what sync.c, sync_lock.c and sync_semaphore.c know of each other.
 */
#ifndef STOA_PYTHON_SYNC_H
#define STOA_PYTHON_SYNC_H

#include "module.h"

/* "released too many times", in multiprocessing's words. */
PyObject *sync_too_many(void);

/*
 * What the caller of acquire() may wait: the deadline, or &stoa_now where it shall not block.  Names as
 * multiprocessing has them, `block` also as threading has it.
 */
bool sync_may_wait(PyObject *args, PyObject *keywords, struct timespec *room,
                   const struct timespec **deadline);

/* Of an answer to a call that may wait: True, False, or NULL with an exception. */
PyObject *sync_waited(int rc);

/* What each file adds.  -1 with an exception. */
int add_locks(PyObject *module);
int add_semaphore(PyObject *module);

#endif
