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
	int typecode, read_only = 0, stoa_type, rc;
	struct stoa_segment *segment;
	struct number_array *self;
	Py_ssize_t count;
	const char *name;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "OsCn|OIIp:Numbers", names, &segment_object, &name,
	                                 &typecode, &count, &initial, &config.flags, &config.writers,
	                                 &read_only))
		return NULL;
	segment = segment_handle(segment_object);
	stoa_type = segment ? number_type(typecode) : -1;
	made = stoa_type < 0 ? NULL : ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
	if (!made)
		return NULL;
	self = array_at(made);
	config.type = (uint32_t)stoa_type;
	config.count = count < 0 ? 0 : (uint64_t)count;
	rc = array_create(self, segment, name, &config, initial);
	if (rc) {
		if (!PyErr_Occurred())
			raise_fault(rc, name);
		Py_DECREF(made);
		return NULL;
	}
	self->type = (uint32_t)stoa_type;
	self->whole = config.flags & STOA_ATOMIC_RANGES;
	self->view = (struct number_view){
		.data = stoa_array_data(self->handle),
		.format = { (char)typecode },
		.width = (Py_ssize_t)stoa_type_size(self->type),
		.count = count,
		.read_only = read_only,
	};
	return made;
}

static void array_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	stoa_array_close(array_at(self)->handle);
	((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
	Py_DECREF(type);
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
	Py_ssize_t i = PyNumber_AsSsize_t(given, PyExc_IndexError);

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

static PyObject *array_item(PyObject *object, Py_ssize_t i)
{
	struct number_array *self = array_at(object);
	union number now;
	int rc;

	if (i < 0 || i >= self->view.count) {
		PyErr_SetString(PyExc_IndexError, "invalid index");
		return NULL;
	}
	rc = stoa_array_load_inline(self->handle, (uint64_t)i, &now);
	return rc ? raise_fault(rc, NULL) : number_get(self->type, &now);
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
	if (i < 0 || number_put(self->type, args[1], &operand))
		return NULL;
	rc = fetch(self->handle, (uint64_t)i, &operand, &before);
	if (rc == -EPROTOTYPE) {
		PyErr_SetString(PyExc_TypeError, "numbers of this type have no such operation");
		return NULL;
	}
	return rc ? raise_fault(rc, NULL) : number_get(self->type, &before);
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
ARRAY_FETCH(exchange, stoa_array_exchange)

static PyObject *array_compare_exchange(PyObject *object, PyObject *args)
{
	PyObject *index, *expected_object, *desired_object;
	struct number_array *self = array_at(object);
	union number expected, desired;
	Py_ssize_t i;
	int rc;

	if (!PyArg_ParseTuple(args, "OOO:compare_exchange", &index, &expected_object, &desired_object))
		return NULL;
	i = index_from(self, index);
	if (i < 0 || number_put(self->type, expected_object, &expected) ||
	    number_put(self->type, desired_object, &desired))
		return NULL;
	rc = stoa_array_compare_exchange(self->handle, (uint64_t)i, &expected, &desired);
	return rc < 0 ? raise_fault(rc, NULL) : number_get(self->type, &expected);
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
	return i < 0 ? NULL : array_item(object, i);
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
	if (i < 0 || number_put(self->type, given, &next))
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
	{ "compare_exchange", array_compare_exchange, METH_VARARGS,
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
	PyObject *segment_object;
	const char *name;
	int rc;

	(void)module;
	if (!PyArg_ParseTuple(args, "Os:array_info", &segment_object, &name))
		return NULL;
	segment = segment_handle(segment_object);
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
