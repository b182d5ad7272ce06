/* SPDX-License-Identifier: BSD-2-Clause */
#include "xring_world.h"

#include <string.h>

struct xring_world xring_world;

static struct xring_world *const w = &xring_world;

static void name_words(void)
{
	const struct exchange *exchange = &w->ring.exchange;

	explore_name(exchange->cells, 8, exchange->cell_count, "cells");
	explore_name(&w->ring.shared->tail_hint, 8, 1, "tail_hint");
	explore_name(&w->ring.shared->head_hint, 8, 1, "head_hint");
	for (uint32_t n = 0; n < exchange_slots(exchange); n++) {
		struct exchange_slot *slot = exchange_nth_slot(exchange, n);

		explore_name(&slot->intent, 8, 1, "slots[%u].intent", n);
		explore_name(&slot->wraps, 8, 1, "slots[%u].wraps", n);
		explore_name(&slot->orphan, 8, 1, "slots[%u].orphan", n);
		explore_name(&slot->tally, 8, 1, "slots[%u].tally", n);
		explore_name(&exchange_handle(exchange, n)->role, 8, 1, "handles[%u].role", n);
	}
	for (uint32_t b = 0; b < exchange->blocks; b++) {
		uint8_t *block = (uint8_t *)xring_bytes(b);

		explore_name(block, 8, 1, "block %u", b);
		explore_name(block + w->ring.trailer_offset, 8, 1, "id of %u", b);
		explore_name(block + w->ring.trailer_offset + 8, 8, 1, "size of %u", b);
	}
}

static void make_ring(const struct xring_shape *shape)
{
	struct stoa_queue_config config = {
		.capacity = shape->capacity,
		.message_size = 8,
		.handles = shape->senders + shape->receivers + 1, /* xring_audit()'s */
		.holds = 1,
		.pack = 1,
	};
	struct xring_layout plan;
	uint64_t bytes;

	explore_check(xring_plan(&config, 0, &plan, &bytes) == 0 && bytes <= sizeof w->memory, "no room");
	memcpy(w->memory, &plan, sizeof plan);
	explore_check(xring_view(&w->ring, &config, w->memory, (struct xring_layout *)(void *)w->memory,
	                         &plan) == 0,
	              "no view");
	xring_format(&w->ring);
}

static void go_to_hint(struct user *user, uint32_t role)
{
	if (role == ROLE_SENDER)
		xring_start_send(&w->ring, &user->cursor);
	else
		xring_start_receive(&w->ring, &user->cursor);
}

void xring_arrive(struct user *user)
{
	if (w->shape->newcomers)
		go_to_hint(user,
		           (unsigned)(user - w->users) < w->shape->senders ? ROLE_SENDER : ROLE_RECEIVER);
}

static void join(struct user *user, uint32_t role, uint32_t owner)
{
	int rc = exchange_claim(&w->ring.exchange, role, owner, false, &user->handle, &user->role,
	                        &user->slot);

	explore_check(rc == 0, "no handle");
	go_to_hint(user, role);
}

static const struct user *victim(void)
{
	return &w->users[w->shape->mortal_senders ? 0 : w->shape->senders];
}

static void reap_when_dead(void *unused)
{
	(void)unused;
	if (explore_await_death((unsigned)(victim() - w->users)))
		xring_reap(victim());
}

static void fill(unsigned messages)
{
	for (unsigned i = 1; i <= messages; i++)
		xring_send(&w->users[0], i);
}

void xring_make(void (*send)(void *user), void (*receive)(void *user))
{
	static const char *const senders[] = { "sender", "sender 2", "sender 3" };
	static const char *const receivers[] = { "receiver", "receiver 2", "receiver 3" };
	const struct xring_shape *shape = explore_parameters();

	explore_state(w, sizeof *w);
	w->shape = shape;
	make_ring(shape);
	name_words();
	for (uint32_t u = 0; u < shape->senders + shape->receivers; u++)
		join(&w->users[u], u < shape->senders ? ROLE_SENDER : ROLE_RECEIVER, u + 1);
	fill(shape->filled);
	for (uint32_t u = 0; u < shape->senders; u++)
		(shape->mortal_senders ? explore_mortal : explore_thread)(senders[u], send, &w->users[u]);
	for (uint32_t u = 0; u < shape->receivers; u++)
		(shape->mortal_receivers ? explore_mortal : explore_thread)(receivers[u], receive,
		                                                            &w->users[shape->senders + u]);
	for (uint32_t r = 0; r < shape->reapers; r++)
		(shape->mortal_reapers ? explore_mortal : explore_thread)(r ? "reaper 2" : "reaper",
		                                                          reap_when_dead, NULL);
}

uint64_t *xring_bytes(uint32_t block)
{
	return xring_payload(&w->ring, block);
}

uint64_t xring_value(const struct user *user, unsigned n)
{
	return w->shape->filled + 1 + (uint64_t)(user - w->users) * w->shape->pushes + n;
}

int xring_send(struct user *user, uint64_t value)
{
	unsigned op;
	int rc;

	explore_set(xring_bytes(user->slot.block), value);
	op = history_begin(&w->history, HISTORY_PUSH, value);
	rc = xring_push(&w->ring, &user->cursor, &user->slot, 8);
	history_end(&w->history, op, rc, value);
	w->sent[value] += rc == STOA_OK;
	return rc;
}

