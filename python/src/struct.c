/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * struct.c - stoa._stoa.Struct: bytes in shared memory that are read and written whole.
 */
#include "number.h"

#include <string.h>

struct struct_value {
	PyObject_HEAD struct stoa_value *handle;
	Py_ssize_t size;
};

static struct struct_value *struct_at(PyObject *self)
{
	return (struct struct_value *)(void *)self;
}

/* The bytes of an object, which must be just as many as the value has.  False with an exception. */
static bool bytes_from(PyObject *given, Py_ssize_t size, Py_buffer *bytes)
{
	if (PyObject_GetBuffer(given, bytes, PyBUF_SIMPLE))
		return false;
	if (bytes->len == size)
		return true;
	PyErr_Format(PyExc_ValueError, "%zd bytes are needed, %zd given", size, bytes->len);
	PyBuffer_Release(bytes);
	return false;
}

static void sized(struct stoa_value_config *config, long long size)
{
	config->struct_size = sizeof *config;
	config->type = STOA_BYTES;
	config->size = size < 0 ? 0 : (uint64_t)size;
}

static int struct_create(struct struct_value *self, struct stoa_segment *segment, const char *name,
                         struct stoa_value_config *config, PyObject *initial)
{
	Py_buffer bytes;
	int rc;

	if (initial == Py_None)
		return stoa_value_create(segment, name, config, &self->handle);
	if (!bytes_from(initial, self->size, &bytes))
		return -1;
	config->initial = bytes.buf;
	rc = stoa_value_create(segment, name, config, &self->handle);
	PyBuffer_Release(&bytes);
	return rc;
}

static PyObject *struct_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "segment", "name", "size", "initial", "flags", "writers", NULL };
	struct stoa_value_config config = { 0 };
	PyObject *segment_object, *initial = Py_None, *made;
	struct stoa_segment *segment;
	const char *name;
	Py_ssize_t size;
	int rc;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "Osn|OII:Struct", names, &segment_object, &name,
	                                 &size, &initial, &config.flags, &config.writers))
		return NULL;
	segment = segment_handle(segment_object);
	sized(&config, size);
	made = segment ? object_new(type) : NULL;
	if (!made)
		return NULL;
	struct_at(made)->size = size;
	rc = struct_create(struct_at(made), segment, name, &config, initial);
	return object_or_fault(made, rc, name);
}

static void struct_dealloc(PyObject *self)
{
	stoa_value_close(struct_at(self)->handle);
	object_free(self);
}

static PyObject *struct_footprint(PyObject *type, PyObject *args)
{
	struct stoa_value_config config = { 0 };
	Py_ssize_t size;
	uint64_t bytes;
	int rc;

	(void)type;
	if (!PyArg_ParseTuple(args, "n|I:footprint", &size, &config.writers))
		return NULL;
	sized(&config, size);
	rc = stoa_value_footprint(&config, &bytes);
	return rc ? raise_fault(rc, NULL) : PyLong_FromUnsignedLongLong(bytes);
}

/* A private bytearray, for a ctypes object to lie in. */
static PyObject *private_bytes(const struct struct_value *self, char **at)
{
	PyObject *made = PyByteArray_FromStringAndSize(NULL, self->size);

	*at = made ? PyByteArray_AsString(made) : NULL;
	return made;
}

static PyObject *bytes_or_fault(PyObject *bytes, int rc)
{
	if (rc >= 0)
		return bytes;
	Py_DECREF(bytes);
	return raise_fault(rc, NULL);
}

static PyObject *struct_load(PyObject *object, PyObject *unused)
{
	struct struct_value *self = struct_at(object);
	char *at;
	PyObject *bytes = private_bytes(self, &at);

	(void)unused;
	return bytes ? bytes_or_fault(bytes, stoa_value_load(self->handle, at)) : NULL;
}

static PyObject *struct_store(PyObject *object, PyObject *given)
{
	struct struct_value *self = struct_at(object);
	Py_buffer bytes;
	int rc;

	if (!bytes_from(given, self->size, &bytes))
		return NULL;
	rc = stoa_value_store(self->handle, bytes.buf);
	PyBuffer_Release(&bytes);
	return rc ? raise_fault(rc, NULL) : Py_NewRef(Py_None);
}

static PyObject *struct_exchange(PyObject *object, PyObject *given)
{
	struct struct_value *self = struct_at(object);
	PyObject *before;
	Py_buffer bytes;
	char *at;

	if (!bytes_from(given, self->size, &bytes))
		return NULL;
	before = private_bytes(self, &at);
	if (before)
		before = bytes_or_fault(before, stoa_value_exchange(self->handle, bytes.buf, at));
	PyBuffer_Release(&bytes);
	return before;
}

static PyObject *struct_compare_exchange(PyObject *object, PyObject *args)
{
	struct struct_value *self = struct_at(object);
	PyObject *expected_object, *desired_object, *before = NULL;
	Py_buffer expected, desired;
	char *at;

	if (!PyArg_ParseTuple(args, "OO:compare_exchange", &expected_object, &desired_object) ||
	    !bytes_from(expected_object, self->size, &expected))
		return NULL;
	if (bytes_from(desired_object, self->size, &desired)) {
		before = private_bytes(self, &at);
		if (before) {
			memcpy(at, expected.buf, (size_t)self->size);
			before = bytes_or_fault(before,
			                        stoa_value_compare_exchange(self->handle, at, desired.buf));
		}
		PyBuffer_Release(&desired);
	}
	PyBuffer_Release(&expected);
	return before;
}

