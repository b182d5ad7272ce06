/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_blocks.c - cells, handles, slots, orphan cells: each block is in exactly one place.
 *
 * A block is surely in a cell; in an orphan cell that is FULL; in a slot that is settled, acknowledged, or waits for
 * an orphan cell that was emptied.  A slot that stands between its compare-and-swap and its next word holds one of
 * two: that whose other is elsewhere.  In a moment that stands still this decides every slot, as exchange_settle.c has
 * it, so a slot that stays open, or whose blocks are both elsewhere, is broken.
 */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"

enum { SLOT_INTENT, SLOT_WRAPS, SLOT_ORPHAN, SLOT_TALLY, SLOT_WORDS };

#define NOWHERE UINT32_MAX

/* ---- words ---- */

void collect_exchange(const struct exchange *exchange, struct words *words)
{
	for (uint64_t i = 0; i < exchange->cell_count; i++)
		words_add(words, atom64_load_seq(&exchange->cells[i]));
	for (uint32_t h = 0; h < exchange->handle_count; h++)
		words_add(words, atom64_load_seq(&exchange_handle(exchange, h)->role));
	for (uint32_t n = 0; n < exchange_slots(exchange); n++) {
		const struct exchange_slot *slot = exchange_nth_slot(exchange, n);

		words_add(words, atom64_load_seq(&slot->intent));
		words_add(words, atom64_load_seq(&slot->wraps));
		words_add(words, atom64_load_seq(&slot->orphan));
		words_add(words, atom64_load_seq(&slot->tally));
	}
}

size_t exchange_words(const struct exchange *exchange)
{
	return exchange->cell_count + exchange->handle_count + (size_t)exchange_slots(exchange) * SLOT_WORDS;
}

/* ---- places ---- */

/* Where each block is: a cell's index, or behind the cells a slot's, or behind those an orphan cell's. */
struct places {
	struct check *check;
	const struct exchange *exchange;
	const uint64_t *cells, *roles, *slots;
	uint32_t *where; /* by block */
};

static const char *place_name(const struct places *places, uint32_t where, char name[40])
{
	uint32_t cells = (uint32_t)places->exchange->cell_count, slots = exchange_slots(places->exchange);

	if (where < cells)
		snprintf(name, 40, "cell %u", where);
	else if (where < cells + slots)
		snprintf(name, 40, "slot %u of handle %u", (where - cells) % places->exchange->holds,
		         (where - cells) / places->exchange->holds);
	else
		snprintf(name, 40, "orphan cell %u of handle %u",
		         (where - cells - slots) % places->exchange->holds,
		         (where - cells - slots) / places->exchange->holds);
	return name;
}

static void put(struct places *places, uint32_t block, uint32_t where)
{
	char here[40], there[40];

	if (block >= places->exchange->blocks)
		broken(places->check, "%s has block %u of %u", place_name(places, where, here), block,
		       places->exchange->blocks);
	else if (places->where[block] != NOWHERE)
		broken(places->check, "block %u is in two places: %s and %s", block,
		       place_name(places, places->where[block], there), place_name(places, where, here));
	else
		places->where[block] = where;
}

static const uint64_t *slot_words(const struct places *places, uint32_t n)
{
	return places->slots + (size_t)n * SLOT_WORDS;
}

static bool is_open(uint64_t intent)
{
	return intent_kind(intent) == INTENT_OFFER ||
	       (intent_kind(intent) == INTENT_TAKE && !(intent & INTENT_ACKNOWLEDGED));
}

/* ---- slots that say what they hold ---- */

/* The slot waits for the orphan cell to be emptied, or the message is not yet there. */
static void put_redelivery(struct places *places, uint32_t n, uint64_t intent, uint64_t orphan)
{
	uint32_t cells = (uint32_t)places->exchange->cell_count, slots = exchange_slots(places->exchange);
	char name[40];

	if (orphan_lap(orphan) == intent_got(intent))
		put(places, orphan_block(orphan),
		    orphan_state(orphan) == ORPHAN_FULL ? cells + slots + n : cells + n);
	else if (lap_after(orphan_lap(orphan)) == intent_got(intent) && orphan_state(orphan) != ORPHAN_FULL)
		put(places, intent_out(intent), cells + n); /* the orphan cell is about to get it */
	else
		broken(places->check, "%s waits for lap %u of its orphan cell, which is at lap %u",
		       place_name(places, cells + n, name), intent_got(intent), orphan_lap(orphan));
}

