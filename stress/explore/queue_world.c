/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue_world.c - a queue in a segment, and processes that have it open.
 */
#include "queue_world.h"

#include "segment_world.h"

struct queue_world queue_world;

struct stoa_queue *own_queue(void)
{
	return queue_world.queues[explore_own_process()];
}

struct stoa_sender *own_sender(void)
{
	return queue_world.senders[explore_own_process()];
}

struct stoa_receiver *own_receiver(void)
{
	return queue_world.receivers[explore_own_process()];
}

void close_own_receiver(void)
{
	stoa_receiver_close(own_receiver());
	queue_world.receivers[explore_own_process()] = NULL;
}

void queue_world_make(const struct stoa_queue_config *config, unsigned people)
{
	struct stoa_queue *first;

	explore_process(1);
	explore_state(&queue_world, sizeof queue_world);
	segment_world_make(people, 1, 8192, people);
	explore_process(1);
	explore_check(stoa_queue_create(segment_world_own(), "q", config, &first) == 0, "no queue");
}

void queue_world_open(unsigned process)
{
	explore_process(process);
	explore_check(stoa_queue_open(segment_world_own(), "q", NULL, &queue_world.queues[process]) == 0,
	              "no queue");
}

void queue_world_open_sender(unsigned process)
{
	explore_process(process);
	explore_check(stoa_sender_open(queue_world.queues[process], &queue_world.senders[process]) == 0,
	              "no sender");
}

void queue_world_open_receiver(unsigned process)
{
	explore_process(process);
	explore_check(stoa_receiver_open(queue_world.queues[process], &queue_world.receivers[process]) == 0,
	              "no receiver");
}

unsigned queue_world_threads(void (*const threads[THREADS_MAX])(void *))
{
	unsigned count = 0;

	while (count < THREADS_MAX && threads[count])
		count++;
	return count;
}

void queue_world_start(void (*const threads[THREADS_MAX])(void *), const bool mortal[THREADS_MAX],
                       void (*prepare)(unsigned process))
{
	static const char *const names[THREADS_MAX] = { "one", "two", "three" };

	for (unsigned t = 0; t < queue_world_threads(threads); t++) {
		prepare(t + 2);
		(mortal[t] ? explore_mortal : explore_thread)(names[t], threads[t], NULL);
	}
	explore_process(1);
}

void queue_world_close_receivers(void)
{
	for (unsigned process = 2; process <= THREADS_MAX + 1; process++) {
		explore_process(process);
		if (queue_world.receivers[process] && !explore_process_ended(process))
			stoa_receiver_close(queue_world.receivers[process]);
	}
	queue_world_open_receiver(1);
}
