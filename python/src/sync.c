/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sync.c - stoa._stoa.Lock, RLock, Semaphore, Event.
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
#include "module.h"

#include <errno.h>
#include <pythread.h>

static PyObject *owner_died; /* the warning's class */

static void free_self(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
	Py_DECREF(type);
}

static PyObject *new_self(PyTypeObject *type)
{
	return ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
}

/* "released too many times", in multiprocessing's words. */
static PyObject *raise_too_many(void)
{
	PyErr_SetString(PyExc_ValueError, "semaphore or lock released too many times");
	return NULL;
}

/*
 * What the caller of acquire() may wait: the deadline, or &stoa_now where it shall not block.  Names as
 * multiprocessing has them, `block` also as threading has it.
 */
static bool may_wait(PyObject *args, PyObject *keywords, struct timespec *room,
                     const struct timespec **deadline)
{
	static char *names[] = { "block", "timeout", "blocking", NULL };
	PyObject *timeout = NULL;
	int block = 1, blocking = 1;

	*deadline = NULL;
	if (!keywords && PyTuple_Size(args) == 0) /* as most call it */
		return true;
	if (!PyArg_ParseTupleAndKeywords(args, keywords, "|pO$p:acquire", names, &block, &timeout, &blocking))
		return false;
	if (block && blocking)
		return deadline_from(timeout, room, deadline);
	*deadline = &stoa_now;
	return true;
}

/* Of an answer to a call that may wait: True, False, or NULL with an exception. */
static PyObject *waited(int rc)
{
	if (rc >= 0)
		return PyBool_FromLong(rc != STOA_TIMEOUT);
	return PyErr_Occurred() ? NULL : raise_fault(rc, NULL);
}

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
	self = segment ? new_self(type) : NULL;
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
	free_self(self);
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
		return waited(rc);
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
		return raise_too_many();
	if (rc)
		return raise_fault(rc, NULL);
	holding_of(self)->depth = 0;
	Py_RETURN_NONE;
}

static PyObject *lock_acquire(PyObject *self, PyObject *args, PyObject *keywords)
{
	const struct timespec *deadline;
	struct timespec room;

	return may_wait(args, keywords, &room, &deadline)
	               ? acquire_by(self, stoa_lock_take, lock_release, deadline)
	               : NULL;
}

static PyObject *lock_enter(PyObject *self, PyObject *unused)
{
	(void)unused;
	return acquire_by(self, stoa_lock_take, lock_release, NULL);
}

static PyObject *lock_exit(PyObject *self, PyObject *args)
{
	(void)args;
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

	return may_wait(args, keywords, &room, &deadline) ? rlock_acquire_until(self, deadline) : NULL;
}

static PyObject *rlock_enter(PyObject *self, PyObject *unused)
{
	(void)unused;
	return rlock_acquire_until(self, NULL);
}

static PyObject *rlock_exit(PyObject *self, PyObject *args)
{
	(void)args;
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
	PyObject *segment_object;
	struct stoa_segment *segment;
	struct stoa_lock *handle;
	const char *name;
	int rc;

	(void)module;
	if (!PyArg_ParseTuple(args, "Os:unlock", &segment_object, &name))
		return NULL;
	segment = segment_handle(segment_object);
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

#define KEYWORDS(function) (PyCFunction)(void (*)(void))(function), METH_VARARGS | METH_KEYWORDS

#define LOCK_METHODS                                                                                         \
	{ "_reset", lock_reset, METH_NOARGS, "_reset(): free, whoever held it" },                            \
		{ "_is_mine", lock_is_mine, METH_NOARGS, "_is_mine(): whether this thread holds it" },       \
		{ "_count", lock_count, METH_NOARGS, "_count(): how often this process holds it" },          \
		{ "_state", lock_state, METH_NOARGS, "_state(): 0 free, 1 held, 2 its holder died" },        \
	{                                                                                                    \
		NULL, NULL, 0, NULL                                                                          \
	}

static PyMethodDef lock_methods[] = {
	{ "acquire", KEYWORDS(lock_acquire), "acquire(block=True, timeout=None): whether it was had" },
	{ "release", lock_release, METH_NOARGS, "release(): whoever holds it" },
	{ "__enter__", lock_enter, METH_NOARGS, NULL },
	{ "__exit__", lock_exit, METH_VARARGS, NULL },
	LOCK_METHODS,
};

static PyMethodDef rlock_methods[] = {
	{ "acquire", KEYWORDS(rlock_acquire), "acquire(block=True, timeout=None): whether it was had" },
	{ "release", rlock_release, METH_NOARGS, "release(): once of so many times" },
	{ "__enter__", rlock_enter, METH_NOARGS, NULL },
	{ "__exit__", rlock_exit, METH_VARARGS, NULL },
	LOCK_METHODS,
};

static PyGetSetDef lock_properties[] = {
	{ "owner_died", lock_owner_died, NULL,
	  "whether the holder before this acquisition died holding the lock", NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};

/* ---- Semaphore ---- */

struct semaphore {
	PyObject_HEAD struct stoa_semaphore *handle;
	uint32_t maximum;
};

static struct semaphore *semaphore_at(PyObject *self)
{
	return (struct semaphore *)(void *)self;
}

static PyObject *semaphore_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "segment", "name", "value", "maximum", "flags", NULL };
	struct stoa_semaphore_config config = { .struct_size = sizeof config };
	PyObject *segment_object, *made;
	struct stoa_segment *segment;
	const char *name;
	int rc;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "OsII|I:Semaphore", names, &segment_object, &name,
	                                 &config.initial, &config.maximum, &config.flags))
		return NULL;
	segment = segment_handle(segment_object);
	made = segment ? new_self(type) : NULL;
	if (!made)
		return NULL;
	semaphore_at(made)->maximum = config.maximum;
	config.maximum += !config.maximum; /* 0 would be the library's default */
	rc = stoa_semaphore_create(segment, name, &config, &semaphore_at(made)->handle);
	if (rc) {
		raise_fault(rc, name);
		Py_DECREF(made);
		return NULL;
	}
	return made;
}