static void put_sure(struct places *places, uint32_t n)
{
	uint32_t cells = (uint32_t)places->exchange->cell_count;
	uint64_t intent = slot_words(places, n)[SLOT_INTENT], orphan = slot_words(places, n)[SLOT_ORPHAN];
	char name[40];

	if (orphan_state(orphan) > ORPHAN_RETAKEN)
		broken(places->check, "%s: its orphan cell is in state %u, and there is none",
		       place_name(places, cells + n, name), orphan_state(orphan));
	if (intent_kind(intent) == INTENT_REDELIVER)
		put_redelivery(places, n, intent, orphan);
	else if (orphan_state(orphan) == ORPHAN_FULL)
		broken(places->check, "%s has a block, and so has its orphan cell",
		       place_name(places, cells + n, name));
	else if (intent_kind(intent) == INTENT_SETTLED)
		put(places, intent_out(intent), cells + n);
	else if (!is_open(intent))
		put(places, intent_got(intent), cells + n);
	else if (intent_out(intent) >= places->exchange->blocks ||
	         intent_got(intent) >= places->exchange->blocks)
		broken(places->check, "%s stands between blocks %u and %u of %u",
		       place_name(places, cells + n, name), intent_out(intent), intent_got(intent),
		       places->exchange->blocks);
}

/* ---- slots that stand between two blocks ---- */

/* One more that is decided: true. */
static bool decide(struct places *places, uint32_t n)
{
	uint32_t at = (uint32_t)places->exchange->cell_count + n;
	uint64_t intent = slot_words(places, n)[SLOT_INTENT];
	uint32_t out = intent_out(intent), got = intent_got(intent);

	if (!is_open(intent) || out >= places->exchange->blocks || got >= places->exchange->blocks ||
	    places->where[out] == at || places->where[got] == at ||
	    (places->where[out] == NOWHERE) == (places->where[got] == NOWHERE))
		return false;
	places->where[places->where[out] == NOWHERE ? out : got] = at;
	return true;
}

static void judge_open(struct places *places, uint32_t n)
{
	uint32_t at = (uint32_t)places->exchange->cell_count + n;
	uint64_t intent = slot_words(places, n)[SLOT_INTENT];
	uint32_t out = intent_out(intent), got = intent_got(intent);
	char name[40], one[40], other[40];

	if (!is_open(intent) || out >= places->exchange->blocks || got >= places->exchange->blocks ||
	    places->where[out] == at || places->where[got] == at)
		return;
	if (places->where[out] == NOWHERE)
		broken(places->check, "%s stands between blocks %u and %u, and neither is anywhere else",
		       place_name(places, at, name), out, got);
	else
		broken(places->check, "%s has no block: %u is in %s, and %u in %s",
		       place_name(places, at, name), out, place_name(places, places->where[out], one), got,
		       place_name(places, places->where[got], other));
}

static void find_blocks(struct places *places)
{
	const struct exchange *exchange = places->exchange;
	bool more = true;

	for (uint32_t b = 0; b < exchange->blocks; b++)
		places->where[b] = NOWHERE;
	for (uint32_t i = 0; i < exchange->cell_count; i++)
		put(places, (uint32_t)(places->cells[i] & exchange->block_mask), i);
	for (uint32_t n = 0; n < exchange_slots(exchange); n++)
		put_sure(places, n);
	while (more) {
		more = false;
		for (uint32_t n = 0; n < exchange_slots(exchange); n++)
			more |= decide(places, n);
	}
	for (uint32_t n = 0; n < exchange_slots(exchange); n++)
		judge_open(places, n);
	if (places->check->broken)
		return; /* that a block is missing is then but an echo */
	for (uint32_t b = 0; b < exchange->blocks; b++) {
		if (places->where[b] == NOWHERE)
			broken(places->check, "block %u is nowhere", b);
	}
}

