/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * segment.c - stoa._stoa.Segment: a mapping and what lies in it.
 *
 * Objects in a segment hold references of the library's own on it, so that a mapping outlives its Segment as
 * long as anything in it is used.
 */
#include "module.h"

#include <errno.h>
#include <string.h>

struct segment {
	PyObject_HEAD struct stoa_segment *handle; /* NULL once closed */
};

static struct segment *segment_at(PyObject *self)
{
	return (struct segment *)(void *)self;
}

static void segment_dealloc(PyObject *self);

struct stoa_segment *segment_handle(PyObject *self)
{
	struct stoa_segment *handle;

	/* The one function of this type tells it: the limited API gives no other way without the module. */
	if (PyType_GetSlot(Py_TYPE(self), Py_tp_dealloc) != (void *)segment_dealloc) {
		PyErr_SetString(PyExc_TypeError, "not a Segment");
		return NULL;
	}
	handle = segment_at(self)->handle;
	if (!handle)
		PyErr_SetString(PyExc_ValueError, "the segment is closed");
	return handle;
}

struct stoa_segment *segment_and_name(PyObject *args, const char **name)
{
	PyObject *segment;

	return PyArg_ParseTuple(args, "Os", &segment, name) ? segment_handle(segment) : NULL;
}

static PyObject *segment_wrap(PyTypeObject *type, int rc, struct stoa_segment *handle, const char *name)
{
	PyObject *made;

	if (rc)
		return raise_fault(rc, name);
	made = object_new(type);
	if (made)
		segment_at(made)->handle = handle;
	else
		stoa_segment_close(handle);
	return made;
}

static PyObject *segment_create(PyObject *type, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "name", "bytes", "participants", "mode", "flags", "objects", NULL };
	struct stoa_segment_config config = { .struct_size = sizeof config };
	struct stoa_segment *handle = NULL;
	unsigned long long bytes = 0;
	const char *name;
	int rc;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "z|KIIII:create", names, &name, &bytes,
	                                 &config.participants, &config.mode, &config.flags, &config.objects))
		return NULL;
	config.bytes = bytes;
	Py_BEGIN_ALLOW_THREADS rc = stoa_segment_create(name, &config, &handle);
	Py_END_ALLOW_THREADS return segment_wrap((PyTypeObject *)(void *)type, rc, handle, name);
}

static PyObject *segment_open(PyObject *type, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "name", "flags", NULL };
	struct stoa_segment *handle = NULL;
	unsigned flags = 0;
	const char *name;
	int rc;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|I:open", names, &name, &flags))
		return NULL;
	Py_BEGIN_ALLOW_THREADS rc = stoa_segment_open(name, flags, &handle);
	Py_END_ALLOW_THREADS return segment_wrap((PyTypeObject *)(void *)type, rc, handle, name);
}

static PyObject *segment_open_fd(PyObject *type, PyObject *args)
{
	struct stoa_segment *handle = NULL;
	unsigned flags = 0;
	int fd, rc;

	if (!PyArg_ParseTuple(args, "i|I:open_fd", &fd, &flags))
		return NULL;
	rc = stoa_segment_open_fd(fd, flags, &handle);
	return segment_wrap((PyTypeObject *)(void *)type, rc, handle, NULL);
}

static PyObject *segment_unlink(PyObject *type, PyObject *args)
{
	const char *name;
	int rc;

	(void)type;
	if (!PyArg_ParseTuple(args, "s:unlink", &name))
		return NULL;
	rc = stoa_segment_unlink(name);
	return rc ? raise_fault(rc, name) : Py_NewRef(Py_None);
}

static PyObject *segment_close(PyObject *self, PyObject *unused)
{
	struct stoa_segment *handle = segment_at(self)->handle;

	(void)unused;
	segment_at(self)->handle = NULL;
	stoa_segment_close(handle);
	Py_RETURN_NONE;
}

static PyObject *segment_fileno(PyObject *self, PyObject *unused)
{
	struct stoa_segment *handle = segment_handle(self);

	(void)unused;
	return handle ? PyLong_FromLong(stoa_segment_fd(handle)) : NULL;
}

static PyObject *segment_reap(PyObject *self, PyObject *unused)
{
	struct stoa_segment *handle = segment_handle(self);
	int rc;

	(void)unused;
	if (!handle)
		return NULL;
	Py_BEGIN_ALLOW_THREADS rc = stoa_segment_reap(handle);
	Py_END_ALLOW_THREADS return rc < 0 ? raise_fault(rc, NULL) : PyLong_FromLong(rc);
}

static PyObject *segment_info(PyObject *self, PyObject *unused)
{
	struct stoa_segment_info info = { .struct_size = sizeof info };
	struct stoa_segment *handle = segment_handle(self);
	int rc;

	(void)unused;
	if (!handle)
		return NULL;
	rc = stoa_segment_info(handle, &info);
	if (rc)
		return raise_fault(rc, NULL);
	return Py_BuildValue(
		"{sK sK sI sI sI sI sI sI sy#}", "total_bytes", (unsigned long long)info.total_bytes,
		"free_bytes", (unsigned long long)info.free_bytes, "participants", info.participants,
		"participants_alive", info.participants_alive, "objects", info.objects, "objects_published",
		info.objects_published, "layout_version", info.layout_version, "flags", info.flags, "id",
		(const char *)info.id, (Py_ssize_t)sizeof info.id);
}