/* ---- one number of it ---- */

struct field {
	uint32_t type;
	Py_ssize_t offset;
	size_t width;
	union number number;
};

/* The field that the first two of `needed` arguments tell of: typecode and offset.  False with an exception. */
static bool field_from(const struct struct_value *self, PyObject *const *args, Py_ssize_t count,
                       Py_ssize_t needed, struct field *field)
{
	Py_ssize_t offset;
	int type;

	if (count != needed || !PyUnicode_Check(args[0]) || PyUnicode_GetLength(args[0]) != 1) {
		PyErr_SetString(PyExc_TypeError,
		                "get_number(typecode, offset), set_number(typecode, offset, number)");
		return false;
	}
	type = number_type((int)PyUnicode_ReadChar(args[0], 0));
	offset = type < 0 ? -1 : PyLong_AsSsize_t(args[1]);
	if (PyErr_Occurred())
		return false;
	field->type = (uint32_t)type;
	field->width = stoa_type_size(field->type);
	field->offset = offset;
	if (offset >= 0 && offset <= self->size - (Py_ssize_t)field->width)
		return true;
	PyErr_SetString(PyExc_ValueError, "there is no such number in it");
	return false;
}

#define SMALL 256 /* bytes that go onto the stack */

static PyObject *struct_get_number(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
	struct struct_value *self = struct_at(object);
	char small[SMALL], *bytes = small;
	struct field field;
	PyObject *number;
	int rc;

	if (!field_from(self, args, count, 2, &field))
		return NULL;
	if (self->size > SMALL)
		bytes = PyMem_Malloc((size_t)self->size);
	if (!bytes)
		return PyErr_NoMemory();
	rc = stoa_value_load(self->handle, bytes);
	number = rc ? raise_fault(rc, NULL) : number_get(field.type, bytes + field.offset);
	if (bytes != small)
		PyMem_Free(bytes);
	return number;
}

static int field_set(void *bytes, void *context)
{
	const struct field *field = context;

	memcpy((char *)bytes + field->offset, &field->number, field->width);
	return 0;
}

static PyObject *struct_set_number(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
	struct struct_value *self = struct_at(object);
	struct field field;
	int rc;

	if (!field_from(self, args, count, 3, &field) || number_take(field.type, args[2], &field.number))
		return NULL;
	rc = stoa_value_update(self->handle, field_set, &field);
	return rc ? raise_fault(rc, NULL) : Py_NewRef(Py_None);
}

struct struct_wait {
	struct stoa_value *handle;
	const void *while_equal;
};

static int struct_wait_call(void *context, const struct timespec *deadline)
{
	struct struct_wait *wait = context;

	return stoa_value_wait(wait->handle, wait->while_equal, deadline);
}

static PyObject *struct_wait(PyObject *object, PyObject *args)
{
	struct struct_value *self = struct_at(object);
	struct struct_wait wait = { .handle = self->handle };
	PyObject *given, *timeout = NULL;
	const struct timespec *deadline;
	struct timespec room;
	Py_buffer bytes;
	int rc;

	if (!PyArg_ParseTuple(args, "O|O:wait", &given, &timeout) ||
	    !deadline_from(timeout, &room, &deadline) || !bytes_from(given, self->size, &bytes))
		return NULL;
	wait.while_equal = bytes.buf;
	rc = call_waiting(struct_wait_call, &wait, deadline);
	PyBuffer_Release(&bytes);
	if (rc < 0)
		return PyErr_Occurred() ? NULL : raise_fault(rc, NULL);
	return PyBool_FromLong(rc == 0);
}

static PyMethodDef struct_methods[] = {
	{ "load", struct_load, METH_NOARGS, "load(): the bytes, whole, as a bytearray of one's own" },
	{ "store", struct_store, METH_O, "store(bytes): replaces them" },
	{ "exchange", struct_exchange, METH_O, "exchange(bytes): replaces them; those before" },
	{ "compare_exchange", struct_compare_exchange, METH_VARARGS,
	  "compare_exchange(expected, desired): replaces them where they are expected; those before" },
	{ "get_number", FAST(struct_get_number), "get_number(typecode, offset): a number of it" },
	{ "set_number", FAST(struct_set_number),
	  "set_number(typecode, offset, number): sets it, in one atomic step of the whole" },
	{ "wait", struct_wait, METH_VARARGS,
	  "wait(while_equal, timeout=None): False where the time ran out" },
	{ "footprint", struct_footprint, METH_VARARGS | METH_STATIC,
	  "footprint(size, writers=0): bytes in a segment" },
	{ NULL, NULL, 0, NULL },
};

static PyType_Slot struct_slots[] = {
	{ Py_tp_doc, (void *)"Struct(segment, name, size, initial=None, flags=0, writers=0): bytes, read and "
	                     "written whole" },
	{ Py_tp_new, (void *)struct_new },
	{ Py_tp_dealloc, (void *)struct_dealloc },
	{ Py_tp_methods, struct_methods },
	{ 0, NULL },
};

static PyType_Spec struct_spec = {
	.name = "stoa._stoa.Struct",
	.basicsize = sizeof(struct struct_value),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = struct_slots,
};

int add_struct(PyObject *module)
{
	return add_type(module, &struct_spec);
}
