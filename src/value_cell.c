/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * value_cell.c - the multi-slot seqlock: structs that are read and written whole.  Writing is in
 * value_cell_write.c.
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

#define CELL_TRIES 1000u

_Static_assert(1 + CELL_WRITERS_MAX * CELL_SLOTS <= VALUE_BLOCK_MASK,
               "a cell's word cannot number all blocks");

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
	return exchange_view(&cell->exchange, &layout->word, 1, VALUE_BLOCK_MASK,
	                     start + plan->handles_offset, writers, CELL_SLOTS);
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
	atom64_store_rlx(&value_block_of(cell, 0)->generation, value_word_after(0, 0));
	atom64_store_rlx(cell->word, value_word_after(0, 0));
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

/*
 * Between a caller's memory and a block, here and in bytes_in(): without a call where there is a line of it.  Where the compiler
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
	look->block = value_block_of(cell, word);
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
	const struct value_block *block = value_block_of(cell, word);

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
