/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * defect.h - defects planted on purpose, to show that the stress suite finds them.
 *
 * Only a build with -DSTOA_DEFECTS has them, and there only the one whose number is in
 * stoa_defect; in every other build DEFECT() is the constant false.
 */
#ifndef STOA_DEFECT_H
#define STOA_DEFECT_H

enum defect {
	DEFECT_NONE,
	DEFECT_INTENT_AFTER,   /* a sender's intent is written after the exchange */
	DEFECT_INTENT_DROPPED, /* a receiver's intent is not written */
	DEFECT_ACKNOWLEDGE,    /* an acknowledgement is not written */
	DEFECT_PLAIN_STORE,    /* a reaper stores where it must compare and swap */
	DEFECT_NO_HAZARD,      /* a reaper does not say at which slot it is */
	DEFECT_SAME_LAP,       /* a redelivery does not advance the lap of its orphan cell */
	DEFECT_GENERATION,     /* a reader does not look whether its block was recycled */
	DEFECT_PERMIT_STORE,   /* a reaper stores where it must compare and swap: a dead one's permit */
	DEFECT_PERMIT_UNTOLD,  /* post does not say that a permit has become free behind the eyes of others */
	DEFECT_LOCK_STORE,     /* a reaper stores where it must compare and swap: a dead one's lock */
	DEFECT_ROUND_SAME,     /* an arrival is taken back, and the barrier's word stays the same */
	DEFECT_ROUND_OF_DEAD,  /* a round ends though one of its parties has died */
	DEFECTS
};

#ifdef STOA_DEFECTS
extern int stoa_defect;
#define DEFECT(which) (stoa_defect == (which))
#else
#define DEFECT(which) 0
#endif

#endif
