/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * queue_world.h - a queue in a segment, and processes that have it open: for scenarios of whole queues.
 */
#ifndef STOA_EXPLORE_QUEUE_WORLD_H
#define STOA_EXPLORE_QUEUE_WORLD_H

#include <stdbool.h>

#include <stoa/queue.h>

#include "explore.h"
#include "queue.h"

#define THREADS_MAX 3u

/* Of each process: its handles, or NULL. */
struct queue_world {
	struct stoa_queue *queues[EXPLORE_PROCESSES_MAX + 1];
	struct stoa_sender *senders[EXPLORE_PROCESSES_MAX + 1];
	struct stoa_receiver *receivers[EXPLORE_PROCESSES_MAX + 1];
};
extern struct queue_world queue_world;

/* Those of the calling process. */
struct stoa_queue *own_queue(void);
struct stoa_sender *own_sender(void);
struct stoa_receiver *own_receiver(void);
void close_own_receiver(void);

/* In set_up(): process 1 makes a segment and the queue in it, 2 to `people` open the segment. */
void queue_world_make(const struct stoa_queue_config *config, unsigned people);
/* The process is from now on the calling one, and opens the queue, a sender, a receiver. */
void queue_world_open(unsigned process);
void queue_world_open_sender(unsigned process);
void queue_world_open_receiver(unsigned process);

/* How many there are. */
unsigned queue_world_threads(void (*const threads[THREADS_MAX])(void *));
/* Process 2 and on, each after `prepare`. */
void queue_world_start(void (*const threads[THREADS_MAX])(void *), const bool mortal[THREADS_MAX],
                       void (*prepare)(unsigned process));

/* In check(): the receivers of those who live are closed.  Process 1 goes on, and opens one. */
void queue_world_close_receivers(void);

#endif