/* A list of what `one` makes of the places 0, 1, ... until it answers -ENOENT; the empty ones are left out. */
static PyObject *listed(PyObject *self, int (*one)(struct stoa_segment *, uint32_t, PyObject **))
{
	struct stoa_segment *handle = segment_handle(self);
	PyObject *list = handle ? PyList_New(0) : NULL;
	int rc = 0;

	for (uint32_t i = 0; list && rc != -ENOENT; i++) {
		PyObject *item = NULL;

		rc = one(handle, i, &item);
		if (rc == STOA_EMPTY || rc == -ENOENT)
			continue;
		if (rc)
			raise_fault(rc, NULL);
		if (!item || PyList_Append(list, item)) {
			Py_DECREF(list);
			list = NULL;
		}
		Py_XDECREF(item);
	}
	return list;
}

/* What another process has written need not be UTF-8: names of processes are cut after 15 bytes. */
static PyObject *text(const char *bytes)
{
	return PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)strlen(bytes), "replace");
}

static int one_object(struct stoa_segment *handle, uint32_t i, PyObject **item)
{
	struct stoa_object_info info = { .struct_size = sizeof info };
	int rc = stoa_segment_object(handle, i, &info);

	if (rc == 0)
		*item = Py_BuildValue("(NIKI)", text(info.name), info.kind, (unsigned long long)info.bytes,
		                      i);
	if (rc != -EBADMSG)
		return rc;
	*item = Py_BuildValue("(OIKI)", Py_None, 0u, 0ull, i); /* those behind it are no worse for it */
	return 0;
}

static PyObject *segment_objects(PyObject *self, PyObject *unused)
{
	(void)unused;
	return listed(self, one_object);
}

static int one_participant(struct stoa_segment *handle, uint32_t i, PyObject **item)
{
	struct stoa_participant_info info = { .struct_size = sizeof info };
	int rc = stoa_segment_participant(handle, i, &info);

	if (rc == 0)
		*item = Py_BuildValue("{sI si sN sN sK sK sK sK}", "slot", i, "pid", (int)info.pid, "alive",
		                      PyBool_FromLong((long)info.alive), "comm", text(info.comm),
		                      "generation", (unsigned long long)info.generation, "start_time",
		                      (unsigned long long)info.start_time, "pid_namespace",
		                      (unsigned long long)info.pid_namespace, "attached_ns",
		                      (unsigned long long)info.attached_ns);
	return rc;
}

static PyObject *segment_participants(PyObject *self, PyObject *unused)
{
	(void)unused;
	return listed(self, one_participant);
}

static void segment_dealloc(PyObject *self)
{
	stoa_segment_close(segment_at(self)->handle);
	object_free(self);
}

static PyMethodDef segment_methods[] = {
	{ "create", KEYED(segment_create) | METH_CLASS,
	  "create(name, bytes=0, participants=0, mode=0, flags=0, objects=0): creates or opens a segment" },
	{ "open", KEYED(segment_open) | METH_CLASS, "open(name, flags=0): opens a segment by its name" },
	{ "open_fd", segment_open_fd, METH_VARARGS | METH_CLASS,
	  "open_fd(fd, flags=0): opens it by a descriptor" },
	{ "unlink", segment_unlink, METH_VARARGS | METH_STATIC, "unlink(name): removes a segment's name" },
	{ "close", segment_close, METH_NOARGS,
	  "close(): gives the handle back; what lies in it stays usable" },
	{ "fileno", segment_fileno, METH_NOARGS, "fileno(): a descriptor that may be passed on" },
	{ "reap", segment_reap, METH_NOARGS, "reap(): gives back what dead processes held; how many" },
	{ "info", segment_info, METH_NOARGS, "info(): sizes and counts, as a dict" },
	{ "objects", segment_objects, METH_NOARGS,
	  "objects(): [(name, kind, bytes, index)]; of a damaged one (None, 0, 0, index)" },
	{ "participants", segment_participants, METH_NOARGS, "participants(): a dict for each" },
	{ NULL, NULL, 0, NULL },
};

static PyType_Slot segment_slots[] = {
	{ Py_tp_doc, (void *)"A shared mapping; made by create(), open() and open_fd()." },
	{ Py_tp_methods, segment_methods },
	{ Py_tp_dealloc, (void *)segment_dealloc },
	{ 0, NULL },
};

static PyType_Spec segment_spec = {
	.name = "stoa._stoa.Segment",
	.basicsize = sizeof(struct segment),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = segment_slots,
};

int add_segment(PyObject *module)
{
	return add_type(module, &segment_spec);
}
