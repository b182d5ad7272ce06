/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_directory.c - participants, and the directory: entries, extents, chains.
 *
 * An entry that is BUILDING may be linked already, and then it is as good as PUBLISHED; one that is PUBLISHED is
 * linked.  Extents are cut in their order.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* ---- participants ---- */

enum { RECORD_STATE, RECORD_HAZARD, RECORD_WORDS };

static void collect_participants(const struct subject *subject, struct words *words)
{
	for (uint32_t i = 0; i < subject->segment->participants; i++) {
		const struct participant_record *record = segment_participant(subject->segment, i);

		words_add(words, atom64_load_seq(&record->state));
		words_add(words, atom64_load_seq(&record->hazard));
	}
}

static void judge_participants(const struct subject *subject, struct check *check, const uint64_t *words)
{
	for (uint32_t i = 0; i < subject->segment->participants; i++, words += RECORD_WORDS) {
		uint64_t state = words[RECORD_STATE] & 0xff, target = words[RECORD_HAZARD] & 0x7fff;

		if (state > PARTICIPANT_RELEASED)
			broken(check, "participant %u is in state %lu, and there is none", i,
			       (unsigned long)state);
		if (target > subject->segment->participants)
			broken(check, "participant %u reaps participant %lu of %u", i,
			       (unsigned long)target - 1, subject->segment->participants);
		if (state == PARTICIPANT_DEAD || state == PARTICIPANT_SETTLED ||
		    state == PARTICIPANT_RELEASED)
			check_say(check, STOA_UNSETTLED, "participant %u is dead, and not wholly reaped", i);
		/* What has ended while it was looked at has another state by now. */
		else if (state != PARTICIPANT_FREE && participant_lost(subject->segment, i) &&
		         atom64_load_seq(&segment_participant(subject->segment, i)->state) ==
		                 words[RECORD_STATE])
			check_say(check, STOA_UNSETTLED, "participant %u is dead, and nobody has noticed yet",
			          i);
	}
}

void check_all_participants(struct check *check)
{
	const struct subject subject = {
		.collect = collect_participants,
		.judge = judge_participants,
		.segment = check->segment,
	};

	check_subject(check, &subject);
}

/* ---- the directory ---- */

enum {
	ENTRY_END,
	ENTRY_STATE,
	ENTRY_NEXT,
	ENTRY_HASH,
	ENTRY_BYTES,
	ENTRY_KIND,
	ENTRY_NAME,
	ENTRY_WORDS = ENTRY_NAME + STOA_NAME_ROOM / 8,
};

static const struct atom64 *buckets_of(const struct stoa_segment *segment)
{
	return (const struct atom64 *)(const void *)(segment->base + segment->directory_offset);
}

static void collect_directory(const struct subject *subject, struct words *words)
{
	const struct stoa_segment *segment = subject->segment;
	const struct atom64 *buckets = buckets_of(segment);
	const struct directory_entry *entry = (const void *)(buckets + segment->buckets);

	for (uint32_t i = 0; i < segment->buckets; i++)
		words_add(words, atom64_load_seq(&buckets[i]));
	for (uint32_t i = 0; i < segment->entries; i++, entry++) {
		words_add(words, atom64_load_seq(&entry->extent_end));
		words_add(words, atom64_load_seq(&entry->state));
		words_add(words, atom64_load_rlx(&entry->next));
		words_add(words, atom64_load_rlx(&entry->hash));
		words_add(words, elem64_load_rlx(&entry->bytes));
		words_add(words, elem32_load_rlx(&entry->kind));
		for (uint32_t k = 0; k < STOA_NAME_ROOM / 8; k++)
			words_add(words, elem64_load_rlx(entry->name + 8 * k));
	}
}

struct directory {
	const struct stoa_segment *segment;
	const uint64_t *buckets, *entries;
	uint8_t *linked; /* by entry */
};

static const uint64_t *entry_words(const struct directory *directory, uint32_t i)
{
	return directory->entries + (size_t)i * ENTRY_WORDS;
}

static void entry_name(const uint64_t *entry, char name[STOA_NAME_ROOM])
{
	memcpy(name, entry + ENTRY_NAME, STOA_NAME_ROOM);
	name[STOA_NAME_ROOM - 1] = '\0';
}

