/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sync_world.h - a lock, a semaphore, a barrier or an event in private memory, and processes that use it:
 * each has a participant's slot of its own, and a handle.
 */
#ifndef STOA_EXPLORE_SYNC_WORLD_H
#define STOA_EXPLORE_SYNC_WORLD_H

#include <stoa/base.h>

#include "scenarios.h"
#include "segment.h"
#include "sync.h"

#define PROCESSES 4u
#define CELLS_MAX 3u

struct process {
	struct stoa_segment segment; /* of which it needs the participants, and which of them it is */
	struct sync sync;            /* the handle, whatever it is of */
};

struct sync_world {
	_Alignas(64) struct participant_record participants[PROCESSES];
	struct sync_layout layout;
	struct atom64 cells[CELLS_MAX]; /* of the object: permits, seats */
	struct process processes[PROCESSES];
	uint8_t victims[EXPLORE_THREADS_MAX]; /* of a mortal thread: its process + 1 */
	unsigned threads;
};
extern struct sync_world sync_world;

/* The object, as sync_create() makes it, and the processes. */
void sync_make(uint32_t kind, uint32_t flags, uint32_t size, uint64_t word);

/* A thread of a process, which its function is given.  A mortal one is the only one of its process. */
void sync_thread(const char *name, void (*function)(void *process), unsigned process, bool mortal);
/* Waits for the end of each mortal thread, and reaps those that were killed; may be killed itself, or not. */
void sync_reaper(const char *name, bool mortal);

/* Which process it is. */
unsigned sync_slot(const struct process *process);

/* ---- in check() ---- */

/* As one more reaper does, in the end. */
void sync_reap_all(void);
/* Whether a process was killed. */
bool sync_is_dead(unsigned process);
/* Somebody slept until its time was over: all did, as time passes only then. */
bool sync_overslept(void);

#endif
