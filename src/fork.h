/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * fork.h - who wants to know in the child that the process has forked.
 *
 * A handle that was inherited tells by stoa_fork_epoch, to all calls that look.  The short ways of a queue do
 * not: fork() closes them in the child, one by one.  Both happen in the one handler of segment.c.
 */
#ifndef STOA_FORK_H
#define STOA_FORK_H

struct fork_hook {
	struct fork_hook *next, **link; /* in the list of the process */
	void (*in_child)(struct fork_hook *hook);
};

/* `in_child` is called in each child from now on, within fork(). */
void fork_hook_add(struct fork_hook *hook);
/* No longer; nothing where it was never added. */
void fork_hook_remove(struct fork_hook *hook);

/* For segment.c's handlers: before, and after in the parent and in the child, which calls the hooks first. */
void fork_hooks_lock(void);
void fork_hooks_unlock(void);
void fork_hooks_call(void);

#endif
