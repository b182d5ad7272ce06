/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * array_slice.c - slices of an array of numbers.
 *
 * A slice is read into private memory in one call of the library, and made a list of afterwards; a list is
 * made numbers of before the one call that writes them, so that a bad element changes nothing.
 */
#include "array.h"

#include <string.h>

#define SPARSE 8   /* with a step above that elements are read and written one by one */
#define PIECE 2048 /* elements that are read at a time */

/* Elements first, first + step, ...: `count` of them, inside the array. */
struct selection {
	Py_ssize_t first, step, count;
};

static int selection_from(const struct number_array *self, PyObject *slice, struct selection *selection)
{
	Py_ssize_t stop;

	if (PySlice_Unpack(slice, &selection->first, &stop, &selection->step))
		return -1;
	selection->count = PySlice_AdjustIndices(self->view.count, &selection->first, &stop, selection->step);
	return 0;
}

static bool is_sparse(const struct number_array *self, const struct selection *s)
{
	return !self->whole && (s->step > SPARSE || s->step < -SPARSE);
}

/* The selection's span: [*from, *from + the result). */
static uint64_t span(const struct selection *s, uint64_t *from)
{
	Py_ssize_t last = s->first + (s->count - 1) * s->step;

	*from = (uint64_t)(s->step < 0 ? last : s->first);
	return (uint64_t)(s->step < 0 ? s->first - last : last - s->first) + 1;
}

/* How many elements of private memory a selection takes: its span from `*from` on, or, sparse, the elements one
 * behind the other. */
static uint64_t extent(const struct number_array *self, const struct selection *s, uint64_t *from)
{
	uint64_t length = span(s, from);

	return is_sparse(self, s) ? (uint64_t)s->count : length;
}

static char *bytes_for(const struct number_array *self, const struct selection *s)
{
	uint64_t from;
	char *bytes = PyMem_Malloc(extent(self, s, &from) * (uint64_t)self->view.width);

	if (!bytes)
		PyErr_NoMemory();
	return bytes;
}

/* Where element k of the selection lies in that memory. */
static char *byte_at(const struct number_array *self, const struct selection *s, char *bytes, uint64_t from,
                     Py_ssize_t k)
{
	Py_ssize_t at = is_sparse(self, s) ? k : s->first + k * s->step - (Py_ssize_t)from;

	return bytes + at * self->view.width;
}

static int read_selection(const struct number_array *self, const struct selection *s, char *bytes,
                          uint64_t from, uint64_t length)
{
	int rc = 0;

	if (!is_sparse(self, s))
		return stoa_array_read(self->handle, from, length, bytes);
	for (Py_ssize_t k = 0; k < s->count && !rc; k++)
		rc = stoa_array_load(self->handle, (uint64_t)(s->first + k * s->step),
		                     bytes + k * self->view.width);
	return rc;
}

static PyObject *float_at(const char *at)
{
	double number;

	memcpy(&number, at, sizeof number);
	return PyFloat_FromDouble(number);
}

/* The numbers of a selection, as the elements of the list from `at` on.  -1 with an exception. */
static int list_piece(const struct number_array *self, const struct selection *s, char *bytes, PyObject *list,
                      Py_ssize_t at)
{
	Py_ssize_t width = self->view.width;
	uint64_t from, length = extent(self, s, &from);
	int rc = read_selection(self, s, bytes, from, length);
	const char *number = byte_at(self, s, bytes, from, 0);
	Py_ssize_t step = is_sparse(self, s) ? width : s->step * width;

	if (rc)
		return array_fault(rc);
	for (Py_ssize_t k = 0; k < s->count; k++, number += step) {
		PyObject *object = self->type == STOA_F64 ? float_at(number) : number_get(self->type, number);

		if (!object || PyList_SetItem(list, at + k, object))
			return -1;
	}
	return 0;
}

/* Piece by piece, of what fits into the processor's nearest memory; but what is whole is read at one moment. */
PyObject *array_get_slice(struct number_array *self, PyObject *slice)
{
	struct selection s, piece;
	Py_ssize_t done = 0;
	PyObject *list;
	char *bytes;
	int rc;

	if (selection_from(self, slice, &s))
		return NULL;
	list = PyList_New(s.count);
	if (!list || s.count == 0)
		return list;
	piece = s;
	if (!self->whole && piece.count > PIECE)
		piece.count = PIECE;
	bytes = bytes_for(self, &piece);
	rc = bytes ? 0 : -1;
	while (!rc && done < s.count) {
		piece.first = s.first + done * s.step;
		if (piece.count > s.count - done)
			piece.count = s.count - done;
		rc = list_piece(self, &piece, bytes, list, done);
		done += piece.count;
	}
	PyMem_Free(bytes);
	if (!rc)
		return list;
	Py_DECREF(list);
	return NULL;
}

/* Whether `given` is a buffer of just these numbers, in a row: then it is `buffer`, to be released. */
static bool same_numbers(const struct number_array *self, PyObject *given, Py_ssize_t count,
                         Py_buffer *buffer)
{
	if (!PyObject_CheckBuffer(given))
		return false;
	if (PyObject_GetBuffer(given, buffer, PyBUF_ND | PyBUF_FORMAT)) {
		PyErr_Clear();
		return false;
	}
	if (buffer->ndim == 1 && buffer->shape[0] == count && buffer->itemsize == self->view.width &&
	    buffer->format && strcmp(buffer->format, self->view.format) == 0)
		return true;
	PyBuffer_Release(buffer);
	return false;
}

static int put_all(const struct number_array *self, const struct selection *s, PyObject *given, char *bytes,
                   uint64_t from)
{
	for (Py_ssize_t k = 0; k < s->count; k++) {
		PyObject *element = PySequence_GetItem(given, k);
		int rc = element ? number_put(self->type, element, byte_at(self, s, bytes, from, k)) : -1;

		Py_XDECREF(element);
		if (rc)
			return -1;
	}
	return 0;
}

/* Elements of a step above 1, one by one. */
static int write_one_by_one(const struct number_array *self, const struct selection *s, char *bytes,
                            uint64_t from)
{
	int rc = 0;

	for (Py_ssize_t k = 0; k < s->count && !rc; k++)
		rc = stoa_array_store(self->handle, (uint64_t)(s->first + k * s->step),
		                      byte_at(self, s, bytes, from, k));
	return rc;
}

int array_set_slice(struct number_array *self, PyObject *slice, PyObject *given)
{
	struct selection s;
	uint64_t from, length;
	Py_ssize_t size;
	Py_buffer ready;
	char *bytes;
	int rc;

	if (selection_from(self, slice, &s))
		return -1;
	size = PySequence_Size(given);
	if (size < 0)
		return -1;
	if (size != s.count) {
		PyErr_SetString(PyExc_ValueError, "Can only assign sequence of same size");
		return -1;
	}
	if (s.count == 0)
		return 0;
	if (s.step == 1 && same_numbers(self, given, s.count, &ready)) {
		rc = stoa_array_write(self->handle, (uint64_t)s.first, (uint64_t)s.count, ready.buf);
		PyBuffer_Release(&ready);
		return rc ? array_fault(rc) : 0;
	}
	length = extent(self, &s, &from);
	bytes = bytes_for(self, &s);
	if (!bytes || put_all(self, &s, given, bytes, from)) {
		PyMem_Free(bytes);
		return -1;
	}
	rc = s.step == 1 || s.step == -1 ? stoa_array_write(self->handle, from, length, bytes)
	                                 : write_one_by_one(self, &s, bytes, from);
	PyMem_Free(bytes);
	return rc ? array_fault(rc) : 0;
}
