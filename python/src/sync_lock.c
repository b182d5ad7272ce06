/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sync_lock.c - stoa._stoa.Lock, RLock.
 *
 * Lock is held by a process and released by anybody (stoa_lock_take() and stoa_lock_break()), as
 * multiprocessing documents it; RLock by a thread, as often as that likes (stoa_lock_acquire() once).
 *
 * What a process knows of its own holding lies in one `struct holding` for each lock and process, however
 * many Python objects there are on the lock: so a thread that acquires an RLock by one of them may acquire
 * and release it by another.  It is private memory, under the interpreter's lock, and tells only of this
 * process: a forked child forgets it, as it holds nothing of what its parent holds.
 *
 * A holder that died: acquire() holds the lock, warns OwnerDied, and the attribute owner_died says it until
 * the next acquire.  Where the warning is made an exception, the lock is released again.
 */
#include "sync.h"

#include <errno.h>
#include <pythread.h>

static PyObject *owner_died; /* the warning's class */

/* ---- what this process holds ---- */

struct holding {
	struct holding *next;
	struct stoa_lock *handle; /* the library has one for each lock and process */
	unsigned objects;         /* Python's, on this lock */
	unsigned long thread;     /* the last that acquired it here */
	Py_ssize_t depth;         /* how often, and has not released it */
	bool owner_died;
};

static struct holding *holdings;

/* Takes over the reference that is `handle`. */
static struct holding *holding_get(struct stoa_lock *handle)
{
	struct holding *holding = holdings;

	while (holding && holding->handle != handle)
		holding = holding->next;
	if (!holding) {
		holding = PyMem_Calloc(1, sizeof *holding);
		if (!holding) {
			stoa_lock_close(handle);
			PyErr_NoMemory();
			return NULL;
		}
		holding->handle = handle;
		holding->next = holdings;
		holdings = holding;
	}
	holding->objects++;
	return holding;
}

static void holding_put(struct holding *holding)
{
	struct holding **at = &holdings;

	if (!holding)
		return;
	stoa_lock_close(holding->handle);
	if (--holding->objects)
		return;
	while (*at != holding)
		at = &(*at)->next;
	*at = holding->next;
	PyMem_Free(holding);
}

PyObject *forget_holding(PyObject *module, PyObject *unused)
{
	(void)module;
	(void)unused;
	for (struct holding *holding = holdings; holding; holding = holding->next) {
		holding->depth = 0;
		holding->owner_died = false;
	}
	Py_RETURN_NONE;
}

/* ---- Lock and RLock ---- */

struct lock {
	PyObject_HEAD struct holding *holding;
};

typedef int acquire_function(struct stoa_lock *lock, const struct timespec *deadline);
typedef PyObject *release_function(PyObject *self, PyObject *unused);

static struct holding *holding_of(PyObject *self)
{
	return ((struct lock *)(void *)self)->holding;
}

static PyObject *lock_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "segment", "name", NULL };
	PyObject *segment_object, *self;
	struct stoa_segment *segment;
	struct stoa_lock *handle;
	const char *name;
	int rc;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "Os:Lock", names, &segment_object, &name))
		return NULL;
	segment = segment_handle(segment_object);
	self = segment ? object_new(type) : NULL;
	if (!self)
		return NULL;
	rc = stoa_lock_create(segment, name, NULL, &handle);
	if (rc)
		raise_fault(rc, name);
	else
		((struct lock *)(void *)self)->holding = holding_get(handle);
	if (holding_of(self))
		return self;
	Py_DECREF(self);
	return NULL;
}

static void lock_dealloc(PyObject *self)
{
	holding_put(holding_of(self));
	object_free(self);
}

static bool is_mine(const struct holding *holding)
{
	return holding->depth > 0 && holding->thread == PyThread_get_thread_ident();
}

struct acquiring {
	struct stoa_lock *handle;
	acquire_function *acquire;
};

static int acquire_call(void *context, const struct timespec *deadline)
{
	const struct acquiring *acquiring = context;

	return acquiring->acquire(acquiring->handle, deadline);
}

