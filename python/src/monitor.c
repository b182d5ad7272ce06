/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * monitor.c - what stoa.monitor asks of objects that it only looks at.
 */
#include "module.h"

PyObject *queue_look(PyObject *module, PyObject *args)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };
	struct stoa_segment *segment;
	struct stoa_queue *queue;
	PyObject *segment_object;
	const char *name;
	int rc;

	(void)module;
	if (!PyArg_ParseTuple(args, "Os:queue_look", &segment_object, &name))
		return NULL;
	segment = segment_handle(segment_object);
	if (!segment)
		return NULL;
	rc = stoa_queue_open(segment, name, NULL, &queue);
	if (!rc) {
		rc = stoa_queue_stat(queue, &stat);
		stoa_queue_close(queue);
	}
	if (rc)
		return raise_fault(rc, name);
	return Py_BuildValue(
		"{sK sK sK sK sK sK sK sK sI sI sI}", "capacity", (unsigned long long)stat.capacity,
		"message_size", (unsigned long long)stat.message_size, "messages",
		(unsigned long long)stat.length, "held", (unsigned long long)stat.held, "sent",
		(unsigned long long)stat.sent, "received", (unsigned long long)stat.received, "redelivered",
		(unsigned long long)stat.redelivered, "discarded", (unsigned long long)stat.discarded,
		"senders", stat.senders, "receivers", stat.receivers, "shutdown", stat.shutdown);
}
