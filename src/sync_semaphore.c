/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * sync_semaphore.c - a count, or a set of permits that come back from the dead.
 *
 * Without STOA_PERMITS_RETURN.  word = how many permits are free, 0 to `size`.  Anybody adds or takes one, by
 * compare-and-swap.  Nobody holds anything: a permit that a dead process had taken is gone, one that
 * it was about to post was not posted.
 *
 * With STOA_PERMITS_RETURN there are `size` permits, each a word of its own:
 *
 *   permit = generation | owner's participant slot | FREE or HELD
 *
 * wait() makes a FREE one HELD by this process, post() makes one that this process holds FREE; permits of a
 * process are alike, whichever of its threads took them.  The dead one's become FREE by
 * semaphore_settle().  So there are always `size` of them, and each is free or held by one process:
 * nothing is counted, so no count can be wrong.
 *
 * wait() must not say "none" where one was free all the time, and it cannot look at all permits at once.  It
 * would miss one if a permit that it has passed became free before another, still ahead of it, was
 * taken.  So `posts` moves after each permit that became free, before post() returns: who found
 * none looks again if it has moved.  A post() that is not over, or never will be as its process is
 * dead, counts as not done yet in the eyes of who misses it, and as done in the eyes of who takes the
 * permit.  Likewise post() must not say "you hold none" because a permit was taken behind its eyes and
 * another given back before them by other threads of this process: `taken` of the handle moves after
 * each.
 *
 * Sleepers need none of this: they look at every permit after they have announced themselves, and post()
 * looks for them after it has made its permit free.
 *
 * [Y3] The count, and each permit: release (seq) in post() and semaphore_settle(), acquire (seq) in
 * take_count() and take_permit().
 */
#include <errno.h>

#include "atomic.h"
#include "defect.h"
#include "segment.h"
#include "sync.h"

#define MAXIMUM_DEFAULT 0x7fffffffu

struct stoa_semaphore {
	struct sync sync;
};

static unsigned state_of(uint64_t permit)
{
	return permit & 0xff;
}

static bool is_held_by(uint64_t permit, uint32_t slot)
{
	return state_of(permit) == PERMIT_HELD && (permit >> 8 & 0xffff) == slot;
}

static uint64_t permit_held(uint64_t before, uint32_t self)
{
	return ((before >> 24) + 1) << 24 | (uint64_t)self << 8 | PERMIT_HELD;
}

static uint64_t permit_free(uint64_t before)
{
	return before >> 24 << 24 | PERMIT_FREE;
}

static bool permits_return(const struct stoa_semaphore *semaphore)
{
	return semaphore->sync.flags & STOA_PERMITS_RETURN;
}

/* ---- the object ---- */

static int shape_of(const struct stoa_semaphore_config *given, bool create, struct sync_shape *shape,
                    uint32_t *flags)
{
	struct stoa_semaphore_config config;
	int rc = config_copy(&config, sizeof config, given);

	if (rc)
		return rc;
	*flags = config.flags;
	*shape = (struct sync_shape){
		.kind = STOA_KIND_SEMAPHORE,
		.flags = config.flags & STOA_PERMITS_RETURN,
		.size = config.maximum,
		.word = config.initial,
	};
	if ((config.flags & ~(uint32_t)(STOA_EXCLUSIVE | STOA_PERMITS_RETURN)) || config.reserved)
		return -EINVAL;
	if (!shape->flags) {
		shape->size = config.maximum ? config.maximum : MAXIMUM_DEFAULT;
		return config.initial > shape->size ? -EINVAL : 0;
	}
	shape->size = config.maximum ? config.maximum : config.initial;
	shape->word = 0;
	if (!shape->size || shape->size > PERMITS_MAX || config.initial > shape->size)
		return -EINVAL;
	return create && config.initial && config.initial != shape->size ? -EINVAL : 0;
}

int stoa_semaphore_create(struct stoa_segment *segment, const char *name,
                          const struct stoa_semaphore_config *config, struct stoa_semaphore **semaphore)
{
	struct sync_shape shape;
	struct sync *sync;
	uint32_t flags;
	int rc = semaphore ? shape_of(config, true, &shape, &flags) : -EINVAL;

	rc = rc ? rc : sync_create(segment, name, &shape, flags, &sync);
	if (!rc)
		*semaphore = (struct stoa_semaphore *)sync;
	return rc;
}

int stoa_semaphore_open(struct stoa_segment *segment, const char *name,
                        const struct stoa_semaphore_config *expect, struct stoa_semaphore **semaphore)
{
	struct sync_shape shape;
	struct sync *sync;
	uint32_t flags;
	int rc = !semaphore ? -EINVAL : expect ? shape_of(expect, false, &shape, &flags) : 0;

	rc = rc ? rc : sync_open(segment, name, STOA_KIND_SEMAPHORE, expect ? &shape : NULL, &sync);
	if (!rc)
		*semaphore = (struct stoa_semaphore *)sync;
	return rc;
}

int stoa_semaphore_close(struct stoa_semaphore *semaphore)
{
	return sync_close((struct sync *)semaphore);
}

int stoa_semaphore_info(const struct stoa_semaphore *semaphore, struct stoa_semaphore_config *info)
{
	struct stoa_semaphore_config own = { .struct_size = sizeof own };
	const struct sync *sync = (const struct sync *)semaphore;

	if (!semaphore || !info)
		return -EINVAL;
	own.flags = sync->flags;
	own.maximum = sync->size;
	own.initial = (uint32_t)atom64_load_seq(&sync->shared->word);
	for (uint32_t i = 0; i < sync->cell_count; i++)
		own.initial += state_of(atom64_load_seq(&sync->cells[i])) == PERMIT_FREE;
	return info_copy(info, &own, sizeof own);
}

