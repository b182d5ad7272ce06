/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sync.c - what stoa._stoa.Lock, RLock and Semaphore have in common, and Event.
 */
#include "sync.h"

PyObject *sync_too_many(void)
{
	PyErr_SetString(PyExc_ValueError, "semaphore or lock released too many times");
	return NULL;
}

bool sync_may_wait(PyObject *args, PyObject *keywords, struct timespec *room,
                   const struct timespec **deadline)
{
	static char *names[] = { "block", "timeout", "blocking", NULL };
	PyObject *timeout = NULL;
	int block = 1, blocking = 1;

	*deadline = NULL;
	if (!keywords && PyTuple_Size(args) == 0) /* as most call it */
		return true;
	if (!PyArg_ParseTupleAndKeywords(args, keywords, "|pO$p:acquire", names, &block, &timeout, &blocking))
		return false;
	if (block && blocking)
		return deadline_from(timeout, room, deadline);
	*deadline = &stoa_now;
	return true;
}

PyObject *sync_waited(int rc)
{
	if (rc >= 0)
		return PyBool_FromLong(rc != STOA_TIMEOUT);
	return PyErr_Occurred() ? NULL : raise_fault(rc, NULL);
}

/* ---- Event ---- */

struct event {
	PyObject_HEAD struct stoa_event *handle;
};

static struct stoa_event *event_of(PyObject *self)
{
	return ((struct event *)(void *)self)->handle;
}

static PyObject *event_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "segment", "name", NULL };
	PyObject *segment_object, *made;
	struct stoa_segment *segment;
	const char *name;
	int rc;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "Os:Event", names, &segment_object, &name))
		return NULL;
	segment = segment_handle(segment_object);
	made = segment ? object_new(type) : NULL;
	if (!made)
		return NULL;
	rc = stoa_event_create(segment, name, NULL, &((struct event *)(void *)made)->handle);
	return object_or_fault(made, rc, name);
}

static void event_dealloc(PyObject *self)
{
	stoa_event_close(event_of(self));
	object_free(self);
}

static PyObject *done(int rc)
{
	return rc ? raise_fault(rc, NULL) : Py_NewRef(Py_None);
}

static PyObject *event_set(PyObject *self, PyObject *unused)
{
	(void)unused;
	return done(stoa_event_set(event_of(self)));
}

static PyObject *event_clear(PyObject *self, PyObject *unused)
{
	(void)unused;
	return done(stoa_event_clear(event_of(self)));
}

static PyObject *event_is_set(PyObject *self, PyObject *unused)
{
	struct stoa_event_config info = { .struct_size = sizeof info };
	int rc = stoa_event_info(event_of(self), &info);

	(void)unused;
	return rc ? raise_fault(rc, NULL) : PyBool_FromLong((long)info.initial);
}

static int event_call(void *context, const struct timespec *deadline)
{
	return stoa_event_wait(context, deadline);
}

static PyObject *event_wait(PyObject *self, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "timeout", NULL };
	const struct timespec *deadline;
	PyObject *timeout = NULL;
	struct timespec room;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O:wait", names, &timeout) ||
	    !deadline_from(timeout, &room, &deadline))
		return NULL;
	return sync_waited(call_waiting(event_call, event_of(self), deadline));
}

static PyMethodDef event_methods[] = {
	{ "set", event_set, METH_NOARGS, "set(): wakes all who wait" },
	{ "clear", event_clear, METH_NOARGS, "clear()" },
	{ "is_set", event_is_set, METH_NOARGS, "is_set(): whether it is set" },
	{ "wait", KEYED(event_wait), "wait(timeout=None): whether it was set meanwhile" },
	{ NULL, NULL, 0, NULL },
};

static PyType_Slot event_slots[] = {
	{ Py_tp_doc, (void *)"A flag to wait for." },
	{ Py_tp_new, (void *)event_new },
	{ Py_tp_dealloc, (void *)event_dealloc },
	{ Py_tp_methods, event_methods },
	{ 0, NULL },
};

static PyType_Spec event_spec = {
	.name = "stoa._stoa.Event",
	.basicsize = sizeof(struct event),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
	.slots = event_slots,
};

int add_sync(PyObject *module)
{
	return add_locks(module) || add_semaphore(module) || add_type(module, &event_spec) ? -1 : 0;
}
