/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * storm_worker.c - a process in the storm: comes, works at random, goes, and may be killed at any time.
 */
#include "storm.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

const char *const storm_call_names[CALLS] = {
	[CALL_NONE] = "no call",
	[CALL_ATTACH] = "stoa_segment_open, or opening what is in it",
	[CALL_DETACH] = "stoa_segment_close",
	[CALL_PEEK] = "a read-only look",
	[CALL_REAP] = "stoa_segment_reap",
	[CALL_STAT] = "stoa_queue_stat",
	[CALL_SENDER_OPEN] = "stoa_sender_open",
	[CALL_SENDER_CLOSE] = "stoa_sender_close",
	[CALL_PUSH] = "stoa_sender_push",
	[CALL_PUSH_MANY] = "stoa_sender_push_many",
	[CALL_SEND] = "stoa_sender_send",
	[CALL_RESERVE] = "stoa_sender_reserve",
	[CALL_COMMIT] = "stoa_sender_commit",
	[CALL_ABORT] = "stoa_sender_abort",
	[CALL_RECEIVER_OPEN] = "stoa_receiver_open",
	[CALL_RECEIVER_CLOSE] = "stoa_receiver_close",
	[CALL_POP] = "stoa_receiver_pop",
	[CALL_POP_MANY] = "stoa_receiver_pop_many",
	[CALL_RECV] = "stoa_receiver_recv",
	[CALL_TAKE] = "stoa_receiver_take",
	[CALL_RELEASE] = "stoa_receiver_release",
	[CALL_RETURN] = "stoa_receiver_return",
	[CALL_LOAD] = "stoa_value_load",
	[CALL_UPDATE] = "stoa_value_update",
	[CALL_COMPARE] = "stoa_value_compare_exchange",
	[CALL_STORE] = "stoa_value_store",
	[CALL_EXCHANGE] = "stoa_value_exchange",
	[CALL_READ] = "stoa_array_read",
	[CALL_WRITE] = "stoa_array_write",
	[CALL_WAIT] = "stoa_semaphore_wait",
	[CALL_POST] = "stoa_semaphore_post",
	[CALL_ACQUIRE] = "stoa_lock_acquire",
	[CALL_LOCK_RELEASE] = "stoa_lock_release",
};

void must(struct storm_worker *me, bool allowed, enum storm_call call, int rc)
{
	if (!allowed)
		storm_fault("%s answers %s (%d) to process %u", storm_call_names[call], stoa_strerror(rc), rc,
		            me->seat);
}

/* ---- what only so many may have ---- */

/*
 * Everybody says so after it got one, and before it gives one back.  Twice around: who says so in both
 * rounds, of the same one, and was not about to be killed in between, had it at the moment between the
 * rounds.  So did we.
 */
void place_taken(struct storm_worker *me, enum storm_place place, uint32_t most)
{
	uint32_t seen[SEATS_MAX + 1], had = 0;

	atom32_add_seq(&me->desk->places[place], 1);
	for (uint32_t i = 0; i <= SEATS_MAX; i++)
		seen[i] = atom32_load_seq(&storm->desks[i].places[place]);
	for (uint32_t i = 0; i <= SEATS_MAX; i++) {
		if (!(seen[i] & 1) || atom32_load_seq(&storm->desks[i].doomed))
			continue;
		had += atom32_load_seq(&storm->desks[i].places[place]) == seen[i];
	}
	if (had > most && !atom32_load_seq(&me->desk->doomed)) {
		static const char *const names[] = { "senders of a queue for one",
			                             "receivers of a queue for one", "holders of permits",
			                             "holders of the lock" };

		storm_fault("%u %s at once, not %u", had, names[place], most);
	}
}

void place_left(struct storm_worker *me, enum storm_place place)
{
	atom32_add_seq(&me->desk->places[place], 1);
}

/* ---- coming and going ---- */

