/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * storm_audit.c - the books: what became of every message of a gust.
 *
 * Everybody has ended, the auditor has taken what was left, and every log is complete.  A message that came
 * out at a receiver came to one of these ends there:
 *
 *   certain    it was popped, or released: the call has returned
 *   uncertain  the receiver died in the pop that had copied it, or in the release
 *   returned   or perhaps returned: the receiver died in stoa_receiver_return(), or while it closed
 *   died       the receiver died, holding it
 *
 * STOA_REDELIVER   what was sent has one certain end; or none, and an uncertain one.  Never two certain ones.
 * STOA_DISCARD     the same, or neither: these are as many as the queue counts as discarded, where the
 *                  uncertain ones and those that were perhaps never sent may be on either side.
 *
 * What was refused, or never tried, does not come out.  Who died in a pop or a take may have got a message of
 * which nobody knows; that one comes out again, flagged, without a reason that is written down.  So there are
 * at most as many of these as such deaths.
 *
 * Parcels.  What a receiver had open when it closed or died it never told of, and that comes flagged to
 * another: so of their deliveries, and of the order of what was popped, nothing can be said.  The queue
 * counts parcels, each of which has a message and at most `pack`.
 *
 * Order.  At one receiver's seat, the messages of one sender's seat come in the order of their numbers,
 * but for redelivered ones.  A lease says whether it is one.  Of what was popped it is known where it has
 * come out before; the rest must be in order, but for as many as those deaths.
 */
#include "storm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fate {
	uint64_t id; /* + 1; 0: nobody was told */
	uint16_t out, fresh, certain, uncertain, returned;
	uint16_t swallowed;  /* of the uncertain ones: not in `out` */
	uint16_t deliveries; /* the most that somebody was told */
};

struct books {
	struct fate *fates[SEATS_MAX];
	uint64_t numbers[SEATS_MAX];
	uint64_t sent, perhaps, lost, uncertain, unexplained, again;
};

/* Of a fault's message: who had it when, as far as that is known. */
static const char *history(uint32_t sender, uint32_t number)
{
	static const char *const names[] = { "popped",   "taken",     "taken again",     "released",
		                             "returned", "swallowed", "in hand at death" };
	static char text[400];
	size_t length = 0;

	for (uint32_t seat = 0; seat <= SEATS_MAX; seat++) {
		const struct entry *log = storm_log(seat);
		uint64_t entries = atom64_load_seq(&storm->desks[seat].entries);

		for (uint64_t i = 0; i < entries && length < sizeof text; i++) {
			if (log[i].sender != sender || log[i].number != number || log[i].what > ENTRY_DIED)
				continue;
			length += (size_t)snprintf(text + length, sizeof text - length, "; process %u: %s %u",
			                           seat, names[log[i].what], log[i].deliveries);
		}
	}
	return text;
}

static struct fate *fate_of(struct books *books, const struct entry *entry)
{
	if (entry->sender >= storm->senders || entry->number >= books->numbers[entry->sender])
		storm_fault("message %u of process %u was received, which nobody sent", entry->number,
		            entry->sender);
	return &books->fates[entry->sender][entry->number];
}

/* ---- from the logs to the fates ---- */

struct open_leases {
	const struct entry *leases[HOLDS_MAX * PACK_MAX];
	uint32_t count;
};

static bool same_message(const struct entry *a, const struct entry *b)
{
	return a->sender == b->sender && a->number == b->number;
}

static void close_lease(struct open_leases *open, const struct entry *entry)
{
	for (uint32_t k = 0; k < open->count; k++) {
		if (same_message(open->leases[k], entry)) {
			open->leases[k] = open->leases[--open->count];
			return;
		}
	}
	storm_fault("the ledger is wrong: an end of a lease that was not open");
}

static void died(struct books *books, struct open_leases *open, const struct entry *entry)
{
	for (uint32_t k = 0; k < open->count; k++) {
		struct fate *fate = fate_of(books, open->leases[k]);
		bool meant = open->leases[k]->sender == entry->sender &&
		             open->leases[k]->number - entry->number < entry->id;

		fate->uncertain += entry->deliveries == CALL_RELEASE && meant;
		fate->returned += (entry->deliveries == CALL_RETURN && meant) ||
		                  entry->deliveries == CALL_RECEIVER_CLOSE;
	}
	open->count = 0;
}

