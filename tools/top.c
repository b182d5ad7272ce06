/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * top.c - stoa top: rates, fill, who waits, who holds what for how long.
 *
 * A segment has no clocks in it.  Rates are differences of two samples; how long somebody holds something is how
 * long it is the same thing, as its mark says, since this program began to look: so at least.
 */
#include "top.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer.h"
#include "options.h"

static uint64_t now_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* ---- what was before ---- */

static const struct row *row_before(const struct sample *before, const struct row *row)
{
	for (size_t i = 0; before && i < before->count; i++) {
		const struct row *other = &before->rows[i];

		if (memcmp(other->id, row->id, sizeof row->id) == 0 &&
		    strcmp(other->object, row->object) == 0 && other->kind == row->kind)
			return other;
	}
	return NULL;
}

static uint64_t held_since(const struct row *old, const struct hold *hold, uint64_t now)
{
	for (size_t i = 0; old && i < old->hold_count; i++) {
		const struct hold *other = &old->holds[i];

		if (other->role == hold->role && other->participant == hold->participant &&
		    other->mark == hold->mark)
			return other->since_ns;
	}
	return now;
}

/* ---- rows ---- */

static void add_holds(struct row *row, const struct segment *segment, const struct object *object,
                      const struct row *old, uint64_t now)
{
	const struct participant *participant;
	const struct hold *longest = NULL;

	row->holds = must_have(calloc(object->holder_count + 1, sizeof *row->holds));
	for (size_t i = 0; i < object->holder_count; i++) {
		const struct stoa_holder_info *holder = &object->holders[i];
		struct hold *hold = &row->holds[row->hold_count];

		if (!holder->held)
			continue;
		row->hold_count++;
		row->held += holder->held;
		*hold = (struct hold){ .role = holder->role,
			               .participant = holder->participant,
			               .mark = holder->mark };
		hold->since_ns = held_since(old, hold, now);
		if (!longest || hold->since_ns < longest->since_ns)
			longest = hold;
	}
	if (!longest)
		return;
	row->holder = participant_name(segment, longest->participant);
	row->held_ns = now - longest->since_ns;
	participant = participant_at(segment, longest->participant);
	row->holder_dead = !participant || !participant->info.alive;
	row->holder_stopped = participant && participant_stopped(participant);
	row->holder_state = participant ? participant_state(participant) : "gone";
	row->holder_pid = participant ? participant->info.pid : 0;
}

static double per_second(uint64_t now, uint64_t before, uint64_t ns)
{
	return now > before && ns ? (double)(now - before) * 1e9 / (double)ns : 0;
}

static void add_numbers(struct row *row, const struct object *object, const struct row *old, uint64_t ns)
{
	row->fill = -1;
	if (object->rc || object->info.kind != STOA_KIND_QUEUE)
		return;
	row->sent = object->queue.stat.sent;
	row->received = object->queue.stat.received;
	if (object->queue.stat.capacity)
		row->fill = (double)object->queue.stat.length / (double)object->queue.stat.capacity;
	if (!old)
		return;
	row->rated = true;
	row->sent_rate = per_second(row->sent, old->sent, ns);
	row->received_rate = per_second(row->received, old->received, ns);
}

static struct row *new_row(struct sample *sample, const struct segment *segment, const char *object)
{
	struct row *row;

	if ((sample->count & (sample->count - 1)) == 0) {
		size_t room = sample->count ? 2 * sample->count : 1;

		sample->rows = must_have(realloc(sample->rows, room * sizeof *sample->rows));
	}
	row = &sample->rows[sample->count++];
	*row = (struct row){
		.segment = must_have(strdup(segment->operand)),
		.object = must_have(strdup(object)),
		.fill = -1,
	};
	memcpy(row->id, segment->info.id, sizeof row->id);
	return row;
}

static void add_segment(struct sample *sample, const struct sample *before, const struct segment *segment)
{
	sample->segments++;
	sample->alive += segment->info.participants_alive;
	sample->dead += segment->dead;
	if (segment->rc || !segment->object_count)
		new_row(sample, segment, "")->state = text_of("%s", segment->rc == -ENOENT ? "not there"
		                                                    : segment->rc ? segment_reason(segment)
		                                                                  : "no objects");
	for (size_t i = 0; i < segment->object_count; i++) {
		const struct object *object = &segment->objects[i];
		struct row *row = new_row(sample, segment, object->info.name);
		const struct row *old;

		row->kind = object->info.kind;
		row->state = object_state(object);
		row->waiting = object->waiter_count;
		row->waits_unseen = object->waits_unseen;
		old = row_before(before, row);
		add_numbers(row, object, old, before ? sample->now_ns - before->now_ns : 0);
		add_holds(row, segment, object, old, sample->now_ns);
	}
}

