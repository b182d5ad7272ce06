/* SPDX-License-Identifier: BSD-2-Clause */
/* report.c - a segment, its participants and objects, in words. */
#include "report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "show.h"

void report_segment(const struct segment *segment)
{
	const struct stoa_segment_info *info = &segment->info;
	char *path = harmless(segment->path);

	printf("%s%s%s  %s\n", colour(BOLD), segment->name, colour(PLAIN), path);
	free(path);
	printf("  %s, %s of them free for objects; %u of %u objects\n", show_bytes(info->total_bytes).at,
	       show_bytes(info->free_bytes).at, info->objects_published, info->objects);
	printf("  %u of %u participants%s", info->participants_alive, info->participants,
	       segment->dead ? "" : "\n");
	if (segment->dead)
		printf(", %s%" PRIu64 " dead%s\n", colour(RED), segment->dead, colour(PLAIN));
	printf("  created %s ago, layout %u, owner %s, %s%s\n", show_time(since_ns(info->created_ns)).at,
	       info->layout_version, show_user(segment->file.st_uid).at, show_mode(segment->file.st_mode).at,
	       info->flags & STOA_UNLINK_LAST ? ", removed by the last to leave" : "");
}

static enum colour state_colour(const struct participant *participant)
{
	return !participant->info.alive ? RED : participant_stopped(participant) ? YELLOW : GREEN;
}

void report_participants(const struct segment *segment)
{
	struct table table = {
		.columns = 5,
		.titles = { "SLOT", "PID", "COMMAND", "STATE", "ATTACHED" },
		.align = { RIGHT, RIGHT, LEFT, LEFT, RIGHT },
	};

	for (size_t i = 0; i < segment->participant_count; i++) {
		const struct participant *participant = &segment->participants[i];

		cell(&table, PLAIN, "%u", participant->slot);
		cell(&table, PLAIN, "%d%s", participant->info.pid, participant->here ? "" : "*");
		cell(&table, PLAIN, "%s", participant->comm);
		cell(&table, state_colour(participant), "%s", participant_state(participant));
		cell(&table, PLAIN, "%s", show_time(since_ns(participant->info.attached_ns)).at);
	}
	if (!segment->participant_count)
		return;
	putchar('\n');
	table_print(&table, 2, stdout);
	for (size_t i = 0; i < segment->participant_count; i++) {
		if (segment->participants[i].here)
			continue;
		printf("  * of another PID namespace: there it has this number\n");
		break;
	}
}

/* How many wait, and for what; or that somebody may. */
static char *waiting_text(const struct object *object)
{
	size_t counts[4] = { 0 };
	char text[160] = "";
	size_t length = 0;

	for (size_t i = 0; i < object->waiter_count; i++)
		counts[object->waiters[i].what & 3]++;
	for (size_t i = 0; i < object->wait_count; i++) {
		uint32_t what = object->waits[i].what & 3;

		if (counts[what])
			length += (size_t)snprintf(text + length, sizeof text - length, "%s%zu for %s",
			                           length ? ", " : "", counts[what], wait_name(what));
	}
	return text_of("%s%s", text, object->waits_unseen ? "perhaps" : "");
}

/* Who holds something there: the first, and how many more. */
static char *holders_text(const struct segment *segment, const struct object *object)
{
	const struct stoa_holder_info *first = NULL;
	size_t more = 0;

	for (size_t i = 0; i < object->holder_count; i++) {
		if (!object->holders[i].held)
			continue;
		more += first != NULL;
		first = first ? first : &object->holders[i];
	}
	if (!first)
		return text_of("%s", "");
	if (more)
		return text_of("%s, %zu more", participant_name(segment, first->participant).at, more);
	return text_of("%s", participant_name(segment, first->participant).at);
}

