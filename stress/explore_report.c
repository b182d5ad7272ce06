/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_report.c - the schedule of a failure, for eyes.
 */
#include <stdarg.h>
#include <string.h>

#include "explore_engine.h"
#include "explore_kernel.h"

#define NAMES_MAX 256u

static struct {
	uintptr_t at;
	size_t stride, count;
	char name[32];
} names[NAMES_MAX];
static unsigned name_count;

void report_forget(void)
{
	name_count = 0;
}

void explore_name(const void *at, size_t stride, size_t count, const char *format, ...)
{
	va_list arguments;

	if (name_count == NAMES_MAX)
		return;
	names[name_count].at = (uintptr_t)at;
	names[name_count].stride = stride;
	names[name_count].count = count;
	va_start(arguments, format);
	vsnprintf(names[name_count++].name, sizeof names->name, format, arguments);
	va_end(arguments);
}

/* The name of the smallest thing that an address lies in. */
const char *report_place(const void *at)
{
	static char texts[4][64];
	static unsigned turn;
	char *text = texts[turn++ % 4];
	unsigned best = NAMES_MAX;
	size_t offset, used;

	for (unsigned i = 0; i < name_count; i++) {
		offset = (uintptr_t)at - names[i].at;
		if (offset < names[i].stride * names[i].count &&
		    (best == NAMES_MAX || names[i].stride <= names[best].stride))
			best = i;
	}
	if (kernel_place(at, text, sizeof *texts))
		return text;
	if (best == NAMES_MAX) {
		snprintf(text, sizeof *texts, "%p", at);
		return text;
	}
	offset = (uintptr_t)at - names[best].at;
	used = (size_t)snprintf(text, sizeof *texts, "%s", names[best].name);
	if (names[best].count > 1)
		used += (size_t)snprintf(text + used, sizeof *texts - used, "[%zu]",
		                         offset / names[best].stride);
	if (offset % names[best].stride)
		snprintf(text + used, sizeof *texts - used, "+%zu", offset % names[best].stride);
	return text;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void print_stale(FILE *to, const struct step *step)
{
	const struct message *newest = step->newest;

	fprintf(to, "   <- old: %u newer, the newest 0x%llx", step->passed,
	        (unsigned long long)newest->value);
	if (newest->thread >= 0)
		fprintf(to, " by %s in step %u", engine.fibers[newest->thread].name, newest->step);
}

static void print_access(FILE *to, const struct step *step)
{
	const struct op *op = &step->op;
	unsigned long long value = step->value, operand = op->operand;

	fprintf(to, "%-16s ", report_place(op->location->at));
	if (op->kind == OP_LOAD)
		fprintf(to, "is 0x%llx", value);
	else if (op->kind == OP_STORE)
		fprintf(to, "= 0x%llx%s", operand, step->passed ? "   <- put behind newer ones" : "");
	else if (op->kind == OP_CAS)
		fprintf(to, step->done ? "0x%llx -> 0x%llx" : "is 0x%llx, not 0x%llx", value,
		        step->done ? operand : (unsigned long long)op->expected);
	else if (op->kind == OP_FUTEX_WAIT)
		fprintf(to, "is 0x%llx%s", value, step->done ? ": sleeps" : "");
	else if (op->kind == OP_FUTEX_WAKE)
		fprintf(to, "woke %llu", value);
	else
		fprintf(to, "was 0x%llx, operand 0x%llx", value, operand);
	if (step->passed && step->op.kind != OP_STORE)
		print_stale(to, step);
}

static void print_site(FILE *to, const struct explore_site *site)
{
	char where[80];

	snprintf(where, sizeof where, "%s:%d %s", base_name(site->file), site->line, site->function);
	fprintf(to, "%-36s %-9s ", where, site->operation);
}

static void print_step(FILE *to, unsigned i)
{
	const struct step *step = &engine.steps[i];
	const struct op *op = &step->op;

	fprintf(to, "  %4u  %c %-10s ", i, 'a' + step->thread, engine.fibers[step->thread].name);
	if (step->fate != FATE_STEP) {
		fputs(step->fate == FATE_DIE ? "*** is killed\n" : "*** is stopped for ever\n", to);
		return;
	}
	if (step->site)
		print_site(to, step->site);
	if (op->location)
		print_access(to, step);
	else if (op->kind == OP_PAUSE)
		fputs("pauses", to);
	else if (op->kind == OP_INVOKE)
		fputs("begins an operation", to);
	else if (op->kind == OP_AWAIT || op->kind == OP_PROBE)
		fprintf(to, "looks at %s: %s", engine.fibers[op->other].name, step->note ? step->note : "");
	else if (op->kind == OP_LOCAL)
		fputs(step->note ? step->note : "is about to end", to);
	fputc('\n', to);
}

void report_steps(FILE *to)
{
	for (unsigned i = 0; i < engine.step_count; i++)
		print_step(to, i);
}
