/* SPDX-License-Identifier: BSD-2-Clause */
/* explore_fork.c - in place of src/fork.c: the processes of a scenario do not fork. */
#include "fork.h"

void fork_hook_add(struct fork_hook *hook)
{
	(void)hook;
}

void fork_hook_remove(struct fork_hook *hook)
{
	(void)hook;
}

void fork_hooks_lock(void)
{
}

void fork_hooks_unlock(void)
{
}

void fork_hooks_call(void)
{
}