static struct stoa_queue_config storm_queue_config(void)
{
	return (struct stoa_queue_config){
		.struct_size = sizeof(struct stoa_queue_config),
		.capacity = storm->scenario.capacity,
		.message_size = storm->message_size,
		.senders = storm->scenario.senders,
		.receivers = storm->scenario.receivers,
		.handles = storm->handles,
		.holds = storm->holds,
		.on_death = storm->scenario.on_death,
		.pack = storm->scenario.pack,
	};
}

static struct stoa_value_config version_config(const struct version *version)
{
	return (struct stoa_value_config){
		.struct_size = sizeof(struct stoa_value_config),
		.type = STOA_BYTES,
		.size = sizeof *version,
		.writers = storm->handles,
		.initial = version,
	};
}

static struct stoa_value_config stamp_config(void)
{
	return (struct stoa_value_config){
		.struct_size = sizeof(struct stoa_value_config),
		.type = STOA_BYTES,
		.size = sizeof(struct stamp),
		.writers = storm->handles,
	};
}

static struct stoa_array_config array_config(void)
{
	return (struct stoa_array_config){
		.struct_size = sizeof(struct stoa_array_config),
		.type = STOA_U64,
		.count = GROUPS * GROUP_SIZE,
		.flags = STOA_ATOMIC_RANGES,
		.writers = storm->handles,
	};
}

uint64_t storm_bytes(void)
{
	struct stoa_queue_config queue = storm_queue_config();
	struct stoa_value_config version = version_config(NULL), stamp = stamp_config();
	struct stoa_array_config array = array_config();
	uint64_t sum = 65536, bytes = 0;

	if (stoa_queue_footprint(&queue, &bytes) == 0)
		sum += bytes;
	if (stoa_value_footprint(&version, &bytes) == 0)
		sum += bytes;
	if (stoa_value_footprint(&stamp, &bytes) == 0)
		sum += bytes;
	if (stoa_array_footprint(&array, &bytes) == 0)
		sum += bytes;
	return sum * 3; /* creators that die leave their room for a while */
}

static const char *thing(uint32_t n, const char *name)
{
	return storm->thing == n ? "thing" : name; /* the name that check.c looks for */
}

/* Everybody creates everything; who comes second gets what is there. */
static void create_all(struct storm_worker *me)
{
	struct stoa_queue_config queue = storm_queue_config();
	struct version first;
	struct stoa_value_config version = version_config(&first), stamp = stamp_config();
	struct stoa_array_config array = array_config();
	struct stoa_semaphore_config semaphore = { .struct_size = sizeof semaphore,
		                                   .flags = STOA_PERMITS_RETURN,
		                                   .initial = PERMITS };
	int rc;

	version_first(&first);
	rc = stoa_queue_create(me->segment, "queue", &queue, &me->queue);
	rc = rc ? rc : stoa_value_create(me->segment, thing(0, "value"), &version, &me->value);
	rc = rc ? rc : stoa_value_create(me->segment, thing(1, "stamps"), &stamp, &me->stamps);
	rc = rc ? rc : stoa_array_create(me->segment, thing(2, "array"), &array, &me->array);
	rc = rc ? rc : stoa_semaphore_create(me->segment, "permits", &semaphore, &me->semaphore);
	rc = rc ? rc : stoa_lock_create(me->segment, "lock", NULL, &me->lock);
	must(me, rc == 0, CALL_ATTACH, rc);
}

void storm_attach(struct storm_worker *me)
{
	char path[32];
	int rc;

	snprintf(path, sizeof path, "/proc/self/fd/%d", storm->segment_fd);
	for (int tries = 0;; tries++) {
		call_begins(me, CALL_ATTACH);
		rc = below(&me->seed, 2) ? stoa_segment_open_fd(storm->segment_fd, 0, &me->segment)
		                         : stoa_segment_open(path, 0, &me->segment);
		/* All participants' slots may be taken by the dead, and these just being reaped by others. */
		if (rc != -EUSERS || tries > (int)(PATIENCE_NS / MS))
			break;
		call_ends(me);
		os_sleep_ns(MS);
	}
	must(me, rc == 0, CALL_ATTACH, rc);
	create_all(me);
	call_ends(me);
	count(&me->desk->attached, 1);
}

