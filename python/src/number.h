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
	int64_t i64;
	int32_t i32;
	double f64;
};

/* The type of a typecode of multiprocessing, or of '?'.  -1 with ValueError where there is none. */
int number_type(int typecode);

/* The other way round; 0 for STOA_BYTES. */
char number_typecode(uint32_t type);

/* The number at `at`, of any alignment, as a new reference. */
PyObject *number_get(uint32_t type, const void *at);

/* The same where calls count: of the types that most have, without one more. */
static inline PyObject *number_object(uint32_t type, const union number *number)
{
	if (type == STOA_I32)
		return PyLong_FromLong(number->i32);
	if (type == STOA_I64)
		return PyLong_FromLong(number->i64);
	if (type == STOA_F64)
		return PyFloat_FromDouble(number->f64);
	return number_get(type, number);
}

/* An object as a number at `at`, as an assignment to a ctypes object: integers wrap around.  -1 with an
 * exception. */
int number_put(uint32_t type, PyObject *from, void *at);

static inline bool number_is_integer(uint32_t type)
{
	return type != STOA_F32 && type != STOA_F64 && type != STOA_BOOL;
}

/* The same where calls count, and there is room for any number. */
static inline int number_take(uint32_t type, PyObject *from, union number *number)
{
	if (PyLong_CheckExact(from) && number_is_integer(type)) {
		number->bits = PyLong_AsUnsignedLongLongMask(from); /* of an int it always is one */
		return 0;
	}
	if (type == STOA_F64 && PyFloat_CheckExact(from)) {
		number->f64 = PyFloat_AsDouble(from);
		return 0;
	}
	return number_put(type, from, number);
}

/* A buffer of `count` numbers from `data`, `dimensions` 1, or 0 for the one: for Py_bf_getbuffer. */
struct number_view {
	void *data;
	char format[2]; /* lives in the exporter */
	Py_ssize_t width, count, shape, stride;
	bool read_only;
};
struct number_view number_view_of(void *data, int typecode, Py_ssize_t count, bool read_only);
int number_view_fill(struct number_view *view, PyObject *exporter, Py_buffer *buffer, int flags,
                     int dimensions);

/* Raises for an answer of an operation on numbers.  NULL. */
PyObject *number_fault(int rc);

/*
 * What Number() and Numbers() begin with: an object of `type`, for numbers of that typecode (`*number`) in
 * that Segment (`*handle`).  NULL with an exception.
 */
PyObject *number_object_new(PyTypeObject *type, PyObject *segment, int typecode, struct stoa_segment **handle,
                            uint32_t *number);

#endif
