/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * layout.h - every byte in shared memory.
 *
 * A segment is a file format.  Numbers are little-endian and of fixed width,
 * places are offsets from the start of the segment, never pointers.  What
 * changes after creation is a struct atom64 or atom32, so that only atomic.h can
 * touch it; everything else is written before it is published and never again.
 *
 *   +--------------------------+ 0
 *   | segment_header           |
 *   +--------------------------+ participants_offset
 *   | participant_record [P]   |
 *   +--------------------------+ directory_offset
 *   | buckets [B], entries [D] |
 *   +--------------------------+ heap_offset
 *   | objects, 64-byte aligned |
 *   +--------------------------+ total_bytes
 *
 * Layout version 1.  It is frozen by tests/test_layout.c: a change of a released
 * layout takes a new version number and a new frozen copy.
 */
#ifndef STOA_LAYOUT_H
#define STOA_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#define STOA_LINE 64u
#define STOA_LAYOUT_VERSION 1u
#define STOA_ENDIAN_MARK 0x01020304u
#define STOA_NAME_ROOM 64u /* of an object's name, its NUL included */

/* Shared words.  Only atomic.h looks inside. */
struct atom64 {
	_Alignas(8) uint64_t raw;
};
struct atom32 {
	_Alignas(4) uint32_t raw;
};