void sample_take(struct sample *sample, const struct sample *before, char **names, size_t count)
{
	bool all = count == 0;

	*sample = (struct sample){ .now_ns = now_ns(CLOCK_MONOTONIC), .time_ns = now_ns(CLOCK_REALTIME) };
	if (all)
		segment_names(&names, &count);
	for (size_t i = 0; i < count; i++) {
		struct segment segment;

		gather(names[i], true, &segment);
		if (segment.file.st_nlink || !all) /* else it has gone since its name was read */
			add_segment(sample, before, &segment);
		gather_end(&segment);
	}
	if (all)
		names_end(names, count);
}

void sample_end(struct sample *sample)
{
	for (size_t i = 0; i < sample->count; i++) {
		free(sample->rows[i].segment);
		free(sample->rows[i].object);
		free(sample->rows[i].state);
		free(sample->rows[i].holds);
	}
	free(sample->rows);
	*sample = (struct sample){ 0 };
}

/* ---- order ---- */

static int descending(double a, double b)
{
	return (a < b) - (a > b);
}

static int compare(const void *a, const void *b, void *context)
{
	const struct row *one = a, *other = b;
	int order = 0;

	switch (*(const enum sort *)context) {
	case SORT_FILL:
		order = descending(one->fill, other->fill);
		break;
	case SORT_SENT:
		order = descending(one->sent_rate, other->sent_rate);
		break;
	case SORT_RECEIVED:
		order = descending(one->received_rate, other->received_rate);
		break;
	case SORT_HELD:
		order = descending((double)one->held_ns, (double)other->held_ns);
		if (!order)
			order = descending((double)one->held, (double)other->held);
		break;
	case SORT_WAITING:
		order = descending((double)one->waiting, (double)other->waiting);
		break;
	default:
		break;
	}
	if (!order)
		order = strcmp(one->segment, other->segment);
	return order ? order : strcmp(one->object, other->object);
}

void sample_sort(struct sample *sample, enum sort sort)
{
	if (sample->count)
		qsort_r(sample->rows, sample->count, sizeof *sample->rows, compare, &sort);
}

const char *const sort_names[] = { "name", "fill", "sent", "received", "held", "waiting", NULL };

/* ---- words ---- */

void sample_head(const struct sample *sample, FILE *to)
{
	time_t now = (time_t)(sample->time_ns / 1000000000);
	struct tm local;
	char clock[16];

	strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&now, &local));
	fprintf(to, "%s  %zu segment%s, %zu participants alive, %zu dead", clock, sample->segments,
	        sample->segments == 1 ? "" : "s", sample->alive, sample->dead);
}

enum colour row_colour(const struct row *row)
{
	if (row->holder_dead && row->holder.at[0])
		return RED;
	return row->holder_stopped || (!row->object[0] && row->state && !row->kind) ? YELLOW : PLAIN;
}

/* Who has held something longest, how it is, and how many more hold something. */
static char *holder_text(const struct row *row)
{
	char more[32] = "";

	if (!row->holder.at[0])
		return text_of("%s", "");
	if (row->hold_count > 1)
		snprintf(more, sizeof more, ", %zu more", row->hold_count - 1);
	return text_of("%s%s%s", row->holder.at,
	               row->holder_dead      ? ", dead"
	               : row->holder_stopped ? ", stopped"
	                                     : "",
	               more);
}

static void add_row(struct table *table, const struct row *row)
{
	char *segment = harmless(row->segment), *object = harmless(row->object), *holder = holder_text(row);

	cell(table, PLAIN, "%s", segment);
	cell(table, BOLD, "%s", object);
	cell(table, PLAIN, "%s", row->kind ? kind_name(row->kind) : "");
	cell(table, row->object[0] ? PLAIN : YELLOW, "%s", row->state);
	cell(table, PLAIN, "%s", row->rated ? show_count(row->sent_rate).at : "");
	cell(table, PLAIN, "%s", row->rated ? show_count(row->received_rate).at : "");
	if (row->waiting)
		cell(table, PLAIN, "%zu", row->waiting);
	else
		cell(table, PLAIN, "%s", row->waits_unseen ? "?" : "");
	cell(table, row_colour(row), "%s", holder);
	cell(table, PLAIN, "%s", *holder ? show_time(row->held_ns).at : "");
	free(segment);
	free(object);
	free(holder);
}

void sample_print(const struct sample *sample, FILE *to)
{
	struct table table = {
		.columns = 9,
		.titles = { "SEGMENT", "OBJECT", "KIND", "STATE", "SENT/s", "RECEIVED/s", "WAITING",
		            "HELD BY", "FOR" },
		.align = { LEFT, LEFT, LEFT, LEFT, RIGHT, RIGHT, RIGHT, LEFT, RIGHT },
	};

	for (size_t i = 0; i < sample->count; i++)
		add_row(&table, &sample->rows[i]);
	table_print(&table, 0, to);
}

