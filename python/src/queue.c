/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * queue.c - stoa._stoa.Queue: Python objects through a chain (chain.h).
 *
 * put() and get() are all of a program's way to the shared memory: an object is encoded, copied into a
 * block and committed before put() returns, so whatever is wrong with it is raised there.  Each message is
 * taken under a lease and acknowledged when it is an object, so that one who is killed in get() loses
 * nothing.
 */
#include "queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SMALL 1024 /* messages up to this size are made on the stack */

/* ---- errors ---- */

PyObject *queue_raise(PyObject *self, int rc, bool putting)
{
	if (PyErr_Occurred())
		return NULL;
	if (rc == STOA_EMPTY || rc == STOA_FULL || rc == STOA_TIMEOUT)
		PyErr_SetNone(putting ? queue_python.full : queue_python.empty);
	else if (rc == STOA_CLOSED)
		PyErr_SetNone(queue_python.shut_down);
	else if (rc == -ESHUTDOWN)
		PyErr_Format(PyExc_ValueError, "Queue %R is closed", self);
	else
		return raise_fault(rc, queue_at(self)->chain.name);
	return NULL;
}

bool queue_deadline(PyObject *block, PyObject *timeout, struct timespec *room,
                    const struct timespec **deadline)
{
	int blocks = block ? PyObject_IsTrue(block) : 1;

	if (blocks < 0)
		return false;
	if (blocks)
		return deadline_from(timeout, room, deadline);
	*deadline = &stoa_now;
	return true;
}

/* ---- arguments ---- */

/*
 * The arguments of a fast call, by position or by name.  False with an exception.  Only for calls that are
 * made millions of times a second.
 */
static bool arguments(const char *const *names, Py_ssize_t needed, Py_ssize_t most, PyObject *const *args,
                      Py_ssize_t count, PyObject *keywords, PyObject **out)
{
	Py_ssize_t named = keywords ? PyTuple_Size(keywords) : 0;

	if (count > most)
		goto wrong;
	for (Py_ssize_t i = 0; i < count; i++)
		out[i] = args[i];
	for (Py_ssize_t k = 0; k < named; k++) {
		PyObject *name = PyTuple_GetItem(keywords, k);
		Py_ssize_t i = 0;

		while (i < most && PyUnicode_CompareWithASCIIString(name, names[i]) != 0)
			i++;
		if (i == most || out[i])
			goto wrong;
		out[i] = args[count + k];
	}
	if (!needed || out[needed - 1])
		return true;
wrong:
	PyErr_SetString(PyExc_TypeError,
	                needed ? "put(obj, block=True, timeout=None)" : "get(block=True, timeout=None)");
	return false;
}

/* ---- put ---- */

static int put_spilled(struct queue *queue, const struct encoded *encoded, const struct timespec *deadline)
{
	struct chain *chain = &queue->chain;
	struct spill spill;
	int rc;

	if (!chain_count(chain, CHAIN_SPILLED, 0))
		chain_count(chain, CHAIN_SPILLED, 1);
	if (!spill_write(&queue->store, encoded, &spill))
		return -EINTR;
	rc = chain_put(chain, &spill.reference, sizeof spill.reference, deadline);
	if (rc)
		spill_unsent(&queue->store, &spill);
	else
		spill_sent(&spill);
	return rc;
}

static int put_whole(struct queue *queue, const struct encoded *encoded, const struct timespec *deadline)
{
	unsigned char small[SMALL], *message = small;
	size_t size = codec_size(encoded);
	int rc;

	if (!encoded->data_size)
		return chain_put(&queue->chain, encoded->head, size, deadline);
	if (!encoded->head_size)
		return chain_put(&queue->chain, encoded->data, size, deadline);
	if (size > SMALL)
		message = malloc(size);
	if (!message)
		return -ENOMEM;
	memcpy(message, encoded->head, encoded->head_size);
	memcpy(message + encoded->head_size, encoded->data, encoded->data_size);
	rc = chain_put(&queue->chain, message, size, deadline);
	if (message != small)
		free(message);
	return rc;
}

/* 0, or what queue_raise() wants to know. */
static int put(struct queue *queue, PyObject *object, const struct timespec *deadline)
{
	struct encoded encoded;
	int rc;

	if (queue->chain.closed)
		return -ESHUTDOWN;
	if (!codec_encode(&queue->codec, object, &encoded))
		return -EINTR;
	if (codec_size(&encoded) <= queue->chain.shape.message_size && !encoded.buffers)
		rc = put_whole(queue, &encoded, deadline);
	else
		rc = queue->codec.raw || !queue->chain.words ? -EMSGSIZE
		                                             : put_spilled(queue, &encoded, deadline);
	codec_release(&encoded);
	return rc;
}

static PyObject *queue_put(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
	static const char *const names[] = { "obj", "block", "timeout" };
	PyObject *given[3] = { NULL };
	const struct timespec *deadline = NULL;
	struct timespec room;
	int rc;

	if (!arguments(names, 1, 3, args, count, keywords, given))
		return NULL;
	if ((given[1] || given[2]) && !queue_deadline(given[1], given[2], &room, &deadline))
		return NULL;
	rc = put(queue_at(self), given[0], deadline);
	return rc == 0 ? Py_NewRef(Py_None) : queue_raise(self, rc, true);
}