#define LAYOUT_AT(type, member, offset) \
	_Static_assert(offsetof(struct type, member) == (offset), #type "." #member " has moved")
#define LAYOUT_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type " has changed its size")

/* ---- the segment ------------------------------------------------------- */

#define STOA_MAGIC "STOASEG\n" /* 8 bytes, without the NUL */

struct segment_header {
	char magic[8];
	uint32_t endian_mark; /* STOA_ENDIAN_MARK as its writer stores it */
	uint32_t layout_version;
	uint32_t features; /* bits that a reader must know; none yet */
	uint16_t word_bytes;
	uint16_t line_bytes;
	uint32_t header_bytes; /* sizeof(struct segment_header) */
	uint32_t flags;        /* enum stoa_segment_flag: STOA_UNLINK_LAST, STOA_HUGE */
	uint64_t total_bytes;
	uint8_t id[16];
	uint8_t boot_id[16]; /* of the boot in which it was created */
	uint64_t created_ns; /* CLOCK_REALTIME */
	uint64_t participants_offset;
	uint64_t directory_offset; /* of the buckets; the entries follow */
	uint64_t heap_offset;
	uint32_t participants;
	uint32_t buckets; /* a power of two */
	uint32_t entries;
	uint32_t reserved0;
	/* its own line: rarely written */
	_Alignas(64) struct atom64 life; /* LIFE_*: see segment_life.c */
	uint64_t reserved1[7];
};
LAYOUT_AT(segment_header, endian_mark, 8);
LAYOUT_AT(segment_header, layout_version, 12);
LAYOUT_AT(segment_header, total_bytes, 32);
LAYOUT_AT(segment_header, id, 40);
LAYOUT_AT(segment_header, participants_offset, 80);
LAYOUT_AT(segment_header, participants, 104);
LAYOUT_AT(segment_header, life, 128);
LAYOUT_SIZE(segment_header, 192);

/* ---- participants ------------------------------------------------------ */

/*
 * state = generation << 8 | PARTICIPANT_*.  The generation grows by one whenever
 * the slot is claimed.
 *
 * hazard = generation << 16 | HAZARD_RELEASING or 0 | slot + 1 of the participant that is
 * being reaped from here, 0 for none.  While somebody who lives names a slot here, that
 * slot and what it owned are not reused, so a reaper that was stopped in the middle still
 * finds, when it wakes up, the very words it decided on, or words that have moved on for
 * good.  participant.c has the rules.
 */
enum {
	PARTICIPANT_FREE = 0,
	PARTICIPANT_CLAIMED = 1, /* locked; identity not yet written */
	PARTICIPANT_LIVE = 2,
	PARTICIPANT_SETTLED = 3,  /* dead, and all that it held is settled */
	PARTICIPANT_DEAD = 4,     /* proven dead, or left: to be settled */
	PARTICIPANT_RELEASED = 5, /* settled, and its roles are free: may become FREE */
};
#define HAZARD_RELEASING 0x8000u

struct participant_record {
	struct atom64 state;
	struct atom64 hazard;
	/* written by the owner while CLAIMED; relaxed words, as a reader may come late */
	struct atom64 pid;
	struct atom64 start_time;    /* field 22 of /proc/PID/stat, clock ticks since boot */
	struct atom64 pid_namespace; /* inode of /proc/self/ns/pid */
	struct atom64 attached_ns;   /* CLOCK_REALTIME */
	struct atom64 comm[2];       /* 16 bytes, ended by NUL */
	struct atom64 forks;         /* generation << 16 | children that may still have the lock */
	uint64_t reserved[7];
};
LAYOUT_AT(participant_record, hazard, 8);
LAYOUT_AT(participant_record, forks, 64);
LAYOUT_SIZE(participant_record, 128);

/* ---- the directory ----------------------------------------------------- */

/* A bucket holds the entry at the head of its chain: index + 1, 0 for none. */

/*
 * state = tag << 24 | owner's participant slot << 8 | ENTRY_*.  The tag grows by one
 * whenever the entry is claimed.
 */
enum {
	ENTRY_FREE = 0,
	ENTRY_BUILDING = 1,
	ENTRY_PUBLISHED = 2,
};

struct directory_entry {
	struct atom64 extent_end; /* offset; 0: no space yet.  Starts where the entry before ends */
	struct atom64 state;
	/* written by the owner while BUILDING, published by the bucket's compare-and-swap */
	struct atom64 next; /* in the chain: index + 1, 0 for none */
	struct atom64 hash;
	uint64_t bytes; /* of room that the object uses */
	uint32_t kind;  /* enum stoa_kind */
	uint32_t reserved0;
	char name[STOA_NAME_ROOM];
	uint64_t reserved1[2];
};
LAYOUT_AT(directory_entry, state, 8);
LAYOUT_AT(directory_entry, bytes, 32);
LAYOUT_AT(directory_entry, name, 48);
LAYOUT_SIZE(directory_entry, 128);

/* ---- event words ------------------------------------------------------- */

/* word = count << 2 | the short way is closed << 1 | somebody waits: the futex is these 32 bits. */
struct event_word {
	struct atom32 word;
	struct atom32 reserved;
};
LAYOUT_SIZE(event_word, 8);

/* ---- exchange: blocks, slots, handles ---------------------------------- */

/*
 * A cell's word ends in a block number (a ring's cell: lap 38 | state 2 | block 24; a
 * value's cell: generation 52 | block 12).  See exchange.c for what the words mean and
 * who may write them.
 *
 * intent = sequence 13 | acknowledged 1 | kind 2 | got 24 | out 24
 * orphan = lap 24 | deliveries 14 | state 2 | block 24
 * tally  = discards 26 | lap of the last discard 24 | deliveries 14
 * role   = generation 40 | owner's participant slot 16 | ROLE_* 8
 */
#define BLOCK_BITS 24u
#define BLOCKS_MAX (1u << BLOCK_BITS)
#define VALUE_BLOCK_BITS 12u

enum {
	ROLE_FREE = 0,
	ROLE_SENDER = 1,
	ROLE_RECEIVER = 2,
	ROLE_WRITER = 3,
	ROLE_ORPHANED = 4, /* nobody's; reusable when its orphan cells are empty */
};

struct exchange_slot {
	struct atom64 intent;
	struct atom64 wraps;  /* of the intent's sequence: tells equal intents apart */
	struct atom64 orphan; /* a message that its receiver did not acknowledge */
	struct atom64 tally;  /* deliveries of what the slot took; discards of what its owners left */
};
LAYOUT_SIZE(exchange_slot, 32);

/* A handle's record is one line, followed by its `holds` slots, padded to lines. */
struct exchange_handle {
	_Alignas(64) struct atom64 role;
	uint64_t reserved[7];
};
LAYOUT_SIZE(exchange_handle, 64);

/* ---- objects ----------------------------------------------------------- */

/* Every object begins with its kind; the directory says the same. */
struct object_header {
	uint32_t kind; /* enum stoa_kind */
	uint32_t header_bytes;
	uint64_t bytes; /* of room */
};
LAYOUT_SIZE(object_header, 16);

/* Value: a number lies in `word`; a struct in blocks behind the handles. */
struct value_layout {
	struct object_header object;
	uint32_t type; /* enum stoa_type */
	uint32_t writers;
	uint64_t size; /* bytes of the value */
	/* STOA_BYTES and arrays with atomic ranges: offsets from the object's start */
	uint64_t handles_offset;
	uint64_t blocks_offset;
	uint64_t block_stride;
	/* Who changes the word looks at this right afterwards: not in the word's line, which others may have
	 * taken by then, but in one that is hardly ever written. */
	struct event_word changed;
	/* its own line */
	_Alignas(64) struct atom64 word; /* a number, or the cell `current` */
	uint64_t reserved[7];
};
LAYOUT_AT(value_layout, type, 16);
LAYOUT_AT(value_layout, changed, 56);
LAYOUT_AT(value_layout, word, 64);
LAYOUT_SIZE(value_layout, 128);

/* A block of a value: its generation, then the bytes.  Where: plan_make() in value_cell.c. */
struct value_block {
	struct atom64 generation; /* the cell word that published it; 0 while written */
	uint64_t reserved;
};
LAYOUT_SIZE(value_block, 16);

struct array_layout {
	struct object_header object;
	uint32_t type;
	uint32_t flags; /* STOA_ATOMIC_RANGES */
	uint64_t count;
	uint64_t data_offset; /* of the elements; with STOA_ATOMIC_RANGES of a value_layout */
	uint64_t reserved[3];
};
LAYOUT_SIZE(array_layout, 64);

/* Queue: what both rings share. */
struct queue_layout {
	struct object_header object;
	uint32_t senders;   /* STOA_MANY, STOA_ONE */
	uint32_t receivers;
	uint64_t capacity;
	uint64_t message_size;
	uint32_t handles;
	uint32_t holds;
	uint32_t on_death;
	uint32_t flags;
	uint32_t pack;
	uint32_t reserved1;
	/* line 1: read often, written rarely */
	_Alignas(64) struct atom64 closing; /* 0, STOA_DRAIN, STOA_NOW; CLOSING_* bits */
	struct atom64 orphans;              /* epoch: moves when an orphan cell was filled */
	struct event_word readable;
	struct event_word writable;
	struct atom64 sole[2]; /* STOA_ONE: the one sender, the one receiver; as a role word */
	uint64_t reserved0[2];
};
LAYOUT_AT(queue_layout, capacity, 24);
LAYOUT_AT(queue_layout, pack, 56);
LAYOUT_AT(queue_layout, closing, 64);
LAYOUT_AT(queue_layout, orphans, 72);
LAYOUT_AT(queue_layout, readable, 80);
LAYOUT_AT(queue_layout, sole, 96);
LAYOUT_SIZE(queue_layout, 128);

/* closing: bits over the enum stoa_shutdown value in its low two bits. */
#define CLOSING_HOW 3u
#define CLOSING_HAD_SENDERS 4u /* a sender was open once: STOA_CLOSE_WITH_SENDERS is armed */

/* Exchange ring, behind queue_layout. */
struct xring_layout {
	uint64_t cells_offset; /* from the object's start, as all below */
	uint64_t handles_offset;
	uint64_t blocks_offset;
	uint64_t block_stride;
	uint64_t trailer_offset; /* from the block's start */
	uint64_t reserved0[3];
	_Alignas(64) struct atom64 tail_hint; /* a position whose predecessor was taken */
	uint64_t reserved1[7];
	_Alignas(64) struct atom64 head_hint;
	uint64_t reserved2[7];
};
LAYOUT_AT(xring_layout, tail_hint, 64);
LAYOUT_AT(xring_layout, head_hint, 128);
LAYOUT_SIZE(xring_layout, 192);

/* The word of a cell: lap << CELL_LAP_SHIFT | enum cell_state << BLOCK_BITS | block. */
#define CELL_LAP_SHIFT (BLOCK_BITS + 2)

enum cell_state { CELL_FREE = 0, CELL_FULL = 1, CELL_CLOSED = 2 };

/*
 * A block of an exchange ring is the payload, 64-byte aligned, and behind it, at
 * xring_layout.trailer_offset, its trailer: a message of up to 48 bytes is one line.
 *
 * Where a parcel may carry several messages (pack > 1) the payload is up to `pack` of them side by side, and
 * size = messages - 1 16 | bytes of each 48.  `consumed` is there only then: see parcel.c.
 */
struct xring_trailer {
	struct atom64 id;   /* the position at which it was committed */
	struct atom64 size; /* bytes */
	struct atom64 consumed;
};
LAYOUT_AT(xring_trailer, size, 8);
LAYOUT_AT(xring_trailer, consumed, 16);
LAYOUT_SIZE(xring_trailer, 24);
#define PARCEL_EACH_BITS 48u

/* SPSC ring, behind queue_layout. */
struct ring_layout {
	uint64_t marks_offset; /* atom32[capacity]: MARK_* */
	uint64_t sizes_offset; /* atom32[capacity], or atom64[capacity] with the block's number */
	uint64_t payload_offset;
	uint64_t payload_stride;
	uint64_t blocks; /* 0: the payload of position p lies at p % capacity; else blocks behind numbers */
	uint64_t reserved0[3];
	/* the sender's line */
	_Alignas(64) struct atom64 tail; /* positions below are committed */
	struct atom64 sizes_vary;        /* a message was sent that is not of message_size; see ring.c */
	uint64_t reserved1[6];
	/* the receiver's line */
	_Alignas(64) struct atom64 released; /* positions below are acknowledged */
	struct atom64 taken;                 /* positions below were, or may have been, read */
	struct atom64 redelivered;           /* counts */
	struct atom64 discarded;
	uint64_t reserved2[4];
	/* the verdict over a drain: position << 2 | enum ring_verdict */
	_Alignas(64) struct atom64 verdict;
	uint64_t reserved3[7];
};
LAYOUT_AT(ring_layout, tail, 64);
LAYOUT_AT(ring_layout, released, 128);
LAYOUT_AT(ring_layout, verdict, 192);
LAYOUT_SIZE(ring_layout, 256);

/* What a mark says; its MARK_COUNT: how often the message was handed out, or the discards before it.  See ring.c. */
#define MARK_ACKNOWLEDGED (1u << 31)
#define MARK_RETURNED (1u << 30)
#define MARK_DISCARDING (1u << 29)
#define MARK_COUNT (MARK_DISCARDING - 1)

enum ring_verdict { VERDICT_NONE = 0, VERDICT_ASK = 1, VERDICT_COMMITTED = 2, VERDICT_CLOSED = 3 };

/* ---- semaphore, event, barrier, lock ----------------------------------- */

/*
 * One layout for the four.  `size` cells follow where the kind has any.
 *
 *              size      word                                  cells
 *   semaphore  maximum   how many permits are free             none
 *   with PERMITS_RETURN  0                                     permits
 *   event      0         how often it was set << 1 | it is     none
 *   barrier    parties   changes 40 | round 24                 seats
 *   lock       0         generation 22 | thread 24 | owner's   none
 *                        participant slot 16 | LOCK_* 2
 *
 *   permit = generation 40 | owner's participant slot 16 | PERMIT_* 8
 *   seat   = generation 22 | round 24 | owner's participant slot 16 | SEAT_* 2
 */
enum { PERMIT_FREE = 0, PERMIT_HELD = 1 };

enum {
	SEAT_FREE = 0,
	SEAT_TAKEN = 1,
	SEAT_LEAVING = 2, /* its owner takes its arrival back: decided by the barrier's word */
};
enum {
	LOCK_FREE = 0,
	LOCK_HELD = 1,
	LOCK_ORPHANED = 2, /* free, and its last holder died holding it */
};
#define ROUND_BITS 24u

struct sync_layout {
	struct object_header object;
	uint32_t flags; /* STOA_PERMITS_RETURN */
	uint32_t size;
	uint64_t reserved0[5];
	/* its own line */
	_Alignas(64) struct atom64 word;
	struct event_word changed;
	struct atom64 posts; /* permits: moves after each that became free; barrier: where to look for a seat */
	uint64_t reserved1[5];
};
LAYOUT_AT(sync_layout, flags, 16);
LAYOUT_AT(sync_layout, word, 64);
LAYOUT_AT(sync_layout, changed, 72);
LAYOUT_AT(sync_layout, posts, 80);
LAYOUT_SIZE(sync_layout, 128);

#endif
