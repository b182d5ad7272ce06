/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * object_create.c - an object comes to be: its space is cut or found, it is built, and published; and what a dead
 * creator left.  The essay is at the head of object.c.
 */
#include "object_entry.h"

#include "os.h"
#include "participant.h"

#define CREATE_BYTES ((1ull << 62) + 4096) /* of the courtesy locks: beyond every participant's byte */
#define CREATE_BYTES_COUNT 65536u
#define CLAIM_TURNS 1000
#define COURTESY_NS 100000000u
#define NO_SPACE_COURTESY_NS 1000000000u /* where the other may be building the very object */
#define COURTESY_PAUSE_NS 100000u

/* ---- claiming an entry ---- */

/* Entries below are PUBLISHED, which is for ever: nobody needs to look at them again. */
static uint32_t first_unsettled(struct stoa_segment *segment)
{
	uint32_t from = atom32_load_rlx(&segment->settled), i = from; /* relaxed: a hint, never too high */

	while (i < segment->entries &&
	       state_of(atom64_load_seq(&entry_at(segment, i)->state)) == ENTRY_PUBLISHED)
		i++;
	if (i != from)
		atom32_store_rlx(&segment->settled, i);
	return i;
}

/* Cuts the extent of the first entry that has none.  0, also where another did; -ENOSPC; -EBADMSG. */
static int cut(const struct stoa_segment *segment, uint32_t index, uint64_t need)
{
	uint64_t start = segment->heap_offset, none = 0;

	if (index)
		start = atom64_load_seq(&entry_at(segment, index - 1)->extent_end);
	if (start < segment->heap_offset || start % STOA_LINE || start > segment->bytes)
		return -EBADMSG;
	if (need > segment->bytes - start)
		return -ENOSPC;
	if (DEFECT(DEFECT_CUT_STORE))
		atom64_store_seq(&entry_at(segment, index)->extent_end, start + need);
	/* [O2] release (seq) */
	atom64_cas_seq(&entry_at(segment, index)->extent_end, &none, start + need);
	return 0;
}

/*
 * Whether somebody who needs `need` bytes should take an extent while more can be cut: not more than twice
 * of it, and none that was cut for somebody else, who has not claimed it yet and for whom a segment
 * that was made to measure may have no other.
 */
static bool suits(uint64_t bytes, uint64_t need, uint64_t state)
{
	return bytes == need || (bytes / 2 <= need && state >> 24 != 0);
}

/*
 * The FREE entry whose extent fits `need` best; `*uncut`: the first entry without an extent.  `entries`
 * where there is none.
 */
static uint32_t best_fit(struct stoa_segment *segment, uint64_t need, bool choosy, uint32_t *uncut)
{
	uint32_t best = segment->entries, i;
	uint64_t best_bytes = UINT64_MAX;

	for (i = first_unsettled(segment); i < segment->entries; i++) {
		uint64_t start, bytes, state;
		int rc = object_extent(segment, i, &start, &bytes);

		if (rc == STOA_EMPTY)
			break;
		if (rc || bytes < need || bytes >= best_bytes)
			continue;
		state = atom64_load_seq(&entry_at(segment, i)->state);
		if (state_of(state) != ENTRY_FREE || (choosy && !suits(bytes, need, state)))
			continue;
		best = i;
		best_bytes = bytes;
	}
	*uncut = i;
	return best;
}

/* An entry of at least `need` bytes for this process: FREE -> BUILDING.  0; -ENOSPC; -EBADMSG. */
static int claim(struct stoa_segment *segment, uint64_t need, uint32_t self, uint32_t *index, uint64_t *state)
{
	/* Each turn is lost to somebody who got an entry or cut one; so many only to nonsense in memory. */
	for (int turn = 0; turn < CLAIM_TURNS; turn++) {
		uint32_t uncut, at = best_fit(segment, need, true, &uncut);
		uint64_t was;
		int rc = -ENOSPC;

		if (at == segment->entries && uncut < segment->entries) {
			rc = cut(segment, uncut, need);
			if (!rc)
				continue; /* free for all: fits us, if nobody is faster */
		}
		if (at == segment->entries)
			at = best_fit(segment, need, false, &uncut);
		if (at == segment->entries)
			return rc;
		was = atom64_load_seq(&entry_at(segment, at)->state);
		*state = entry_state((was >> 24) + 1, self, ENTRY_BUILDING);
		*index = at;
		/* Whoever had it before is done with it: [O3] acquire (seq) of their release to FREE. */
		if (DEFECT(DEFECT_ENTRY_STORE))
			was = atom64_load_seq(&entry_at(segment, at)->state);
		if ((state_of(was) == ENTRY_FREE || DEFECT(DEFECT_ENTRY_STORE)) &&
		    atom64_cas_seq(&entry_at(segment, at)->state, &was, *state))
			return 0;
	}
	return -ENOSPC;
}

