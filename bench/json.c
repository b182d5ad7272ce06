/* SPDX-License-Identifier: BSD-2-Clause */
/* json.c - all samples, for bench/plot and for whoever wants to judge by himself. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "machine.h"
#include "options.h"
#include "results.h"

static void put_string(FILE *file, const char *text)
{
	putc('"', file);
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20) {
			fprintf(file, "\\u%04x", (unsigned)*text);
			continue;
		}
		if (*text == '"' || *text == '\\')
			putc('\\', file);
		putc(*text, file);
	}
	putc('"', file);
}

static void put_named(FILE *file, const char *name, const char *text, const char *behind)
{
	put_string(file, name);
	fputs(": ", file);
	put_string(file, text);
	fputs(behind, file);
}

static void put_sample(FILE *file, const struct sample *sample)
{
	static const char *const outcomes[] = { "done", "hung", "unable", "bad" };

	fprintf(file, "{\"outcome\": \"%s\"", outcomes[sample->outcome]);
	if (sample->outcome == OUTCOME_DONE)
		fprintf(file, ", \"value\": %.6g, \"line\": [%.4g, %.4g], \"aside\": %s", sample->value,
		        sample->line[0], sample->line[1], sample->aside ? "true" : "false");
	putc('}', file);
}

static void put_latency(FILE *file, const struct histogram *histogram)
{
	static const double fractions[] = { 0.1,  0.25,  0.5,   0.75,   0.9,   0.95,
		                            0.99, 0.995, 0.999, 0.9995, 0.9999 };

	fprintf(file,
	        ",\n     \"latency\": {\"count\": %llu, \"mean\": %.6g, \"most\": %llu, \"percentiles\": [",
	        (unsigned long long)histogram->count, histogram_mean(histogram),
	        (unsigned long long)histogram->max);
	for (unsigned i = 0; i < sizeof fractions / sizeof fractions[0]; i++)
		fprintf(file, "%s[%.8g, %.6g]", i ? ", " : "", fractions[i] * 100,
		        histogram_at(histogram, fractions[i]));
	fputs("]}", file);
}

static void put_row(FILE *file, const struct row *row)
{
	static const char *const kinds[] = { "ours", "peer", "floor" };

	fputs("    {", file);
	put_named(file, "name", row->name, ", ");
	put_named(file, "kind", kinds[row->kind], "");
	if (row->used)
		fprintf(file,
		        ", \"median\": %.6g, \"least\": %.6g, \"most\": %.6g, \"used\": %u, \"aside\": %u",
		        row->median, row->least, row->most, row->used, row->aside);
	fprintf(file, ", \"hung\": %u", row->hung);
	if (row->trials)
		fprintf(file, ", \"stood_still\": %u, \"trials\": %u", row->stills, row->trials);
	if (row->latency && row->latency->count)
		put_latency(file, row->latency);
	fputs(",\n     \"samples\": [", file);
	for (unsigned i = 0; i < row->samples; i++) {
		fputs(i ? ", " : "", file);
		put_sample(file, &row->sample[i]);
	}
	fputs("]}", file);
}

static void put_cell(FILE *file, const struct cell *cell)
{
	fputs("  {", file);
	put_named(file, "section", cell->section, ", ");
	put_named(file, "name", cell->name, ", ");
	put_named(file, "unit", cell->unit, ", ");
	fprintf(file, "\"more_is_better\": %s,\n   \"params\": {", cell->more_is_better ? "true" : "false");
	for (unsigned i = 0; i < cell->params; i++)
		fprintf(file, "%s\"%s\": %.10g", i ? ", " : "", cell->param[i].name, cell->param[i].value);
	fputs("},\n   \"rows\": [\n", file);
	for (unsigned i = 0; i < cell->rows; i++) {
		put_row(file, &cell->row[i]);
		fputs(i + 1 < cell->rows ? ",\n" : "\n", file);
	}
	fputs("   ],\n   \"ratios\": [", file);
	for (unsigned i = 0; i < cell->ratios; i++) {
		const struct ratio *ratio = &cell->ratio[i];

		fputs(i ? ",\n    {" : "\n    {", file);
		put_named(file, "ours", ratio->ours->name, ", ");
		put_named(file, "other", ratio->other->name, ", ");
		fprintf(file, "\"pairs\": %u, \"median\": %.5g, \"least\": %.5g, \"most\": %.5g}",
		        ratio->pairs, ratio->median, ratio->least, ratio->most);
	}
	fputs("]}", file);
}

static void put_head(FILE *file, bool good)
{
	char date[32];
	time_t now = time(NULL);
	struct tm utc;

	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	fputs("{\"format\": 1, ", file);
	put_named(file, "version", STOA_BENCH_VERSION, ", ");
	put_named(file, "date", date, ",\n");
	put_named(file, "processor", machine.model, ", ");
	put_named(file, "system", machine.system, ", ");
	put_named(file, "compiler", machine.compiler, ", ");
	put_named(file, "load", machine.load, ",\n\"cores\": [");
	for (unsigned i = 0; i < machine.cores; i++)
		fprintf(file, "%s%u", i ? ", " : "", machine.core[i]);
	fprintf(file, "], \"whole_cores\": %u, \"threads\": %s, \"quick\": %s, \"good\": %s,\n",
	        machine.whole_cores, options.threads ? "true" : "false", options.quick ? "true" : "false",
	        good ? "true" : "false");
	fprintf(file, "\"repetitions\": %u, \"run_ms\": %.6g, \"line\": [%.4g, %.4g, %.4g],\n\"missing\": [",
	        options.reps, (double)options.run_ns / 1e6, histogram_at(&results.line, 0.01),
	        histogram_at(&results.line, 0.5),
	        histogram_at(&results.line, 0.99));
	for (unsigned i = 0; missing_peers[i]; i++) {
		fputs(i ? ", " : "", file);
		put_string(file, missing_peers[i]);
	}
	fputs("],\n\"cells\": [\n", file);
}

bool json_write(const char *path, bool good)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return false;
	put_head(file, good);
	for (unsigned i = 0; i < results.cells; i++) {
		put_cell(file, results.cell[i]);
		fputs(i + 1 < results.cells ? ",\n" : "\n", file);
	}
	fputs("]}\n", file);
	if (ferror(file)) {
		fclose(file);
		errno = EIO;
		return false;
	}
	return fclose(file) == 0;
}
