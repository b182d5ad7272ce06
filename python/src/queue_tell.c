/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * queue_tell.c - how a queue stands, its end and its tasks.
 */
#include "queue.h"

/* ---- how it stands ---- */

PyObject *queue_stat_dict(const struct stoa_queue_stat *stat)
{
	return Py_BuildValue(
		"{sK sK sK sK sK sK sK sK sI sI sI}", "capacity", (unsigned long long)stat->capacity,
		"message_size", (unsigned long long)stat->message_size, "messages",
		(unsigned long long)stat->length, "held", (unsigned long long)stat->held, "sent",
		(unsigned long long)stat->sent, "received", (unsigned long long)stat->received, "redelivered",
		(unsigned long long)stat->redelivered, "discarded", (unsigned long long)stat->discarded,
		"senders", stat->senders, "receivers", stat->receivers, "shutdown", stat->shutdown);
}

static bool stat_of(PyObject *self, struct stoa_queue_stat *stat)
{
	int rc;

	*stat = (struct stoa_queue_stat){ .struct_size = sizeof *stat };
	rc = chain_stat(&queue_at(self)->chain, stat);
	if (rc < 0)
		queue_raise(self, rc, false);
	return rc >= 0;
}

PyObject *queue_qsize(PyObject *self, PyObject *unused)
{
	uint64_t length;
	int rc = chain_length(&queue_at(self)->chain, &length);

	(void)unused;
	return rc < 0 ? queue_raise(self, rc, false) : PyLong_FromUnsignedLongLong(length);
}

PyObject *queue_empty(PyObject *self, PyObject *unused)
{
	struct queue *queue = queue_at(self);
	int rc = queue->codec.raw ? STOA_CHANGED : chain_peek(&queue->chain);
	uint64_t length;

	(void)unused;
	if (rc == 0 || rc == STOA_EMPTY)
		return PyBool_FromLong(rc == STOA_EMPTY);
	rc = rc < 0 ? rc : chain_length(&queue->chain, &length);
	return rc < 0 ? queue_raise(self, rc, false) : PyBool_FromLong(length == 0);
}

PyObject *queue_full(PyObject *self, PyObject *unused)
{
	uint64_t length;
	int rc = chain_length(&queue_at(self)->chain, &length);

	(void)unused;
	return rc < 0 ? queue_raise(self, rc, false) : PyBool_FromLong(rc == STOA_FULL);
}

PyObject *queue_stat(PyObject *self, PyObject *unused)
{
	struct stoa_queue_stat stat;

	(void)unused;
	return stat_of(self, &stat) ? queue_stat_dict(&stat) : NULL;
}

PyObject *queue_fileno(PyObject *self, PyObject *unused)
{
	int fd = chain_fd(&queue_at(self)->chain);

	(void)unused;
	return fd >= 0 ? PyLong_FromLong(fd) : queue_raise(self, fd, false);
}

/* ---- its end ---- */

PyObject *queue_shutdown(PyObject *self, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "immediate", NULL };
	int immediate = 0, rc;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "|p:shutdown", names, &immediate))
		return NULL;
	rc = chain_shutdown(&queue_at(self)->chain, immediate ? STOA_NOW : STOA_DRAIN);
	return rc ? queue_raise(self, rc, false) : Py_NewRef(Py_None);
}

PyObject *queue_close(PyObject *self, PyObject *unused)
{
	(void)unused;
	store_close(&queue_at(self)->store);
	chain_close(&queue_at(self)->chain);
	Py_RETURN_NONE;
}

PyObject *queue_task_done(PyObject *self, PyObject *unused)
{
	int rc = chain_task_done(&queue_at(self)->chain);

	(void)unused;
	if (rc == STOA_FULL) {
		PyErr_SetString(PyExc_ValueError, "task_done() called too many times");
		return NULL;
	}
	return rc ? queue_raise(self, rc, false) : Py_NewRef(Py_None);
}

PyObject *queue_join(PyObject *self, PyObject *args)
{
	const struct timespec *deadline;
	struct timespec room;
	PyObject *timeout = NULL;
	int rc;

	if (!PyArg_ParseTuple(args, "|O:join", &timeout) || !deadline_from(timeout, &room, &deadline))
		return NULL;
	rc = chain_join(&queue_at(self)->chain, deadline);
	if (rc == 0 || rc == STOA_TIMEOUT)
		return PyBool_FromLong(rc == 0);
	return queue_raise(self, rc, false);
}