/* The lock is had, or it is not, by `rc`. */
static PyObject *acquired(PyObject *self, int rc, release_function *release)
{
	struct holding *holding = holding_of(self);

	if (rc != STOA_OK && rc != STOA_OWNER_DIED)
		return sync_waited(rc);
	holding->thread = PyThread_get_thread_ident();
	holding->depth = 1;
	holding->owner_died = rc == STOA_OWNER_DIED;
	if (holding->owner_died &&
	    PyErr_WarnEx(owner_died, "who held the lock has died; what it was at may be half done", 1)) {
		PyObject *type, *value, *traceback;

		PyErr_Fetch(&type, &value, &traceback);
		Py_XDECREF(release(self, NULL));
		PyErr_Restore(type, value, traceback);
		return NULL;
	}
	Py_RETURN_TRUE;
}

static PyObject *acquire_by(PyObject *self, acquire_function *acquire, release_function *release,
                            const struct timespec *deadline)
{
	struct acquiring acquiring = { holding_of(self)->handle, acquire };
	int rc = acquire(acquiring.handle, &stoa_now);

	if (rc == STOA_TIMEOUT && deadline != &stoa_now)
		rc = call_waiting(acquire_call, &acquiring, deadline);
	return acquired(self, rc, release);
}

static PyObject *lock_release(PyObject *self, PyObject *unused)
{
	int rc = stoa_lock_break(holding_of(self)->handle);

	(void)unused;
	if (rc == -EPERM)
		return sync_too_many();
	if (rc)
		return raise_fault(rc, NULL);
	holding_of(self)->depth = 0;
	Py_RETURN_NONE;
}

static PyObject *lock_acquire(PyObject *self, PyObject *args, PyObject *keywords)
{
	const struct timespec *deadline;
	struct timespec room;

	return sync_may_wait(args, keywords, &room, &deadline)
	               ? acquire_by(self, stoa_lock_take, lock_release, deadline)
	               : NULL;
}

static PyObject *lock_enter(PyObject *self, PyObject *unused)
{
	(void)unused;
	return acquire_by(self, stoa_lock_take, lock_release, NULL);
}

static PyObject *lock_exit(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
	(void)args;
	(void)count;
	return lock_release(self, NULL);
}

static PyObject *rlock_release(PyObject *self, PyObject *unused)
{
	struct holding *holding = holding_of(self);
	int rc = is_mine(holding) ? 0 : -EPERM;

	(void)unused;
	if (!rc && --holding->depth == 0)
		rc = stoa_lock_release(holding->handle);
	if (rc == -EPERM) {
		PyErr_SetString(PyExc_AssertionError,
		                "attempt to release recursive lock not owned by thread");
		return NULL;
	}
	return rc ? raise_fault(rc, NULL) : Py_NewRef(Py_None);
}

/* The thread may hold it by an object that is gone; by this one it does now. */
static int acquire_or_again(struct stoa_lock *handle, const struct timespec *deadline)
{
	int rc = stoa_lock_acquire(handle, deadline);

	return rc == -EDEADLK ? STOA_OK : rc;
}

static PyObject *rlock_acquire_until(PyObject *self, const struct timespec *deadline)
{
	struct holding *holding = holding_of(self);

	if (!is_mine(holding))
		return acquire_by(self, acquire_or_again, rlock_release, deadline);
	holding->depth++;
	Py_RETURN_TRUE;
}

static PyObject *rlock_acquire(PyObject *self, PyObject *args, PyObject *keywords)
{
	const struct timespec *deadline;
	struct timespec room;

	return sync_may_wait(args, keywords, &room, &deadline) ? rlock_acquire_until(self, deadline) : NULL;
}

static PyObject *rlock_enter(PyObject *self, PyObject *unused)
{
	(void)unused;
	return rlock_acquire_until(self, NULL);
}

static PyObject *rlock_exit(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
	(void)args;
	(void)count;
	return rlock_release(self, NULL);
}

static PyObject *lock_reset(PyObject *self, PyObject *unused)
{
	(void)unused;
	stoa_lock_break(holding_of(self)->handle);
	Py_RETURN_NONE;
}

PyObject *unlock(PyObject *module, PyObject *args)
{
	struct stoa_segment *segment;
	struct stoa_lock *handle;
	const char *name;
	int rc;

	(void)module;
	segment = segment_and_name(args, &name);
	if (!segment)
		return NULL;
	rc = stoa_lock_open(segment, name, NULL, &handle);
	if (!rc) {
		stoa_lock_break(handle);
		stoa_lock_close(handle);
	}
	return rc && rc != -ENOENT ? raise_fault(rc, name) : Py_NewRef(Py_None);
}

