/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * results.h - cells, rows, samples: what was measured, and what is said of it.
 *
 * A cell is one question ("SPSC, 8 B, capacity 1,024, single"), a row is one implementation's answer, a
 * sample is the answer of one repetition.
 */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include <stdio.h>

#include "bench.h"
#include "histogram.h"

enum {
	ROWS_MOST = 20,
	REPS_MOST = 64,
	PARAMS_MOST = 8,
	RATIOS_MOST = 3 * ROWS_MOST
};

enum outcome {
	OUTCOME_DONE,
	OUTCOME_HUNG,   /* it did not end, and was killed */
	OUTCOME_UNABLE, /* it cannot do this: not of this size, say */
	OUTCOME_BAD,    /* a check of the data failed, or a worker died */
};

struct sample {
	enum outcome outcome;
	double value;
	double line[2]; /* ns there and back, before and after; 0: not measured */
	bool aside;     /* the cores moved meanwhile */
};

struct row {
	char name[32];
	enum bench_kind kind;
	const void *peer;
	struct sample sample[REPS_MOST];
	unsigned samples, hung;
	bool unable;
	struct histogram *latency; /* of all repetitions; NULL: nobody asked */
	unsigned stills, trials;   /* how often the others stood still, of how many; see section_survive.c */

	/* by cell_summarize() */
	unsigned used, aside; /* samples that count, samples set apart */
	double median, least, most;
};

/* One of ours to one of the others, repetition by repetition. */
struct ratio {
	const struct row *ours, *other;
	unsigned pairs;
	double median, least, most;
};

struct cell {
	const char *section, *unit;
	char name[96];
	bool more_is_better;
	unsigned params;
	struct {
		const char *name;
		double value;
	} param[PARAMS_MOST];
	unsigned rows;
	struct row row[ROWS_MOST];
	unsigned ratios;
	struct ratio ratio[RATIOS_MOST];
};

struct results {
	unsigned cells;
	struct cell **cell;
	struct histogram line; /* there and back between the cores, before and after all runs */
};

extern struct results results;

/* A new cell, or NULL where --cells leaves it out; the name as by printf(). */
struct cell *cell_new(const char *section, const char *unit, bool more_is_better, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void cell_param(struct cell *cell, const char *name, double value);
/* One more row; nothing where --peers leaves it out. */
void cell_row(struct cell *cell, const char *name, enum bench_kind kind, const void *peer, bool latencies);

/* Fills in medians and ratios. */
void cell_summarize(struct cell *cell);
/* The best of the others: by its median; NULL: there is none. */
const struct row *cell_best(const struct cell *cell, enum bench_kind kind);

/* report.c */
void report_head(void);
void report_cell(const struct cell *cell);
void report_foot(bool good);
/* json.c: false where it could not be written. */
bool json_write(const char *path, bool good);
/* peers.c: what is not in this program, as "name (package)". */
extern const char *const missing_peers[];

#endif