void report_objects(const struct segment *segment)
{
	struct table table = {
		.columns = 7,
		.titles = { "OBJECT", "KIND", "SIZE", "SHAPE", "STATE", "HELD BY", "WAITING" },
		.align = { LEFT, LEFT, RIGHT, LEFT, LEFT, LEFT, LEFT },
	};

	for (size_t i = 0; i < segment->object_count; i++) {
		const struct object *object = &segment->objects[i];
		char *shape = object_shape(object), *state = object_state(object),
		     *waiting = waiting_text(object), *holders = holders_text(segment, object);

		cell(&table, BOLD, "%s", object->name);
		cell(&table, PLAIN, "%s", kind_name(object->info.kind));
		cell(&table, PLAIN, "%s", show_bytes(object->info.bytes).at);
		cell(&table, PLAIN, "%s", shape);
		cell(&table, object->rc ? RED : PLAIN, "%s", state);
		cell(&table, PLAIN, "%s", holders);
		cell(&table, PLAIN, "%s", waiting);
		free(shape);
		free(state);
		free(holders);
		free(waiting);
	}
	if (segment->object_count) {
		putchar('\n');
		table_print(&table, 2, stdout);
	}
}

/* ---- one object in words ---- */

static void line(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line(const char *name, const char *format, ...)
{
	va_list arguments;

	printf("  %-12s ", name);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

static void print_queue(const struct object *object)
{
	const struct stoa_queue_config *shape = &object->queue.shape;
	const struct stoa_queue_stat *stat = &object->queue.stat;

	line("senders", "%u open; %s", stat->senders,
	     shape->senders == STOA_ONE ? "one at a time" : "any number");
	line("receivers", "%u open; %s", stat->receivers,
	     shape->receivers == STOA_ONE ? "one at a time" : "any number");
	line("handles", "%u, each holds up to %u", shape->handles, shape->holds);
	line("sent", "%" PRIu64, stat->sent);
	line("received", "%" PRIu64, stat->received);
	line("waiting", "%" PRIu64 " of %" PRIu64, stat->length, stat->capacity);
	line("held", "%" PRIu64, stat->held);
	line("redelivered", "%" PRIu64, stat->redelivered);
	line("discarded", "%" PRIu64, stat->discarded);
	line("at death", "%s",
	     shape->on_death == STOA_DISCARD ? "messages are discarded" : "messages are redelivered");
	line("shut down", "%s%s",
	     !stat->shutdown              ? "no"
	     : stat->shutdown == STOA_NOW ? "at once"
	                                  : "when drained",
	     shape->flags & STOA_CLOSE_WITH_SENDERS ? "; closes with its senders" : "");
}

static void print_holders(const struct segment *segment, const struct object *object)
{
	struct table table = {
		.columns = 5,
		.titles = { "ROLE", "SLOT", "PROCESS", "STATE", "HOLDS" },
		.align = { LEFT, RIGHT, LEFT, LEFT, RIGHT },
	};

	for (size_t i = 0; i < object->holder_count; i++) {
		const struct stoa_holder_info *holder = &object->holders[i];
		const struct participant *participant = participant_at(segment, holder->participant);

		cell(&table, PLAIN, "%s", role_name(holder->role));
		cell(&table, PLAIN, "%u", holder->participant);
		cell(&table, PLAIN, "%s", participant_name(segment, holder->participant).at);
		cell(&table, participant ? state_colour(participant) : PLAIN, "%s",
		     participant ? participant_state(participant) : "gone");
		cell(&table, holder->held ? PLAIN : DIM, "%" PRIu64, holder->held);
	}
	if (object->holder_count) {
		putchar('\n');
		table_print(&table, 2, stdout);
	}
}

static void print_waiters(const struct object *object)
{
	if (object->waiter_count || object->waits_unseen)
		putchar('\n');
	if (object->waits_unseen)
		puts("  perhaps somebody waits: who it is takes the right to look at the process");
	for (size_t i = 0; i < object->waiter_count; i++)
		printf("  process %d, thread %d waits for %s\n", object->waiters[i].pid,
		       object->waiters[i].tid, wait_name(object->waiters[i].what));
}

void report_object(const struct segment *segment, const struct object *object)
{
	char *shape = object_shape(object), *state = object_state(object);

	printf("%s%s%s  %s of %s\n", colour(BOLD), object->name, colour(PLAIN), kind_name(object->info.kind),
	       segment->name);
	if (*shape)
		line("shape", "%s", shape);
	line("size", "%s", show_bytes(object->info.bytes).at);
	if (*state)
		line("state", "%s", state);
	if (!object->rc && object->info.kind == STOA_KIND_QUEUE)
		print_queue(object);
	print_holders(segment, object);
	print_waiters(object);
	free(shape);
	free(state);
}