static void received(struct books *books, const struct entry *entry)
{
	struct fate *fate = fate_of(books, entry);

	fate->out++;
	if (entry->what == ENTRY_POPPED)
		return;
	fate->fresh += entry->what == ENTRY_TAKEN;
	fate->deliveries = entry->deliveries > fate->deliveries ? entry->deliveries : fate->deliveries;
	books->again += entry->what == ENTRY_TAKEN_AGAIN;
	if (fate->id && fate->id != entry->id + 1)
		storm_fault("message %u of process %u has the id %lu, and had %lu before", entry->number,
		            entry->sender, (unsigned long)entry->id, (unsigned long)fate->id - 1);
	fate->id = entry->id + 1;
}

static void read_log(struct books *books, uint32_t seat)
{
	const struct entry *log = storm_log(seat);
	uint64_t entries = atom64_load_seq(&storm->desks[seat].entries);
	struct open_leases open = { .count = 0 };

	for (uint64_t i = 0; i < entries; i++) {
		const struct entry *entry = &log[i];

		switch (entry->what) {
		case ENTRY_POPPED:
			received(books, entry);
			fate_of(books, entry)->certain++;
			break;
		case ENTRY_TAKEN:
		case ENTRY_TAKEN_AGAIN:
			received(books, entry);
			if (open.count == storm->holds * storm->scenario.pack)
				storm_fault("process %u had more leases than `holds`", seat);
			open.leases[open.count++] = entry;
			break;
		case ENTRY_RELEASED:
			fate_of(books, entry)->certain++;
			close_lease(&open, entry);
			break;
		case ENTRY_RETURNED:
			fate_of(books, entry)->returned++;
			close_lease(&open, entry);
			break;
		case ENTRY_SWALLOWED:
			fate_of(books, entry)->uncertain++;
			fate_of(books, entry)->swallowed++;
			break;
		default:
			died(books, &open, entry);
		}
	}
}

/* ---- the fates ---- */

static void check_fate(struct books *books, uint32_t sender, uint32_t number)
{
	const struct fate *fate = &books->fates[sender][number];
	bool discards = storm->scenario.on_death == STOA_DISCARD;
	unsigned known = discards ? fate->returned : fate->out + fate->swallowed - (fate->out > 0);
	uint8_t state = *storm_state(sender, number);
	bool seen = fate->out || fate->uncertain, was_sent = state == SENT || seen;

	if (seen && state != SENT && state != TRIED)
		storm_fault("message %u of process %u was received, and its sender was told that it was not "
		            "sent%s",
		            number, sender, history(sender, number));
	if (fate->certain > 1)
		storm_fault("message %u of process %u was received and acknowledged %u times%s", number,
		            sender, fate->certain, history(sender, number));
	if (fate->fresh > 1)
		storm_fault("message %u of process %u was received %u times without STOA_REDELIVERED%s",
		            number, sender, fate->fresh, history(sender, number));
	if (discards && fate->out > 1 + fate->returned)
		storm_fault("message %u of process %u was delivered %u times, and given back %u times%s",
		            number, sender, fate->out, fate->returned, history(sender, number));
	if (fate->deliveries > 1 + known && storm->scenario.pack == 1) {
		if (discards || !storm->deaths_in_pop)
			storm_fault("message %u of process %u has %u deliveries%s", number, sender,
			            fate->deliveries, history(sender, number));
		books->unexplained += fate->deliveries - 1 - known;
	}
	books->sent += state == SENT;
	books->perhaps += state == TRIED;
	if (was_sent && !fate->certain && !fate->uncertain) {
		if (!discards)
			storm_fault("message %u of process %u was sent, and never received%s", number, sender,
			            history(sender, number));
		books->lost++;
	}
	/* On either side: an uncertain end, or perhaps sent and never seen. */
	books->uncertain += (!fate->certain && fate->uncertain) || (state == TRIED && !seen);
}

static void check_ids(const struct books *books, uint32_t sender)
{
	uint64_t last = 0;

	for (uint64_t n = 0; n < books->numbers[sender]; n++) {
		uint64_t id = books->fates[sender][n].id;

		if (id && id < last + (storm->scenario.pack == 1))
			storm_fault("message %lu of process %u has the id %lu, and one before it %lu",
			            (unsigned long)n, sender, (unsigned long)id - 1, (unsigned long)last - 1);
		last = id ? id : last;
	}
}

/* ---- order ---- */

/* How many of the numbers must be left out for the rest to grow: as many as are not in a longest run. */
struct run {
	uint32_t *tails; /* the least end of a growing run of each length */
	uint64_t length, seen;
};

static void run_on(struct run *run, uint32_t number)
{
	uint64_t low = 0, high = run->length;

	run->seen++;
	if (high && run->tails[high - 1] >= number) {
		while (low < high) {
			uint64_t middle = (low + high) / 2;

			if (run->tails[middle] < number)
				low = middle + 1;
			else
				high = middle;
		}
	}
	run->tails[high] = number;
	run->length += high == run->length;
}

