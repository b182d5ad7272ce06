/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * queue_life.c - queues are made, opened and given up; queue.c has what goes through them.
 */
#include "queue.h"

#include <string.h>

struct queue_python queue_python;

PyObject *queue_open(PyObject *self, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "name",  "create",   "flags",        "mode",    "participants", "object",
		                 "about", "capacity", "message_size", "senders", "receivers",    "handles",
		                 "holds", "on_death", "queue_flags",  NULL };
	struct chain_config config = { .object = "object" };
	struct stoa_queue_config *shape = &config.shape;
	unsigned long long capacity = 0, message_size = 0;
	const char *name, *about = NULL;
	Py_ssize_t about_size = 0;
	int create = 0, rc;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "s|pIIIsz#KKIIIIII:_open", names, &name, &create,
	                                 &config.flags, &config.mode, &config.participants, &config.object,
	                                 &about, &about_size, &capacity, &message_size, &shape->senders,
	                                 &shape->receivers, &shape->handles, &shape->holds, &shape->on_death,
	                                 &shape->flags))
		return NULL;
	if (about_size > CHAIN_ABOUT || queue_at(self)->chain.name) {
		PyErr_SetString(PyExc_ValueError,
		                about_size > CHAIN_ABOUT ? "the format is too long" : "open already");
		return NULL;
	}
	if (about_size)
		memcpy(config.about, about, (size_t)about_size);
	config.create = create;
	shape->struct_size = sizeof *shape;
	shape->capacity = capacity;
	shape->message_size = message_size;
	rc = chain_open(&queue_at(self)->chain, name, &config);
	if (rc) {
		raise_fault(rc, name);
		chain_free(&queue_at(self)->chain);
		queue_at(self)->chain = (struct chain){ .closed = true };
		return NULL;
	}
	queue_at(self)->store = (struct store){
		.path = queue_at(self)->chain.path,
		.name = queue_at(self)->chain.name,
		.mode = queue_at(self)->chain.mode,
	};
	return PyBytes_FromStringAndSize((const char *)queue_at(self)->chain.about, CHAIN_ABOUT);
}

PyObject *queue_use_as(PyObject *self, PyObject *args)
{
	struct codec *codec = &queue_at(self)->codec;
	PyObject *pack, *unpack;
	int raw, tasks;

	if (!PyArg_ParseTuple(args, "ppOO:_use_as", &raw, &tasks, &pack, &unpack))
		return NULL;
	codec->raw = raw;
	codec->pack = pack == Py_None ? NULL : Py_NewRef(pack);
	codec->unpack = unpack == Py_None ? NULL : Py_NewRef(unpack);
	queue_at(self)->tasks = tasks;
	Py_RETURN_NONE;
}

static PyObject *counted(PyObject *self, enum chain_word word, uint64_t more)
{
	return PyLong_FromUnsignedLongLong(chain_count(&queue_at(self)->chain, word, more));
}

PyObject *queue_exported(PyObject *self, PyObject *unused)
{
	(void)unused;
	return counted(self, CHAIN_EXPORTS, 1);
}

PyObject *queue_arrived(PyObject *self, PyObject *unused)
{
	(void)unused;
	return counted(self, CHAIN_ARRIVALS, 1);
}

PyObject *queue_in_flight(PyObject *self, PyObject *unused)
{
	struct chain *chain = &queue_at(self)->chain;

	(void)unused;
	/* The arrivals first: there are never more of them. */
	uint64_t arrivals = chain_count(chain, CHAIN_ARRIVALS, 0);

	return PyLong_FromUnsignedLongLong(chain_count(chain, CHAIN_EXPORTS, 0) - arrivals);
}

/* After fork(): in a child, this makes it a participant at once. */
PyObject *queue_attach(PyObject *self, PyObject *unused)
{
	struct chain *chain = &queue_at(self)->chain;
	int rc = chain->closed ? 0 : stoa_segment_reap(chain->segment);

	(void)unused;
	return rc < 0 ? queue_raise(self, rc, false) : Py_NewRef(Py_None);
}

PyObject *queue_sweep(PyObject *self, PyObject *unused)
{
	(void)unused;
	if (!queue_at(self)->chain.closed)
		chain_sweep(&queue_at(self)->chain);
	Py_RETURN_NONE;
}

PyObject *queue_unlink(PyObject *type, PyObject *args)
{
	const char *name;
	int rc;

	(void)type;
	if (!PyArg_ParseTuple(args, "s:_unlink", &name))
		return NULL;
	rc = chain_unlink(name);
	return rc ? raise_fault(rc, name) : Py_NewRef(Py_None);
}

PyObject *queue_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	PyObject *made = object_new(type);

	(void)args;
	(void)keywords;
	if (made) {
		queue_at(made)->chain = (struct chain){ .closed = true };
		queue_at(made)->codec = queue_python.codec;
	}
	return made;
}

void queue_dealloc(PyObject *self)
{
	store_close(&queue_at(self)->store);
	chain_free(&queue_at(self)->chain);
	Py_XDECREF(queue_at(self)->codec.pack);
	Py_XDECREF(queue_at(self)->codec.unpack);
	object_free(self);
}

/* What the package gives: the exceptions, and the ways to pickle. */
PyObject *queue_setup(PyObject *type, PyObject *args)
{
	PyObject *empty, *full, *shut_down, *dumps, *loads, *loads_with;

	(void)type;
	if (!PyArg_ParseTuple(args, "OOOOOO:_setup", &empty, &full, &shut_down, &dumps, &loads, &loads_with))
		return NULL;
	queue_python.empty = Py_NewRef(empty);
	queue_python.full = Py_NewRef(full);
	queue_python.shut_down = Py_NewRef(shut_down);
	queue_python.codec.dumps = Py_NewRef(dumps);
	queue_python.codec.loads = Py_NewRef(loads);
	queue_python.codec.loads_with = Py_NewRef(loads_with);
	Py_RETURN_NONE;
}
