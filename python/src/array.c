/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * array.c - stoa._stoa.Numbers: an array of numbers in shared memory.
 *
 * Elements are atomic, and where the array is whole ranges are, too.  array_slice.c has the slices.
 */
#include "array.h"

#include <errno.h>
#include <stoa/inline.h>

/* ---- made and gone ---- */

static int array_create(struct number_array *self, struct stoa_segment *segment, const char *name,
                        struct stoa_array_config *config, PyObject *initial)
{
	Py_buffer bytes;
	int rc;

	if (!initial || initial == Py_None)
		return stoa_array_create(segment, name, config, &self->handle);
	if (PyObject_GetBuffer(initial, &bytes, PyBUF_SIMPLE))
		return -1;
	if ((uint64_t)bytes.len / stoa_type_size(config->type) == config->count) {
		config->initial = bytes.buf;
		rc = stoa_array_create(segment, name, config, &self->handle);
	} else {
		PyErr_SetString(PyExc_ValueError, "as many elements as the array has are its beginning");
		rc = -1;
	}
	PyBuffer_Release(&bytes);
	return rc;
}

static PyObject *array_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "segment", "name",    "typecode",  "count", "initial",
		                 "flags",   "writers", "read_only", NULL };
	struct stoa_array_config config = { .struct_size = sizeof config };
	PyObject *segment_object, *initial = NULL, *made;
	int typecode, read_only = 0, rc;
	struct stoa_segment *segment;
	struct number_array *self;
	Py_ssize_t count;
	const char *name;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "OsCn|OIIp:Numbers", names, &segment_object, &name,
	                                 &typecode, &count, &initial, &config.flags, &config.writers,
	                                 &read_only))
		return NULL;
	made = number_object_new(type, segment_object, typecode, &segment, &config.type);
	if (!made)
		return NULL;
	self = array_at(made);
	config.count = count < 0 ? 0 : (uint64_t)count;
	rc = array_create(self, segment, name, &config, initial);
	self->type = config.type;
	self->whole = config.flags & STOA_ATOMIC_RANGES;
	if (!rc)
		self->view = number_view_of(stoa_array_data(self->handle), typecode, count, read_only);
	return object_or_fault(made, rc, name);
}

static void array_dealloc(PyObject *self)
{
	stoa_array_close(array_at(self)->handle);
	object_free(self);
}

static int array_buffer(PyObject *self, Py_buffer *buffer, int flags)
{
	return number_view_fill(&array_at(self)->view, self, buffer, flags, 1);
}

static PyObject *array_footprint(PyObject *type, PyObject *args)
{
	struct stoa_array_config config = { .struct_size = sizeof config };
	unsigned long long count;
	int typecode, rc;
	uint64_t bytes;

	(void)type;
	if (!PyArg_ParseTuple(args, "CK|II:footprint", &typecode, &count, &config.flags, &config.writers))
		return NULL;
	rc = number_type(typecode);
	if (rc < 0)
		return NULL;
	config.type = (uint32_t)rc;
	config.count = count;
	rc = stoa_array_footprint(&config, &bytes);
	return rc ? raise_fault(rc, NULL) : PyLong_FromUnsignedLongLong(bytes);
}

/* ---- elements ---- */

/* Puts a Python index into its place; -1 with IndexError, or with what else is wrong with it. */
static Py_ssize_t index_from(const struct number_array *self, PyObject *given)
{
	Py_ssize_t i;

	if (PyLong_CheckExact(given)) { /* as nearly all are */
		i = PyLong_AsSsize_t(given);
		if (i >= 0 && i < self->view.count)
			return i;
		PyErr_Clear();
	}
	i = PyNumber_AsSsize_t(given, PyExc_IndexError);

	if (i == -1 && PyErr_Occurred())
		return -1;
	if (i < 0)
		i += self->view.count;
	if (i >= 0 && i < self->view.count)
		return i;
	PyErr_SetString(PyExc_IndexError, "invalid index");
	return -1;
}

static Py_ssize_t array_length(PyObject *self)
{
	return array_at(self)->view.count;
}

/* Of an index that is inside. */
static inline PyObject *element(const struct number_array *self, Py_ssize_t i)
{
	union number now;
	int rc = stoa_array_load_inline(self->handle, (uint64_t)i, &now);

	return rc ? raise_fault(rc, NULL) : number_object(self->type, &now);
}

static PyObject *array_item(PyObject *object, Py_ssize_t i)
{
	struct number_array *self = array_at(object);

	if (i >= 0 && i < self->view.count)
		return element(self, i);
	PyErr_SetString(PyExc_IndexError, "invalid index");
	return NULL;
}

typedef int fetch_function(struct stoa_array *array, uint64_t index, const void *operand, void *previous);

static inline PyObject *array_fetch(PyObject *object, PyObject *const *args, Py_ssize_t count,
                                    fetch_function *fetch)
{
	struct number_array *self = array_at(object);
	union number operand, before;
	Py_ssize_t i;
	int rc;

	if (count != 2) {
		PyErr_Format(PyExc_TypeError, "an index and an operand are needed, %zd arguments given",
		             count);
		return NULL;
	}
	i = index_from(self, args[0]);
	if (i < 0 || number_take(self->type, args[1], &operand))
		return NULL;
	rc = fetch(self->handle, (uint64_t)i, &operand, &before);
	return rc ? number_fault(rc) : number_object(self->type, &before);
}

#define ARRAY_FETCH(NAME, CALL)                                                                              \
	static PyObject *array_##NAME(PyObject *self, PyObject *const *args, Py_ssize_t count)               \
	{                                                                                                    \
		return array_fetch(self, args, count, CALL);                                                 \
	}
