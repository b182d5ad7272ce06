/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * queue.h - what queue.c, queue_life.c, queue_tell.c and lease.c know of each other.
 */
#ifndef STOA_PYTHON_QUEUE_H
#define STOA_PYTHON_QUEUE_H

#include "chain.h"
#include "codec.h"
#include "spill.h"

struct queue {
	PyObject_HEAD struct chain chain;
	struct store store; /* of what is too large for it */
	struct codec codec; /* dumps and loads are borrowed */
	bool tasks;         /* a message that is acknowledged is a task done */
};

/* What the package gives, once. */
extern struct queue_python {
	PyObject *empty, *full, *shut_down;
	struct codec codec;
} queue_python;

static inline struct queue *queue_at(PyObject *self)
{
	return (struct queue *)(void *)self;
}

/* Raises what an answer of chain_*() means.  NULL. */
PyObject *queue_raise(PyObject *self, int rc, bool putting);

/* A message that was taken, as an object; `*spilled` says whether `*reference` is to be removed after the
 * acknowledgement. */
PyObject *queue_read(struct queue *queue, const struct stoa_message *message, bool *spilled,
                     struct spill_reference *reference);
/* Acknowledges it, or gives it back, after queue_read().  Whether it is acknowledged: a lease that was held over
 * fork() is the parent's. */
bool queue_finish(struct queue *queue, struct chain_taken *taken, bool acknowledge, bool spilled,
                  const struct spill_reference *reference);

/* (timeout) and (block, timeout) as a deadline; false with an exception. */
bool queue_deadline(PyObject *block, PyObject *timeout, struct timespec *room,
                    const struct timespec **deadline);

/* Queue.take(): a Lease.  NULL with an exception. */
PyObject *lease_take(PyObject *self, const struct timespec *deadline);
int add_lease(PyObject *module);

/* What stoa.stat() and Queue.stat() show of it. */
PyObject *queue_stat_dict(const struct stoa_queue_stat *stat);

/* Methods: how it stands and ends. */
PyObject *queue_qsize(PyObject *self, PyObject *unused);
PyObject *queue_empty(PyObject *self, PyObject *unused);
PyObject *queue_full(PyObject *self, PyObject *unused);
PyObject *queue_stat(PyObject *self, PyObject *unused);
PyObject *queue_fileno(PyObject *self, PyObject *unused);
PyObject *queue_shutdown(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *queue_close(PyObject *self, PyObject *unused);
PyObject *queue_task_done(PyObject *self, PyObject *unused);
PyObject *queue_join(PyObject *self, PyObject *args);

/* Methods: made and named. */
PyObject *queue_open(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *queue_use_as(PyObject *self, PyObject *args);
PyObject *queue_exported(PyObject *self, PyObject *unused);
PyObject *queue_arrived(PyObject *self, PyObject *unused);
PyObject *queue_in_flight(PyObject *self, PyObject *unused);
PyObject *queue_attach(PyObject *self, PyObject *unused);
PyObject *queue_sweep(PyObject *self, PyObject *unused);
PyObject *queue_unlink(PyObject *type, PyObject *args);
PyObject *queue_new(PyTypeObject *type, PyObject *args, PyObject *keywords);
void queue_dealloc(PyObject *self);
PyObject *queue_setup(PyObject *type, PyObject *args);

#endif
