/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * value.c - stoa._stoa.Number: a number in shared memory.
 *
 * `.value` and the operations are one call of the library each, and atomic.  The classes that users see
 * are made of this one in Python.
 */
#include "number.h"

#include <errno.h>
#include <stoa/inline.h>

struct number_value {
	PyObject_HEAD struct stoa_value *handle;
	uint32_t type;
	bool is_plain;
	struct number_view view;
};

static struct number_value *value_at(PyObject *self)
{
	return (struct number_value *)(void *)self;
}

static PyObject *answer(struct number_value *self, int rc, const union number *bytes)
{
	return rc < 0 ? raise_fault(rc, NULL) : number_object(self->type, bytes);
}

/* The name of the attribute, interned as compilers do it, and what the type has under it. */
static PyObject *value_name, *value_property;

/* Whether `.value` of objects of that type is what is here: a class made of it may have one of its own. */
static bool is_plain(PyTypeObject *type)
{
	PyObject *found = PyObject_GetAttr((PyObject *)(void *)type, value_name);
	bool plain = found && found == value_property;

	PyErr_Clear();
	Py_XDECREF(found);
	return plain;
}

/* ---- made and gone ---- */

static int value_create(struct number_value *self, struct stoa_segment *segment, const char *name,
                        PyObject *initial, unsigned flags)
{
	struct stoa_value_config config = { .struct_size = sizeof config,
		                            .type = self->type,
		                            .flags = flags };
	union number first;

	if (initial && initial != Py_None) {
		if (number_put(self->type, initial, &first))
			return -1;
		config.initial = &first;
	}
	return stoa_value_create(segment, name, &config, &self->handle);
}

static PyObject *value_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "segment", "name", "typecode", "initial", "flags", "read_only", NULL };
	PyObject *segment_object, *initial = NULL, *made;
	int typecode, read_only = 0, rc;
	struct stoa_segment *segment;
	struct number_value *self;
	unsigned flags = 0;
	const char *name;
	uint32_t number;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "OsC|OIp:Number", names, &segment_object, &name,
	                                 &typecode, &initial, &flags, &read_only))
		return NULL;
	made = number_object_new(type, segment_object, typecode, &segment, &number);
	if (!made)
		return NULL;
	self = value_at(made);
	self->type = number;
	self->is_plain = is_plain(type);
	rc = value_create(self, segment, name, initial, flags);
	if (!rc)
		self->view = number_view_of(stoa_value_data(self->handle), typecode, 1, read_only);
	return object_or_fault(made, rc, name);
}

static void value_dealloc(PyObject *self)
{
	stoa_value_close(value_at(self)->handle);
	object_free(self);
}

static int value_buffer(PyObject *self, Py_buffer *buffer, int flags)
{
	return number_view_fill(&value_at(self)->view, self, buffer, flags, 0);
}

/* ---- get and set ---- */

static PyObject *value_get(PyObject *object, void *unused)
{
	struct number_value *self = value_at(object);
	union number now;
	int rc = stoa_value_load_inline(self->handle, &now);

	(void)unused;
	return answer(self, rc, &now);
}

static int value_set(PyObject *object, PyObject *given, void *unused)
{
	struct number_value *self = value_at(object);
	union number next;
	int rc;

	(void)unused;
	if (!given) {
		PyErr_SetString(PyExc_AttributeError, "a shared number cannot be deleted");
		return -1;
	}
	if (number_take(self->type, given, &next))
		return -1;
	rc = stoa_value_store_inline(self->handle, &next);
	return rc ? raise_fault(rc, NULL), -1 : 0;
}

/* The commonest assignment, without looking the attribute up. */
static int value_set_attribute(PyObject *object, PyObject *name, PyObject *given)
{
	if (name == value_name && value_at(object)->is_plain)
		return value_set(object, given, NULL);
	return PyObject_GenericSetAttr(object, name, given);
}

/* ---- operations ---- */

typedef int fetch_function(struct stoa_value *value, const void *operand, void *previous);

/* `before` may be NULL.  False with an exception. */
static inline bool value_fetch(struct number_value *self, PyObject *given, fetch_function *fetch,
                               union number *before)
{
	union number operand;
	int rc;

	if (number_take(self->type, given, &operand))
		return false;
	rc = fetch(self->handle, &operand, before);
	if (rc)
		number_fault(rc);
	return rc == 0;
}

/* An operation as a method, which gives the number before, and as an operator. */
#define VALUE_FETCH(NAME, CALL)                                                                              \
	static PyObject *value_##NAME(PyObject *self, PyObject *operand)                                     \
	{                                                                                                    \
		union number before;                                                                         \
                                                                                                             \
		return value_fetch(value_at(self), operand, CALL, &before)                                   \
		               ? number_object(value_at(self)->type, &before)                                \
		               : NULL;                                                                       \
	}
#define VALUE_FETCH_IN_PLACE(NAME, CALL)                                                                     \
	VALUE_FETCH(NAME, CALL)                                                                              \
	static PyObject *value_in_place_##NAME(PyObject *self, PyObject *operand)                            \
	{                                                                                                    \
		return value_fetch(value_at(self), operand, CALL, NULL) ? Py_NewRef(self) : NULL;            \
	}
VALUE_FETCH_IN_PLACE(add, stoa_value_fetch_add_inline)
VALUE_FETCH_IN_PLACE(sub, stoa_value_fetch_sub_inline)
VALUE_FETCH_IN_PLACE(and, stoa_value_fetch_and)
VALUE_FETCH_IN_PLACE(or, stoa_value_fetch_or)
VALUE_FETCH_IN_PLACE(xor, stoa_value_fetch_xor)
VALUE_FETCH(min, stoa_value_fetch_min)
VALUE_FETCH(max, stoa_value_fetch_max)
VALUE_FETCH(exchange, stoa_value_exchange_inline)

