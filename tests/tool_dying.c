/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tool_dying.c - for the command stoa: who acknowledges a message is killed before every third; and where
 * DYING_AT_QUEUE=N is set, who makes queues is killed before the Nth.
 *
 * The moments between what a worker of stoa run tells and what it acknowledges, and between the segment and the
 * queues that it makes, are too short for kills at random.
 * (The linker puts these in the place of the library's: --wrap in meson.build.)
 */
#include <signal.h>
#include <stdlib.h>

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

int __real_stoa_queue_create(struct stoa_segment *segment, const char *name,
                             const struct stoa_queue_config *config, struct stoa_queue **queue);
int __wrap_stoa_queue_create(struct stoa_segment *segment, const char *name,
                             const struct stoa_queue_config *config, struct stoa_queue **queue);
int __wrap_stoa_queue_create(struct stoa_segment *segment, const char *name,
                             const struct stoa_queue_config *config, struct stoa_queue **queue)
{
	const char *last = getenv("DYING_AT_QUEUE");
	static int calls;

	if (last && ++calls == atoi(last))
		raise(SIGKILL);
	return __real_stoa_queue_create(segment, name, config, queue);
}
