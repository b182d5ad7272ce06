/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * monitor.c - what stoa.monitor asks of objects that it only looks at.
 */
#include "queue.h"

#include <errno.h>

PyObject *queue_look(PyObject *module, PyObject *args)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };
	struct stoa_segment *segment;
	struct stoa_queue *queue;
	const char *name;
	int rc;

	(void)module;
	segment = segment_and_name(args, &name);
	if (!segment)
		return NULL;
	rc = stoa_queue_open(segment, name, NULL, &queue);
	if (!rc) {
		rc = stoa_queue_stat(queue, &stat);
		stoa_queue_close(queue);
	}
	return rc ? raise_fault(rc, name) : queue_stat_dict(&stat);
}

/* The segment and the place in its directory that a function of the module was called with. */
static struct stoa_segment *object_of(PyObject *args, unsigned *index)
{
	PyObject *segment;

	return PyArg_ParseTuple(args, "OI", &segment, index) ? segment_handle(segment) : NULL;
}

/* Appends what it owns; -1 with an exception, also where `item` is NULL. */
static int append(PyObject *list, PyObject *item)
{
	int rc = item ? PyList_Append(list, item) : -1;

	Py_XDECREF(item);
	return rc;
}

/* The list; or, where it could not be made whole, NULL with the exception that there is, or that of `rc`. */
static PyObject *made(PyObject *list, int rc)
{
	if (rc >= 0 || rc == -ENOENT) /* gone meanwhile, or no more */
		return list;
	Py_DECREF(list);
	return PyErr_Occurred() ? NULL : raise_fault(rc, NULL);
}

PyObject *object_waits(PyObject *module, PyObject *args)
{
	unsigned index;
	struct stoa_segment *segment = object_of(args, &index);
	PyObject *list = segment ? PyList_New(0) : NULL;
	int rc = 0;

	(void)module;
	if (!list)
		return NULL;
	for (uint32_t n = 0; rc == 0; n++) {
		struct stoa_wait_info info = { .struct_size = sizeof info };

		rc = stoa_segment_wait(segment, index, n, &info);
		if (rc == 0)
			rc = append(list, Py_BuildValue("(INI)", info.what, PyBool_FromLong(info.announced),
			                                info.wakes));
	}
	return made(list, rc);
}

static int add_holder(void *list, const struct stoa_holder_info *holder)
{
	return append(list, Py_BuildValue("(IIK)", holder->role, holder->participant,
	                                  (unsigned long long)holder->held));
}

PyObject *object_holders(PyObject *module, PyObject *args)
{
	unsigned index;
	struct stoa_segment *segment = object_of(args, &index);
	PyObject *list = segment ? PyList_New(0) : NULL;

	(void)module;
	return list ? made(list, stoa_segment_holders(segment, index, add_holder, list)) : NULL;
}
