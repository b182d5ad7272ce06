/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * value_cell.h - a struct of any size in shared memory, read and written whole: the
 * multi-slot seqlock behind STOA_BYTES values and arrays with atomic ranges.
 *
 * The essay is at the head of value_cell.c, which also reads; value_cell_write.c writes.
 */
#ifndef STOA_VALUE_CELL_H
#define STOA_VALUE_CELL_H

#include <stdbool.h>

#include "atomic.h"
#include "exchange.h"

#define CELL_SLOTS 3u          /* K: blocks that one writing process holds, used in turn */
#define CELL_WRITERS_MAX 1024u /* with CELL_SLOTS the most that VALUE_BLOCK_BITS can number */

#define VALUE_BLOCK_MASK ((1ull << VALUE_BLOCK_BITS) - 1)

struct value_cell {
	struct atom64 *word; /* generation << VALUE_BLOCK_BITS | block */
	uint8_t *blocks;
	uint64_t stride; /* of a block */
	uint64_t size;   /* of the struct */
	struct exchange exchange;
};

/* The block that a word names. */
static inline struct value_block *value_block_of(const struct value_cell *cell, uint64_t word)
{
	return (struct value_block *)(void *)(cell->blocks + (word & VALUE_BLOCK_MASK) * cell->stride);
}

/* Whether that is one. */
static inline bool cell_knows(const struct value_cell *cell, uint64_t word)
{
	return (word & VALUE_BLOCK_MASK) < cell->exchange.blocks;
}

/* The next generation; never 0, which is a block's that is being written. */
static inline uint64_t value_word_after(uint64_t word, uint32_t block)
{
	uint64_t generation = (word >> VALUE_BLOCK_BITS) + 1;

	if (unlikely(generation >> (64 - VALUE_BLOCK_BITS)))
		generation = 1;
	return generation << VALUE_BLOCK_BITS | block;
}

/* The room of a value_layout with everything behind it.  0; -EOVERFLOW. */
int cell_footprint(uint64_t size, uint32_t writers, uint64_t *bytes);
/*
 * Makes a cell in zeroed private memory of that many bytes: a STOA_BYTES value whose first
 * version, all zero, is at cell_first(), for the caller to fill.
 */
void cell_format(struct value_cell *cell, void *start, uint64_t size, uint32_t writers);
static inline uint8_t *cell_first(const struct value_cell *cell)
{
	return cell->blocks + sizeof(struct value_block);
}
/*
 * Looks at the cell at `start`, in `room` bytes: every number is checked, then a private copy.
 * 0; -EBADMSG.
 */
int cell_view(struct value_cell *cell, void *start, uint64_t room);

/* ---- reading ---- */

/* One look at the current version.  Zeroed before the first. */
struct cell_look {
	uint64_t word;
	const uint8_t *bytes; /* 8-byte aligned; for relaxed loads only */
	const struct value_block *block;
	uint32_t again; /* how often the word was the same as before */
};

/*
 *	struct cell_look look = {0};
 *	do {
 *		rc = cell_look(cell, &look);
 *		if (rc)
 *			return rc;
 *		... copy what you need from look.bytes ...
 *	} while (!cell_whole(&look));
 *
 * cell_look(): 0; -EBADMSG.  cell_whole(): all that was copied since is of one version.
 */
int cell_look(const struct value_cell *cell, struct cell_look *look);
bool cell_whole(struct cell_look *look);

/* Copies the whole struct.  0; -EBADMSG.  cell_read() leaves in `look` which version it was. */
int cell_load(const struct value_cell *cell, void *out);
int cell_read(const struct value_cell *cell, struct cell_look *look, void *out);
/* Whether `shared`, bytes of a block, equal `private`, as copy_racy_out() would copy them. */
bool cell_bytes_equal(const struct value_cell *cell, const void *shared, const void *private);
/* Whether the struct equals `bytes`: 1, 0 or -EBADMSG. */
int cell_equals(const struct value_cell *cell, struct cell_look *look, const void *bytes);

/* ---- writing ---- */

/* This process's handle among the writers; all zero before the first write. */
struct cell_writer {
	struct atom64 state;  /* value_cell_write.c: WRITER_* */
	struct atom64 inside; /* 1 + the slot that the first thread has without a bit in `state`; 0: none */
	uint64_t first;       /* os_thread() of the one that claimed the handle */
	uint32_t turn;        /* of its slots */
	uint32_t handle;
	uint64_t role;
	struct slot slots[CELL_SLOTS];
};

/*
 * A slot for the calling thread, with a private block; given back by cell_give().
 * 0; -EACCES (read-only); -EUSERS (more writing processes than the cell has room for);
 * -EBADMSG; what registering after a fork may answer.
 */
int cell_take(struct cell_writer *writer, const struct value_cell *cell, struct stoa_segment *segment,
              struct slot **slot);
void cell_give(struct cell_writer *writer, struct slot *slot);

/* Opens the slot's block for writing: its bytes, for relaxed stores only (copy_racy_in()). */
uint8_t *cell_begin(const struct value_cell *cell, const struct slot *slot);
/*
 * Puts the slot's block in the place of the version `*word`.  True: the slot holds the old version
 * now.  False: the slot is as before, and `*word` is what is there now.
 * `*word` is from cell_look(), or checked by cell_knows().
 */
bool cell_publish(const struct value_cell *cell, struct slot *slot, uint64_t *word);

/* Copies the current version, which `look` tells, into the slot's block: its bytes.  0; -EBADMSG. */
int cell_copy(const struct value_cell *cell, const struct slot *slot, struct cell_look *look,
              uint8_t **bytes);

/* Replaces the whole struct; `out`, where not NULL, gets the old one.  Errors of cell_take(). */
int cell_store(const struct value_cell *cell, struct cell_writer *writer, struct stoa_segment *segment,
               const void *in, void *out);
/*
 * Copy-on-write: `edit` changes the slot's own copy of the current version by relaxed stores, and
 * returns 0 to have it published.  It may run again.  Otherwise its result is the function's.
 */
int cell_edit(const struct value_cell *cell, struct cell_writer *writer, struct stoa_segment *segment,
              int (*edit)(uint8_t *bytes, void *context), void *context);

/* At the last close: gives this process's handle back. */
void cell_leave(struct cell_writer *writer, const struct value_cell *cell);

#endif
