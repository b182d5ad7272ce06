/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * method.c - how a cell is measured, and why so.
 *
 * What can go wrong with a benchmark of shared memory, and what is done about it:
 *
 *   The cores move.  A hypervisor puts virtual processors where it likes, and a line that went there and back
 *   in 100 ns takes 400 in the next second.  So each worker is pinned, the round trip of one bare line
 *   between two of the very workers is measured before and after every run, and a run in which it moved by
 *   more than a quarter is set apart: counted, shown, not used.
 *
 *   The machine drifts: clocks, heat, neighbours.  So the implementations take turns within a repetition,
 *   each time beginning with another one, and what is compared is the pair of one repetition; the figure is
 *   the median of these ratios.  It is the ratio to look at; the absolute numbers belong to one machine on
 *   one day.
 *
 *   A mean is pulled by one bad run, a minimum flatters.  So: seven repetitions at least, the median, and
 *   both extremes beside it.
 *
 *   An interruption takes a thousand times as long as what it interrupts.  So a round trip is the median of
 *   many batches of a run, and the mean of a latency leaves out the slowest thousandth; the percentiles tell
 *   it all.
 *
 *   A queue can be fast by being wrong.  So every message is checked, in every run: in order for each sender,
 *   whole, and in total neither lost nor there twice.  It costs all of them the same, about a nanosecond.
 *   One failed check ends the bench with exit status 1.
 *
 *   A queue can be in a bad mood.  Single messages between two cores go at one of two speeds: the receiver
 *   trails by a full queue, or chases the sender line by line.  The extremes show it.  So every run has
 *   memory of its own, and first moves two fillings of the queue that are not counted: all pages are there,
 *   the caches are warm.
 *
 *   A queue can stand still.  Where the users of one wait for each other and one of them is not running, a
 *   run may never end; so there is a limit, past which it is killed, and the table says so.
 *
 *   Messages are counted over a time, not timed over a count, since the implementations differ a
 *   thousandfold: the senders send for so long, then the receivers take what is left; from the first start to
 *   the last end.
 */
#include "method.h"

#include <stdlib.h>

#include "options.h"

static void show_progress(const struct cell *cell, const struct row *row, unsigned rep)
{
	if (options.progress)
		fprintf(stderr, "\r\033[K%s: %s: %u of %u: %s", cell->section, cell->name, rep + 1,
		        options.reps, row->name);
}

static void note_line(double line)
{
	if (line > 0)
		histogram_record(&results.line, (uint64_t)line);
}

static bool moved(const struct sample *sample)
{
	return sample->line[0] > 1.25 * sample->line[1] || sample->line[1] > 1.25 * sample->line[0];
}

/* False: bad data. */
static bool measure_once(struct cell *cell, struct row *row, method_run run, const void *context)
{
	struct sample *sample = &row->sample[row->samples++];

	/* What hung twice would hang for the whole rest of the time. */
	if (row->hung >= 2) {
		sample->outcome = OUTCOME_HUNG;
		return true;
	}
	sample->outcome = run(cell, row, context, sample);
	sample->aside = sample->outcome == OUTCOME_DONE && moved(sample);
	note_line(sample->line[0]);
	note_line(sample->line[1]);
	row->hung += sample->outcome == OUTCOME_HUNG;
	row->unable = sample->outcome == OUTCOME_UNABLE;
	if (sample->outcome == OUTCOME_HUNG && row->kind == BENCH_OURS)
		fprintf(stderr, "stoa-bench: %s: %s: %s did not end\n", cell->section, cell->name, row->name);
	if (sample->outcome == OUTCOME_UNABLE && row->kind == BENCH_OURS)
		sample->outcome = OUTCOME_BAD; /* no memory, or worse: not to be hidden */
	if (sample->outcome == OUTCOME_BAD)
		fprintf(stderr, "stoa-bench: %s: %s: %s failed\n", cell->section, cell->name, row->name);
	return sample->outcome != OUTCOME_BAD &&
	       !(sample->outcome == OUTCOME_HUNG && row->kind == BENCH_OURS);
}

bool method_measure(struct cell *cell, method_run run, const void *context)
{
	for (unsigned rep = 0; rep < options.reps; rep++)
		for (unsigned i = 0; i < cell->rows; i++) {
			struct row *row = &cell->row[(i + rep) % cell->rows];

			if (row->unable)
				continue;
			show_progress(cell, row, rep);
			if (!measure_once(cell, row, run, context))
				return false;
		}
	if (options.progress)
		fputs("\r\033[K", stderr);
	cell_summarize(cell);
	report_cell(cell);
	return true;
}

enum outcome method_team(struct team *team, struct row *row, struct sample *sample,
                         enum outcome (*figure)(const struct team *team, struct sample *sample))
{
	enum outcome outcome;

	switch (team_run(team)) {
	case TEAM_BAD:
		outcome = OUTCOME_BAD;
		break;
	case TEAM_HUNG:
		outcome = OUTCOME_HUNG;
		break;
	default:
		sample->line[0] = team->line_ns[0];
		sample->line[1] = team->line_ns[1];
		outcome = figure(team, sample);
		if (row->latency)
			histogram_add(row->latency, &team->histogram);
	}
	team_free(team);
	return outcome;
}

double method_elapsed(const struct team *team)
{
	uint64_t start = UINT64_MAX, end = 0;

	for (unsigned i = 0; i < team->workers; i++) {
		const struct worker *worker = &team->worker[i];

		if (worker->role == BENCH_SENDER && worker->start < start)
			start = worker->start;
		if (worker->end > end)
			end = worker->end;
	}
	return end > start ? (double)(end - start) : 1;
}

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

double method_trip(const struct team *team)
{
	static uint32_t sorted[BATCHES_MOST];

	for (unsigned i = 0; i < team->batches; i++)
		sorted[i] = team->batch[i];
	qsort(sorted, team->batches, sizeof sorted[0], ascending);
	return team->batches ? (double)sorted[team->batches / 2] / BENCH_BATCH : 0;
}
