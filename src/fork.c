/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * fork.c - the list of hooks, under a mutex that fork() holds, so that the child finds it whole.
 *
 * A hook changes private memory of its owner, which another thread of the parent may have been changing as
 * the process forked.  In the child there is no such thread, and what it left half done there must not matter:
 * the owner makes it anew at its first use.
 */
#include "fork.h"

#include <pthread.h>
#include <stddef.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct fork_hook *hooks;

void fork_hook_add(struct fork_hook *hook)
{
	pthread_mutex_lock(&mutex);
	hook->next = hooks;
	hook->link = &hooks;
	if (hooks)
		hooks->link = &hook->next;
	hooks = hook;
	pthread_mutex_unlock(&mutex);
}

void fork_hook_remove(struct fork_hook *hook)
{
	pthread_mutex_lock(&mutex);
	if (hook->link) { /* which changes with its neighbours */
		*hook->link = hook->next;
		if (hook->next)
			hook->next->link = hook->link;
		hook->link = NULL;
	}
	pthread_mutex_unlock(&mutex);
}

void fork_hooks_lock(void)
{
	pthread_mutex_lock(&mutex);
}

void fork_hooks_unlock(void)
{
	pthread_mutex_unlock(&mutex);
}

void fork_hooks_call(void)
{
	for (struct fork_hook *hook = hooks; hook; hook = hook->next)
		hook->in_child(hook);
}
