/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * xring_world.h - a small exchange ring in private memory, and its users.
 */
#ifndef STOA_EXPLORE_XRING_WORLD_H
#define STOA_EXPLORE_XRING_WORLD_H

#include <errno.h>

#include <stoa/queue.h>

#include "../explore_history.h"
#include "scenarios.h"
#include "xring.h"

#define USERS_MAX 4u

/* How many there are of all. */
struct xring_shape {
	unsigned capacity, senders, receivers;
	unsigned pushes, pops; /* of each */
	unsigned filled;       /* messages that are there at first: 1, 2, ... */
	unsigned reapers;      /* threads that settle user 0, or the first mortal one, when it has died */
	bool mortal_reapers;
	bool mortal_senders, mortal_receivers;
	bool newcomers; /* users who begin only now, where a hint tells: xring_arrive() */
};

struct user {
	struct xring_cursor cursor;
	struct slot slot;
	uint32_t handle;
	uint64_t role;
};

struct xring_world {
	const struct xring_shape *shape;
	struct xring ring;
	struct user users[USERS_MAX]; /* senders first; the owner is the user's number + 1 */
	struct history history;
	/* of each value */
	uint8_t sent[HISTORY_MAX]; /* its push answered 0 */
	uint8_t got[HISTORY_MAX],
		again[HISTORY_MAX]; /* how often it was received: the first time, redelivered */
	uint8_t acknowledged[HISTORY_MAX];
	_Alignas(64) uint8_t memory[4096];
};
extern struct xring_world xring_world;

/* Makes the world of explore_parameters(), a struct xring_shape, with a thread for each user. */
void xring_make(void (*send)(void *user), void (*receive)(void *user));

/* Where the shape says so, goes to where the hint of its side tells. */
void xring_arrive(struct user *user);

uint64_t *xring_bytes(uint32_t block);
/* Writes a value into the user's block and pushes it; pops, reads and acknowledges one.  In the history. */
int xring_send(struct user *user, uint64_t value);
int xring_receive(struct user *user);
/* The value of a sender's n-th push: unlike all others. */
uint64_t xring_value(const struct user *user, unsigned n);

/* Takes an orphan, if there is one, and acknowledges it. */
int xring_receive_orphan(struct user *user);
/* Settles what a dead user held; as often as it takes. */
void xring_reap(const struct user *user);

/* No block is in two places: cells, and the slots of those who live. */
void xring_check_blocks(void);
/*
 * When nobody moves any more: settles the dead, receives what is left, and sees to it that every message that
 * was sent came out, once, or again where its receiver died before it acknowledged; and that every block is
 * in one place.
 */
void xring_audit(void);

#endif