static void semaphore_dealloc(PyObject *self)
{
	stoa_semaphore_close(semaphore_at(self)->handle);
	free_self(self);
}

static int semaphore_call(void *context, const struct timespec *deadline)
{
	return stoa_semaphore_wait(context, deadline);
}

static PyObject *semaphore_acquire_until(PyObject *self, const struct timespec *deadline)
{
	struct stoa_semaphore *handle = semaphore_at(self)->handle;
	int rc = stoa_semaphore_wait(handle, &stoa_now);

	if (rc == STOA_TIMEOUT && deadline != &stoa_now)
		rc = call_waiting(semaphore_call, handle, deadline);
	return waited(rc);
}

static PyObject *semaphore_acquire(PyObject *self, PyObject *args, PyObject *keywords)
{
	const struct timespec *deadline;
	struct timespec room;

	return may_wait(args, keywords, &room, &deadline) ? semaphore_acquire_until(self, deadline) : NULL;
}

static PyObject *semaphore_enter(PyObject *self, PyObject *unused)
{
	(void)unused;
	return semaphore_acquire_until(self, NULL);
}

static PyObject *semaphore_release(PyObject *self, PyObject *unused)
{
	int rc = semaphore_at(self)->maximum ? stoa_semaphore_post(semaphore_at(self)->handle) : -EOVERFLOW;

	(void)unused;
	if (rc == -EOVERFLOW || rc == -EPERM)
		return raise_too_many();
	return rc ? raise_fault(rc, NULL) : Py_NewRef(Py_None);
}

static PyObject *semaphore_exit(PyObject *self, PyObject *args)
{
	(void)args;
	return semaphore_release(self, NULL);
}

/* The permits that are free; -1 with an exception. */
static int64_t permits_of(PyObject *self)
{
	struct stoa_semaphore_config info = { .struct_size = sizeof info };
	int rc = stoa_semaphore_info(semaphore_at(self)->handle, &info);

	if (!rc)
		return info.initial;
	raise_fault(rc, NULL);
	return -1;
}

static PyObject *semaphore_get_value(PyObject *self, PyObject *unused)
{
	int64_t permits = permits_of(self);

	(void)unused;
	return permits < 0 ? NULL : PyLong_FromLongLong(permits);
}

static PyObject *semaphore_is_zero(PyObject *self, PyObject *unused)
{
	int64_t permits = permits_of(self);

	(void)unused;
	return permits < 0 ? NULL : PyBool_FromLong(permits == 0);
}

/* Nobody else uses it. */
static PyObject *semaphore_reset(PyObject *self, PyObject *value)
{
	struct stoa_semaphore *handle = semaphore_at(self)->handle;
	unsigned long wanted = PyLong_AsUnsignedLong(value);
	int64_t now = PyErr_Occurred() ? -1 : permits_of(self);
	int rc = 0;

	if (now < 0)
		return NULL;
	for (; now > (int64_t)wanted && !rc; now--)
		rc = stoa_semaphore_wait(handle, &stoa_now);
	for (; now < (int64_t)wanted && !rc; now++)
		rc = stoa_semaphore_post(handle);
	return rc < 0 ? raise_fault(rc, NULL) : Py_NewRef(Py_None);
}

static PyObject *semaphore_maxvalue(PyObject *self, void *unused)
{
	(void)unused;
	return PyLong_FromUnsignedLong(semaphore_at(self)->maximum);
}

static PyMethodDef semaphore_methods[] = {
	{ "acquire", KEYWORDS(semaphore_acquire), "acquire(block=True, timeout=None): whether one was had" },
	{ "release", semaphore_release, METH_NOARGS, "release(): one more" },
	{ "__enter__", semaphore_enter, METH_NOARGS, NULL },
	{ "__exit__", semaphore_exit, METH_VARARGS, NULL },
	{ "get_value", semaphore_get_value, METH_NOARGS, "get_value(): how many are free" },
	{ "_get_value", semaphore_get_value, METH_NOARGS, "as get_value()" },
	{ "_is_zero", semaphore_is_zero, METH_NOARGS, "_is_zero(): whether none is free" },
	{ "_reset", semaphore_reset, METH_O, "_reset(n): n are free" },
	{ NULL, NULL, 0, NULL },
};

