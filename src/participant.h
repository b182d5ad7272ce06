/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * participant.h - who is attached, the proof of death, fork.
 */
#ifndef STOA_PARTICIPANT_H
#define STOA_PARTICIPANT_H

#include <stdbool.h>

#include "layout.h"

struct stoa_segment;

/*
 * Makes sure that this process is registered in the segment: at attach, and at its first use
 * after a fork.  0; -EACCES (read-only); -EUSERS (full, after reaping); others of open(2).
 */
int participant_register(struct stoa_segment *segment);

/* Leaves: everything this process held in the segment has been given back before. */
void participant_leave(struct stoa_segment *segment);

/* Whether anybody but this process is attached who is not proven dead. */
bool participant_others(const struct stoa_segment *segment);

/*
 * The slot of this process, registered if need be.  Cheap where it is.
 */
int participant_self(struct stoa_segment *segment, uint32_t *slot);

/*
 * Whether the owner of the slot in this generation is proven dead, or has left.
 * Never asked of one's own slot: the answer there is false without a probe.
 */
bool participant_dead(const struct stoa_segment *segment, uint32_t slot, uint64_t generation);

/*
 * Whether nobody who lives holds the byte of a slot that is not our own: its owner is to be reaped, or
 * nobody is there.  One system call, but for an owner that forks: for those who are about to rely on one.
 */
bool participant_lost(const struct stoa_segment *segment, uint32_t slot);

/*
 * This process, which has joined, is about to fork; in the child: it has closed its copy of the lock
 * of its parent, whose slot and generation the handle still has.
 */
void participant_fork_begins(const struct stoa_segment *segment);
void participant_fork_ends(const struct stoa_segment *segment);

/*
 * Reaps every dead participant whose lock is gone, and looks after some whose lock is not, in turn
 * (stoa_segment_reap(): after all).  Returns how many slots became free, or a negative errno.
 * One thread of a process does it at a time; another that comes meanwhile, or finds another process
 * at it, tries again for about a millisecond, and returns what it could do.
 */
int participant_reap_all(struct stoa_segment *segment);
/* The same without trying again, for those who only come by: beside a stopped reaper they lose no time. */
int participant_reap_once(struct stoa_segment *segment);
/* The same, looking up only pids whose children may have their locks: one system call for each who lives. */
int participant_reap_attaching(struct stoa_segment *segment);

/*
 * The one call against the direction of the rooms: settles what the dead owner of `slot`
 * held in every object of the segment.  reap.c has it, which knows all kinds of objects.
 * Runs under the hazard of this process on that slot.
 * Returns 0 when nothing is left unsettled, or a negative errno: to be tried again later.
 */
int reap_settle(struct stoa_segment *segment, uint32_t slot);

/*
 * After reap_settle() and when no other living participant has its hazard on the slot: frees
 * the roles that the slot still owns.  Every write is stamped with a generation, so it may be
 * done by many and late.
 */
void reap_release(struct stoa_segment *segment, uint32_t slot);

#endif
