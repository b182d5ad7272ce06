/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Damage: words of the segment become others, through a mapping that the library knows nothing of.
 */
#include "atomic.h"
#include "fuzz.h"

void heal(struct world *world, uint64_t from, uint64_t bytes)
{
	copy_racy_in(world->base + from, world->good + from, bytes);
}

static uint64_t *word_at(struct world *world, uint64_t offset)
{
	return (void *)(world->base + (offset & ~7ull) % world->bytes);
}

/* Somewhere in the header, the participants, the directory, or, most often, an object: near its start. */
static uint64_t somewhere(struct world *world)
{
	const struct segment_header *header = &world->header;
	uint8_t where = byte(world);
	size_t i = where % world->count;
	uint64_t from = world->objects_start[i], to = world->objects_start[i + 1];

	switch (where >> 4) {
	case 0:
		return choose(world, sizeof *header);
	case 1:
	case 2: /* the first few are in use */
		return header->participants_offset + choose(world, 4 * sizeof(struct participant_record));
	case 3:
		return header->directory_offset +
		       choose(world, header->heap_offset - header->directory_offset);
	case 4: /* the first entries */
		return header->directory_offset + header->buckets * 8 +
		       choose(world, 8 * sizeof(struct directory_entry));
	case 5:
		return word(world, 3) % world->bytes;
	case 6:
	case 7:
		return from + word(world, 2) % (to - from);
	default:
		return from + choose(world, to - from < 256 ? to - from : 256) * (where & 0x40 ? 1 : 2) %
		                      (to - from);
	}
}

static uint64_t spoilt(struct world *world, uint64_t offset, uint64_t old)
{
	switch (choose(world, 14)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return old + 1;
	case 3:
		return old - 1;
	case 4: /* a neighbour */
		return elem64_load_rlx(word_at(world, offset + 8));
	case 5:
		return elem64_load_rlx(word_at(world, offset + world->bytes - 8));
	case 6:
		return old ^ 1ull << choose(world, 64);
	case 7: /* another block */
		return (old & ~0xffffffull) | choose(world, 20);
	case 8:
		return (old & ~0xfffull) | choose(world, 16);
	case 9: /* another state */
		return (old & ~0xffull) | choose(world, 8);
	case 10: /* another participant */
		return (old & ~0xffff00ull) | choose(world, 10) << 8;
	case 11:
		return old + ((uint64_t)1 << choose(world, 64));
	case 12: /* a small number, in either half */
		return choose(world, 2) ? (old & ~0xffffffffull) | choose(world, 70)
		                        : (old & 0xffffffffull) | choose(world, 70) << 32;
	default:
		return word(world, 8);
	}
}

void damage(struct world *world)
{
	uint64_t from = somewhere(world), words = 1;
	uint8_t how = byte(world);

	if (how >= 0xf0) { /* noise */
		for (uint64_t i = 0; i < how % 16u * 4; i++)
			elem64_store_rlx(word_at(world, from + 8 * i), (i + how) * 0x9e3779b97f4a7c15ull);
	} else if (how >= 0xe0) { /* as it was once */
		from &= ~7ull;
		words = 8 * (1 + how % 16u);
		heal(world, from, words < world->bytes - from ? words : world->bytes - from);
	} else if (how >= 0xc0) {
		elem8_store_rlx(world->base + from % world->bytes, byte(world));
	} else {
		elem64_store_rlx(word_at(world, from),
		                 spoilt(world, from, elem64_load_rlx(word_at(world, from))));
	}
}
