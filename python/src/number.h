/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * number.h - numbers of the library's types as Python's.
 */
#ifndef STOA_PYTHON_NUMBER_H
#define STOA_PYTHON_NUMBER_H

#include "module.h"

/* Room for any number, aligned for it. */
union number {
	uint64_t bits;
	double f64;
};

/* The type of a typecode of multiprocessing, or of '?'.  -1 with ValueError where there is none. */
int number_type(int typecode);

/* The other way round; 0 for STOA_BYTES. */
char number_typecode(uint32_t type);

/* The number at `at`, of any alignment, as a new reference. */
PyObject *number_get(uint32_t type, const void *at);

/* An object as a number at `at`, as an assignment to a ctypes object: integers wrap around.  -1 with an
 * exception. */
int number_put(uint32_t type, PyObject *from, void *at);

/* A buffer of `count` numbers from `data`, `dimensions` 1, or 0 for the one: for Py_bf_getbuffer. */
struct number_view {
	void *data;
	char format[2]; /* lives in the exporter */
	Py_ssize_t width, count, shape, stride;
	bool read_only;
};
int number_view_fill(struct number_view *view, PyObject *exporter, Py_buffer *buffer, int flags,
                     int dimensions);

/* Methods of the module: what is under a name in a segment. */
PyObject *value_info(PyObject *module, PyObject *args); /* (typecode or None, size, writers) */
PyObject *array_info(PyObject *module,
                     PyObject *args); /* (typecode, count, writers; 0 where it is not whole) */

#endif
