/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * module.h - what the files of the extension module know of each other.
 *
 * Each file adds its types to the module by one function.  The types are thin: one object for one
 * handle of the library, one method for one call.  What multiprocessing looks like is made of them in Python.
 */
#ifndef STOA_PYTHON_MODULE_H
#define STOA_PYTHON_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

#include <stoa.h>

/* Raises for an answer of the library: OSError with its errno (and so FileNotFoundError and the like) for a
 * fault, MemoryError for -ENOMEM.  `what`, which may be NULL, names the object.  NULL. */
PyObject *raise_fault(int rc, const char *what);

/*
 * A timeout in seconds as a deadline of the library: None waits for ever (`*deadline` NULL), zero and less
 * never waits (&stoa_now); else `*deadline` is `room`.  False, with an exception, for what is no number.
 */
bool deadline_from(PyObject *timeout, struct timespec *room, const struct timespec **deadline);

/* Makes `*deadline` that of a slice of the wait, `ns` from now, which is `*slice`; false, and it stays, where
 * it comes first. */
bool wait_slice(const struct timespec **deadline, struct timespec *slice, int64_t ns);

/*
 * Calls `fn`, which may wait, without the interpreter's lock, as often as a signal handler ends it early, and
 * every second; Python's handlers run before each.  The library's answer; or -EINTR, with the exception that
 * a handler has raised.  `fn` says STOA_TIMEOUT where the time has run out.
 */
int call_waiting(int (*fn)(void *context, const struct timespec *deadline), void *context,
                 const struct timespec *deadline);

/* The handle of a Segment; NULL with an exception where it is closed, or no Segment. */
struct stoa_segment *segment_handle(PyObject *segment);
/* The same of the arguments (segment, name) of a function of the module. */
struct stoa_segment *segment_and_name(PyObject *args, const char **name);

/* A new type from its spec, put into the module under its own name.  -1 with an exception. */
int add_type(PyObject *module, PyType_Spec *spec);

/* An object of a type of ours, all zero; NULL with an exception. */
PyObject *object_new(PyTypeObject *type);
/* The end of its dealloc. */
void object_free(PyObject *self);
/* `made`, where `rc` is 0; else it goes, and NULL with the exception that there is, or that of `rc`. */
PyObject *object_or_fault(PyObject *made, int rc, const char *what);

/* In a PyMethodDef: of a function that gets its arguments as a vector; and by name, as a tuple and a dict. */
#define FAST(function) (PyCFunction)(void (*)(void))(function), METH_FASTCALL
#define KEYED(function) (PyCFunction)(void (*)(void))(function), METH_VARARGS | METH_KEYWORDS

/* What each file adds.  -1 with an exception. */
int add_segment(PyObject *module);
int add_value(PyObject *module);
int add_array(PyObject *module);
int add_struct(PyObject *module);
int add_queue(PyObject *module);
int add_sync(PyObject *module);

/* Functions of the module that a file other than module.c has.  forget_holding(): in a forked child, which
 * holds none of its parent's locks. */
PyObject *forget_holding(PyObject *module, PyObject *unused);
PyObject *unlock(PyObject *module, PyObject *args);
PyObject *value_info(PyObject *module, PyObject *args); /* (typecode or None, size, writers) */
PyObject *array_info(PyObject *module, PyObject *args); /* (typecode, count, writers; 0: it is not whole) */
PyObject *queue_look(PyObject *module, PyObject *args);
PyObject *object_waits(PyObject *module, PyObject *args);
PyObject *object_holders(PyObject *module, PyObject *args);

#endif