static int accept_all(const void *context, uint32_t block)
{
	(void)context;
	(void)block;
	return 0;
}

static const struct acceptance all = { .accept = accept_all };

/* A message is in the user's slot; acknowledges it. */
static void receive(struct user *user, uint8_t *counts, uint64_t value, uint64_t size)
{
	explore_check(size == 8, "a message of %llu bytes", (unsigned long long)size);
	explore_check(value < HISTORY_MAX, "nobody sent %llu", (unsigned long long)value);
	counts[value]++;
	slot_acknowledge(&user->slot);
	w->acknowledged[value]++;
}

int xring_receive(struct user *user)
{
	unsigned op = history_begin(&w->history, HISTORY_POP, 0);
	uint64_t size, value = 0;
	int rc = xring_pop(&w->ring, &user->cursor, &user->slot, 8, false, &size);

	if (rc == STOA_OK)
		value = explore_get(xring_bytes(user->slot.block));
	history_end(&w->history, op, rc, value);
	if (rc != STOA_OK)
		return rc;
	receive(user, w->got, value, size);
	return rc;
}

int xring_receive_orphan(struct user *user)
{
	uint32_t deliveries;
	uint64_t size, id, value;
	int rc = slot_take_orphan(&user->slot, &w->ring.exchange, &all, &deliveries);

	if (rc != STOA_OK)
		return rc;
	explore_check(xring_message(&w->ring, user->slot.block, &size, &id) == 0, "an orphan of nonsense");
	value = explore_get(xring_bytes(user->slot.block));
	explore_check(value < HISTORY_MAX && deliveries > 1 && deliveries > w->got[value] + w->again[value],
	              "message %llu says that it comes for the %uth time", (unsigned long long)value,
	              deliveries);
	receive(user, w->again, value, size);
	return rc;
}

void xring_reap(const struct user *user)
{
	uint32_t orphans;
	int rc;

	while ((rc = exchange_settle(&w->ring.exchange, (uint32_t)(user - w->users) + 1, false, &orphans)) ==
	       -EAGAIN)
		explore_pause();
	explore_check(rc == 0, "settling says %d", rc);
}

/* ---- what must hold in the end ---- */

void xring_check_blocks(void)
{
	uint8_t found[64] = { 0 };

	for (uint64_t i = 0; i < w->ring.capacity; i++)
		found[atom64_load_seq(&w->ring.exchange.cells[i]) & (BLOCKS_MAX - 1)]++;
	for (unsigned u = 0; u < w->shape->senders + w->shape->receivers; u++)
		found[w->users[u].slot.block]++;
	for (uint32_t b = 0; b < w->ring.exchange.blocks; b++)
		explore_check(found[b] <= 1, "block %u is in %u places", b, found[b]);
}

/* Of a slot whose owner is dead and settled: the block it has, or that waits in its orphan cell. */
static uint32_t settled_block(const struct user *user)
{
	const struct exchange_slot *slot = user->slot.shared;
	uint64_t intent = atom64_load_seq(&slot->intent), orphan = atom64_load_seq(&slot->orphan);

	explore_check(intent_kind(intent) == INTENT_SETTLED || intent_kind(intent) == INTENT_REDELIVER,
	              "a dead slot is not settled: 0x%llx", (unsigned long long)intent);
	return intent_kind(intent) == INTENT_SETTLED ? intent_out(intent) : orphan_block(orphan);
}

/* By a reaper; or its owner gave its message back, and has not looked again. */
static bool is_settled(unsigned u)
{
	return !explore_returned(u) || intent_kind(w->users[u].slot.intent) == INTENT_REDELIVER;
}

static void audit_blocks(const struct user *auditor)
{
	uint8_t found[64] = { 0 };

	for (uint64_t i = 0; i < w->ring.capacity; i++)
		found[atom64_load_seq(&w->ring.exchange.cells[i]) & (BLOCKS_MAX - 1)]++;
	for (unsigned u = 0; u < w->shape->senders + w->shape->receivers; u++)
		found[is_settled(u) ? settled_block(&w->users[u]) : w->users[u].slot.block]++;
	found[auditor->slot.block]++;
	for (uint32_t b = 0; b < w->ring.exchange.blocks; b++)
		explore_check(found[b] == 1, "block %u is in %u places", b, found[b]);
}

static void audit_values(void)
{
	for (unsigned v = 1; v < HISTORY_MAX; v++) {
		unsigned all_times = w->got[v] + w->again[v];

		explore_check(w->got[v] <= 1, "message %u came %u times", v, w->got[v]);
		explore_check(!w->sent[v] || all_times, "message %u is lost", v);
		explore_check(w->acknowledged[v] == (all_times > 0),
		              "message %u came %u times, and was acknowledged %u times", v, all_times,
		              w->acknowledged[v]);
	}
}

void xring_audit(void)
{
	struct user auditor = { 0 };

	for (unsigned u = 0; u < w->shape->senders + w->shape->receivers; u++) {
		if (!explore_returned(u)) /* who was stopped for ever is killed now */
			xring_reap(&w->users[u]);
	}
	join(&auditor, ROLE_RECEIVER, USERS_MAX + 1);
	while (xring_receive_orphan(&auditor) == STOA_OK || xring_receive(&auditor) == STOA_OK)
		;
	audit_values();
	audit_blocks(&auditor);
}