static PyObject *queue_put_nowait(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
	static const char *const names[] = { "obj" };
	PyObject *given[1] = { NULL };
	int rc;

	if (!arguments(names, 1, 1, args, count, keywords, given))
		return NULL;
	rc = put(queue_at(self), given[0], &stoa_now);
	return rc == 0 ? Py_NewRef(Py_None) : queue_raise(self, rc, true);
}

static PyObject *queue_put_many(PyObject *self, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "objects", "block", "timeout", NULL };
	PyObject *objects, *iterator, *block = NULL, *timeout = NULL, *object;
	const struct timespec *deadline;
	struct timespec room;
	Py_ssize_t n = 0;
	int rc = 0;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "O|OO:put_many", names, &objects, &block,
	                                 &timeout) ||
	    !queue_deadline(block, timeout, &room, &deadline))
		return NULL;
	iterator = PyObject_GetIter(objects);
	if (!iterator)
		return NULL;
	while (rc == 0 && (object = PyIter_Next(iterator))) {
		rc = put(queue_at(self), object, deadline);
		Py_DECREF(object);
		n += rc == 0;
	}
	Py_DECREF(iterator);
	if (PyErr_Occurred())
		return NULL;
	if (rc == 0 || (n && (rc == STOA_FULL || rc == STOA_TIMEOUT)))
		return PyLong_FromSsize_t(n);
	return queue_raise(self, rc, true);
}

/* ---- get ---- */

PyObject *queue_read(struct queue *queue, const struct stoa_message *message, bool *spilled,
                     struct spill_reference *reference)
{
	unsigned char small[SMALL], *copy = small;
	size_t size = message->size;
	PyObject *object;

	*spilled = false;
	if (queue->codec.raw)
		return codec_decode(&queue->codec, message->bytes, size);
	if (size > SMALL)
		copy = malloc(size);
	if (!copy)
		return PyErr_NoMemory();
	memcpy(copy, message->bytes, size); /* before anybody decides on what it says */
	if (size == sizeof *reference && copy[0] == TAG_SPILL) {
		memcpy(reference, copy, size);
		*spilled = true;
		object = spill_read(&queue->codec, &queue->store, reference);
	} else {
		object = codec_decode(&queue->codec, copy, size);
	}
	if (copy != small)
		free(copy);
	return object;
}

bool queue_finish(struct queue *queue, struct chain_taken *taken, bool acknowledge, bool spilled,
                  const struct spill_reference *reference)
{
	bool done = chain_done_with(taken, acknowledge) == 0 && acknowledge;

	if (done && spilled)
		spill_done(&queue->store, reference);
	return done;
}

/* A message that is no object is gone, as multiprocessing has it; but one that a signal's handler interrupted
 * goes back, and so does one that is not the `first` of a call: it is told of by the next. */
static bool is_consumed(const PyObject *object, bool first)
{
	return object || (first && PyErr_ExceptionMatches(PyExc_Exception));
}

/* 0, or what queue_raise() wants to know. */
static int get(struct queue *queue, const struct timespec *deadline, bool first, PyObject **object)
{
	struct spill_reference reference;
	struct chain_taken taken;
	bool spilled;
	int rc = chain_take(&queue->chain, &taken, deadline);

	if (rc)
		return rc;
	*object = queue_read(queue, &taken.message, &spilled, &reference);
	queue_finish(queue, &taken, is_consumed(*object, first), spilled, &reference);
	return *object ? 0 : -EINTR;
}

static PyObject *queue_get(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *keywords)
{
	static const char *const names[] = { "block", "timeout" };
	PyObject *given[2] = { NULL }, *object;
	const struct timespec *deadline = NULL;
	struct timespec room;
	int rc;

	if (!arguments(names, 0, 2, args, count, keywords, given))
		return NULL;
	if ((given[0] || given[1]) && !queue_deadline(given[0], given[1], &room, &deadline))
		return NULL;
	rc = get(queue_at(self), deadline, true, &object);
	return rc == 0 ? object : queue_raise(self, rc, false);
}

static PyObject *queue_get_nowait(PyObject *self, PyObject *unused)
{
	PyObject *object;
	int rc = get(queue_at(self), &stoa_now, true, &object);

	(void)unused;
	return rc == 0 ? object : queue_raise(self, rc, false);
}

static PyObject *queue_get_many(PyObject *self, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "most", "block", "timeout", NULL };
	PyObject *block = NULL, *timeout = NULL, *list, *object;
	const struct timespec *deadline;
	struct timespec room;
	Py_ssize_t most;
	int rc = 0;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "n|OO:get_many", names, &most, &block, &timeout) ||
	    !queue_deadline(block, timeout, &room, &deadline))
		return NULL;
	list = PyList_New(0);
	while (list && rc == 0 && PyList_Size(list) < most) {
		rc = get(queue_at(self), deadline, PyList_Size(list) == 0, &object);
		if (rc == 0) {
			if (PyList_Append(list, object))
				rc = -EINTR;
			Py_DECREF(object);
		}
		deadline = &stoa_now;
	}
	if (!list || rc == 0)
		return list;
	/* What came is not lost for what is wrong with the next one: that stays, and is told by the next call. */
	if (PyList_Size(list) && (!PyErr_Occurred() || PyErr_ExceptionMatches(PyExc_Exception))) {
		PyErr_Clear();
		return list;
	}
	Py_DECREF(list);
	return queue_raise(self, rc, false);
}

