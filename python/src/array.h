/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * array.h - what array.c and array_slice.c know of each other.
 */
#ifndef STOA_PYTHON_ARRAY_H
#define STOA_PYTHON_ARRAY_H

#include "number.h"

struct number_array {
	PyObject_HEAD struct stoa_array *handle;
	uint32_t type;
	bool whole;
	struct number_view view;
};

static inline struct number_array *array_at(PyObject *self)
{
	return (struct number_array *)(void *)self;
}

/* Raises for an answer of the library.  -1. */
static inline int array_fault(int rc)
{
	raise_fault(rc, NULL);
	return -1;
}

/* array[slice], and array[slice] = given; -1, or NULL, with an exception. */
PyObject *array_get_slice(struct number_array *self, PyObject *slice);
int array_set_slice(struct number_array *self, PyObject *slice, PyObject *given);

#endif
