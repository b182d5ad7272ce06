/* SPDX-License-Identifier: BSD-2-Clause */
/* report_json.c - a segment, its participants and objects, as JSON: what stat and dump have in common. */
#include "answer.h"
#include "report.h"
#include "show.h"

static void answer_participants(const struct segment *segment)
{
	answer_array("participants");
	for (size_t i = 0; i < segment->participant_count; i++) {
		const struct participant *participant = &segment->participants[i];

		answer_object(NULL);
		answer_number("slot", participant->slot);
		answer_signed("pid", participant->info.pid);
		answer_number("pid_namespace", participant->info.pid_namespace);
		answer_text("command", participant->info.comm);
		answer_flag("alive", participant->info.alive);
		answer_text("state", participant_state(participant));
		answer_number("attached_ns", participant->info.attached_ns);
		answer_end();
	}
	answer_end();
}

static void answer_queue(const struct object *object)
{
	const struct stoa_queue_config *shape = &object->queue.shape;
	const struct stoa_queue_stat *stat = &object->queue.stat;

	answer_number("capacity", stat->capacity);
	answer_number("message_size", stat->message_size);
	answer_number("pack", shape->pack);
	answer_text("senders_allowed", shape->senders == STOA_ONE ? "one" : "many");
	answer_text("receivers_allowed", shape->receivers == STOA_ONE ? "one" : "many");
	answer_number("length", stat->length);
	answer_number("held", stat->held);
	answer_number("sent", stat->sent);
	answer_number("received", stat->received);
	answer_number("redelivered", stat->redelivered);
	answer_number("discarded", stat->discarded);
	answer_number("senders", stat->senders);
	answer_number("receivers", stat->receivers);
	answer_text("shutdown", !stat->shutdown ? NULL : stat->shutdown == STOA_NOW ? "now" : "drain");
}

static void answer_kind(const struct object *object)
{
	char text[64];

	switch (object->info.kind) {
	case STOA_KIND_QUEUE:
		answer_queue(object);
		break;
	case STOA_KIND_VALUE:
		answer_text("type", type_name(object->value.shape.type));
		answer_number("size", object->value.shape.size);
		if (value_text(object->value.shape.type, object->value.bytes, text))
			answer_text("value", text);
		break;
	case STOA_KIND_ARRAY:
		answer_text("type", type_name(object->array.type));
		answer_number("count", object->array.count);
		answer_flag("atomic_ranges", object->array.flags & STOA_ATOMIC_RANGES);
		break;
	case STOA_KIND_SEMAPHORE:
		answer_number("free", object->semaphore.initial);
		answer_number("maximum", object->semaphore.maximum);
		break;
	case STOA_KIND_EVENT:
		answer_flag("set", object->event.initial);
		break;
	case STOA_KIND_BARRIER:
		answer_number("parties", object->barrier.parties);
		break;
	default:
		answer_flag("locked", object->holder_count > 0);
	}
}

static void answer_holders(const struct segment *segment, const struct object *object)
{
	answer_array("holders");
	for (size_t i = 0; i < object->holder_count; i++) {
		const struct stoa_holder_info *holder = &object->holders[i];
		const struct participant *participant = participant_at(segment, holder->participant);

		answer_object(NULL);
		answer_text("role", role_name(holder->role));
		answer_number("slot", holder->participant);
		if (participant)
			answer_signed("pid", participant->info.pid);
		answer_text("state", participant ? participant_state(participant) : "gone");
		answer_number("held", holder->held);
		answer_end();
	}
	answer_end();
}

static void answer_waiters(const struct object *object)
{
	answer_array("waiters");
	for (size_t i = 0; i < object->waiter_count; i++) {
		answer_object(NULL);
		answer_signed("pid", object->waiters[i].pid);
		answer_signed("tid", object->waiters[i].tid);
		answer_text("for", wait_name(object->waiters[i].what));
		answer_end();
	}
	answer_end();
}

void answer_segment(const struct segment *segment)
{
	answer_text("name", segment->operand);
	answer_text("path", segment->path);
	answer_number("bytes", segment->info.total_bytes);
	answer_number("free_bytes", segment->info.free_bytes);
	answer_number("created_ns", segment->info.created_ns);
	answer_number("layout_version", segment->info.layout_version);
	answer_text("owner", show_user(segment->file.st_uid).at);
	answer_number("mode", segment->file.st_mode & 07777);
	answer_flag("removed_by_the_last", segment->info.flags & STOA_UNLINK_LAST);
	answer_number("participants_most", segment->info.participants);
	answer_number("objects_most", segment->info.objects);
	answer_participants(segment);
}

void answer_the_object(const struct segment *segment, const struct object *object)
{
	answer_text("name", object->info.name);
	answer_text("kind", kind_name(object->info.kind));
	answer_number("bytes", object->info.bytes);
	answer_text("error", object->rc ? reason(object->rc) : NULL);
	if (!object->rc)
		answer_kind(object);
	answer_holders(segment, object);
	answer_waiters(object);
	answer_flag("waits_unseen", object->waits_unseen);
}
