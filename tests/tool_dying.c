/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tool_dying.c - for the command stoa: who acknowledges a message is killed before every third.
 *
 * The moment between what a worker of stoa run tells and what it acknowledges is too short for kills at random.
 * (The linker puts this in the place of the library's: --wrap in meson.build.)
 */
#include <signal.h>

#include <stoa.h>

int __real_stoa_receiver_release(struct stoa_receiver *receiver, struct stoa_message *message);
int __wrap_stoa_receiver_release(struct stoa_receiver *receiver, struct stoa_message *message);
int __wrap_stoa_receiver_release(struct stoa_receiver *receiver, struct stoa_message *message)
{
	static unsigned calls;

	if (++calls % 3 == 0)
		raise(SIGKILL);
	return __real_stoa_receiver_release(receiver, message);
}