static PyObject *queue_take(PyObject *self, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "timeout", "block", NULL };
	PyObject *timeout = NULL, *block = NULL;
	const struct timespec *deadline;
	struct timespec room;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO:take", names, &timeout, &block) ||
	    !queue_deadline(block, timeout, &room, &deadline))
		return NULL;
	return lease_take(self, deadline);
}

static PyObject *queue_next(PyObject *self)
{
	PyObject *object;
	int rc = get(queue_at(self), NULL, true, &object);

	if (rc == 0)
		return object;
	return rc == STOA_CLOSED ? NULL : queue_raise(self, rc, false); /* NULL alone: the end */
}

static PyMethodDef queue_methods[] = {
	{ "put", FAST(queue_put) | METH_KEYWORDS,
	  "put(obj, block=True, timeout=None): puts an object in; it is committed when this returns.\n"
	  "Raises Full, ShutDown; ValueError after close(); whatever pickling raises." },
	{ "put_nowait", FAST(queue_put_nowait) | METH_KEYWORDS, "put_nowait(obj): put(obj, False)" },
	{ "put_many", KEYED(queue_put_many),
	  "put_many(objects, block=True, timeout=None): puts them in one after another; how many went.\n"
	  "Raises Full where none did." },
	{ "get", FAST(queue_get) | METH_KEYWORDS,
	  "get(block=True, timeout=None): the next object.  Raises Empty, ShutDown; ValueError after "
	  "close()." },
	{ "get_nowait", queue_get_nowait, METH_NOARGS, "get_nowait(): get(False)" },
	{ "get_many", KEYED(queue_get_many),
	  "get_many(most, block=True, timeout=None): a list of up to `most` objects; waits for the first "
	  "alone.\n"
	  "Raises Empty where none came." },
	{ "take", KEYED(queue_take),
	  "take(timeout=None, block=True): a Lease on the next object:\n\n"
	  "    with queue.take() as item:\n"
	  "        work(item)\n\n"
	  "It is acknowledged when the block ends, and goes to another when it ends by an exception, or the\n"
	  "process dies." },
	{ "qsize", queue_qsize, METH_NOARGS, "qsize(): objects that wait, at a moment during the call" },
	{ "empty", queue_empty, METH_NOARGS, "empty(): whether there is none" },
	{ "full", queue_full, METH_NOARGS, "full(): whether maxsize objects wait" },
	{ "stat", queue_stat, METH_NOARGS, "stat(): sizes and counts, as a dict" },
	{ "fileno", queue_fileno, METH_NOARGS,
	  "fileno(): a descriptor for select and asyncio, readable where get_nowait() is worth a try.  It "
	  "may be\n"
	  "readable too early.  It is the queue's: never read or close it." },
	{ "shutdown", KEYED(queue_shutdown),
	  "shutdown(immediate=False): put() raises ShutDown from now on, get() when the queue is empty, or,\n"
	  "immediately, at once: then what waits is dropped." },
	{ "close", queue_close, METH_NOARGS, "close(): this process uses it no longer" },
	{ "_task_done", queue_task_done, METH_NOARGS, "" },
	{ "_join", queue_join, METH_VARARGS, "" },
	{ "_open", KEYED(queue_open), "" },
	{ "_use_as", queue_use_as, METH_VARARGS, "" },
	{ "_exported", queue_exported, METH_NOARGS, "" },
	{ "_arrived", queue_arrived, METH_NOARGS, "" },
	{ "_in_flight", queue_in_flight, METH_NOARGS, "" },
	{ "_attach", queue_attach, METH_NOARGS, "" },
	{ "_sweep", queue_sweep, METH_NOARGS, "" },
	{ "_unlink", queue_unlink, METH_VARARGS | METH_STATIC, "" },
	{ "_setup", queue_setup, METH_VARARGS | METH_STATIC, "" },
	{ NULL, NULL, 0, NULL },
};

static PyType_Slot queue_slots[] = {
	{ Py_tp_doc, (void *)"A queue in shared memory; the package's classes are made of it." },
	{ Py_tp_methods, queue_methods },
	{ Py_tp_iter, (void *)PyObject_SelfIter },
	{ Py_tp_iternext, (void *)queue_next },
	{ Py_tp_new, (void *)queue_new },
	{ Py_tp_dealloc, (void *)queue_dealloc },
	{ 0, NULL },
};

static PyType_Spec queue_spec = {
	.name = "stoa._stoa.Queue",
	.basicsize = sizeof(struct queue),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
	.slots = queue_slots,
};

int add_queue(PyObject *module)
{
	return add_type(module, &queue_spec) || add_lease(module) ? -1 : 0;
}