int stoa_semaphore_footprint(const struct stoa_semaphore_config *config, uint64_t *bytes)
{
	struct sync_shape shape;
	uint32_t flags;
	int rc = bytes ? shape_of(config, true, &shape, &flags) : -EINVAL;

	if (!rc)
		*bytes = sync_bytes(&shape);
	return rc;
}

/* ---- a count ---- */

static int take_count(void *context)
{
	struct atom64 *at = &((struct sync *)context)->shared->word;
	uint64_t count = atom64_load_seq(at);

	if (count && DEFECT(DEFECT_COUNT_STORE)) {
		atom64_store_seq(at, count - 1);
		return STOA_OK;
	}
	while (count) {
		if (atom64_cas_seq(at, &count, count - 1)) /* [Y3] acquire (seq) */
			return STOA_OK;
	}
	return STOA_EMPTY;
}

static int post_count(struct sync *sync)
{
	uint64_t count = atom64_load_seq(&sync->shared->word);

	do {
		if (count >= sync->size)
			return -EOVERFLOW;
		/* [Y3] release (seq): who takes it sees what we wrote before. */
	} while (!atom64_cas_seq(&sync->shared->word, &count, count + 1));
	event_wake_one(&sync->shared->changed);
	return 0;
}

/* ---- permits ---- */

struct taking {
	struct sync *sync;
	uint32_t self;
};

/*
 * Takes a permit, or gives one back: its index, or the count where there is none.  From the hint on, upwards
 * or downwards: so permits that are taken and given back like a stack are found at once.
 */
static uint32_t change_one(struct sync *sync, uint32_t self, bool take)
{
	/* Relaxed, as all of the hint: anything will do. */
	uint32_t count = sync->cell_count, at = atom32_load_rlx(&sync->hint) % count;

	for (uint32_t i = 0; i < count; i++, at = (take ? at + 1 : at + count - 1) % count) {
		uint64_t permit = atom64_load_seq(&sync->cells[at]);

		while (take ? state_of(permit) == PERMIT_FREE : is_held_by(permit, self)) {
			/* [Y3] acquire (seq) of one given back, or the release (seq) that gives it. */
			if (!atom64_cas_seq(&sync->cells[at], &permit,
			                    take ? permit_held(permit, self) : permit_free(permit)))
				continue;
			atom32_store_rlx(&sync->hint, at);
			return at;
		}
	}
	return count;
}

static int take_permit(void *context)
{
	const struct taking *taking = context;
	struct sync *sync = taking->sync;
	uint64_t posts = atom64_load_seq(&sync->shared->posts), before;

	do {
		if (change_one(sync, taking->self, true) < sync->cell_count) {
			atom64_add_seq(&sync->taken, 1);
			return STOA_OK;
		}
		before = posts;
		posts = atom64_load_seq(&sync->shared->posts);
	} while (posts != before && !DEFECT(DEFECT_PERMIT_ONE_LOOK));
	return STOA_EMPTY;
}

static int post_permit(struct sync *sync)
{
	uint64_t taken, before;
	uint32_t self, at;
	int rc = sync_self(sync, &self);

	if (rc)
		return rc;
	taken = atom64_load_seq(&sync->taken);
	do {
		at = change_one(sync, self, false);
		before = taken;
		taken = atom64_load_seq(&sync->taken);
	} while (at == sync->cell_count && taken != before);
	if (at == sync->cell_count)
		return -EPERM;
	if (!DEFECT(DEFECT_PERMIT_UNTOLD))
		atom64_add_seq(&sync->shared->posts, 1);
	event_wake_one(&sync->shared->changed);
	return 0;
}

static void inspect(void *context)
{
	sync_look_after(((const struct taking *)context)->sync);
}

/* ---- both ---- */

int stoa_semaphore_post(struct stoa_semaphore *semaphore)
{
	int rc = sync_writable((struct sync *)semaphore);

	if (rc)
		return rc;
	return permits_return(semaphore) ? post_permit(&semaphore->sync) : post_count(&semaphore->sync);
}

int stoa_semaphore_wait(struct stoa_semaphore *semaphore, const struct timespec *deadline)
{
	struct taking taking = { .sync = (struct sync *)semaphore };
	struct sync_attempt attempt = { take_count, NULL, semaphore };
	int rc = sync_writable((struct sync *)semaphore);

	if (!rc && permits_return(semaphore)) {
		attempt = (struct sync_attempt){ take_permit, inspect, &taking };
		rc = sync_self(&semaphore->sync, &taking.self);
	}
	return rc ? rc : sync_wait(&semaphore->sync, &attempt, deadline);
}

/* ---- the dead ---- */

static bool set_free(struct atom64 *at, uint64_t permit)
{
	if (DEFECT(DEFECT_PERMIT_STORE)) {
		atom64_store_seq(at, permit_free(permit));
		return true;
	}
	/* [Y3] release (seq); if it fails, another reaper has done it. */
	return atom64_cas_seq(at, &permit, permit_free(permit));
}

void semaphore_settle(struct sync_layout *shared, struct atom64 *permits, uint32_t count, uint32_t slot)
{
	bool any = false;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t permit = atom64_load_seq(&permits[i]);

		any |= is_held_by(permit, slot) && set_free(&permits[i], permit);
	}
	if (!any)
		return;
	if (!DEFECT(DEFECT_PERMIT_OF_DEAD_UNTOLD))
		atom64_add_seq(&shared->posts, 1);
	event_wake_all(&shared->changed);
}