static PyObject *value_compare_exchange(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
	struct number_value *self = value_at(object);
	union number expected, desired;
	int rc;

	if (count != 2) {
		PyErr_Format(PyExc_TypeError, "compare_exchange expected 2 arguments, got %zd", count);
		return NULL;
	}
	if (number_take(self->type, args[0], &expected) || number_take(self->type, args[1], &desired))
		return NULL;
	rc = stoa_value_compare_exchange_inline(self->handle, &expected, &desired);
	return answer(self, rc, &expected);
}

struct value_wait {
	struct stoa_value *handle;
	union number while_equal;
};

static int value_wait_call(void *context, const struct timespec *deadline)
{
	struct value_wait *wait = context;

	return stoa_value_wait(wait->handle, &wait->while_equal, deadline);
}

static PyObject *value_wait(PyObject *object, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "while_equal", "timeout", NULL };
	struct number_value *self = value_at(object);
	struct value_wait wait = { .handle = self->handle };
	PyObject *while_equal, *timeout = NULL;
	const struct timespec *deadline;
	struct timespec room;
	int rc;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|O:wait", names, &while_equal, &timeout) ||
	    number_put(self->type, while_equal, &wait.while_equal) ||
	    !deadline_from(timeout, &room, &deadline))
		return NULL;
	rc = call_waiting(value_wait_call, &wait, deadline);
	if (rc < 0)
		return PyErr_Occurred() ? NULL : raise_fault(rc, NULL);
	return PyBool_FromLong(rc == 0);
}

static PyObject *value_footprint(PyObject *type, PyObject *unused)
{
	struct stoa_value_config config = { .struct_size = sizeof config };
	uint64_t bytes = 0;

	(void)type;
	(void)unused;
	stoa_value_footprint(&config, &bytes); /* the same for all numbers */
	return PyLong_FromUnsignedLongLong(bytes);
}

static PyMethodDef value_methods[] = {
	{ "add", value_add, METH_O, "add(n): adds, atomically; the number before" },
	{ "sub", value_sub, METH_O, "sub(n): subtracts, atomically; the number before" },
	{ "and_", value_and, METH_O, "and_(n): bitwise and, atomically; the number before" },
	{ "or_", value_or, METH_O, "or_(n): bitwise or, atomically; the number before" },
	{ "xor", value_xor, METH_O, "xor(n): bitwise exclusive or, atomically; the number before" },
	{ "min", value_min, METH_O, "min(n): the lesser of the two, atomically; the number before" },
	{ "max", value_max, METH_O, "max(n): the greater of the two, atomically; the number before" },
	{ "exchange", value_exchange, METH_O, "exchange(n): sets, atomically; the number before" },
	{ "compare_exchange", FAST(value_compare_exchange),
	  "compare_exchange(expected, desired): sets desired where it is expected, atomically; the number "
	  "before, "
	  "which is expected where it did" },
	{ "wait", KEYED(value_wait),
	  "wait(while_equal, timeout=None): waits until it is another number; False where the time ran out" },
	{ "footprint", value_footprint, METH_NOARGS | METH_STATIC, "footprint(): bytes in a segment" },
	{ NULL, NULL, 0, NULL },
};

static PyGetSetDef value_properties[] = {
	{ "value", value_get, value_set, "the number; get and set are atomic", NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};

static PyType_Slot value_slots[] = {
	{ Py_tp_doc,
	  (void *)"Number(segment, name, typecode, initial=None, flags=0): a number in shared memory" },
	{ Py_tp_new, (void *)value_new },
	{ Py_tp_dealloc, (void *)value_dealloc },
	{ Py_tp_methods, value_methods },
	{ Py_tp_getset, value_properties },
	{ Py_tp_setattro, (void *)value_set_attribute },
	{ Py_bf_getbuffer, (void *)value_buffer },
	{ Py_nb_inplace_add, (void *)value_in_place_add },
	{ Py_nb_inplace_subtract, (void *)value_in_place_sub },
	{ Py_nb_inplace_and, (void *)value_in_place_and },
	{ Py_nb_inplace_or, (void *)value_in_place_or },
	{ Py_nb_inplace_xor, (void *)value_in_place_xor },
	{ 0, NULL },
};

static PyType_Spec value_spec = {
	.name = "stoa._stoa.Number",
	.basicsize = sizeof(struct number_value),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
	.slots = value_slots,
};

/* ---- what is there ---- */

PyObject *value_info(PyObject *module, PyObject *args)
{
	struct stoa_value_config info = { .struct_size = sizeof info };
	struct stoa_segment *segment;
	struct stoa_value *value;
	const char *name;
	char code[2] = { 0 };
	int rc;

	(void)module;
	segment = segment_and_name(args, &name);
	if (!segment)
		return NULL;
	rc = stoa_value_open(segment, name, NULL, &value);
	if (rc)
		return raise_fault(rc, name);
	stoa_value_info(value, &info);
	stoa_value_close(value);
	code[0] = number_typecode(info.type);
	return Py_BuildValue("(zKI)", code[0] ? code : NULL, (unsigned long long)info.size, info.writers);
}

int add_value(PyObject *module)
{
	PyObject *type = PyType_FromModuleAndSpec(module, &value_spec, NULL);
	int rc = -1;

	value_name = PyUnicode_InternFromString("value");
	value_property = type && value_name ? PyObject_GetAttr(type, value_name) : NULL;
	if (value_property)
		rc = PyModule_AddType(module, (PyTypeObject *)(void *)type);
	Py_XDECREF(type);
	return rc;
}