void storm_detach(struct storm_worker *me)
{
	if (me->has_permit)
		permit_give_back(me);
	end_close(me);
	call_begins(me, CALL_DETACH);
	stoa_lock_close(me->lock);
	stoa_semaphore_close(me->semaphore);
	stoa_array_close(me->array);
	stoa_value_close(me->stamps);
	stoa_value_close(me->value);
	stoa_queue_close(me->queue);
	stoa_segment_close(me->segment);
	call_ends(me);
}

uint32_t storm_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	uint32_t descriptors = 0;

	if (!directory)
		return 0;
	while (readdir(directory))
		descriptors++;
	closedir(directory);
	return descriptors;
}

static void come_again(struct storm_worker *me)
{
	uint32_t before, after;

	storm_detach(me);
	before = storm_descriptors();
	storm_attach(me);
	storm_detach(me);
	after = storm_descriptors();
	if (before != after)
		storm_fault("a process has %u descriptors open after it came and went, and had %u before",
		            after, before);
	storm_attach(me);
	end_open(me);
}

/* ---- looking, reaping ---- */

static void peek(struct storm_worker *me)
{
	struct stoa_segment *segment;
	struct stoa_value *value;
	struct version version;
	int rc;

	call_begins(me, CALL_PEEK);
	rc = stoa_segment_open_fd(storm->segment_fd, STOA_READ_ONLY, &segment);
	must(me, rc == 0, CALL_PEEK, rc);
	rc = stoa_value_open(segment, thing(0, "value"), NULL, &value);
	must(me, rc == 0, CALL_PEEK, rc);
	rc = stoa_value_load(value, &version);
	must(me, rc == 0, CALL_PEEK, rc);
	check_version(me, &version);
	stoa_value_close(value);
	stoa_segment_close(segment);
	call_ends(me);
}

static void reap(struct storm_worker *me)
{
	int rc;

	call_begins(me, CALL_REAP);
	rc = stoa_segment_reap(me->segment);
	must(me, rc >= 0, CALL_REAP, rc);
	call_ends(me);
}

static void stat_queue(struct storm_worker *me)
{
	struct stoa_queue_stat stat = { .struct_size = sizeof stat };
	int rc;

	call_begins(me, CALL_STAT);
	rc = stoa_queue_stat(me->queue, &stat);
	must(me, rc == 0, CALL_STAT, rc);
	if (stat.length > stat.capacity + (uint64_t)storm->handles * storm->holds)
		storm_fault("stoa_queue_stat: %lu messages wait in a queue for %lu",
		            (unsigned long)stat.length, (unsigned long)stat.capacity);
	call_ends(me);
}

/* ---- a life ---- */

static void act(struct storm_worker *me)
{
	uint64_t what = below(&me->seed, 1000);

	if (what < 5)
		reap(me);
	else if (what < 15)
		stat_queue(me);
	else if (what < 17)
		peek(me);
	else if (what < 20)
		come_again(me);
	else if (what < 250 || me->kind == SCRIBE)
		scribe_acts(me);
	else if (me->kind == SENDER)
		sender_acts(me);
	else
		receiver_acts(me);
}

_Noreturn void storm_worker(uint32_t seat, uint64_t seed)
{
	struct storm_worker me = {
		.seat = seat,
		.desk = &storm->desks[seat],
		.seed = storm_mix(seed) | 1,
		.kind = seat < storm->senders                      ? SENDER
		        : seat < storm->senders + storm->receivers ? RECEIVER
		                                                   : SCRIBE,
	};

	storm_attach(&me);
	value_after_death(&me);
	while (!atom32_load_seq(&storm->stop))
		act(&me);
	/* Some leave, some just end, with all that they have. */
	if (below(&me.seed, 4))
		storm_detach(&me);
	else
		atom32_store_seq(&me.desk->doomed, 1);
	_exit(0);
}
