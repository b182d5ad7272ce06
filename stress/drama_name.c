/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * drama_name.c - a name's world: it means a whole segment, or nothing.
 *
 * Whatever the victim was at, the others create, open and remove the name as if nobody had been there; of one
 * that was to be created all is there or nothing; and nobody removes another's successor.
 */
#include "step.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "atomic.h"
#include "segment.h"

#define LIFE_DOOMED 2u

static enum operation operation_of(const struct world *world)
{
	return world->scenario->operation;
}

static int create(const struct world *world, uint32_t flags, struct stoa_segment **segment)
{
	struct stoa_segment_config config = {
		.struct_size = sizeof config,
		.bytes = 1024,
		.participants = 4,
		.objects = 2,
		.flags = flags,
	};

	return stoa_segment_create(world->name, &config, segment);
}

/* ---- the stage: before each point ---- */

/* A segment whose last participant has left, and died before it could remove the name. */
static void make_doomed(struct world *world)
{
	struct atom64 *life;
	int rc = create(world, STOA_UNLINK_LAST, &world->segment);

	require(world, rc == 0, "a name cannot be created: %s", stoa_strerror(rc));
	life = &segment_header(world->segment)->life;
	atom64_store_seq(life, atom64_load_seq(life) | LIFE_DOOMED);
}

static void name_stage(struct world *world)
{
	struct stoa_segment *segment;
	int rc;

	unlink(world->path);
	if (operation_of(world) == OP_NAME_CLOSE || world->scenario->state == IS_EMPTY)
		return; /* the victim makes it itself; nobody does */
	if (world->scenario->state == IS_WOUNDED) {
		kill_after(world, make_doomed);
		return;
	}
	rc = create(world, 0, &segment);
	require(world, rc == 0, "a name cannot be created: %s", stoa_strerror(rc));
	stoa_segment_close(segment);
}

/* ---- the victim ---- */

static void open_and_die(struct world *world)
{
	int rc = stoa_segment_open(world->name, 0, &world->segment);

	require(world, rc == 0, "open answers %s", stoa_strerror(rc));
}

static void name_victim_prepares(struct world *world)
{
	struct victim_area *area = &world->board->victim;
	int rc;

	area->base = area->bytes = 0;
	if (operation_of(world) != OP_NAME_CLOSE)
		return;
	rc = create(world, STOA_UNLINK_LAST, &world->segment);
	require(world, rc == 0, "the victim cannot create: %s", stoa_strerror(rc));
	area->base = (uint64_t)(uintptr_t)world->segment->base;
	area->bytes = world->segment->bytes;
	if (world->scenario->state == IS_WOUNDED) {
		sigset_t child;

		sigemptyset(&child);
		sigaddset(&child, SIGCHLD);
		sigprocmask(SIG_BLOCK, &child, NULL); /* who is traced would be stopped by it */
		kill_after(world, open_and_die);
	}
}

static void name_victim_acts(struct world *world)
{
	int rc;

	switch (operation_of(world)) {
	case OP_NAME_CREATE:
		rc = create(world, 0, &world->segment);
		break;
	case OP_NAME_EXCLUSIVE:
		rc = create(world, STOA_EXCLUSIVE, &world->segment);
		break;
	case OP_NAME_OPEN:
		rc = stoa_segment_open(world->name, 0, &world->segment);
		break;
	case OP_NAME_UNLINK:
		rc = stoa_segment_unlink(world->name);
		break;
	default:
		rc = stoa_segment_close(world->segment);
		world->segment = NULL;
	}
	victim_finishes(world, rc);
}

static void name_victim_ends(struct world *world)
{
	stoa_segment_close(world->segment);
}

/* ---- survivors ---- */

/* It can be used, and nobody is in it who should not be. */
static void check_whole(struct world *world, struct stoa_segment *segment)
{
	struct stoa_event_config config = { .struct_size = sizeof config };
	struct stoa_event *event;
	int rc;

	world->segment = segment;
	rc = stoa_segment_reap(segment);
	require(world, rc >= 0, "reaping answers %s", stoa_strerror(rc));
	rc = stoa_event_create(segment, "new", &config, &event);
	require(world, rc == 0, "what was opened by name is no whole segment: %s", stoa_strerror(rc));
	stoa_event_close(event);
	check_directory(world, 1);
	if (world->fate.victim_dead) /* else it may be just coming, or going */
		check_participants(world, 1, 1);
	world->segment = NULL;
}

/* Whether something has the name; it is whole, then. */
static bool try_open(struct world *world)
{
	struct stoa_segment *segment;
	int rc = stoa_segment_open(world->name, 0, &segment);

	require(world, rc == 0 || rc == -ENOENT, "open answers %s", stoa_strerror(rc));
	if (rc)
		return false;
	check_whole(world, segment);
	stoa_segment_close(segment);
	return true;
}

static void create_surely(struct world *world, uint32_t flags)
{
	struct stoa_segment *segment;
	int rc = create(world, flags, &segment);

	require(world, rc == 0, "create answers %s", stoa_strerror(rc));
	check_whole(world, segment);
	memcpy(world->successor, segment->id, sizeof world->successor);
	stoa_segment_close(segment);
}

