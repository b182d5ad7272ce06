/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * value_cell_write.c - a process's slots in a cell, shared by its threads, and what is written by them.  The essay
 * of it all is at the head of value_cell.c.
 *
 * state = fork epoch << 16 | the slot whose turn it is << 12 | SHARED, SHARING, CLAIMED, CLAIMING | a bit for
 * each slot that some thread has.
 *
 * Most processes write a value in one thread, and two locked operations would cost it as much as the rest of a
 * store of 64 bytes.  So the thread that claims the handle, the first, needs none until another one comes:
 *
 *   first thread                              another one
 *   inside = 1 + slot                         state |= SHARING
 *   state is CLAIMED alone?                   os_fence_all()
 *     the slot is its own until inside = 0    state |= SHARED
 *   else inside = 0, and as another one       takes slots by their bits, but not the one in `inside`
 *
 * The first thread's store and look stand on one side of the fence that it passes meanwhile, or on the other:
 * it sees SHARING, or is seen inside; and its `inside` counts as long as it is there, so nobody waits for it.
 * It never comes back to this way.
 * A process that cannot register for os_fence_all() is SHARED from the beginning.
 */
#include "value_cell.h"

#include <errno.h>

#include "defect.h"
#include "os.h"
#include "participant.h"

#define WRITER_CLAIMING (1ull << 8)
#define WRITER_CLAIMED (1ull << 9)
#define WRITER_SHARING (1ull << 10)
#define WRITER_SHARED (1ull << 11)
#define WRITER_TURN 12
#define WRITER_EPOCH 16

#define CLAIM_TRIES 5
#define CLAIM_PAUSE_NS 1000000
#define TAKE_SPINS 64u
#define TAKE_PAUSE_NS 50000
#define SHARE_PAUSE_NS 1000000

static uint64_t this_epoch(void)
{
	return stoa_fork_epoch << WRITER_EPOCH;
}

static bool epoch_is_mine(uint64_t state)
{
	return ((state ^ this_epoch()) >> WRITER_EPOCH) == 0;
}

static int claim_handle(struct cell_writer *writer, const struct value_cell *cell,
                        struct stoa_segment *segment)
{
	uint32_t self;
	int rc = participant_self(segment, &self);

	if (rc)
		return rc;
	for (int i = 0;; i++) {
		rc = exchange_claim(&cell->exchange, ROLE_WRITER, self, false, &writer->handle, &writer->role,
		                    writer->slots);
		if (rc != -EUSERS || i == CLAIM_TRIES)
			return rc;
		if (i > 0) /* somebody else may be in the middle of reaping what we need */
			os_sleep_ns(CLAIM_PAUSE_NS);
		rc = participant_reap_all(segment);
		if (rc < 0 && rc != -ENOMEM)
			return rc;
	}
}

static int writer_claim(struct cell_writer *writer, uint64_t state, const struct value_cell *cell,
                        struct stoa_segment *segment)
{
	uint64_t claimed;
	int rc;

	if (!atom64_cas_seq(&writer->state, &state, this_epoch() | WRITER_CLAIMING))
		return 0; /* another thread was faster: look again */
	rc = claim_handle(writer, cell, segment);
	claimed = rc ? 0 : WRITER_CLAIMED;
	if (rc == 0 && os_fence_register() != 0)
		claimed |= WRITER_SHARING | WRITER_SHARED;
	writer->first = os_thread();
	writer->turn = 0;
	atom64_store_rlx(&writer->inside, 0); /* relaxed: comes with the state, as all of it */
	/* [C3] release; pairs with the acquire loads in take_first() and cell_take(): the handle before its
	 * state. */
	atom64_store_rel(&writer->state, this_epoch() | claimed);
	return rc;
}

/*
 * Ends the first thread's privilege: look again.  That thread itself needs no fence.  Where the call fails
 * that did not fail when the process registered (a filter of system calls since then), a pause must do: time
 * enough for a store that is on its way out of a core.
 */
static void writer_share(struct cell_writer *writer, uint64_t state)
{
	if (!(state & WRITER_SHARING) && !atom64_cas_seq(&writer->state, &state, state | WRITER_SHARING))
		return;
	state |= WRITER_SHARING;
	if (writer->first != os_thread() && !DEFECT(DEFECT_FIRST_UNFENCED) && os_fence_all() != 0)
		os_sleep_ns(SHARE_PAUSE_NS);
	atom64_cas_seq(&writer->state, &state, state | WRITER_SHARED); /* or another thread has done it */
}

