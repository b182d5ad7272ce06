/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * value_cell.c - the multi-slot seqlock: structs that are read and written whole.
 *
 * Words
 *   cell           generation << VALUE_BLOCK_BITS | block: the current version.  Moves by
 *                  compare-and-swap only, the generation by one each time, so no word
 *                  comes twice (within 2^52 stores).
 *   block          its generation word, then the bytes.  The generation word is the cell word
 *                  that published the block, and 0 while it is being written.
 *   slots          CELL_SLOTS (K) for each writing process, each with one private block
 *                  (exchange.c).
 *
 * A writer takes one of its process's slots, in turn; zeroes the generation of the slot's block b
 * and fills it; then, as often as it takes: looks at the cell's word w, stamps b with the word
 * that would follow w, publishes its intent (offer b, want w's block) and tries to swap.
 * Once it succeeds, the slot holds the old version's block.  Whoever wants to publish only over
 * the version that it has read gives up, or starts again, after the first failure.  w must have been
 * looked at since the slot is ours (premise (P) of docs/exchange-ring.md): the slot may have got an
 * older w's block meanwhile, and a failed swap is such a look.
 *
 * A reader looks at the word, copies the block that it names, and then looks at the block's
 * generation.  If that is still the word, no writer had begun to write into the block: the
 * copy is whole.  If not, the block was recycled meanwhile; then the cell has a newer
 * version, and the reader starts again.
 *
 *   Nothing torn: a copy that contains a byte of a later version read it from a store
 *   behind the zeroed generation, and so sees that zero, or something later, afterwards [C2].
 *   The word that it looked at never comes again.
 *   Nothing stale: the swap releases the block's bytes to whoever sees the new word [C1].
 *   Seldom disturbed: a process that has got block b out uses it after all its other slots, so a
 *   reader starts again only where one process has used slots K times more during its copy, by
 *   stores, updates, or compare_exchanges that failed; fewer times where threads of that process
 *   stand in its other slots.  A seqlock's reader is disturbed by each store.
 *
 * Progress.  Writers of different processes never wait for each other, and a failed swap means
 * that another one succeeded.  Threads of one process share K slots: with more than K of them in
 * the middle of a store, the others wait for one of these, in the process's own memory; and for
 * the one that claims the process's handle, at its first store.  That one has its slots without a locked
 * operation until another thread comes, which pays a system call for it, once.
 * Functions of the user never run while a slot is taken.
 *
 * Death.  Before the swap the cell is untouched, afterwards the version is there whole; the
 * dead process's slots are settled out of the intents and given to others (exchange_settle()).
 *
 * Fork.  The child's memory has its parent's slots in it.  They stay the parent's: the state word
 * of a writer says in which process, counted by forks, its handle was claimed, and a child
 * begins as one that has none.
 *
 * Corruption.  Block numbers are checked against the private copy of the shape at each look.  A
 * block whose generation does not fit a word that stays the same is no work in progress: the
 * block of a standing word is in nobody's hands.  After CELL_TRIES such looks that is -EBADMSG.
 */
#include "value_cell.h"

#include <errno.h>

#include "defect.h"
#include "os.h"
#include "participant.h"
#include <stoa/base.h>

#define CELL_TRIES 1000u
#define BLOCK_MASK ((1ull << VALUE_BLOCK_BITS) - 1)

_Static_assert(1 + CELL_WRITERS_MAX * CELL_SLOTS <= BLOCK_MASK, "a cell's word cannot number all blocks");

/* ---- shape ---- */

struct plan {
	uint64_t handles_offset, blocks_offset, block_stride, bytes;
};

static int plan_make(struct plan *plan, uint64_t size, uint32_t writers)
{
	uint64_t blocks = 1 + (uint64_t)writers * CELL_SLOTS;
	uint64_t all;

	plan->handles_offset = sizeof(struct value_layout);
	plan->blocks_offset = plan->handles_offset + writers * exchange_handle_stride(CELL_SLOTS);
	plan->block_stride = sizeof(struct value_block);
	/* With its block's header in one line; or from the beginning of a line on, with the header at the end of
	 * the line before: copied twice as fast as across all the lines' ends. */
	if (size > STOA_LINE - sizeof(struct value_block)) {
		plan->blocks_offset += STOA_LINE - sizeof(struct value_block);
		plan->block_stride = STOA_LINE;
	}
	if (!size_add(&plan->block_stride, size) || !size_round(&plan->block_stride, STOA_LINE))
		return -EOVERFLOW;
	all = plan->block_stride;
	plan->bytes = plan->blocks_offset;
	if (!size_mul(&all, blocks) || !size_add(&plan->bytes, all) || plan->bytes > INT64_MAX)
		return -EOVERFLOW;
	return 0;
}

int cell_footprint(uint64_t size, uint32_t writers, uint64_t *bytes)
{
	struct plan plan;
	int rc = plan_make(&plan, size, writers);

	if (rc == 0)
		*bytes = plan.bytes;
	return rc;
}

static int cell_over(struct value_cell *cell, struct value_layout *layout, const struct plan *plan,
                     uint64_t size, uint32_t writers)
{
	uint8_t *start = (uint8_t *)layout;

	cell->word = &layout->word;
	cell->blocks = start + plan->blocks_offset;
	cell->stride = plan->block_stride;
	cell->size = size;
	return exchange_view(&cell->exchange, &layout->word, 1, BLOCK_MASK, start + plan->handles_offset,
	                     writers, CELL_SLOTS);
}

static struct value_block *cell_block(const struct value_cell *cell, uint64_t word)
{
	return (struct value_block *)(void *)(cell->blocks + (word & BLOCK_MASK) * cell->stride);
}

/* The next generation; never 0, which is a block's that is being written. */
static uint64_t word_after(uint64_t word, uint32_t block)
{
	uint64_t generation = (word >> VALUE_BLOCK_BITS) + 1;

	if (unlikely(generation >> (64 - VALUE_BLOCK_BITS)))
		generation = 1;
	return generation << VALUE_BLOCK_BITS | block;
}

void cell_format(struct value_cell *cell, void *start, uint64_t size, uint32_t writers)
{
	struct value_layout *layout = start;
	struct plan plan;

	if (plan_make(&plan, size, writers) != 0)
		return; /* the caller has asked for the footprint before */
	layout->object = (struct object_header){
		.kind = STOA_KIND_VALUE,
		.header_bytes = sizeof *layout,
		.bytes = plan.bytes,
	};
	layout->type = STOA_BYTES;
	layout->writers = writers;
	layout->size = size;
	layout->handles_offset = plan.handles_offset;
	layout->blocks_offset = plan.blocks_offset;
	layout->block_stride = plan.block_stride;
	if (cell_over(cell, layout, &plan, size, writers) != 0)
		return;
	exchange_format(&cell->exchange);
	/* Relaxed: private until the object is published. */
	atom64_store_rlx(&cell_block(cell, 0)->generation, word_after(0, 0));
	atom64_store_rlx(cell->word, word_after(0, 0));
}

int cell_view(struct value_cell *cell, void *start, uint64_t room)
{
	struct value_layout *layout = start;
	struct value_layout seen;
	struct plan plan;

	if (room < sizeof seen)
		return -EBADMSG;
	/* By relaxed words: read once, whoever may scribble there. */
	copy_racy_out(&seen, layout, offsetof(struct value_layout, word));
	if (seen.type != STOA_BYTES || seen.size == 0 || seen.writers == 0 ||
	    seen.writers > CELL_WRITERS_MAX || plan_make(&plan, seen.size, seen.writers) != 0)
		return -EBADMSG;
	if (plan.bytes > room || plan.handles_offset != seen.handles_offset ||
	    plan.blocks_offset != seen.blocks_offset || plan.block_stride != seen.block_stride)
		return -EBADMSG;
	return cell_over(cell, layout, &plan, seen.size, seen.writers) == 0 ? 0 : -EBADMSG;
}

/* ---- reading ---- */

bool cell_knows(const struct value_cell *cell, uint64_t word)
{
	return (word & BLOCK_MASK) < cell->exchange.blocks;
}

/*
 * Between a caller's memory and a block: without a call where there is a line of it.  Where the compiler
 * sees the caller, as link-time optimization does, it may know that memory to be that of a number, but not
 * that a number never comes here: so it is not told whose it is, and does not warn.
 */
static inline void bytes_out(const struct value_cell *cell, void *out, const void *from)
{
	__asm__("" : "+r"(out));
	if (cell->size == STOA_LINE)
		copy_racy_out(out, from, STOA_LINE);
	else
		copy_racy_out(out, from, cell->size);
}

static inline void bytes_in(const struct value_cell *cell, void *to, const void *in)
{
	__asm__("" : "+r"(in));
	if (cell->size == STOA_LINE)
		copy_racy_in(to, in, STOA_LINE);
	else
		copy_racy_in(to, in, cell->size);
}

int cell_look(const struct value_cell *cell, struct cell_look *look)
{
	/* [C1] acquire; pairs with the compare-and-swap in cell_publish(): a reader that sees a
	 * version's word sees its bytes. */
	uint64_t word = atom64_load_seq(cell->word);

	if (word != look->word)
		look->again = 0;
	else if (++look->again > CELL_TRIES)
		return -EBADMSG;
	if (!cell_knows(cell, word))
		return -EBADMSG;
	look->word = word;
	look->block = cell_block(cell, word);
	look->bytes = (const uint8_t *)(look->block + 1);
	return 0;
}

bool cell_whole(struct cell_look *look)
{
	/* [C2] acquire; pairs with the release fence in cell_begin(): whoever has copied a byte of
	 * a later version sees that the generation has moved. */
	fence_acq();
	/* Relaxed: ordered after the copy by the fence. */
	if (unlikely(atom64_load_rlx(&look->block->generation) != look->word) && !DEFECT(DEFECT_GENERATION))
		return false;
	look->again = 0; /* only looks at a standing word that is not whole make it corrupt */
	return true;
}

/* The first look, nearly always the last; false: look again, all the rest is for that. */
static inline bool read_at_once(const struct value_cell *cell, void *out)
{
	uint64_t word = atom64_load_seq(cell->word); /* [C1] */
	const struct value_block *block = cell_block(cell, word);

	if (unlikely(!cell_knows(cell, word)))
		return false;
	bytes_out(cell, out, block + 1);
	fence_acq(); /* [C2] */
	/* Relaxed: as in cell_whole(). */
	return likely(atom64_load_rlx(&block->generation) == word || DEFECT(DEFECT_GENERATION));
}

static noinline int read_again(const struct value_cell *cell, void *out)
{
	struct cell_look look = { 0 };

	return cell_read(cell, &look, out);
}

int cell_load(const struct value_cell *cell, void *out)
{
	return likely(read_at_once(cell, out)) ? 0 : read_again(cell, out);
}

int cell_read(const struct value_cell *cell, struct cell_look *look, void *out)
{
	int rc;

	do {
		rc = cell_look(cell, look);
		if (rc)
			return rc;
		bytes_out(cell, out, look->bytes);
	} while (!cell_whole(look));
	return 0;
}

bool cell_bytes_equal(const struct value_cell *cell, const void *shared, const void *private)
{
	const uint8_t *at = shared, *with = private;
	uint64_t size = cell->size, theirs, ours;

	for (; size >= sizeof ours; size -= sizeof ours, at += sizeof ours, with += sizeof ours) {
		memcpy(&ours, with, sizeof ours);
		if (elem64_load_rlx(at) != ours)
			return false;
	}
	if (size == 0)
		return true;
	theirs = elem64_load_rlx(at);
	return memcmp(&theirs, with, size) == 0;
}

int cell_equals(const struct value_cell *cell, struct cell_look *look, const void *bytes)
{
	bool equal;
	int rc;

	do {
		rc = cell_look(cell, look);
		if (rc)
			return rc;
		equal = cell_bytes_equal(cell, look->bytes, bytes);
	} while (!cell_whole(look));
	return equal;
}

/* ---- this process's slots ---- */

/*
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
	struct value_block *block = cell_block(cell, slot->block);

	/* Relaxed: the fence orders it before the bytes. */
	if (!DEFECT(DEFECT_GENERATION_LEFT))
		atom64_store_rlx(&block->generation, 0);
	/* [C2] release; pairs with the acquire fence in cell_whole(): a late reader of this block
	 * that sees a new byte sees that the generation is gone. */
	fence_rel();
	return (uint8_t *)(block + 1);
}

static inline bool publish(const struct value_cell *cell, struct slot *slot, uint64_t *word)
{
	uint32_t old = *word & BLOCK_MASK;
	uint64_t next = word_after(*word, slot->block);

	/* Relaxed: the compare-and-swap releases it to whoever sees the new word; nobody else
	 * compares it, as a word that is not published now never will be. */
	atom64_store_rlx(&cell_block(cell, slot->block)->generation, next);
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
		copy_racy_in(cell_block(cell, atom64_load_seq(cell->word)) + 1, in, cell->size);
	if (rc == 0 && out) /* the slot holds the old version now: nobody can change it */
		copy_racy_out(out, cell_block(cell, slot->block) + 1, cell->size);
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
