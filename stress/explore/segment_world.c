/* SPDX-License-Identifier: BSD-2-Clause */
#include "segment_world.h"

#include "atomic.h"

struct segment_world segment_world;

static struct segment_world *const w = &segment_world;

static void name_words(const struct stoa_segment *segment)
{
	const struct participant_record *slots = segment_participant(segment, 0);
	const uint8_t *directory = segment->base + segment->directory_offset;

	explore_name(segment->base, segment->heap_offset, 1, "header");
	explore_name(&slots->state, sizeof *slots, segment->participants, "slot");
	explore_name(directory, sizeof(struct atom64), segment->buckets, "bucket");
	explore_name(directory + segment->buckets * sizeof(struct atom64), sizeof(struct directory_entry),
	             segment->entries, "entry");
	explore_name(segment->base + segment->heap_offset, segment->bytes - segment->heap_offset, 1, "heap");
}

void segment_world_make(uint32_t slots, uint32_t objects, uint64_t bytes, unsigned attached)
{
	struct stoa_segment_config config = {
		.struct_size = sizeof config,
		.bytes = bytes,
		.participants = slots,
		.objects = objects,
	};

	explore_process(1);
	explore_state(w, sizeof *w);
	explore_check(stoa_segment_create(NULL, &config, &w->segments[1]) == 0, "no segment");
	w->fd = explore_pass(stoa_segment_fd(w->segments[1]));
	for (unsigned p = 2; p <= attached; p++) {
		explore_process(p);
		explore_check(segment_world_open() == 0, "process %u cannot open the segment", p);
	}
	name_words(w->segments[1]);
}

int segment_world_open(void)
{
	return stoa_segment_open_fd(w->fd, 0, &w->segments[explore_own_process()]);
}

void segment_world_close(void)
{
	w->closed[explore_own_process()] = true;
	stoa_segment_close(w->segments[explore_own_process()]);
}

struct stoa_segment *segment_world_own(void)
{
	return w->segments[explore_own_process()];
}

uint64_t slot_state(uint32_t slot)
{
	return atom64_load_seq(&segment_participant(w->segments[1], slot)->state);
}

static bool is_attached(unsigned process)
{
	return w->segments[process] && !w->closed[process] && !explore_process_ended(process);
}

void segment_world_audit(unsigned withheld)
{
	const struct stoa_segment *segment = w->segments[1];
	unsigned attached = 0, held = 0, free = 0;

	explore_process(1);
	explore_check(stoa_segment_reap(w->segments[1]) >= 0, "nobody can reap");
	for (unsigned p = 1; p <= EXPLORE_PROCESSES_MAX; p++) {
		const struct stoa_segment *own = w->segments[p];

		if (!is_attached(p))
			continue;
		attached++;
		explore_check(slot_state(own->self) == (own->generation << 8 | PARTICIPANT_LIVE),
		              "process %u lives, and slot %u says %#llx", p, own->self,
		              (unsigned long long)slot_state(own->self));
	}
	for (uint32_t slot = 0; slot < segment->participants; slot++) {
		uint64_t state = slot_state(slot);

		free += (state & 0xff) == PARTICIPANT_FREE;
		held += !participant_dead(segment, slot, state >> 8);
	}
	explore_check(attached <= held, "two processes have one slot");
	explore_check(free + held + withheld >= segment->participants, "a slot is lost");
}