/* A slot for the first thread, while there is no other. */
static inline bool take_first(struct cell_writer *writer, struct slot **slot)
{
	uint64_t alone = this_epoch() | WRITER_CLAIMED;
	uint32_t turn;

	/* `inside` is not 0 in a signal's handler, in the middle of a store. */
	if (unlikely(atom64_load_acq(&writer->state) != alone /* [C3] */ || writer->first != os_thread() ||
	             atom64_load_rlx(&writer->inside) != 0)) /* relaxed: our own word */
		return false;
	turn = writer->turn;
	/* [C5] release; pairs with the acquire load in free_slot(): the other slots as we left them. */
	atom64_store_rel(&writer->inside, turn + 1);
	fence_light();
	/* Relaxed: os_fence_all() in writer_share() orders it after the store. */
	if (unlikely(atom64_load_rlx(&writer->state) != alone && !DEFECT(DEFECT_FIRST_UNLOOKED))) {
		atom64_store_rel(&writer->inside, 0); /* [C5] */
		return false;
	}
	writer->turn = turn + 1 == CELL_SLOTS ? 0 : turn + 1;
	*slot = &writer->slots[turn];
	return true;
}

/* The first free slot from the one whose turn it is; CELL_SLOTS where all are busy. */
static uint32_t free_slot(const struct cell_writer *writer, uint64_t state)
{
	/* [C5] acquire; pairs with take_first() and cell_give(): a slot as the first thread left it. */
	uint64_t inside = atom64_load_acq(&writer->inside);
	uint32_t turn = state >> WRITER_TURN & 0xf;

	for (uint32_t i = 0; i < CELL_SLOTS; i++) {
		uint32_t slot = (turn + i) % CELL_SLOTS;

		if ((!(state >> slot & 1) && slot + 1 != inside) || DEFECT(DEFECT_SLOT_SHARED))
			return slot;
	}
	return CELL_SLOTS;
}

static uint64_t state_with(uint64_t state, uint32_t slot)
{
	uint64_t turn = (uint64_t)((slot + 1) % CELL_SLOTS) << WRITER_TURN;

	return (state & ~(0xfull << WRITER_TURN)) | turn | 1ull << slot;
}

static noinline int take_shared(struct cell_writer *writer, const struct value_cell *cell,
                                struct stoa_segment *segment, struct slot **slot)
{
	for (uint32_t spins = 0;; spins++) {
		uint64_t state = atom64_load_acq(&writer->state); /* [C3] */
		uint32_t i = CELL_SLOTS;
		int rc;

		if (!epoch_is_mine(state) || !(state & (WRITER_CLAIMED | WRITER_CLAIMING))) {
			rc = writer_claim(writer, state, cell, segment);
			if (rc)
				return rc;
			if (take_first(writer, slot))
				return 0;
			continue;
		}
		if ((state & (WRITER_CLAIMED | WRITER_SHARED)) == WRITER_CLAIMED) {
			writer_share(writer, state);
			continue;
		}
		if (state & WRITER_CLAIMED)
			i = free_slot(writer, state);
		if (i == CELL_SLOTS) {
			if (spins < TAKE_SPINS)
				os_yield();
			else
				os_sleep_ns(TAKE_PAUSE_NS);
			continue;
		}
		/* [C4] acquire; pairs with cell_give(): the slot as the thread before left it. */
		if (atom64_cas_seq(&writer->state, &state, state_with(state, i))) {
			*slot = &writer->slots[i];
			return 0;
		}
	}
}

static inline int take(struct cell_writer *writer, const struct value_cell *cell,
                       struct stoa_segment *segment, struct slot **slot)
{
	return likely(take_first(writer, slot)) ? 0 : take_shared(writer, cell, segment, slot);
}

int cell_take(struct cell_writer *writer, const struct value_cell *cell, struct stoa_segment *segment,
              struct slot **slot)
{
	return take(writer, cell, segment, slot);
}

static inline void give(struct cell_writer *writer, struct slot *slot)
{
	uint64_t bit = 1ull << (slot - writer->slots);

	/* An offer of the very block that the slot still holds has failed: say so. */
	if (intent_kind(slot->intent) == INTENT_OFFER && intent_out(slot->intent) == slot->block)
		slot_settle(slot, slot->block);
	/* Relaxed: nobody but we can have set the bit. */
	if (atom64_load_rlx(&writer->state) & bit)
		atom64_add_seq(&writer->state, 0 - bit); /* [C4] release */
	else
		atom64_store_rel(&writer->inside, 0); /* [C5] release */
}

void cell_give(struct cell_writer *writer, struct slot *slot)
{
	give(writer, slot);
}