ARRAY_FETCH(add, stoa_array_fetch_add_inline)
ARRAY_FETCH(sub, stoa_array_fetch_sub_inline)
ARRAY_FETCH(and, stoa_array_fetch_and)
ARRAY_FETCH(or, stoa_array_fetch_or)
ARRAY_FETCH(xor, stoa_array_fetch_xor)
ARRAY_FETCH(min, stoa_array_fetch_min)
ARRAY_FETCH(max, stoa_array_fetch_max)
ARRAY_FETCH(exchange, stoa_array_exchange_inline)

static PyObject *array_compare_exchange(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
	struct number_array *self = array_at(object);
	union number expected, desired;
	Py_ssize_t i;
	int rc;

	if (count != 3) {
		PyErr_Format(PyExc_TypeError, "compare_exchange expected 3 arguments, got %zd", count);
		return NULL;
	}
	i = index_from(self, args[0]);
	if (i < 0 || number_take(self->type, args[1], &expected) ||
	    number_take(self->type, args[2], &desired))
		return NULL;
	rc = stoa_array_compare_exchange_inline(self->handle, (uint64_t)i, &expected, &desired);
	return rc < 0 ? raise_fault(rc, NULL) : number_object(self->type, &expected);
}

/* ---- subscripts ---- */

static PyObject *array_get(PyObject *object, PyObject *key)
{
	struct number_array *self = array_at(object);
	Py_ssize_t i;

	if (PySlice_Check(key))
		return array_get_slice(self, key);
	if (!PyIndex_Check(key)) {
		PyErr_SetString(PyExc_TypeError, "indices must be integers");
		return NULL;
	}
	i = index_from(self, key);
	return i < 0 ? NULL : element(self, i);
}

static int array_set(PyObject *object, PyObject *key, PyObject *given)
{
	struct number_array *self = array_at(object);
	union number next;
	Py_ssize_t i;
	int rc;

	if (!given) {
		PyErr_SetString(PyExc_TypeError, "Array does not support item deletion");
		return -1;
	}
	if (PySlice_Check(key))
		return array_set_slice(self, key, given);
	if (!PyIndex_Check(key)) {
		PyErr_SetString(PyExc_TypeError, "indices must be integer");
		return -1;
	}
	i = index_from(self, key);
	if (i < 0 || number_take(self->type, given, &next))
		return -1;
	rc = stoa_array_store_inline(self->handle, (uint64_t)i, &next);
	return rc ? array_fault(rc) : 0;
}

static PyMethodDef array_methods[] = {
	{ "add", FAST(array_add), "add(i, n): adds to an element, atomically; the number before" },
	{ "sub", FAST(array_sub), "sub(i, n): subtracts from an element, atomically; the number before" },
	{ "and_", FAST(array_and), "and_(i, n): bitwise and, atomically; the number before" },
	{ "or_", FAST(array_or), "or_(i, n): bitwise or, atomically; the number before" },
	{ "xor", FAST(array_xor), "xor(i, n): bitwise exclusive or, atomically; the number before" },
	{ "min", FAST(array_min), "min(i, n): the lesser of the two, atomically; the number before" },
	{ "max", FAST(array_max), "max(i, n): the greater of the two, atomically; the number before" },
	{ "exchange", FAST(array_exchange), "exchange(i, n): sets, atomically; the number before" },
	{ "compare_exchange", FAST(array_compare_exchange),
	  "compare_exchange(i, expected, desired): sets desired where it is expected, atomically; the number "
	  "before, which is expected where it did" },
	{ "footprint", array_footprint, METH_VARARGS | METH_STATIC,
	  "footprint(typecode, count, flags=0, writers=0): bytes in a segment" },
	{ NULL, NULL, 0, NULL },
};

static PyType_Slot array_slots[] = {
	{ Py_tp_doc,
	  (void *)"Numbers(segment, name, typecode, count, initial=None, flags=0, writers=0): an array of "
	          "numbers in shared memory" },
	{ Py_tp_new, (void *)array_new },
	{ Py_tp_dealloc, (void *)array_dealloc },
	{ Py_tp_methods, array_methods },
	{ Py_bf_getbuffer, (void *)array_buffer },
	{ Py_sq_length, (void *)array_length },
	{ Py_sq_item, (void *)array_item },
	{ Py_mp_length, (void *)array_length },
	{ Py_mp_subscript, (void *)array_get },
	{ Py_mp_ass_subscript, (void *)array_set },
	{ 0, NULL },
};

static PyType_Spec array_spec = {
	.name = "stoa._stoa.Numbers",
	.basicsize = sizeof(struct number_array),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
	.slots = array_slots,
};

/* ---- what is there ---- */

PyObject *array_info(PyObject *module, PyObject *args)
{
	struct stoa_array_config info = { .struct_size = sizeof info };
	struct stoa_segment *segment;
	struct stoa_array *array;
	const char *name;
	int rc;

	(void)module;
	segment = segment_and_name(args, &name);
	if (!segment)
		return NULL;
	rc = stoa_array_open(segment, name, NULL, &array);
	if (rc)
		return raise_fault(rc, name);
	stoa_array_info(array, &info);
	stoa_array_close(array);
	return Py_BuildValue("(sKI)", ((char[]){ number_typecode(info.type), 0 }),
	                     (unsigned long long)info.count,
	                     info.flags & STOA_ATOMIC_RANGES ? info.writers : 0);
}

int add_array(PyObject *module)
{
	return add_type(module, &array_spec);
}
