/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * number.c - numbers of the library's types as Python's, with the conversions of ctypes.
 */
#include "number.h"

#include <errno.h>
#include <string.h>

int number_type(int typecode)
{
	static const char codes[] = "bBhHiIlLqQfd?";
	static const uint8_t types[] = { STOA_I8,  STOA_U8,  STOA_I16, STOA_U16, STOA_I32, STOA_U32, STOA_I64,
		                         STOA_U64, STOA_I64, STOA_U64, STOA_F32, STOA_F64, STOA_BOOL };
	const char *found = typecode > 0 && typecode < 128 ? strchr(codes, typecode) : NULL;

	if (found)
		return types[found - codes];
	PyErr_Format(PyExc_ValueError, "no number has the typecode %c", typecode);
	return -1;
}

char number_typecode(uint32_t type)
{
	static const char codes[] = { [STOA_I8] = 'b',  [STOA_I16] = 'h', [STOA_I32] = 'i', [STOA_I64] = 'l',
		                      [STOA_U8] = 'B',  [STOA_U16] = 'H', [STOA_U32] = 'I', [STOA_U64] = 'L',
		                      [STOA_F32] = 'f', [STOA_F64] = 'd', [STOA_BOOL] = '?' };

	return type < sizeof codes ? codes[type] : '\0';
}

/* The number of that C type at `at`, of any alignment. */
#define AT(type, at)                                                                                         \
	({                                                                                                   \
		type read;                                                                                   \
                                                                                                             \
		memcpy(&read, at, sizeof read);                                                              \
		read;                                                                                        \
	})

PyObject *number_get(uint32_t type, const void *at)
{
	switch (type) {
	case STOA_I8:
		return PyLong_FromLong(AT(int8_t, at));
	case STOA_I16:
		return PyLong_FromLong(AT(int16_t, at));
	case STOA_I32:
		return PyLong_FromLong(AT(int32_t, at));
	case STOA_I64:
		return PyLong_FromLong(AT(int64_t, at));
	case STOA_U8:
		return PyLong_FromLong(AT(uint8_t, at));
	case STOA_U16:
		return PyLong_FromLong(AT(uint16_t, at));
	case STOA_U32:
		return PyLong_FromLong(AT(uint32_t, at));
	case STOA_U64:
		return PyLong_FromUnsignedLong(AT(uint64_t, at));
	case STOA_F32:
		return PyFloat_FromDouble((double)AT(float, at));
	case STOA_F64:
		return PyFloat_FromDouble(AT(double, at));
	default:
		return PyBool_FromLong(AT(uint8_t, at));
	}
}

static int put_integer(uint32_t type, PyObject *from, void *at)
{
	unsigned long long bits;

	bits = PyLong_AsUnsignedLongLongMask(from);
	if (bits == (unsigned long long)-1 && PyErr_Occurred())
		return -1;
	memcpy(at, &bits,
	       stoa_type_size(type)); /* little-endian, as every machine that the library runs on */
	return 0;
}

static int put_float(uint32_t type, PyObject *from, void *at)
{
	double wide = PyFloat_AsDouble(from);
	float narrow = (float)wide;

	if (wide == -1.0 && PyErr_Occurred())
		return -1;
	if (type == STOA_F32)
		memcpy(at, &narrow, sizeof narrow);
	else
		memcpy(at, &wide, sizeof wide);
	return 0;
}

int number_put(uint32_t type, PyObject *from, void *at)
{
	int truth;

	switch (type) {
	case STOA_F32:
	case STOA_F64:
		return put_float(type, from, at);
	case STOA_BOOL:
		truth = PyObject_IsTrue(from);
		if (truth >= 0)
			*(uint8_t *)at = (uint8_t)truth;
		return truth < 0 ? -1 : 0;
	default:
		return put_integer(type, from, at);
	}
}

PyObject *number_fault(int rc)
{
	if (rc != -EPROTOTYPE)
		return raise_fault(rc, NULL);
	PyErr_SetString(PyExc_TypeError, "numbers of this type have no such operation");
	return NULL;
}

PyObject *number_object_new(PyTypeObject *type, PyObject *segment, int typecode, struct stoa_segment **handle,
                            uint32_t *number)
{
	int found;

	*handle = segment_handle(segment);
	found = *handle ? number_type(typecode) : -1;
	*number = (uint32_t)found;
	return found < 0 ? NULL : object_new(type);
}

struct number_view number_view_of(void *data, int typecode, Py_ssize_t count, bool read_only)
{
	return (struct number_view){
		.data = data,
		.format = { (char)typecode },
		.width = (Py_ssize_t)stoa_type_size((uint32_t)number_type(typecode)),
		.count = count,
		.read_only = read_only,
	};
}

int number_view_fill(struct number_view *view, PyObject *exporter, Py_buffer *buffer, int flags,
                     int dimensions)
{
	buffer->obj = NULL;
	if (!view->data) {
		PyErr_SetString(PyExc_BufferError, "what is read and written whole has no memory in place");
		return -1;
	}
	if (view->read_only && (flags & PyBUF_WRITABLE)) {
		PyErr_SetString(PyExc_BufferError, "the segment is open for reading only");
		return -1;
	}
	view->shape = view->count;
	view->stride = view->width;
	*buffer = (Py_buffer){
		.buf = view->data,
		.obj = Py_NewRef(exporter),
		.len = view->count * view->width,
		.itemsize = view->width,
		.readonly = view->read_only,
		.ndim = dimensions,
		.format = flags & PyBUF_FORMAT ? view->format : NULL,
		.shape = dimensions && (flags & PyBUF_ND) ? &view->shape : NULL,
		.strides = dimensions && (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? &view->stride : NULL,
	};
	if (!(flags & PyBUF_ND))
		buffer->ndim = 1; /* who asks for no shape gets bytes */
	return 0;
}