void cell_leave(struct cell_writer *writer, const struct value_cell *cell)
{
	uint64_t state = atom64_load_acq(&writer->state); /* [C3] */

	if (!epoch_is_mine(state) || !(state & WRITER_CLAIMED))
		return; /* never written, or our parent's */
	for (uint32_t i = 0; i < CELL_SLOTS; i++) {
		if (intent_kind(writer->slots[i].intent) != INTENT_SETTLED)
			slot_settle(&writer->slots[i], writer->slots[i].block);
	}
	exchange_release(&cell->exchange, writer->handle, writer->role);
	atom64_store_rel(&writer->state, 0); /* [C3] */
}

/* ---- writing ---- */

uint8_t *cell_begin(const struct value_cell *cell, const struct slot *slot)
{
	struct value_block *block = value_block_of(cell, slot->block);

	/* Relaxed: the fence orders it before the bytes. */
	if (!DEFECT(DEFECT_GENERATION_LEFT))
		atom64_store_rlx(&block->generation, 0);
	/* [C2] release; pairs with the acquire fence in cell_whole(): a late reader of this block
	 * that sees a new byte sees that the generation is gone. */
	fence_rel();
	return (uint8_t *)(block + 1);
}

/* As bytes_out(). */
static inline void bytes_in(const struct value_cell *cell, void *to, const void *in)
{
	__asm__("" : "+r"(in));
	if (cell->size == STOA_LINE)
		copy_racy_in(to, in, STOA_LINE);
	else
		copy_racy_in(to, in, cell->size);
}

static inline bool publish(const struct value_cell *cell, struct slot *slot, uint64_t *word)
{
	uint32_t old = *word & VALUE_BLOCK_MASK;
	uint64_t next = value_word_after(*word, slot->block);

	/* Relaxed: the compare-and-swap releases it to whoever sees the new word; nobody else
	 * compares it, as a word that is not published now never will be. */
	atom64_store_rlx(&value_block_of(cell, slot->block)->generation, next);
	slot_intend(slot, INTENT_OFFER, slot->block, old);
	/* [C1] release; pairs with cell_look(): the bytes before their word. */
	if (!atom64_cas_seq(cell->word, word, next))
		return false;
	slot->block = old;
	return true;
}

bool cell_publish(const struct value_cell *cell, struct slot *slot, uint64_t *word)
{
	return publish(cell, slot, word);
}

int cell_store(const struct value_cell *cell, struct cell_writer *writer, struct stoa_segment *segment,
               const void *in, void *out)
{
	struct slot *slot;
	uint64_t word;
	int rc = take(writer, cell, segment, &slot);

	if (rc)
		return rc;
	if (!DEFECT(DEFECT_PUBLISHED_EARLY))
		bytes_in(cell, cell_begin(cell, slot), in);
	word = atom64_load_seq(cell->word);
	do {
		if (!cell_knows(cell, word))
			rc = -EBADMSG;
	} while (rc == 0 && !publish(cell, slot, &word));
	if (DEFECT(DEFECT_PUBLISHED_EARLY))
		copy_racy_in(value_block_of(cell, atom64_load_seq(cell->word)) + 1, in, cell->size);
	if (rc == 0 && out) /* the slot holds the old version now: nobody can change it */
		copy_racy_out(out, value_block_of(cell, slot->block) + 1, cell->size);
	give(writer, slot);
	return rc;
}

int cell_copy(const struct value_cell *cell, const struct slot *slot, struct cell_look *look, uint8_t **bytes)
{
	int rc;

	*bytes = cell_begin(cell, slot);
	do {
		rc = cell_look(cell, look);
		if (rc)
			return rc;
		for (uint64_t i = 0; i < cell->size; i += sizeof(uint64_t))
			elem64_store_rlx(*bytes + i, elem64_load_rlx(look->bytes + i));
	} while (!cell_whole(look));
	return 0;
}

int cell_edit(const struct value_cell *cell, struct cell_writer *writer, struct stoa_segment *segment,
              int (*edit)(uint8_t *bytes, void *context), void *context)
{
	struct cell_look look = { 0 };
	struct slot *slot;
	uint8_t *bytes;
	int rc = cell_take(writer, cell, segment, &slot);

	if (rc)
		return rc;
	do {
		rc = look.word && DEFECT(DEFECT_EDIT_STALE) ? 0 : cell_copy(cell, slot, &look, &bytes);
		if (rc == 0)
			rc = edit(bytes, context);
	} while (rc == 0 && !cell_publish(cell, slot, &look.word));
	cell_give(writer, slot);
	return rc;
}
