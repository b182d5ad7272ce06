/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sync.h - what sync.c and its four kinds know of each other.
 */
#ifndef STOA_SYNC_INTERNAL_H
#define STOA_SYNC_INTERNAL_H

#include <stoa/sync.h>

#include "event.h"
#include "object.h"
#include "participant.h"

#define PERMITS_MAX 65536u
#define PARTIES_MAX 65536u

/* A handle, of any of the four kinds: one per process and object. */
struct sync {
	struct object_handle object; /* first */
	struct sync_layout *shared;
	/* private copies, checked */
	uint32_t kind, flags, size;
	struct atom64 *cells; /* permits or seats */
	uint32_t cell_count;
	/* private to the process */
	struct atom32 hint;   /* the permit that was taken or given back last */
	struct atom64 taken;  /* how many permits this process ever took */
	struct atom64 looked; /* when somebody last looked after the dead, ns */
};

/* What an object is to be; `word` is how it starts. */
struct sync_shape {
	uint32_t kind, flags, size;
	uint64_t word;
};

uint64_t sync_bytes(const struct sync_shape *shape);
/* Looks at the object at `start`: every number is checked, then a private copy.  Of `sync` only these are set. */
bool sync_view(void *start, uint64_t room, struct sync *sync);
/* The errors of the public calls; `flags` as given: STOA_EXCLUSIVE and the kind's own. */
int sync_create(struct stoa_segment *segment, const char *name, const struct sync_shape *shape,
                uint32_t flags, struct sync **sync);
/* `expect` may be NULL. */
int sync_open(struct stoa_segment *segment, const char *name, uint32_t kind, const struct sync_shape *expect,
              struct sync **sync);
int sync_close(struct sync *sync);

/* Before anything that writes: 0, -EINVAL (NULL), -EACCES; and with this process's slot. */
int sync_writable(const struct sync *sync);
int sync_self(struct sync *sync, uint32_t *self);

/*
 * Waits until `attempt` answers something else than STOA_EMPTY: that, or STOA_TIMEOUT, or -EINTR.
 * `inspect`, where there is one, says that the dead matter: it is called once before sleeping (or giving
 * up), to look after those who are in the way, and after each slice all the dead are reaped.
 */
struct sync_attempt {
	int (*attempt)(void *context);
	void (*inspect)(void *context);
	void *context;
};
int sync_wait(struct sync *sync, const struct sync_attempt *attempt, const struct timespec *deadline);

/* Reaps, if this process has not done so a moment ago. */
void sync_look_after(struct sync *sync);

/* What a dead participant held in an object of one kind; `size` and `cells` are checked. */
void semaphore_settle(struct sync_layout *shared, struct atom64 *permits, uint32_t count, uint32_t slot);
void barrier_settle(struct sync_layout *shared, struct atom64 *seats, uint32_t parties, uint32_t slot);
void lock_settle(struct sync_layout *shared, uint32_t slot);
/* Called by reap.c; see participant.h.  Nothing is left for a second step. */
void sync_settle(void *start, uint64_t room, uint32_t slot);

#endif
