/* SPDX-License-Identifier: BSD-2-Clause */
/* results.c - see results.h. */
#include "results.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

struct results results;

static void *more(void *memory, size_t bytes)
{
	memory = realloc(memory, bytes);
	if (!memory) {
		perror("stoa-bench");
		exit(2);
	}
	return memory;
}

struct cell *cell_new(const char *section, const char *unit, bool more_is_better, const char *format, ...)
{
	struct cell *cell = more(NULL, sizeof *cell);
	va_list arguments;

	memset(cell, 0, sizeof *cell);
	cell->section = section;
	cell->unit = unit;
	cell->more_is_better = more_is_better;
	va_start(arguments, format);
	vsnprintf(cell->name, sizeof cell->name, format, arguments);
	va_end(arguments);
	if (options.cells && !strstr(cell->name, options.cells)) {
		free(cell);
		return NULL;
	}
	results.cell = more(results.cell, (results.cells + 1) * sizeof *results.cell);
	results.cell[results.cells++] = cell;
	return cell;
}

void cell_param(struct cell *cell, const char *name, double value)
{
	if (cell->params == PARAMS_MOST)
		return;
	cell->param[cell->params].name = name;
	cell->param[cell->params++].value = value;
}

void cell_row(struct cell *cell, const char *name, enum bench_kind kind, const void *peer, bool latencies)
{
	struct row *row = &cell->row[cell->rows];

	if (cell->rows == ROWS_MOST || (kind == BENCH_PEER && options.peers && !strstr(name, options.peers)))
		return;
	snprintf(row->name, sizeof row->name, "%s", name);
	row->kind = kind;
	row->peer = peer;
	if (latencies) {
		row->latency = more(NULL, sizeof *row->latency);
		memset(row->latency, 0, sizeof *row->latency);
	}
	cell->rows++;
}

/* ---- summaries ---- */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, unsigned count)
{
	qsort(values, count, sizeof *values, ascending);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* Where all were set apart, all count: better than nothing, and the report says so. */
static void summarize_row(struct row *row)
{
	double values[REPS_MOST];
	unsigned done = 0;

	for (unsigned i = 0; i < row->samples; i++) {
		done += row->sample[i].outcome == OUTCOME_DONE;
		row->aside += row->sample[i].outcome == OUTCOME_DONE && row->sample[i].aside;
	}
	for (unsigned i = 0; i < row->samples; i++)
		if (row->sample[i].outcome == OUTCOME_DONE && (!row->sample[i].aside || row->aside == done))
			values[row->used++] = row->sample[i].value;
	if (!row->used)
		return;
	row->median = median(values, row->used);
	row->least = values[0];
	row->most = values[row->used - 1];
}

const struct row *cell_best(const struct cell *cell, enum bench_kind kind)
{
	const struct row *best = NULL;

	for (unsigned i = 0; i < cell->rows; i++) {
		const struct row *row = &cell->row[i];

		if (row->kind != kind || !row->used)
			continue;
		if (!best || (cell->more_is_better ? row->median > best->median : row->median < best->median))
			best = row;
	}
	return best;
}

/* Were the cores as far from each other in both? */
static bool alike(const struct sample *a, const struct sample *b)
{
	double x = a->line[0] + a->line[1], y = b->line[0] + b->line[1];

	return a->outcome == OUTCOME_DONE && b->outcome == OUTCOME_DONE && !a->aside && !b->aside &&
	       b->value > 0 && x <= 1.25 * y && y <= 1.25 * x;
}

static void compare(struct cell *cell, const struct row *ours, const struct row *other)
{
	struct ratio *ratio = &cell->ratio[cell->ratios];
	double values[REPS_MOST];
	unsigned pairs = 0;

	for (unsigned i = 0; i < ours->samples && i < other->samples; i++)
		if (alike(&ours->sample[i], &other->sample[i]))
			values[pairs++] = ours->sample[i].value / other->sample[i].value;
	if (!pairs || cell->ratios == RATIOS_MOST)
		return;
	ratio->ours = ours;
	ratio->other = other;
	ratio->pairs = pairs;
	ratio->median = median(values, pairs);
	ratio->least = values[0];
	ratio->most = values[pairs - 1];
	cell->ratios++;
}

void cell_summarize(struct cell *cell)
{
	const struct row *best;

	for (unsigned i = 0; i < cell->rows; i++)
		summarize_row(&cell->row[i]);
	best = cell_best(cell, BENCH_PEER);
	for (unsigned i = 0; i < cell->rows; i++) {
		if (cell->row[i].kind != BENCH_OURS || !cell->row[i].used)
			continue;
		if (best)
			compare(cell, &cell->row[i], best);
		for (unsigned k = 0; k < cell->rows; k++)
			if (cell->row[k].kind == BENCH_FLOOR && cell->row[k].used)
				compare(cell, &cell->row[i], &cell->row[k]);
	}
}