/* ---- creating ---- */

/* Fills a claimed entry and its extent.  Private. */
static int build(const struct stoa_segment *segment, const struct object_request *request, uint64_t hash,
                 uint32_t index, uint64_t state, void **start)
{
	struct directory_entry *entry = entry_at(segment, index);
	char name[STOA_NAME_ROOM] = { 0 };
	struct object_header *header;
	uint64_t offset, extent;

	if (object_extent(segment, index, &offset, &extent) != 0 || extent < request->bytes)
		return -EBADMSG;
	memcpy(name, request->name, strlen(request->name));
	/* Relaxed: somebody may still look at the entry as it was; [O1] publishes these. */
	atom64_store_rlx(&entry->hash, hash);
	elem64_store_rlx(&entry->bytes, request->bytes);
	elem32_store_rlx(&entry->kind, request->kind);
	copy_racy_in(entry->name, name, sizeof name);
	*start = segment->base + offset;
	/* Used before; a fresh one is zero, as the file was. */
	if (state >> 24 > 1 && !DEFECT(DEFECT_ROOM_DIRTY))
		memset(*start, 0, request->bytes);
	header = *start;
	header->kind = request->kind;
	header->header_bytes = sizeof *header;
	header->bytes = request->bytes;
	if (!DEFECT(DEFECT_BUILT_LATE))
		request->build(*start, request->context);
	return 0;
}

static void give_back(const struct stoa_segment *segment, uint32_t index, uint64_t state)
{
	/* [O3] release (seq); pairs with claim(): what we wrote comes before what the next owner writes. */
	atom64_cas_seq(&entry_at(segment, index)->state, &state, entry_state(state >> 24, 0, ENTRY_FREE));
}

/* Links a built entry.  0; -EEXIST and the entry that has the name; -EBADMSG. */
static int publish(const struct stoa_segment *segment, const char *name, uint64_t hash, uint32_t index,
                   uint64_t state, uint32_t *there)
{
	struct directory_entry *entry = entry_at(segment, index);
	struct atom64 *bucket = bucket_of(segment, hash);
	uint64_t head = atom64_load_seq(bucket);

	for (;;) {
		int rc = DEFECT(DEFECT_NAME_TWICE) ? -ENOENT
		                                   : object_chain_find(segment, head, hash, name, there);

		if (rc != -ENOENT) {
			give_back(segment, index, state);
			return rc ? rc : -EEXIST;
		}
		atom64_store_rlx(&entry->next, head); /* relaxed: [O1] publishes it */
		/* [O1] release (seq); pairs with the loads of the bucket in object_find() and object_is_linked():
		 * else a finder sees the name of an object that is not yet built. */
		if (atom64_cas_seq(bucket, &head, (uint64_t)index + 1))
			break;
	}
	/* [O3] release (seq).  If it fails, somebody who took us for dead has done it. */
	atom64_cas_seq(&entry->state, &state, entry_state(state >> 24, owner_of(state), ENTRY_PUBLISHED));
	return 0;
}

static int create_new(struct stoa_segment *segment, const struct object_request *request, void **start)
{
	uint64_t hash = object_hash(request->name), need = request->bytes, state = 0;
	uint32_t self, index = 0, there;
	int rc;

	if (need < sizeof(struct object_header))
		return -EINVAL;
	if (!size_round(&need, STOA_LINE))
		return -ENOSPC;
	rc = participant_self(segment, &self);
	if (!rc)
		rc = claim(segment, need, self, &index, &state);
	if (rc)
		return rc;
	rc = build(segment, request, hash, index, state, start);
	if (rc) {
		give_back(segment, index, state);
		return rc;
	}
	rc = publish(segment, request->name, hash, index, state, &there);
	if (DEFECT(DEFECT_BUILT_LATE))
		request->build(*start, request->context);
	return rc;
}