static void judge_chain(struct check *check, struct directory *directory, uint32_t bucket)
{
	uint64_t head = directory->buckets[bucket];

	while (head) {
		const uint64_t *entry;
		uint32_t i;
		char name[STOA_NAME_ROOM];

		if (head > directory->segment->entries) {
			broken(check, "the chain of bucket %u leads to entry %lu of %u", bucket,
			       (unsigned long)head - 1, directory->segment->entries);
			return;
		}
		i = (uint32_t)head - 1;
		if (directory->linked[i]) {
			broken(check, "entry %u is linked twice: in the chain of bucket %u, and before", i,
			       bucket);
			return;
		}
		directory->linked[i] = 1;
		entry = entry_words(directory, i);
		entry_name(entry, name);
		if (object_hash(name) != entry[ENTRY_HASH] ||
		    (entry[ENTRY_HASH] & (directory->segment->buckets - 1)) != bucket)
			broken(check,
			       "entry %u, \"%.63s\", is in the chain of bucket %u, where nobody finds it", i,
			       name, bucket);
		if ((entry[ENTRY_STATE] & 0xff) == ENTRY_FREE)
			broken(check, "entry %u is linked, and free", i);
		head = entry[ENTRY_NEXT];
	}
}

static void judge_entry(struct check *check, const struct directory *directory, uint32_t i, uint64_t *end,
                        bool *uncut)
{
	const uint64_t *entry = entry_words(directory, i);
	uint64_t extent = entry[ENTRY_END], start = *end;
	unsigned state = entry[ENTRY_STATE] & 0xff;
	uint32_t owner = entry[ENTRY_STATE] >> 8 & 0xffff;

	if (state > ENTRY_PUBLISHED)
		broken(check, "entry %u is in state %u, and there is none", i, state);
	if (!extent) {
		*uncut = true;
		if (state != ENTRY_FREE)
			broken(check, "entry %u is in use, and has no space", i);
		return;
	}
	if (*uncut)
		broken(check, "entry %u has space, and one before it has none", i);
	if (extent < start || extent > directory->segment->bytes || extent % STOA_LINE) {
		broken(check,
		       "the space of entry %u ends at %lu: not between %lu and %lu, on a line of 64 bytes", i,
		       (unsigned long)extent, (unsigned long)start, (unsigned long)directory->segment->bytes);
		return;
	}
	*end = extent;
	if (directory->linked[i] && entry[ENTRY_BYTES] > extent - start)
		broken(check, "entry %u says %lu bytes, and has space for %lu", i,
		       (unsigned long)entry[ENTRY_BYTES], (unsigned long)(extent - start));
	if (directory->linked[i] &&
	    (entry[ENTRY_KIND] < STOA_KIND_VALUE || entry[ENTRY_KIND] > STOA_KIND_LOCK))
		broken(check, "entry %u is of kind %lu, and there is none", i,
		       (unsigned long)entry[ENTRY_KIND]);
	if (state == ENTRY_PUBLISHED && !directory->linked[i])
		broken(check, "entry %u is published, and in no chain: nobody finds it", i);
	if (state == ENTRY_BUILDING)
		check_owner(check, owner, "an object in the making, entry", i);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void judge_names(struct check *check, const struct directory *directory)
{
	char(*names)[STOA_NAME_ROOM] = malloc((size_t)directory->segment->entries * sizeof *names);
	uint32_t count = 0;

	if (!names) {
		check->no_memory = true;
		return;
	}
	for (uint32_t i = 0; i < directory->segment->entries; i++) {
		if (directory->linked[i])
			entry_name(entry_words(directory, i), names[count++]);
	}
	qsort(names, count, sizeof *names, by_name);
	for (uint32_t i = 0; i < count; i++) {
		if (!names[i][0])
			broken(check, "an object has no name");
		if (i && strcmp(names[i], names[i - 1]) == 0)
			broken(check, "two objects have the name \"%.63s\"", names[i]);
	}
	free(names);
}

static void judge_directory(const struct subject *subject, struct check *check, const uint64_t *words)
{
	const struct stoa_segment *segment = subject->segment;
	struct directory directory = {
		.segment = segment,
		.buckets = words,
		.entries = words + segment->buckets,
		.linked = calloc(segment->entries, 1),
	};
	uint64_t end = segment->heap_offset;
	bool uncut = false;

	if (!directory.linked) {
		check->no_memory = true;
		return;
	}
	for (uint32_t b = 0; b < segment->buckets; b++)
		judge_chain(check, &directory, b);
	for (uint32_t i = 0; i < segment->entries; i++)
		judge_entry(check, &directory, i, &end, &uncut);
	judge_names(check, &directory);
	free(directory.linked);
}

void check_whole_directory(struct check *check)
{
	const struct subject subject = {
		.collect = collect_directory,
		.judge = judge_directory,
		.segment = check->segment,
	};

	check_subject(check, &subject);
}
