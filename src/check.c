/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * check.c - whether everything holds that must hold, whoever was killed where.
 *
 * One moment.  What must hold holds between words: a block is in this cell or in that slot.  Words that are read
 * one after the other, while others write, may show it in both, or in neither.  So all words of an object are
 * collected twice.  Where both collections are equal, every word had its value during the whole time between the
 * two: they are a snapshot of one moment (a double collect, Afek et al. 1993), and are judged.  That holds as no
 * word of a segment takes a value again: there are laps, sequences and generations in them for that.  Where they
 * differ, others are at work; after LOOKS times the object is said to be moving.
 *
 * What the dead leave.  A process may have been killed, or stopped, between any two of its instructions.  So what is
 * judged are not the states between calls, but those that hold at every instruction; the tests stop a process at
 * each, and check.  What waits for a reaper is told as unsettled.
 *
 * Nothing that is read here is trusted: every number is checked before it leads anywhere, and each step is bounded
 * by the shape, which was checked when the object was looked at.
 */
#include "check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scalar.h"

#define LOOKS 50
#define PAUSE_NS 200000u
#define SAID_MAX 300

void check_say(struct check *check, enum stoa_finding finding, const char *format, ...)
{
	char text[SAID_MAX];
	va_list arguments;

	check->broken |= finding == STOA_BROKEN;
	check->moving |= finding == STOA_MOVING;
	if (!check->say)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	check->say(check->context, finding, check->object, text);
}

/* ---- one moment ---- */

/* The states of all participants are part of every moment: words name them. */
static void collect(const struct check *check, const struct subject *subject, struct words *words)
{
	words->count = 0;
	for (uint32_t i = 0; i < check->segment->participants; i++)
		words_add(words, atom64_load_seq(&segment_participant(check->segment, i)->state));
	subject->collect(subject, words);
}

static bool words_make(struct words *words, size_t room)
{
	*words = (struct words){ .at = malloc((room ? room : 1) * sizeof *words->at), .room = room };
	return words->at;
}

static bool stands_still(struct check *check, const struct subject *subject, struct words *first,
                         struct words *second)
{
	for (int i = 0; i < LOOKS; i++) {
		if (i)
			os_sleep_ns(PAUSE_NS);
		collect(check, subject, first);
		fence_acq();
		collect(check, subject, second);
		if (first->count == second->count && first->count <= first->room &&
		    memcmp(first->at, second->at, first->count * sizeof *first->at) == 0)
			return true;
	}
	return false;
}

void check_subject(struct check *check, const struct subject *subject)
{
	struct words count = { 0 }, first = { 0 }, second = { 0 };

	collect(check, subject, &count); /* without room: only how many there are */
	if (!words_make(&first, count.count) || !words_make(&second, count.count)) {
		check->no_memory = true;
	} else if (stands_still(check, subject, &first, &second)) {
		check->participants = first.at;
		subject->judge(subject, check, first.at + check->segment->participants);
	} else {
		check_say(check, STOA_MOVING, "it changed in each of %d looks, and was not checked whole",
		          LOOKS);
	}
	free(first.at);
	free(second.at);
}

bool check_owner(struct check *check, uint32_t slot, const char *what, uint64_t number)
{
	if (slot >= check->segment->participants)
		broken(check, "%s %lu is of participant %u, and there is room for %u", what,
		       (unsigned long)number, slot, check->segment->participants);
	else if ((check->participants[slot] & 0xff) == PARTICIPANT_FREE)
		broken(check, "%s %lu is of participant %u, and nobody is there", what, (unsigned long)number,
		       slot);
	else
		return true;
	return false;
}

/* ---- objects ---- */

static void check_value(struct check *check, void *start, uint64_t room)
{
	const struct value_layout *value = start;
	uint32_t type;

	if (room < sizeof *value) {
		broken(check, "its %lu bytes are too few for a value", (unsigned long)room);
		return;
	}
	type = elem32_load_rlx(&value->type);
	if (type == STOA_BYTES)
		check_cell(check, start, room);
	else if (!scalar_width(type) || elem64_load_rlx(&value->size) != scalar_width(type))
		broken(check, "it has type %u and %lu bytes, which is no number", type,
		       (unsigned long)elem64_load_rlx(&value->size));
}

static void check_array(struct check *check, void *start, uint64_t room)
{
	struct array_layout seen;
	uint64_t bytes;

	if (room < sizeof seen) {
		broken(check, "its %lu bytes are too few for an array", (unsigned long)room);
		return;
	}
	copy_racy_out(&seen, start, sizeof seen);
	bytes = seen.count;
	if (!scalar_width(seen.type) || !seen.count || seen.data_offset != sizeof seen ||
	    (seen.flags & ~(uint32_t)STOA_ATOMIC_RANGES) || !size_mul(&bytes, scalar_width(seen.type))) {
		broken(check, "its shape makes no sense: type %u, %lu elements", seen.type,
		       (unsigned long)seen.count);
	} else if (seen.flags & STOA_ATOMIC_RANGES) {
		check_cell(check, (uint8_t *)start + sizeof seen, room - sizeof seen);
	} else if (bytes > room - sizeof seen) {
		broken(check, "its %lu elements do not fit into %lu bytes", (unsigned long)seen.count,
		       (unsigned long)room);
	}
}

/* False: there is none, nor behind it. */
static bool check_object(struct check *check, uint32_t index)
{
	struct stoa_object_info info;
	char unnamed[40];
	uint32_t kind;
	uint64_t room;
	void *start;
	int rc = object_at(check->segment, index, &kind, &start, &room);

	if (rc == STOA_EMPTY || rc == -ENOENT)
		return rc == STOA_EMPTY;
	snprintf(unnamed, sizeof unnamed, "(entry %u)", index);
	check->object = unnamed;
	if (rc == 0 && stoa_segment_object(check->segment, index, &info) == 0 && info.name[0])
		check->object = info.name;
	if (rc) {
		broken(check, "its entry and its first bytes do not say the same: kind, bytes, extent");
	} else {
		switch (kind) {
		case STOA_KIND_VALUE:
			check_value(check, start, room);
			break;
		case STOA_KIND_ARRAY:
			check_array(check, start, room);
			break;
		case STOA_KIND_QUEUE:
			check_queue(check, start, room);
			break;
		default:
			check_sync(check, start, room);
		}
	}
	check->object = NULL;
	return true;
}

int stoa_segment_check(struct stoa_segment *segment,
                       void (*say)(void *context, enum stoa_finding finding, const char *object,
                                   const char *what),
                       void *context)
{
	struct check check = { .segment = segment, .say = say, .context = context };

	if (!segment)
		return -EINVAL;
	check_all_participants(&check);
	check_whole_directory(&check);
	for (uint32_t i = 0; !check.no_memory && check_object(&check, i); i++)
		;
	if (check.broken)
		return -EBADMSG;
	return check.no_memory ? -ENOMEM : check.moving ? STOA_CHANGED : 0;
}
