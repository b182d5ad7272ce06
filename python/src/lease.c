/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * lease.c - stoa._stoa.Lease: an object taken out of a queue and not acknowledged yet.
 */
#include "queue.h"

#include <errno.h>

struct lease {
	PyObject_HEAD PyObject *queue, *item;
	struct chain_taken taken;
	struct spill_reference reference;
	uint32_t ring; /* of the message: its id is a place there */
	bool open, spilled;
};

static PyTypeObject *lease_type;

static struct lease *lease_at(PyObject *self)
{
	return (struct lease *)(void *)self;
}

PyObject *lease_take(PyObject *self, const struct timespec *deadline)
{
	PyObject *made = object_new(lease_type);
	struct lease *lease = lease_at(made);
	int rc;

	if (!made)
		return NULL;
	rc = chain_take(&queue_at(self)->chain, &lease->taken, deadline);
	if (rc) {
		queue_raise(self, rc, false);
	} else {
		lease->queue = Py_NewRef(self);
		lease->open = true;
		lease->ring = lease->taken.ring->number;
		lease->item = queue_read(queue_at(self), &lease->taken.message, &lease->spilled,
		                         &lease->reference);
	}
	if (!lease->item) { /* goes back, too, if it cannot be read */
		Py_DECREF(made);
		return NULL;
	}
	return made;
}

/* False with an exception where it is settled already. */
static bool settle(PyObject *self, bool acknowledge)
{
	struct lease *lease = lease_at(self);
	struct queue *queue;

	if (!lease->open) {
		PyErr_SetString(PyExc_ValueError, "it was acknowledged or given back before");
		return false;
	}
	lease->open = false;
	queue = queue_at(lease->queue);
	if (queue_finish(queue, &lease->taken, acknowledge, lease->spilled, &lease->reference) &&
	    queue->tasks)
		chain_task_done(&queue->chain);
	return true;
}

static PyObject *lease_acknowledge(PyObject *self, PyObject *unused)
{
	(void)unused;
	return settle(self, true) ? Py_NewRef(Py_None) : NULL;
}

static PyObject *lease_give_back(PyObject *self, PyObject *unused)
{
	(void)unused;
	return settle(self, false) ? Py_NewRef(Py_None) : NULL;
}

static PyObject *lease_enter(PyObject *self, PyObject *unused)
{
	(void)unused;
	return Py_NewRef(lease_at(self)->item);
}

static PyObject *lease_exit(PyObject *self, PyObject *args)
{
	PyObject *type, *value, *traceback;

	if (!PyArg_ParseTuple(args, "OOO:__exit__", &type, &value, &traceback))
		return NULL;
	if (lease_at(self)->open)
		settle(self, type == Py_None);
	Py_RETURN_FALSE;
}

static PyObject *lease_item(PyObject *self, void *unused)
{
	(void)unused;
	return Py_NewRef(lease_at(self)->item);
}

static PyObject *lease_id(PyObject *self, void *unused)
{
	const struct lease *lease = lease_at(self);

	(void)unused;
	return Py_BuildValue("(IK)", lease->ring, (unsigned long long)lease->taken.message.id);
}

static PyObject *lease_deliveries(PyObject *self, void *unused)
{
	(void)unused;
	return PyLong_FromUnsignedLong(lease_at(self)->taken.message.deliveries);
}

static PyObject *lease_redelivered(PyObject *self, void *unused)
{
	(void)unused;
	return PyBool_FromLong((lease_at(self)->taken.message.flags & STOA_REDELIVERED) != 0);
}

static void lease_dealloc(PyObject *self)
{
	struct lease *lease = lease_at(self);

	if (lease->open)
		settle(self, false);
	Py_XDECREF(lease->item);
	Py_XDECREF(lease->queue);
	object_free(self);
}

static PyMethodDef lease_methods[] = {
	{ "acknowledge", lease_acknowledge, METH_NOARGS, "acknowledge(): it is done, and gone" },
	{ "give_back", lease_give_back, METH_NOARGS, "give_back(): it goes to another, ahead of what waits" },
	{ "__enter__", lease_enter, METH_NOARGS, "" },
	{ "__exit__", lease_exit, METH_VARARGS, "" },
	{ NULL, NULL, 0, NULL },
};

static PyGetSetDef lease_members[] = {
	{ "item", lease_item, NULL, "the object", NULL },
	{ "id", lease_id, NULL, "stays the same when it is delivered again", NULL },
	{ "deliveries", lease_deliveries, NULL, "this one included", NULL },
	{ "redelivered", lease_redelivered, NULL, "whether somebody held it before, and died or gave it back",
	  NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};

static PyType_Slot lease_slots[] = {
	{ Py_tp_doc, (void *)"An object that was taken and is not acknowledged yet: a context manager." },
	{ Py_tp_methods, lease_methods },
	{ Py_tp_getset, lease_members },
	{ Py_tp_dealloc, (void *)lease_dealloc },
	{ 0, NULL },
};

static PyType_Spec lease_spec = {
	.name = "stoa._stoa.Lease",
	.basicsize = sizeof(struct lease),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
	.slots = lease_slots,
};

int add_lease(PyObject *module)
{
	lease_type = (PyTypeObject *)(void *)PyType_FromModuleAndSpec(module, &lease_spec, NULL);
	return lease_type ? PyModule_AddType(module, lease_type) : -1;
}