static PyObject *lock_is_mine(PyObject *self, PyObject *unused)
{
	(void)unused;
	return PyBool_FromLong(is_mine(holding_of(self)));
}

static PyObject *lock_count(PyObject *self, PyObject *unused)
{
	(void)unused;
	return PyLong_FromSsize_t(holding_of(self)->depth);
}

static PyObject *lock_state(PyObject *self, PyObject *unused)
{
	struct stoa_lock_config info = { .struct_size = sizeof info };
	int rc = stoa_lock_info(holding_of(self)->handle, &info);

	(void)unused;
	return rc ? raise_fault(rc, NULL) : PyLong_FromUnsignedLong(info.state);
}

static PyObject *lock_owner_died(PyObject *self, void *unused)
{
	(void)unused;
	return PyBool_FromLong(holding_of(self)->owner_died);
}

#define LOCK_METHODS                                                                                         \
	{ "_reset", lock_reset, METH_NOARGS, "_reset(): free, whoever held it" },                            \
		{ "_is_mine", lock_is_mine, METH_NOARGS, "_is_mine(): whether this thread holds it" },       \
		{ "_count", lock_count, METH_NOARGS, "_count(): how often this process holds it" },          \
		{ "_state", lock_state, METH_NOARGS, "_state(): 0 free, 1 held, 2 its holder died" },        \
	{                                                                                                    \
		NULL, NULL, 0, NULL                                                                          \
	}

static PyMethodDef lock_methods[] = {
	{ "acquire", KEYED(lock_acquire), "acquire(block=True, timeout=None): whether it was had" },
	{ "release", lock_release, METH_NOARGS, "release(): whoever holds it" },
	{ "__enter__", lock_enter, METH_NOARGS, NULL },
	{ "__exit__", FAST(lock_exit), NULL },
	LOCK_METHODS,
};

static PyMethodDef rlock_methods[] = {
	{ "acquire", KEYED(rlock_acquire), "acquire(block=True, timeout=None): whether it was had" },
	{ "release", rlock_release, METH_NOARGS, "release(): once of so many times" },
	{ "__enter__", rlock_enter, METH_NOARGS, NULL },
	{ "__exit__", FAST(rlock_exit), NULL },
	LOCK_METHODS,
};

static PyGetSetDef lock_properties[] = {
	{ "owner_died", lock_owner_died, NULL,
	  "whether the holder before this acquisition died holding the lock", NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};

/* ---- the types ---- */

static PyType_Slot lock_slots[] = {
	{ Py_tp_doc, (void *)"Held by a process, released by anybody." },
	{ Py_tp_new, (void *)lock_new },
	{ Py_tp_dealloc, (void *)lock_dealloc },
	{ Py_tp_methods, lock_methods },
	{ Py_tp_getset, lock_properties },
	{ 0, NULL },
};

static PyType_Spec lock_spec = {
	.name = "stoa._stoa.Lock",
	.basicsize = sizeof(struct lock),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
	.slots = lock_slots,
};

static PyType_Slot rlock_slots[] = {
	{ Py_tp_doc, (void *)"Held by a thread, as often as that likes." },
	{ Py_tp_new, (void *)lock_new },
	{ Py_tp_dealloc, (void *)lock_dealloc },
	{ Py_tp_methods, rlock_methods },
	{ Py_tp_getset, lock_properties },
	{ 0, NULL },
};

static PyType_Spec rlock_spec = {
	.name = "stoa._stoa.RLock",
	.basicsize = sizeof(struct lock),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
	.slots = rlock_slots,
};

int add_locks(PyObject *module)
{
	owner_died = PyErr_NewExceptionWithDoc("stoa.OwnerDied",
	                                       "Who held a lock has died, and its lock has passed to who is "
	                                       "warned: what it was at may be half done.",
	                                       PyExc_RuntimeWarning, NULL);
	if (!owner_died || PyModule_AddObjectRef(module, "OwnerDied", owner_died))
		return -1;
	return add_type(module, &lock_spec) || add_type(module, &rlock_spec) ? -1 : 0;
}
