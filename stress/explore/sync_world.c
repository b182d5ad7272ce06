/* SPDX-License-Identifier: BSD-2-Clause */
#include "sync_world.h"

#include "atomic.h"
#include "os.h"

#define BEGIN_NS 1000000000ull /* when an execution begins: explore_run.c */

struct sync_world sync_world;

static struct sync_world *const w = &sync_world;

/* ---- the object and its users ---- */

static void make_process(uint32_t slot, uint32_t cells)
{
	struct process *process = &w->processes[slot];

	atom64_store_rlx(&w->participants[slot].state, 1 << 8 | PARTICIPANT_LIVE);
	process->segment = (struct stoa_segment){
		.base = (uint8_t *)w->participants,
		.fd = -1,
		.participants = PROCESSES,
		.lock_fd = -1,
		.self = slot,
		.generation = 1,
	};
	atom64_store_rlx(&process->segment.joined, stoa_fork_epoch);
	process->sync = (struct sync){
		.object.segment = &process->segment,
		.shared = &w->layout,
		.kind = w->layout.object.kind,
		.flags = w->layout.flags,
		.size = w->layout.size,
		.cells = w->cells,
		.cell_count = cells,
	};
	atom64_store_rlx(&process->sync.looked, BEGIN_NS); /* the reaping is left to reapers */
	explore_name(&process->sync.hint, 4, 1, "hint of %u", slot);
	explore_name(&process->sync.taken, 8, 1, "taken by %u", slot);
	explore_name(&process->segment.joined, 8, 1, "joined of %u", slot);
}

void sync_make(uint32_t kind, uint32_t flags, uint32_t size, uint64_t word)
{
	bool has_cells = kind == STOA_KIND_BARRIER || (flags & STOA_PERMITS_RETURN);

	explore_state(w, sizeof *w);
	explore_name(&w->layout.word, 8, 1, "word");
	explore_name(&w->layout.changed, 8, 1, "changed");
	explore_name(&w->layout.posts, 8, 1, "posts");
	explore_name(w->cells, 8, CELLS_MAX, "cells");
	w->layout.object.kind = kind;
	w->layout.flags = flags;
	w->layout.size = size;
	atom64_store_rlx(&w->layout.word, word);
	for (uint32_t slot = 0; slot < PROCESSES; slot++)
		make_process(slot, has_cells ? size : 0);
}

unsigned sync_slot(const struct process *process)
{
	return process->segment.self;
}

void sync_thread(const char *name, void (*function)(void *), unsigned process, bool mortal)
{
	w->victims[w->threads++] = mortal ? (uint8_t)(process + 1) : 0;
	(mortal ? explore_mortal : explore_thread)(name, function, &w->processes[process]);
}

/* ---- the dead ---- */

static void settle(unsigned thread)
{
	sync_settle(&w->layout, sizeof w->layout + sizeof w->cells, w->victims[thread] - 1u);
}

static void reap(void *unused)
{
	(void)unused;
	for (unsigned thread = 0; thread < w->threads; thread++) {
		if (w->victims[thread] && explore_await_death(thread))
			settle(thread);
	}
}

void sync_reaper(const char *name, bool mortal)
{
	w->threads++;
	(mortal ? explore_mortal : explore_thread)(name, reap, NULL);
}

void sync_reap_all(void)
{
	reap(NULL);
}

bool sync_is_dead(unsigned process)
{
	for (unsigned thread = 0; thread < w->threads; thread++) {
		if (w->victims[thread] == process + 1)
			return explore_is_dead(thread);
	}
	return false;
}

bool sync_overslept(void)
{
	return os_now_ns() > BEGIN_NS;
}
