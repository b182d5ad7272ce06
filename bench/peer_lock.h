/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_lock.h - the locks of the C library, process-shared: LOCK_ROBUST, LOCK_RW, or the plain mutex. */
#include <errno.h>
#include <pthread.h>

#ifdef LOCK_RW

struct lock {
	pthread_rwlock_t lock;
};

static inline void lock_init(struct lock *lock)
{
	pthread_rwlockattr_t attributes;

	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_rwlock_init(&lock->lock, &attributes);
	pthread_rwlockattr_destroy(&attributes);
}

static inline void lock_read(struct lock *lock)
{
	pthread_rwlock_rdlock(&lock->lock);
}

static inline void lock_write(struct lock *lock)
{
	pthread_rwlock_wrlock(&lock->lock);
}

static inline void lock_release(struct lock *lock)
{
	pthread_rwlock_unlock(&lock->lock);
}

#else

struct lock {
	pthread_mutex_t lock;
};

static inline void lock_init(struct lock *lock)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
#ifdef LOCK_ROBUST
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
#endif
	pthread_mutex_init(&lock->lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
}

/* Its owner died: what it guards is taken for sound, whether it is or not. */
static inline void lock_write(struct lock *lock)
{
	if (pthread_mutex_lock(&lock->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&lock->lock);
}

static inline void lock_read(struct lock *lock)
{
	lock_write(lock);
}

static inline void lock_release(struct lock *lock)
{
	pthread_mutex_unlock(&lock->lock);
}

#endif