static void print_json(const struct sample *sample)
{
	answer_in_lines(true);
	answer_object(NULL);
	answer_number("time_ns", sample->time_ns);
	answer_number("segments", sample->segments);
	answer_number("alive", sample->alive);
	answer_number("dead", sample->dead);
	answer_array("objects");
	for (size_t i = 0; i < sample->count; i++) {
		const struct row *row = &sample->rows[i];

		answer_object(NULL);
		answer_text("segment", row->segment);
		answer_text("object", row->object[0] ? row->object : NULL);
		answer_text("kind", row->kind ? kind_name(row->kind) : NULL);
		answer_text("state", row->state);
		if (row->fill >= 0)
			answer_float("fill", row->fill);
		if (row->rated) {
			answer_float("sent_per_second", row->sent_rate);
			answer_float("received_per_second", row->received_rate);
		}
		answer_number("waiting", row->waiting);
		answer_flag("waits_unseen", row->waits_unseen);
		answer_number("held", row->held);
		answer_number("holders", row->hold_count);
		answer_text("holder", row->holder.at[0] ? row->holder.at : NULL);
		answer_number("held_ns", row->held_ns);
		if (row->holder_pid)
			answer_signed("holder_pid", row->holder_pid);
		answer_text("holder_state", row->holder_state);
		answer_end();
	}
	answer_end();
	answer_end();
}

/* ---- the command ---- */

static void pause_for(double seconds)
{
	struct timespec time = { .tv_sec = (time_t)seconds };

	time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
	nanosleep(&time, NULL);
}

/* Those that are named may come and go, but who asks for a table is told where there is none of them. */
static int complain_of_none(char **names, size_t count)
{
	const char **reasons = must_have(calloc(count + 1, sizeof *reasons));
	struct segment segment;
	size_t unknown = 0;
	bool none;

	for (size_t i = 0; i < count; i++) {
		gather(names[i], false, &segment);
		if (segment.rc)
			reasons[unknown++] = segment_reason(&segment);
		gather_end(&segment);
	}
	none = count && unknown == count;
	for (size_t i = 0; none && i < count; i++)
		complain(names[i], "%s", reasons[i]);
	free(reasons);
	return none ? STATUS_FAILURE : STATUS_OK;
}

/* `times` samples of two looks each: the first look is shown by nobody. */
static int batch(uint64_t times, double seconds, enum sort sort, bool json, char **names, size_t count)
{
	struct sample before, sample;

	if (complain_of_none(names, count))
		return STATUS_FAILURE;
	sample_take(&before, NULL, names, count);
	for (uint64_t i = 0; i < times; i++) {
		pause_for(seconds);
		sample_take(&sample, &before, names, count);
		sample_end(&before);
		sample_sort(&sample, sort);
		if (json) {
			print_json(&sample);
		} else {
			if (i)
				putchar('\n');
			sample_head(&sample, stdout);
			putchar('\n');
			sample_print(&sample, stdout);
		}
		before = sample;
		if (fflush(stdout)) /* nobody gets it: main() says so */
			break;
	}
	sample_end(&before);
	return STATUS_OK;
}

static int run(const struct command *command, int argc, char **argv)
{
	unsigned sort = SORT_NAME;
	uint64_t times = 0;
	double seconds = 1;
	bool json = false, once = false;
	const struct choice choices[] = {
		FLAG("once", &once),
		NUMBER("batch", 1, UINT64_MAX, &times),
		SECONDS("interval", 0.05, 3600, &seconds),
		WORD("sort", sort_names, &sort),
		FLAG("json", &json),
		CHOICES_END,
	};
	int status = take_options(command, argc, argv, choices);
	size_t count;

	if (status >= 0)
		return status;
	if (once && times)
		return misused(command, "--once and --batch exclude each other");
	if (json && !times && !once)
		return misused(command, "--json goes with --once or --batch");
	count = (size_t)(argc - optind);
	if (once || times)
		return batch(once ? 1 : times, seconds, (enum sort)sort, json, argv + optind, count);
	return top_screen(argv + optind, count, seconds, (enum sort)sort);
}

/* clang-format off */
const struct command command_top = {
	.name = "top",
	.operands = "[--once | --batch N] [--interval SECONDS] [--sort KEY] [--json] [NAME ...]",
	.summary = "Shows live what goes through the queues, who waits, who holds what for how long",
	.help =
		"Without operands: all segments of /dev/shm, also those that come later.  How long something is held\n"
		"is counted from when this program first saw it.\n"
		"\n"
		"  --once               one table of plain text, after one interval, and end; the exit status is 1 where\n"
		"                       there is none of the NAMEs\n"
		"  --batch N            N of them\n"
		"  --interval SECONDS   between two looks; 1 by default\n"
		"  --sort KEY           name, fill, sent, received, held or waiting\n"
		"  --json               a line of JSON for each table; with --once and --batch\n"
		"  --help               this text\n"
		"\n"
		"Keys: n f s r h w sort by name, fill, sent, received, held, waiting; p or blank pauses; + and - change\n"
		"the interval; arrows, pages, home and end move, also to the side; q quits.\n",
	.run = run,
};
/* clang-format on */