/* -EEXIST and what is there; -ENOENT; -EBADMSG. */
static int existing(const struct stoa_segment *segment, const char *name, uint32_t *kind, void **start,
                    uint64_t *room)
{
	uint32_t entry;
	int rc = object_find(segment, name, &entry);

	if (!rc)
		rc = object_of_entry(segment, entry, kind, start, room);
	return rc ? rc : -EEXIST;
}

static uint64_t create_byte(const char *name)
{
	return CREATE_BYTES + object_hash(name) % CREATE_BYTES_COUNT;
}

/* Waits for the turn.  0: it is ours; -EAGAIN: `patience_ns` is over; -EEXIST: the object has appeared. */
static int take_turn(const struct stoa_segment *segment, const char *name, uint64_t patience_ns)
{
	uint64_t give_up = os_now_ns() + patience_ns;
	uint32_t entry;

	for (;;) {
		int rc = os_lock_byte(segment->lock_fd, create_byte(name));

		/* Also when it is ours: the one before may have created this very object. */
		if (object_find(segment, name, &entry) == 0) {
			if (!rc)
				os_unlock_byte(segment->lock_fd, create_byte(name));
			return -EEXIST;
		}
		if (rc != -EAGAIN)
			return rc ? -EAGAIN : 0; /* no locks? then without */
		if (os_now_ns() >= give_up)
			return -EAGAIN;
		os_sleep_ns(COURTESY_PAUSE_NS);
	}
}

/* The object was not there.  Under segment->creating. */
static int create_in_turn(struct stoa_segment *segment, const struct object_request *request, void **start)
{
	int rc, turn = take_turn(segment, request->name, COURTESY_NS);

	if (turn == -EEXIST)
		return turn;
	rc = create_new(segment, request, start);
	if (rc == -ENOSPC && turn) {
		/* Somebody is creating: perhaps this very object, and perhaps it will give space back. */
		turn = take_turn(segment, request->name, NO_SPACE_COURTESY_NS);
		if (turn == -EEXIST)
			return turn;
		rc = create_new(segment, request, start);
	}
	/* The dead may have been building, and their space is free before their slots are. */
	if (rc == -ENOSPC && participant_reap_all(segment) >= 0)
		rc = create_new(segment, request, start);
	if (!turn)
		os_unlock_byte(segment->lock_fd, create_byte(request->name));
	return rc;
}

int object_create(struct stoa_segment *segment, const struct object_request *request, uint32_t *kind,
                  void **start, uint64_t *room)
{
	int rc = existing(segment, request->name, kind, start, room);
	uint32_t self;

	if (rc != -ENOENT)
		return rc;
	rc = participant_self(segment, &self);
	if (rc)
		return rc;
	pthread_mutex_lock(&segment->creating);
	rc = existing(segment, request->name, kind, start, room);
	if (rc == -ENOENT)
		rc = create_in_turn(segment, request, start);
	pthread_mutex_unlock(&segment->creating);
	if (rc == -EEXIST)
		return existing(segment, request->name, kind, start, room);
	if (!rc) {
		*kind = request->kind;
		*room = request->bytes;
	}
	return rc;
}

int object_create_or_open(struct stoa_segment *segment, const struct object_request *request, bool exclusive,
                          void **start, uint64_t *room)
{
	uint32_t kind;
	int rc = object_create(segment, request, &kind, start, room);

	if (rc == -EEXIST && !exclusive)
		return kind == request->kind ? 0 : -EPROTOTYPE;
	return rc;
}

void object_reap(struct stoa_segment *segment, uint32_t slot)
{
	for (uint32_t i = first_unsettled(segment); i < segment->entries; i++) {
		struct directory_entry *entry = entry_at(segment, i);
		/* [O3] acquire (seq): its hash, for object_is_linked() */
		uint64_t state = atom64_load_seq(&entry->state);
		unsigned what;

		if (!atom64_load_seq(&entry->extent_end))
			break;
		if (state_of(state) != ENTRY_BUILDING || owner_of(state) != slot)
			continue;
		if (DEFECT(DEFECT_BUILDING_KEPT) && !object_is_linked(segment, i))
			continue;
		what = object_is_linked(segment, i) && !DEFECT(DEFECT_REAPED_LINKED) ? ENTRY_PUBLISHED
		                                                                     : ENTRY_FREE;
		/* [O3] release (seq) */
		atom64_cas_seq(&entry->state, &state,
		               entry_state(state >> 24, what == ENTRY_FREE ? 0 : slot, what));
	}
}
