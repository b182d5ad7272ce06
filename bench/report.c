/* SPDX-License-Identifier: BSD-2-Clause */
/* report.c - tables for the eye, and a last line that anyone can read. */
#include <stdio.h>
#include <string.h>

#include "machine.h"
#include "options.h"
#include "results.h"

void report_head(void)
{
	printf("stoa-bench " STOA_BENCH_VERSION ": %s, %u core%s", machine.model, machine.cores,
	       machine.cores == 1 ? "" : "s");
	for (unsigned i = 0; i < machine.cores && i < 16; i++)
		printf("%s%u", i ? "," : " (", machine.core[i]);
	printf("%s)\n%s, %s, load %s when it began\n", machine.cores > 16 ? ",..." : "", machine.system,
	       machine.compiler, machine.load);
	printf("%u repetition%s, %s, each run sends for %g ms; median (least - most)\n", options.reps,
	       options.reps == 1 ? "" : "s", options.threads ? "threads" : "processes",
	       (double)options.run_ns / 1e6);
	for (const char *const *name = missing_peers; *name; name++)
		printf("not here: %s\n", *name);
}

static void print_figure(double value)
{
	int digits = value >= 1000 ? 0 : value >= 100 ? 1 : value >= 1 ? 2 : value >= 0.01 ? 4 : 6;

	printf("%10.*f", digits, value);
}

static void print_row(const struct row *row)
{
	printf("  %-20s ", row->name);
	if (!row->used) {
		puts(row->hung ? "did not end" : "not of this shape");
		return;
	}
	print_figure(row->median);
	printf("  (");
	print_figure(row->least);
	printf(" - ");
	print_figure(row->most);
	printf(")");
	if (row->latency && row->latency->count) {
		static const double fractions[] = { 0.5, 0.9, 0.99, 0.999, 0.9999 };
		static const char *const names[] = { "50", "90", "99", "99.9", "99.99" };

		for (unsigned i = 0; i < 5; i++)
			printf(" %s%%: %.0f", names[i], histogram_at(row->latency, fractions[i]));
		printf(" most: %.0f", (double)row->latency->max);
	}
	if (row->trials)
		printf(" stood still: %u of %u", row->stills, row->trials);
	if (row->hung)
		printf(" did not end: %u", row->hung);
	if (row->aside)
		printf(" set apart: %u%s", row->aside, row->aside == row->used ? ", that is all: used" : "");
	putchar('\n');
}

void report_cell(const struct cell *cell)
{
	bool over = false;

	for (unsigned i = 0; i < cell->params; i++)
		over |= strcmp(cell->param[i].name, "oversubscribed") == 0 && cell->param[i].value > 0;
	printf("\n%s: %s [%s, %s is better]%s\n", cell->section, cell->name, cell->unit,
	       cell->more_is_better ? "more" : "less", over ? " oversubscribed" : "");
	for (unsigned i = 0; i < cell->rows; i++)
		print_row(&cell->row[i]);
	for (unsigned i = 0; i < cell->ratios; i++) {
		const struct ratio *ratio = &cell->ratio[i];

		printf("  %s : %s = %.3g (%.3g - %.3g), %u of %u pairs\n", ratio->ours->name,
		       ratio->other->name, ratio->median, ratio->least, ratio->most, ratio->pairs,
		       options.reps);
	}
	fflush(stdout);
}

/* Ours at its best against the best peer. */
static void count(const struct cell *cell, unsigned *ahead, unsigned *level, unsigned *behind)
{
	double best = 0;

	for (unsigned i = 0; i < cell->ratios; i++) {
		double ratio = cell->ratio[i].median;

		if (cell->ratio[i].other->kind != BENCH_PEER)
			continue;
		if (!cell->more_is_better)
			ratio = ratio > 0 ? 1 / ratio : 0;
		best = ratio > best ? ratio : best;
	}
	if (best > 0)
		++*(best > 1.1 ? ahead : best >= 1 / 1.1 ? level : behind);
}

void report_foot(bool good)
{
	unsigned ahead = 0, level = 0, behind = 0, runs = 0, aside = 0;

	for (unsigned c = 0; c < results.cells; c++) {
		const struct cell *cell = results.cell[c];

		count(cell, &ahead, &level, &behind);
		for (unsigned i = 0; i < cell->rows; i++) {
			runs += cell->row[i].samples;
			aside += cell->row[i].aside;
		}
	}
	printf("\nA line there and back between the cores: %.0f ns (98 %% of the time from %.0f to %.0f).  %u of %u "
	       "runs were set apart.\n",
	       histogram_at(&results.line, 0.5), histogram_at(&results.line, 0.01),
	       histogram_at(&results.line, 0.99), aside, runs);
	if (!good)
		puts("stoa-bench: FAILED: the data was wrong, or stoa stood still; see above.");
	else if (options.quick)
		puts("stoa-bench: everything works, all data was right; nothing was measured (--quick).");
	else
		printf("stoa-bench: all data was right; against the best peer stoa is ahead in %u, level (10 "
		       "%%) "
		       "in %u, behind in %u.\n",
		       ahead, level, behind);
}