static uint64_t check_order(struct books *books, uint32_t seat, uint32_t sender, uint32_t *tails)
{
	const struct entry *log = storm_log(seat);
	uint64_t entries = atom64_load_seq(&storm->desks[seat].entries), next = 0;
	struct run run = { .tails = tails };

	for (uint64_t i = 0; i < entries; i++) {
		const struct entry *entry = &log[i];

		if ((entry->what != ENTRY_POPPED && entry->what != ENTRY_TAKEN) || entry->sender != sender)
			continue;
		if (entry->what == ENTRY_TAKEN) {
			if (entry->number < next)
				storm_fault("process %u received message %u of process %u after message %lu",
				            seat, entry->number, sender, (unsigned long)next - 1);
			next = entry->number + 1;
		} else {
			const struct fate *fate = fate_of(books, entry);

			if (fate->out > 1 || fate->uncertain || fate->returned)
				continue;
		}
		run_on(&run, entry->number);
	}
	return run.seen - run.length;
}

static void check_ids_at(uint32_t seat)
{
	const struct entry *log = storm_log(seat);
	uint64_t entries = atom64_load_seq(&storm->desks[seat].entries), last = 0;

	for (uint64_t i = 0; i < entries; i++) {
		if (log[i].what != ENTRY_TAKEN)
			continue;
		if (log[i].id + 1 < last + (storm->scenario.pack == 1))
			storm_fault("process %u received id %lu after id %lu, without STOA_REDELIVERED", seat,
			            (unsigned long)log[i].id, (unsigned long)last - 1);
		last = log[i].id + 1;
	}
}

/* ---- all of it ---- */

static void check_numbers(const struct books *books, const struct stoa_queue_stat *now, uint64_t late)
{
	uint64_t sent = now->sent - storm->stat.sent, discarded = now->discarded - storm->stat.discarded;
	uint64_t redelivered = now->redelivered - storm->stat.redelivered;
	uint64_t unknown = storm->scenario.on_death == STOA_DISCARD ? 0 : storm->deaths_in_pop;
	uint64_t pack = storm->scenario.pack;

	if (sent * pack < books->sent || sent > books->sent + books->perhaps)
		storm_fault("stoa_queue_stat counts %lu messages sent; it were %lu, and perhaps %lu more",
		            (unsigned long)sent, (unsigned long)books->sent, (unsigned long)books->perhaps);
	if (discarded * pack < books->lost || discarded > books->lost + books->uncertain)
		storm_fault(
			"stoa_queue_stat counts %lu messages discarded; it were %lu, and perhaps %lu more",
			(unsigned long)discarded, (unsigned long)books->lost,
			(unsigned long)books->uncertain);
	if (redelivered * pack < books->again)
		storm_fault("stoa_queue_stat counts %lu messages redelivered; it were %lu",
		            (unsigned long)redelivered, (unsigned long)books->again);
	if (books->unexplained > unknown)
		storm_fault(
			"%lu deliveries too many are told, and only %lu receivers died that nobody knows of",
			(unsigned long)books->unexplained, (unsigned long)unknown);
	if (late > unknown && pack == 1)
		storm_fault("%lu messages came late, and only %lu receivers died in the middle of a pop",
		            (unsigned long)late, (unsigned long)unknown);
	storm->messages += books->sent;
	storm->redelivered += redelivered;
	storm->discarded += discarded;
	storm->uncertain += books->uncertain;
}

void audit_messages(const struct stoa_queue_stat *now)
{
	struct books books = { .sent = 0 };
	uint32_t *tails = malloc(NUMBERS * sizeof *tails);
	uint64_t late = 0;

	for (uint32_t i = 0; i < storm->senders; i++) {
		books.numbers[i] = atom64_load_seq(&storm->desks[i].next);
		books.fates[i] = calloc(books.numbers[i] + 1, sizeof *books.fates[i]);
		if (!books.fates[i] || !tails)
			storm_fault("out of memory");
	}
	for (uint32_t seat = 0; seat <= SEATS_MAX; seat++)
		read_log(&books, seat);
	for (uint32_t i = 0; i < storm->senders; i++) {
		for (uint32_t n = 0; n < books.numbers[i]; n++)
			check_fate(&books, i, n);
		check_ids(&books, i);
	}
	for (uint32_t seat = 0; seat <= SEATS_MAX; seat++) {
		check_ids_at(seat);
		for (uint32_t i = 0; i < storm->senders; i++)
			late += check_order(&books, seat, i, tails);
	}
	check_numbers(&books, now, late);
}
