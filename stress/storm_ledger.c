/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * storm_ledger.c - messages that prove themselves, and what is written down of them.
 */
#include "storm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct storm_ledger *storm;
static uint8_t *states;    /* [SEATS_MAX][NUMBERS] */
static struct entry *logs; /* [SEATS_MAX + 1][ENTRIES] */

#define STATES_BYTES ((size_t)SEATS_MAX * NUMBERS)
#define LOGS_BYTES ((size_t)(SEATS_MAX + 1) * ENTRIES * sizeof(struct entry))

static void *shared(size_t bytes)
{
	/* Pages come as they are written; nothing is copied by a fork(). */
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1,
	                0);

	return at == MAP_FAILED ? NULL : at;
}

bool storm_ledger_make(void)
{
	storm = shared(sizeof *storm);
	states = shared(STATES_BYTES);
	logs = shared(LOGS_BYTES);
	return storm && states && logs;
}

void storm_ledger_wipe(void)
{
	for (uint32_t i = 0; i <= SEATS_MAX; i++) {
		atom64_store_seq(&storm->desks[i].entries, 0);
		atom64_store_seq(&storm->desks[i].next, 0);
	}
	atom32_store_seq(&storm->full, 0);
	storm->deaths_in_pop = 0;
	/* Gives the memory back, where it can be; what is not counted does not matter. */
	(void)madvise(states, STATES_BYTES, MADV_REMOVE);
	(void)madvise(logs, LOGS_BYTES, MADV_REMOVE);
}

uint8_t *storm_state(uint32_t sender, uint32_t number)
{
	return states + (size_t)sender * NUMBERS + number;
}

struct entry *storm_log(uint32_t seat)
{
	return logs + (size_t)seat * ENTRIES;
}

void storm_enter(uint32_t seat, struct entry entry)
{
	struct desk *desk = &storm->desks[seat];
	uint64_t n = atom64_load_rlx(&desk->entries); /* relaxed: one writer at a time */

	storm_log(seat)[n] = entry;
	/* Release: whoever dies before this has not entered it, and after it has, wholly. */
	atom64_store_rel(&desk->entries, n + 1);
	if (n + MARGIN >= ENTRIES)
		atom32_store_seq(&storm->full, 1);
}

/* ---- the dead ---- */

static bool is_pop(uint32_t call)
{
	return call == CALL_POP || call == CALL_POP_MANY || call == CALL_RECV;
}

void storm_post_mortem(uint32_t seat)
{
	struct desk *desk = &storm->desks[seat];
	uint32_t call = atom32_load_seq(&desk->call), sender, number;

	if (call == CALL_ACQUIRE || call == CALL_LOCK_RELEASE ||
	    (atom32_load_seq(&desk->places[PLACE_LOCK]) & 1))
		storm->lock_deaths++;
	for (int place = 0; place < PLACES; place++) {
		if (atom32_load_seq(&desk->places[place]) & 1)
			atom32_add_seq(&desk->places[place], 1);
	}
	storm->deaths_in_pop += is_pop(call) || call == CALL_TAKE;
	if (is_pop(call)) {
		/* What is in its log has come back to it; behind that it may have been given more. */
		uint64_t logged = atom64_load_seq(&desk->entries) - atom64_load_seq(&desk->pop_began);

		for (uint64_t i = logged; i < BATCH_MAX; i++) {
			struct entry entry = { .what = ENTRY_SWALLOWED };

			if (!note_read(desk->out[i], LARGEST, &sender, &number))
				break;
			entry.sender = (uint8_t)sender;
			entry.number = number;
			storm_enter(seat, entry);
		}
	}
	storm_enter(seat, (struct entry){
				  .what = ENTRY_DIED,
				  .deliveries = (uint16_t)call,
				  .sender = (uint8_t)atom32_load_seq(&desk->at_sender),
				  .number = atom32_load_seq(&desk->at_number),
				  .id = atom32_load_seq(&desk->at_count),
			  });
	atom32_store_seq(&desk->call, CALL_NONE);
	atom32_store_seq(&desk->doomed, 0);
}

void storm_failed(const char *format, ...)
{
	uint32_t none = 0;
	va_list list;

	if (atom32_cas_seq(&storm->failed, &none, 1)) {
		va_start(list, format);
		vsnprintf(storm->text, sizeof storm->text, format, list);
		va_end(list);
		atom32_store_seq(&storm->failed, 2);
	}
}

bool storm_has_failed(void)
{
	return atom32_load_seq(&storm->failed) != 0;
}

/* ---- messages ---- */

uint64_t storm_mix(uint64_t n)
{
	n += 0x9e3779b97f4a7c15u;
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9u;
	n = (n ^ n >> 27) * 0x94d049bb133111ebu;
	return n ^ n >> 31;
}

struct note {
	uint32_t number;
	uint16_t size;
	uint8_t sender, zero;
	uint64_t check;
};
_Static_assert(sizeof(struct note) == SMALLEST, "a message begins with its note");

static uint64_t note_check(const struct note *note)
{
	return storm_mix((uint64_t)note->number << 32 | (uint32_t)note->size << 8 | note->sender);
}

void note_fill(void *bytes, size_t size, uint32_t sender, uint32_t number)
{
	struct note note = { .number = number, .size = (uint16_t)size, .sender = (uint8_t)sender };
	uint8_t *to = bytes;
	uint64_t word;

	note.check = note_check(&note);
	memcpy(to, &note, sizeof note);
	for (size_t at = sizeof note; at < size; at += sizeof word) {
		word = note.check * (at | 1);
		memcpy(to + at, &word, size - at < sizeof word ? size - at : sizeof word);
	}
}

size_t note_read(const void *bytes, size_t room, uint32_t *sender, uint32_t *number)
{
	const uint8_t *from = bytes;
	struct note note;
	uint64_t word;

	if (room < sizeof note)
		return 0;
	memcpy(&note, from, sizeof note);
	if (note.zero || note.size < sizeof note || note.size > room || note.check != note_check(&note))
		return 0;
	if (note.number >= NUMBERS || note.sender >= SEATS_MAX)
		return 0;
	for (size_t at = sizeof note; at < note.size; at += sizeof word) {
		size_t left = note.size - at < sizeof word ? note.size - at : sizeof word;

		word = note.check * (at | 1);
		if (memcmp(from + at, &word, left) != 0)
			return 0;
	}
	*sender = note.sender;
	*number = note.number;
	return note.size;
}