/* ---- handles ---- */

void judge_role(struct check *check, uint64_t role, const char *what, uint64_t number)
{
	if (role_of(role) == ROLE_FREE || role_of(role) == ROLE_ORPHANED)
		return;
	check_owner(check, role_owner(role), what, number);
}

static bool role_fits(uint64_t role, enum check_roles roles)
{
	uint32_t is = role_of(role);

	if (is == ROLE_FREE || is == ROLE_ORPHANED)
		return true;
	return roles == CHECK_WRITER_ROLES ? is == ROLE_WRITER : is == ROLE_SENDER || is == ROLE_RECEIVER;
}

/* Whoever claims a free handle finds a block in each slot, or what was left for it in the orphan cell. */
static void judge_idle_slot(struct places *places, uint32_t n, uint64_t role)
{
	uint64_t intent = slot_words(places, n)[SLOT_INTENT], orphan = slot_words(places, n)[SLOT_ORPHAN];
	uint32_t at = (uint32_t)places->exchange->cell_count + n;
	char name[40];

	if (intent_kind(intent) == INTENT_SETTLED)
		return;
	if (intent_kind(intent) != INTENT_REDELIVER)
		broken(places->check, "%s is nobody's, and an exchange of it is open",
		       place_name(places, at, name));
	else if (role_of(role) == ROLE_FREE && orphan_state(orphan) != ORPHAN_FREE)
		broken(places->check, "%s is free, and a message waits there", place_name(places, at, name));
}

void judge_exchange(struct check *check, const struct exchange *exchange, enum check_roles roles,
                    const uint64_t *words)
{
	struct places places = {
		.check = check,
		.exchange = exchange,
		.cells = words,
		.roles = words + exchange->cell_count,
		.slots = words + exchange->cell_count + exchange->handle_count,
		.where = malloc(exchange->blocks * sizeof *places.where),
	};
	bool broken_before = check->broken;

	if (!places.where) {
		check->no_memory = true;
		return;
	}
	check->broken = false;
	find_blocks(&places);
	for (uint32_t h = 0; h < exchange->handle_count; h++) {
		uint64_t role = places.roles[h];

		if (!role_fits(role, roles))
			broken(check, "handle %u has role %u, which there is not here", h, role_of(role));
		judge_role(check, role, "handle", h);
		for (uint32_t k = 0; k < exchange->holds; k++) {
			if (role_of(role) == ROLE_FREE || role_of(role) == ROLE_ORPHANED)
				judge_idle_slot(&places, h * exchange->holds + k, role);
		}
	}
	check->broken |= broken_before;
	free(places.where);
}

/* ---- structs: values, and arrays with atomic ranges ---- */

static void collect_cell(const struct subject *subject, struct words *words)
{
	uint64_t word = atom64_load_seq(subject->cell.word);

	collect_exchange(&subject->cell.exchange, words);
	words_add(words, cell_knows(&subject->cell, word)
	                         ? atom64_load_seq(&value_block_of(&subject->cell, word)->generation)
	                         : 0);
}

static void judge_cell(const struct subject *subject, struct check *check, const uint64_t *words)
{
	const struct exchange *exchange = &subject->cell.exchange;

	judge_exchange(check, exchange, CHECK_WRITER_ROLES, words);
	if (cell_knows(&subject->cell, words[0]) && words[exchange_words(exchange)] != words[0])
		broken(check, "its current version is in block %lu, which says that it is of another",
		       (unsigned long)(words[0] & exchange->block_mask));
}

void check_cell(struct check *check, void *start, uint64_t room)
{
	struct subject subject = { .collect = collect_cell, .judge = judge_cell };

	if (cell_view(&subject.cell, start, room) != 0)
		broken(check, "its shape makes no sense: sizes, offsets or writers");
	else
		check_subject(check, &subject);
}
