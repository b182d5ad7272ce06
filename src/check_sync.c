/* SPDX-License-Identifier: BSD-2-Clause */
/* check_sync.c - semaphores, events, barriers, locks: the words that name a holder, and the count. */
#include "check.h"

static void collect_sync(const struct subject *subject, struct words *words)
{
	words_add(words, atom64_load_seq(&subject->sync.shared->word));
	for (uint32_t i = 0; i < subject->sync.cell_count; i++)
		words_add(words, atom64_load_seq(&subject->sync.cells[i]));
}

static void judge_lock(struct check *check, uint64_t word)
{
	unsigned state = word & 3;

	if (state > LOCK_ORPHANED)
		broken(check, "it is in state %u, and there is none", state);
	else if (state == LOCK_HELD)
		check_owner(check, word >> 2 & 0xffff, "the lock, acquisition", word >> 42);
	else if (word >> 2 & 0xffff)
		broken(check, "it is free, and names an owner");
}

static void judge_permit(struct check *check, uint32_t i, uint64_t permit)
{
	unsigned state = permit & 0xff;

	if (state > PERMIT_HELD)
		broken(check, "permit %u is in state %u, and there is none", i, state);
	else if (state == PERMIT_HELD)
		check_owner(check, permit >> 8 & 0xffff, "permit", i);
}

/* A seat is of this round, or of the one before, and then it does not matter whose it was. */
static void judge_seat(struct check *check, uint32_t i, uint64_t seat, uint64_t word)
{
	const uint32_t mask = (1u << ROUND_BITS) - 1;
	uint32_t since = ((uint32_t)word - (uint32_t)(seat >> 18)) & mask;
	unsigned state = seat & 3;

	if (state > SEAT_LEAVING)
		broken(check, "seat %u is in state %u, and there is none", i, state);
	else if (since > 1)
		broken(check, "seat %u is of round %lu, and the barrier in round %lu", i,
		       (unsigned long)(seat >> 18 & mask), (unsigned long)(word & mask));
	else if (since == 0 && state != SEAT_FREE)
		check_owner(check, seat >> 2 & 0xffff, "seat", i);
}

static void judge_sync(const struct subject *subject, struct check *check, const uint64_t *words)
{
	const struct sync *sync = &subject->sync;

	if (sync->kind == STOA_KIND_LOCK)
		judge_lock(check, words[0]);
	if (sync->kind == STOA_KIND_SEMAPHORE && words[0] > (sync->cell_count ? 0 : sync->size))
		broken(check, "it counts %lu, and the most is %u", (unsigned long)words[0],
		       sync->cell_count ? 0 : sync->size);
	for (uint32_t i = 0; i < sync->cell_count; i++) {
		if (sync->kind == STOA_KIND_SEMAPHORE)
			judge_permit(check, i, words[1 + i]);
		else
			judge_seat(check, i, words[1 + i], words[0]);
	}
}

void check_sync(struct check *check, void *start, uint64_t room)
{
	struct subject subject = { .collect = collect_sync, .judge = judge_sync };

	if (sync_view(start, room, &subject.sync))
		check_subject(check, &subject);
	else
		broken(check, "its shape makes no sense: kind, flags or size");
}
