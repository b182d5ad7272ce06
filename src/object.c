/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * object.c - the directory: space for objects, published and found by name.  Here they are found; how one comes to
 * be is in object_create.c.
 *
 * Space.  The heap is cut into extents, one per entry of the directory, in their order: the extent of
 * entry i goes from the end of the extent before (or the heap's start) to entry[i].extent_end.
 * An extent is cut once, by a compare-and-swap of extent_end from 0, and never changes again.  Who cuts
 * it does not own it yet.
 *
 * An entry's state:
 *
 *   FREE(tag) -> BUILDING(owner, tag + 1) -> PUBLISHED(owner, tag + 1), for ever
 *       ^                   |
 *       +-------------------+  lost to another of the same name, or the builder died
 *
 * The tag grows with every claim, so each word is unique, and every change is a compare-and-swap from the
 * exact word.  Only the owner writes into an extent that is BUILDING, and nobody reads it.
 *
 * Publication is one compare-and-swap on the head of a bucket's chain [O1]: before it the object does not
 * exist, after it it is whole.  Entries never leave a chain, so the head is never what it was before.
 * PUBLISHED follows; between the two the entry is linked but still says BUILDING, so whoever asks what an
 * entry is looks into the chain, too, and who reaps a dead builder makes it PUBLISHED where it is linked
 * and FREE where it is not.  Two who create one name both build; one is linked, the other
 * finds it when its compare-and-swap fails, and gives its space back.
 *
 * Nobody has to wait for a creator.  But an extent that was cut for the loser of such a race stays
 * cut, and a segment that was made to measure could run out of space by it.  So creators of one name are
 * polite: they take turns, by a lock on a byte of the file that the kernel drops if they die, and who has
 * waited COURTESY_NS for its turn goes on without it.  Nothing but the use of space depends on this lock.
 *
 * Everything read from the directory is an index to be checked, an offset to be checked, or bytes that are
 * compared; a chain is followed `entries` steps at most.
 */
#include "object_entry.h"

/* ---- names ---- */

int object_name_check(const char *name)
{
	size_t length = name ? strnlen(name, STOA_NAME_ROOM) : 0;

	if (!length)
		return -EINVAL;
	return length == STOA_NAME_ROOM ? -ENAMETOOLONG : 0;
}

/* FNV-1a, its high bits folded in: the low ones choose the bucket. */
uint64_t object_hash(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 0x100000001b3u;
	return hash ^ hash >> 32;
}

static void name_read(const struct directory_entry *entry, char name[STOA_NAME_ROOM])
{
	copy_racy_out(name, entry->name, STOA_NAME_ROOM);
	name[STOA_NAME_ROOM - 1] = '\0';
}

/* ---- extents ---- */

int object_extent(const struct stoa_segment *segment, uint32_t index, uint64_t *start, uint64_t *bytes)
{
	/* [O2] acquire (seq); pairs with cut(): an extent is there when the one before it is. */
	uint64_t end = atom64_load_seq(&entry_at(segment, index)->extent_end);

	if (!end)
		return STOA_EMPTY;
	*start = index ? atom64_load_seq(&entry_at(segment, index - 1)->extent_end) : segment->heap_offset;
	if (*start < segment->heap_offset || *start % STOA_LINE || end < *start || end > segment->bytes)
		return -EBADMSG;
	*bytes = end - *start;
	return 0;
}

/* ---- chains ---- */

int object_chain_find(const struct stoa_segment *segment, uint64_t head, uint64_t hash, const char *name,
                      uint32_t *found)
{
	char there[STOA_NAME_ROOM];

	for (uint32_t steps = 0; head; steps++) {
		const struct directory_entry *entry;

		if (head > segment->entries || steps == segment->entries)
			return -EBADMSG;
		entry = entry_at(segment, (uint32_t)head - 1);
		/* Relaxed, here and below: [O1] published them with the bucket. */
		if (atom64_load_rlx(&entry->hash) == hash) {
			name_read(entry, there);
			if (strcmp(there, name) == 0) {
				*found = (uint32_t)head - 1;
				return 0;
			}
		}
		head = atom64_load_rlx(&entry->next);
	}
	return -ENOENT;
}

bool object_is_linked(const struct stoa_segment *segment, uint32_t index)
{
	uint64_t hash = atom64_load_rlx(&entry_at(segment, index)->hash);
	uint64_t head = atom64_load_seq(bucket_of(segment, hash)); /* [O1] acquire (seq) */

	for (uint32_t steps = 0; head && head <= segment->entries && steps < segment->entries; steps++) {
		if (head == index + 1)
			return true;
		head = atom64_load_rlx(&entry_at(segment, (uint32_t)head - 1)->next);
	}
	return false;
}

int object_find(const struct stoa_segment *segment, const char *name, uint32_t *entry)
{
	int rc = object_name_check(name);
	uint64_t hash;

	if (rc)
		return rc;
	hash = object_hash(name);
	/* [O1] acquire (seq); pairs with the compare-and-swap in publish(): the object before its name. */
	return object_chain_find(segment, atom64_load_seq(bucket_of(segment, hash)), hash, name, entry);
}

/* ---- what is there ---- */

int object_of_entry(const struct stoa_segment *segment, uint32_t index, uint32_t *kind, void **start,
                    uint64_t *room)
{
	const struct directory_entry *entry = entry_at(segment, index);
	const struct object_header *header;
	uint64_t offset, extent;

	if (object_extent(segment, index, &offset, &extent) != 0)
		return -EBADMSG;
	*kind = elem32_load_rlx(&entry->kind);
	*room = elem64_load_rlx(&entry->bytes);
	if (*room < sizeof *header || *room > extent)
		return -EBADMSG;
	*start = segment->base + offset;
	header = *start;
	if (elem32_load_rlx(&header->kind) != *kind || elem64_load_rlx(&header->bytes) > *room)
		return -EBADMSG;
	return 0;
}

int object_at(const struct stoa_segment *segment, uint32_t entry, uint32_t *kind, void **start,
              uint64_t *room)
{
	uint64_t state;

	if (entry >= segment->entries)
		return -ENOENT;
	/* [O3] acquire (seq); pairs with the compare-and-swap to PUBLISHED in publish() and object_reap(). */
	state = atom64_load_seq(&entry_at(segment, entry)->state);
	/* Extents are cut in order: nothing is behind one without.  Relaxed: a reaper knows by the proof of death
	 * what the dead one knew. */
	if (state_of(state) == ENTRY_FREE)
		return atom64_load_rlx(&entry_at(segment, entry)->extent_end) ? STOA_EMPTY : -ENOENT;
	if (state_of(state) == ENTRY_BUILDING &&
	    (DEFECT(DEFECT_LINKED_UNSEEN) || !object_is_linked(segment, entry)))
		return STOA_EMPTY;
	return object_of_entry(segment, entry, kind, start, room);
}

/* How many entries have an extent: they are cut in order. */
static uint32_t cut_entries(const struct stoa_segment *segment)
{
	uint32_t low = 0, high = segment->entries;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (atom64_load_seq(&entry_at(segment, middle)->extent_end))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void object_count(const struct stoa_segment *segment, uint32_t *published, uint64_t *free_bytes)
{
	uint32_t count = cut_entries(segment);
	uint64_t start, bytes;

	*published = 0;
	*free_bytes = segment->bytes - segment->heap_offset;
	if (count && object_extent(segment, count - 1, &start, &bytes) == 0)
		*free_bytes = segment->bytes - start - bytes;
	for (uint32_t i = 0; i < count; i++)
		*published += state_of(atom64_load_seq(&entry_at(segment, i)->state)) == ENTRY_PUBLISHED;
}

int stoa_segment_object(const struct stoa_segment *segment, uint32_t index, struct stoa_object_info *info)
{
	struct stoa_object_info own = { 0 };
	void *start;
	int rc;

	if (!segment || !info)
		return -EINVAL;
	rc = object_at(segment, index, &own.kind, &start, &own.bytes);
	if (rc)
		return rc;
	name_read(entry_at(segment, index), own.name);
	own.offset = (uint64_t)((uint8_t *)start - segment->base);
	return info_copy(info, &own, sizeof own);
}

int object_open(const struct stoa_segment *segment, const char *name, uint32_t kind, void **start,
                uint64_t *room)
{
	uint32_t entry, there;
	int rc = object_find(segment, name, &entry);

	rc = rc ? rc : object_at(segment, entry, &there, start, room);
	if (rc)
		return rc > 0 ? -ENOENT : rc; /* STOA_EMPTY: corrupt, or not yet marked as published */
	return there == kind ? 0 : -EPROTOTYPE;
}
