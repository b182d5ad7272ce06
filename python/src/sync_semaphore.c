/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sync_semaphore.c - stoa._stoa.Semaphore.
 */
#include "sync.h"

#include <errno.h>

struct semaphore {
	PyObject_HEAD struct stoa_semaphore *handle;
	uint32_t maximum;
};

static struct semaphore *semaphore_at(PyObject *self)
{
	return (struct semaphore *)(void *)self;
}

static PyObject *semaphore_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "segment", "name", "value", "maximum", "flags", NULL };
	struct stoa_semaphore_config config = { .struct_size = sizeof config };
	PyObject *segment_object, *made;
	struct stoa_segment *segment;
	const char *name;
	int rc;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "OsII|I:Semaphore", names, &segment_object, &name,
	                                 &config.initial, &config.maximum, &config.flags))
		return NULL;
	segment = segment_handle(segment_object);
	made = segment ? object_new(type) : NULL;
	if (!made)
		return NULL;
	semaphore_at(made)->maximum = config.maximum;
	config.maximum += !config.maximum; /* 0 would be the library's default */
	rc = stoa_semaphore_create(segment, name, &config, &semaphore_at(made)->handle);
	return object_or_fault(made, rc, name);
}

static void semaphore_dealloc(PyObject *self)
{
	stoa_semaphore_close(semaphore_at(self)->handle);
	object_free(self);
}

static int semaphore_call(void *context, const struct timespec *deadline)
{
	return stoa_semaphore_wait(context, deadline);
}

static PyObject *semaphore_acquire_until(PyObject *self, const struct timespec *deadline)
{
	struct stoa_semaphore *handle = semaphore_at(self)->handle;
	int rc = stoa_semaphore_wait(handle, &stoa_now);

	if (rc == STOA_TIMEOUT && deadline != &stoa_now)
		rc = call_waiting(semaphore_call, handle, deadline);
	return sync_waited(rc);
}

static PyObject *semaphore_acquire(PyObject *self, PyObject *args, PyObject *keywords)
{
	const struct timespec *deadline;
	struct timespec room;

	return sync_may_wait(args, keywords, &room, &deadline) ? semaphore_acquire_until(self, deadline)
	                                                       : NULL;
}

static PyObject *semaphore_enter(PyObject *self, PyObject *unused)
{
	(void)unused;
	return semaphore_acquire_until(self, NULL);
}

static PyObject *semaphore_release(PyObject *self, PyObject *unused)
{
	int rc = semaphore_at(self)->maximum ? stoa_semaphore_post(semaphore_at(self)->handle) : -EOVERFLOW;

	(void)unused;
	if (rc == -EOVERFLOW || rc == -EPERM)
		return sync_too_many();
	return rc ? raise_fault(rc, NULL) : Py_NewRef(Py_None);
}

static PyObject *semaphore_exit(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
	(void)args;
	(void)count;
	return semaphore_release(self, NULL);
}

/* The permits that are free; -1 with an exception. */
static int64_t permits_of(PyObject *self)
{
	struct stoa_semaphore_config info = { .struct_size = sizeof info };
	int rc = stoa_semaphore_info(semaphore_at(self)->handle, &info);

	if (!rc)
		return info.initial;
	raise_fault(rc, NULL);
	return -1;
}

static PyObject *semaphore_get_value(PyObject *self, PyObject *unused)
{
	int64_t permits = permits_of(self);

	(void)unused;
	return permits < 0 ? NULL : PyLong_FromLongLong(permits);
}

static PyObject *semaphore_is_zero(PyObject *self, PyObject *unused)
{
	int64_t permits = permits_of(self);

	(void)unused;
	return permits < 0 ? NULL : PyBool_FromLong(permits == 0);
}

/* Nobody else uses it. */
static PyObject *semaphore_reset(PyObject *self, PyObject *value)
{
	struct stoa_semaphore *handle = semaphore_at(self)->handle;
	unsigned long wanted = PyLong_AsUnsignedLong(value);
	int64_t now = PyErr_Occurred() ? -1 : permits_of(self);
	int rc = 0;

	if (now < 0)
		return NULL;
	for (; now > (int64_t)wanted && !rc; now--)
		rc = stoa_semaphore_wait(handle, &stoa_now);
	for (; now < (int64_t)wanted && !rc; now++)
		rc = stoa_semaphore_post(handle);
	return rc < 0 ? raise_fault(rc, NULL) : Py_NewRef(Py_None);
}

static PyObject *semaphore_maxvalue(PyObject *self, void *unused)
{
	(void)unused;
	return PyLong_FromUnsignedLong(semaphore_at(self)->maximum);
}

static PyMethodDef semaphore_methods[] = {
	{ "acquire", KEYED(semaphore_acquire), "acquire(block=True, timeout=None): whether one was had" },
	{ "release", semaphore_release, METH_NOARGS, "release(): one more" },
	{ "__enter__", semaphore_enter, METH_NOARGS, NULL },
	{ "__exit__", FAST(semaphore_exit), NULL },
	{ "get_value", semaphore_get_value, METH_NOARGS, "get_value(): how many are free" },
	{ "_get_value", semaphore_get_value, METH_NOARGS, "as get_value()" },
	{ "_is_zero", semaphore_is_zero, METH_NOARGS, "_is_zero(): whether none is free" },
	{ "_reset", semaphore_reset, METH_O, "_reset(n): n are free" },
	{ NULL, NULL, 0, NULL },
};

static PyGetSetDef semaphore_properties[] = {
	{ "maxvalue", semaphore_maxvalue, NULL, "how many may be free", NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};

static PyType_Slot semaphore_slots[] = {
	{ Py_tp_doc, (void *)"A number of permits." }, { Py_tp_new, (void *)semaphore_new },
	{ Py_tp_dealloc, (void *)semaphore_dealloc },  { Py_tp_methods, semaphore_methods },
	{ Py_tp_getset, semaphore_properties },        { 0, NULL },
};

static PyType_Spec semaphore_spec = {
	.name = "stoa._stoa.Semaphore",
	.basicsize = sizeof(struct semaphore),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
	.slots = semaphore_slots,
};

int add_semaphore(PyObject *module)
{
	return add_type(module, &semaphore_spec);
}