static PyGetSetDef semaphore_properties[] = {
	{ "maxvalue", semaphore_maxvalue, NULL, "how many may be free", NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};

/* ---- Event ---- */

struct event {
	PyObject_HEAD struct stoa_event *handle;
};

static struct stoa_event *event_of(PyObject *self)
{
	return ((struct event *)(void *)self)->handle;
}

static PyObject *event_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "segment", "name", NULL };
	PyObject *segment_object, *made;
	struct stoa_segment *segment;
	const char *name;
	int rc;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "Os:Event", names, &segment_object, &name))
		return NULL;
	segment = segment_handle(segment_object);
	made = segment ? new_self(type) : NULL;
	if (!made)
		return NULL;
	rc = stoa_event_create(segment, name, NULL, &((struct event *)(void *)made)->handle);
	if (!rc)
		return made;
	Py_DECREF(made);
	return raise_fault(rc, name);
}

static void event_dealloc(PyObject *self)
{
	stoa_event_close(event_of(self));
	free_self(self);
}

static PyObject *done(int rc)
{
	return rc ? raise_fault(rc, NULL) : Py_NewRef(Py_None);
}

static PyObject *event_set(PyObject *self, PyObject *unused)
{
	(void)unused;
	return done(stoa_event_set(event_of(self)));
}

static PyObject *event_clear(PyObject *self, PyObject *unused)
{
	(void)unused;
	return done(stoa_event_clear(event_of(self)));
}

static PyObject *event_is_set(PyObject *self, PyObject *unused)
{
	struct stoa_event_config info = { .struct_size = sizeof info };
	int rc = stoa_event_info(event_of(self), &info);

	(void)unused;
	return rc ? raise_fault(rc, NULL) : PyBool_FromLong((long)info.initial);
}

static int event_call(void *context, const struct timespec *deadline)
{
	return stoa_event_wait(context, deadline);
}

static PyObject *event_wait(PyObject *self, PyObject *args, PyObject *keywords)
{
	static char *names[] = { "timeout", NULL };
	const struct timespec *deadline;
	PyObject *timeout = NULL;
	struct timespec room;

	if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O:wait", names, &timeout) ||
	    !deadline_from(timeout, &room, &deadline))
		return NULL;
	return waited(call_waiting(event_call, event_of(self), deadline));
}

static PyMethodDef event_methods[] = {
	{ "set", event_set, METH_NOARGS, "set(): wakes all who wait" },
	{ "clear", event_clear, METH_NOARGS, "clear()" },
	{ "is_set", event_is_set, METH_NOARGS, "is_set(): whether it is set" },
	{ "wait", KEYWORDS(event_wait), "wait(timeout=None): whether it was set meanwhile" },
	{ NULL, NULL, 0, NULL },
};

/* ---- the types ---- */

#define FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE)

#define SPEC(NAME, STRUCT, DOC, PREFIX, ...)                                                                 \
	(PyType_Spec)                                                                                        \
	{                                                                                                    \
		.name = "stoa._stoa." NAME, .basicsize = sizeof(struct STRUCT), .flags = FLAGS,              \
		.slots = (PyType_Slot[])                                                                     \
		{                                                                                            \
			{ Py_tp_doc, (void *)(DOC) }, { Py_tp_new, (void *)STRUCT##_new },                   \
				{ Py_tp_dealloc, (void *)STRUCT##_dealloc },                                 \
				{ Py_tp_methods, PREFIX##_methods }, __VA_ARGS__{ 0, NULL },                 \
		}                                                                                            \
	}

int add_sync(PyObject *module)
{
	PyType_Spec specs[] = {
		SPEC("Lock", lock, "Held by a process, released by anybody.", lock,
		     { Py_tp_getset, lock_properties }, ),
		SPEC("RLock", lock, "Held by a thread, as often as that likes.", rlock,
		     { Py_tp_getset, lock_properties }, ),
		SPEC("Semaphore", semaphore, "A number of permits.", semaphore,
		     { Py_tp_getset, semaphore_properties }, ),
		SPEC("Event", event, "A flag to wait for.", event),
	};

	owner_died = PyErr_NewExceptionWithDoc("stoa.OwnerDied",
	                                       "Who held a lock has died, and its lock has passed to who is "
	                                       "warned: what it was at may be half done.",
	                                       PyExc_RuntimeWarning, NULL);
	if (!owner_died || PyModule_AddObjectRef(module, "OwnerDied", owner_died))
		return -1;
	for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
		if (add_type(module, &specs[i]))
			return -1;
	}
	return 0;
}
