/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * drama_queue.h - what the stage, the victim and the survivors of a queue's world share.
 */
#ifndef STOA_STRESS_DRAMA_QUEUE_H
#define STOA_STRESS_DRAMA_QUEUE_H

#include "step.h"

#include "queue.h"

#define VICTIM_FIRST 500 /* the number of the victim's first message */
#define BATCH 3          /* messages of push_many and pop_many */
#define HANDLES 6
#define PACK_MOST 2

/* Which ends are STOA_MANY; whether STOA_REDELIVER; STOA_DRAIN, STOA_NOW or 0. */
bool queue_many_senders(const struct world *world);
bool queue_many_receivers(const struct world *world);
bool queue_redelivers(const struct world *world);
unsigned queue_is_closing(const struct world *world);

/* Whether an operation sends several messages of one size. */
bool queue_many_sent(enum operation operation);
/* Whether the victim has the whole message in its memory. */
bool queue_victim_has(const struct world *world, uint32_t number);

/* Calls of the stage and the survivors: every answer that makes no sense ends the world, and what came of
 * it is in the ledger. */
int queue_push_by(struct world *world, struct stoa_sender *sender);
int queue_push(struct world *world);
/* The next ones in the ledger, as many as one push sends, are committed. */
void queue_committed(struct world *world);
int queue_take(struct world *world, bool *flagged);
void queue_see(struct world *world, const struct stoa_message *message);

/* survivors_queue.c */
void queue_turn(struct world *world);
void queue_works(struct world *world);
void queue_audits(struct world *world);

#endif