static void unlink_surely(struct world *world)
{
	int rc = stoa_segment_unlink(world->name);

	require(world, rc == 0, "unlink answers %s", stoa_strerror(rc));
	rc = stoa_segment_unlink(world->name);
	require(world, rc == -ENOENT, "unlink answers %s, and the name was removed", stoa_strerror(rc));
	require(world, !try_open(world), "the name was removed, and can be opened");
}

/* All that can be done with a name; in the end it is not there. */
static void use_name(struct world *world)
{
	struct stoa_segment *segment;
	bool lasts;
	int rc;

	create_surely(world, 0);
	lasts = try_open(world); /* what the victim had created may be going with its last */
	require(world, lasts || operation_of(world) == OP_NAME_CLOSE, "what was created cannot be opened");
	if (lasts)
		unlink_surely(world);
	create_surely(world, STOA_EXCLUSIVE);
	rc = create(world, STOA_EXCLUSIVE, &segment);
	require(world, rc == -EEXIST, "create answers %s, and the name is there", stoa_strerror(rc));
	unlink_surely(world);
	create_surely(world, STOA_UNLINK_LAST);
	require(world, !try_open(world), "the last has left, and the name is there");
	check_names(world);
}

static bool is_allowed(const struct world *world, int rc)
{
	enum state state = world->scenario->state;
	bool alone = world->fate.victim_dead;

	switch (operation_of(world)) {
	case OP_NAME_EXCLUSIVE:
		return alone ? rc == (state == IS_ONE ? -EEXIST : 0) : rc == 0 || rc == -EEXIST;
	case OP_NAME_OPEN:
		return alone ? rc == (state == IS_ONE ? 0 : -ENOENT) : rc == 0 || rc == -ENOENT;
	case OP_NAME_UNLINK:
		return rc == 0 || (!alone && rc == -ENOENT);
	default:
		return rc == 0;
	}
}

static void check_answer(struct world *world)
{
	int rc = world->board->victim.rc;

	require(world, !world->board->victim.finished || is_allowed(world, rc), "the victim's %s answers %s",
	        operation_name(operation_of(world)), stoa_strerror(rc));
}

/* Who joins while another is leaving, and is let in, keeps the segment by its name. */
static bool join_leaver(struct world *world)
{
	struct stoa_segment *segment;
	int rc = stoa_segment_open(world->name, 0, &segment);

	require(world, rc == 0 || rc == -ENOENT, "open answers %s", stoa_strerror(rc));
	if (rc)
		return false;
	check_whole(world, segment);
	memcpy(world->successor, segment->id, sizeof world->successor);
	world->segment = segment;
	return true;
}

static void name_works(struct world *world)
{
	bool there = world->scenario->state == IS_ONE, is_there;

	if (!world->fate.victim_dead && operation_of(world) == OP_NAME_CLOSE && join_leaver(world))
		return;
	is_there = try_open(world);
	check_names(world);
	if (world->fate.victim_dead) {
		bool makes = operation_of(world) == OP_NAME_CREATE ||
		             operation_of(world) == OP_NAME_EXCLUSIVE;
		bool breaks = operation_of(world) == OP_NAME_UNLINK || operation_of(world) == OP_NAME_CLOSE;

		check_answer(world);
		require(world, makes || breaks || is_there == there, "the name %s by itself",
		        is_there ? "has come" : "has gone");
		require(world, !world->board->victim.finished || (!makes && !breaks) || is_there == makes,
		        "%s is over, and the name is %sthere", operation_name(operation_of(world)),
		        is_there ? "" : "not ");
		world->board->phase = breaks ? !is_there : is_there;
	}
	use_name(world);
	if (!world->fate.victim_dead)
		create_surely(world, 0);
}

/* The victim has come to its end; what the survivors had created meanwhile is not the victim's to remove. */
static void check_successor(struct world *world)
{
	struct stoa_segment *segment;
	int rc = stoa_segment_open(world->name, 0, &segment);

	check_answer(world);
	if (operation_of(world) == OP_NAME_UNLINK && rc == -ENOENT)
		return;
	require(world, rc == 0, "what others had created meanwhile cannot be opened: %s", stoa_strerror(rc));
	require(world, memcmp(segment->id, world->successor, sizeof segment->id) == 0,
	        "the name means another segment");
	stoa_segment_close(world->segment); /* what was kept over the pause: there is one handle more */
	check_whole(world, segment);
	stoa_segment_close(segment);
	if (operation_of(world) == OP_NAME_CLOSE && !try_open(world))
		return; /* the last has left */
	unlink_surely(world);
}

static void name_audits(struct world *world)
{
	if (world->fate.victim_resumed) {
		check_successor(world);
		world->fate.victim_dead = true; /* it has ended, and left */
	}
	use_name(world);
}

const struct drama name_drama = {
	.stage = name_stage,
	.victim_prepares = name_victim_prepares,
	.victim_acts = name_victim_acts,
	.victim_ends = name_victim_ends,
	.works = name_works,
	.audits = name_audits,
};
