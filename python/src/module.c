/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * module.c - the extension module stoa._stoa: the library's calls for Python, with its errors and its
 * waiting.
 */
#include "module.h"

#include <errno.h>
#include <math.h>

/* ---- errors ---- */

PyObject *raise_fault(int rc, const char *what)
{
	PyObject *arguments;

	if (rc == -ENOMEM)
		return PyErr_NoMemory();
	arguments = what ? Py_BuildValue("(iss)", -rc, stoa_strerror(rc), what)
	                 : Py_BuildValue("(is)", -rc, stoa_strerror(rc));
	if (arguments) {
		PyErr_SetObject(PyExc_OSError, arguments); /* OSError picks the subclass of the errno */
		Py_DECREF(arguments);
	}
	return NULL;
}

/* ---- waiting ---- */

#define FOREVER_S 1e9 /* longer than that is for ever: a struct timespec has an end */

bool deadline_from(PyObject *timeout, struct timespec *room, const struct timespec **deadline)
{
	double seconds;

	*deadline = NULL;
	if (!timeout || timeout == Py_None)
		return true;
	seconds = PyFloat_AsDouble(timeout);
	if (seconds == -1.0 && PyErr_Occurred())
		return false;
	if (isnan(seconds)) {
		PyErr_SetString(PyExc_ValueError, "the timeout is not a number");
		return false;
	}
	if (seconds <= 0) {
		*deadline = &stoa_now;
	} else if (seconds < FOREVER_S) {
		*room = stoa_deadline((int64_t)(seconds * 1e9));
		*deadline = room;
	}
	return true;
}

/* A signal that comes just before the kernel is asked to wait, or to another thread, ends no wait. */
#define SLICE_NS 1000000000ll

bool wait_slice(const struct timespec **deadline, struct timespec *slice, int64_t ns)
{
	*slice = stoa_deadline(ns);
	if (*deadline && ((*deadline)->tv_sec < slice->tv_sec ||
	                  ((*deadline)->tv_sec == slice->tv_sec && (*deadline)->tv_nsec <= slice->tv_nsec)))
		return false;
	*deadline = slice;
	return true;
}

int call_waiting(int (*fn)(void *context, const struct timespec *deadline), void *context,
                 const struct timespec *deadline)
{
	bool again;
	int rc;

	do {
		const struct timespec *until = deadline;
		struct timespec slice;

		if (PyErr_CheckSignals())
			return -EINTR;
		again = wait_slice(&until, &slice, SLICE_NS);
		Py_BEGIN_ALLOW_THREADS rc = fn(context, until);
		Py_END_ALLOW_THREADS
	} while (rc == -EINTR || (rc == STOA_TIMEOUT && again));
	return rc;
}

/* ---- the module ---- */

int add_type(PyObject *module, PyType_Spec *spec)
{
	PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
	int rc = type ? PyModule_AddType(module, (PyTypeObject *)type) : -1;

	Py_XDECREF(type);
	return rc;
}

PyObject *object_new(PyTypeObject *type)
{
	return ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
}

void object_free(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
	Py_DECREF(type);
}

PyObject *object_or_fault(PyObject *made, int rc, const char *what)
{
	if (!rc)
		return made;
	if (!PyErr_Occurred())
		raise_fault(rc, what);
	Py_DECREF(made);
	return NULL;
}

static int module_exec(PyObject *module)
{
	if (add_segment(module) || add_value(module) || add_array(module) || add_struct(module) ||
	    add_queue(module) || add_sync(module))
		return -1;
	return PyModule_AddStringConstant(module, "version", stoa_version());
}

static PyMethodDef module_methods[] = {
	{ "forget_holding", forget_holding, METH_NOARGS, "forget_holding(): a forked child holds no locks" },
	{ "value_info", value_info, METH_VARARGS,
	  "value_info(segment, name): (typecode or None, size, writers)" },
	{ "array_info", array_info, METH_VARARGS,
	  "array_info(segment, name): (typecode, count, writers; 0 where it is not whole)" },
	{ "unlock", unlock, METH_VARARGS, "unlock(segment, name): nobody holds that lock, if there is one" },
	{ "queue_look", queue_look, METH_VARARGS, "queue_look(segment, name): its numbers, as a dict" },
	{ "object_waits", object_waits, METH_VARARGS,
	  "object_waits(segment, index): [(what for, whether somebody sleeps, wakes)]" },
	{ "object_holders", object_holders, METH_VARARGS,
	  "object_holders(segment, index): [(role, slot of the participant, how many it holds)]" },
	{ NULL, NULL, 0, NULL },
};

static PyModuleDef_Slot module_slots[] = {
	{ Py_mod_exec, (void *)module_exec },
	{ 0, NULL },
};

static struct PyModuleDef module_definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "stoa._stoa",
	.m_doc = "The library's handles.  Use the package stoa.",
	.m_methods = module_methods,
	.m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__stoa(void);

PyMODINIT_FUNC PyInit__stoa(void)
{
	return PyModuleDef_Init(&module_definition);
}
