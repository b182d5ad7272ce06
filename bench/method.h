/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * method.h - how a cell is measured.
 */
#ifndef BENCH_METHOD_H
#define BENCH_METHOD_H

#include "results.h"
#include "team.h"

/* One run of one row. */
typedef enum outcome (*method_run)(struct cell *cell, struct row *row, const void *context,
                                   struct sample *sample);

/* Measures all rows, sums up and reports.  False: a check of the data failed, and the bench is over. */
bool method_measure(struct cell *cell, method_run run, const void *context);

/*
 * Runs a team and frees it, with its line in `sample` and its histogram in `row`.  What it measured is in the
 * workers; `figure` takes it out, as the sample's value.
 */
enum outcome method_team(struct team *team, struct row *row, struct sample *sample,
                         enum outcome (*figure)(const struct team *team, struct sample *sample));

/* Nanoseconds of a round trip: by the median of the batches. */
double method_trip(const struct team *team);

/* Nanoseconds of the part that is measured, from the first start to the last end. */
double method_elapsed(const struct team *team);

#endif
