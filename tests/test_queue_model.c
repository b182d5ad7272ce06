/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queues against a model: random calls by some senders and receivers, one after the other, each answered
 * as a list of messages in plain memory would answer it.
 */
#include "queue_helpers.h"

#define SENDERS 3
#define RECEIVERS 3
#define HOLDS_MAX 4
#define SIZE_MAX_HERE 80
#define MESSAGES 400 /* of one run, at most */

enum where {
	GONE,
	IN_RING,
	ORPHAN,
	LEASED
};

struct entry {
	uint64_t tag;
	uint32_t deliveries; /* so far */
	enum where where;
};

/* Messages by their ids, which count up from 0. */
struct model {
	struct place place;
	bool spsc, closed;
	uint32_t holds;
	uint64_t capacity, seed;
	uint64_t sent, received, returned;
	struct entry entries[MESSAGES];
	struct stoa_sender *senders[SENDERS];
	void *reserved[SENDERS][HOLDS_MAX]; /* NULL: not */
	uint64_t reserved_tag[SENDERS][HOLDS_MAX];
	struct stoa_receiver *receivers[RECEIVERS];
	struct stoa_message leased[RECEIVERS][HOLDS_MAX]; /* bytes NULL: not */
};

static uint64_t count_where(const struct model *model, enum where where)
{
	uint64_t count = 0;

	for (uint64_t id = 0; id < model->sent; id++)
		count += model->entries[id].where == where;
	return count;
}

/* An SPSC ring's places are free when all before them are. */
static bool is_full(const struct model *model)
{
	uint64_t oldest = 0;

	if (!model->spsc)
		return model->sent - model->received == model->capacity;
	while (oldest < model->sent && model->entries[oldest].where == GONE)
		oldest++;
	return model->sent - oldest == model->capacity;
}

static uint32_t reservations(const struct model *model, uint32_t s)
{
	uint32_t count = 0;

	for (uint32_t k = 0; k < model->holds; k++)
		count += model->reserved[s][k] != NULL;
	return count;
}

static uint32_t leases(const struct model *model, uint32_t r)
{
	uint32_t count = 0;

	for (uint32_t k = 0; k < model->holds; k++)
		count += model->leased[r][k].bytes != NULL;
	return count;
}

static void committed(struct model *model, uint64_t tag)
{
	model->entries[model->sent++] = (struct entry){ .tag = tag, .where = IN_RING };
}

static void do_push(struct model *model, uint32_t s)
{
	uint64_t tag = random_next(&model->seed) >> 8;
	int expected = reservations(model, s) == model->holds ? -ENOBUFS
	               : model->closed                        ? STOA_CLOSED
	               : is_full(model)                       ? STOA_FULL
	                                                      : STOA_OK;

	assert_int_equal(push(&model->place, model->senders[s], tag), expected);
	if (expected == STOA_OK)
		committed(model, tag);
}

static void do_reserve(struct model *model, uint32_t s)
{
	uint64_t tag = random_next(&model->seed) >> 8;
	size_t size = size_of(&model->place, tag);
	uint32_t k = 0;
	void *bytes;

	if (reservations(model, s) == model->holds) {
		assert_int_equal(stoa_sender_reserve(model->senders[s], size, &bytes), -ENOBUFS);
		return;
	}
	while (model->reserved[s][k])
		k++;
	ok(stoa_sender_reserve(model->senders[s], size, &bytes));
	fill(bytes, size, tag);
	model->reserved[s][k] = bytes;
	model->reserved_tag[s][k] = tag;
}

static void do_commit(struct model *model, uint32_t s)
{
	uint32_t k = (uint32_t)below(&model->seed, model->holds);
	uint64_t tag = model->reserved_tag[s][k];
	int expected = model->closed ? STOA_CLOSED : is_full(model) ? STOA_FULL : STOA_OK;

	if (!model->reserved[s][k])
		return;
	if (below(&model->seed, 5) == 0) {
		ok(stoa_sender_abort(model->senders[s], model->reserved[s][k]));
		model->reserved[s][k] = NULL;
		return;
	}
	assert_int_equal(stoa_sender_commit(model->senders[s], model->reserved[s][k],
	                                    size_of(&model->place, tag), &stoa_now),
	                 expected);
	if (expected == STOA_OK) {
		model->reserved[s][k] = NULL;
		committed(model, tag);
	}
}

/* What a receiver with a free hold must answer; where it is 0 and `*id` UINT64_MAX, with any orphan. */
static int expected_message(const struct model *model, uint32_t r, uint64_t *id)
{
	*id = UINT64_MAX;
	if (leases(model, r) == model->holds)
		return -ENOBUFS;
	if (count_where(model, ORPHAN)) {
		for (uint64_t i = 0; i < model->sent && model->spsc && *id == UINT64_MAX; i++)
			*id = model->entries[i].where == ORPHAN ? i : UINT64_MAX;
		return STOA_OK;
	}
	*id = model->received;
	if (model->received < model->sent)
		return STOA_OK;
	return model->closed && !count_where(model, LEASED) ? STOA_CLOSED : STOA_EMPTY;
}

static void came(struct model *model, uint64_t id, enum where where)
{
	if (model->entries[id].where == IN_RING)
		model->received++;
	model->entries[id].where = where;
	model->entries[id].deliveries++;
}

static void do_pop(struct model *model, uint32_t r)
{
	uint8_t bytes[SIZE_MAX_HERE];
	size_t size = 0;
	uint64_t id;
	int expected = expected_message(model, r, &id);

	if (id == UINT64_MAX && count_where(model, ORPHAN) > 1)
		return; /* a copy does not tell which one it is */
	assert_int_equal(stoa_receiver_pop(model->receivers[r], bytes, sizeof bytes, &size), expected);
	if (expected != STOA_OK)
		return;
	for (uint64_t i = 0; i < model->sent && id == UINT64_MAX; i++)
		id = model->entries[i].where == ORPHAN ? i : UINT64_MAX;
	assert_true(id < model->sent);
	assert_int_equal(size, size_of(&model->place, model->entries[id].tag));
	assert_true(is_filled(bytes, size, model->entries[id].tag));
	came(model, id, GONE);
}

static void do_take(struct model *model, uint32_t r)
{
	struct stoa_message message;
	uint32_t k = 0;
	uint64_t id;
	int expected = expected_message(model, r, &id);

	assert_int_equal(stoa_receiver_take(model->receivers[r], &message, &stoa_now), expected);
	if (expected != STOA_OK)
		return;
	if (id == UINT64_MAX)
		id = message.id;
	assert_int_equal(message.id, id);
	assert_true(id < model->sent &&
	            (model->entries[id].where == ORPHAN || model->entries[id].where == IN_RING));
	assert_true(message_is(&model->place, &message, model->entries[id].tag));
	came(model, id, LEASED);
	assert_int_equal(message.deliveries, model->entries[id].deliveries);
	assert_int_equal(message.flags, message.deliveries > 1 ? STOA_REDELIVERED : 0);
	while (model->leased[r][k].bytes)
		k++;
	model->leased[r][k] = message;
}

static void do_end_lease(struct model *model, uint32_t r)
{
	struct stoa_message *message = &model->leased[r][below(&model->seed, model->holds)];
	uint64_t id = message->id;

	if (!message->bytes)
		return;
	assert_true(message_is(&model->place, message, model->entries[id].tag)); /* still */
	if (below(&model->seed, 3)) {
		ok(stoa_receiver_release(model->receivers[r], message));
		model->entries[id].where = GONE;
	} else {
		ok(stoa_receiver_return(model->receivers[r], message));
		model->entries[id].where = ORPHAN;
		model->returned++;
	}
	assert_null(message->bytes);
}

static void reopen_sender(struct model *model, uint32_t s)
{
	ok(stoa_sender_close(model->senders[s]));
	memset(model->reserved[s], 0, sizeof model->reserved[s]);
	model->senders[s] = new_sender(&model->place);
}

static void reopen_receiver(struct model *model, uint32_t r)
{
	for (uint32_t k = 0; k < model->holds; k++) {
		if (!model->leased[r][k].bytes)
			continue;
		model->entries[model->leased[r][k].id].where = ORPHAN;
		model->leased[r][k].bytes = NULL;
		model->returned++;
	}
	ok(stoa_receiver_close(model->receivers[r]));
	model->receivers[r] = new_receiver(&model->place);
}

static void check_stat(const struct model *model)
{
	struct stoa_queue_stat stat = stat_of(&model->place);

	assert_int_equal(stat.sent, model->sent);
	assert_int_equal(stat.received, model->received);
	assert_int_equal(stat.length, count_where(model, IN_RING) + count_where(model, ORPHAN));
	assert_int_equal(stat.held, count_where(model, LEASED));
	assert_int_equal(stat.discarded, 0);
	assert_true(model->spsc || stat.redelivered == model->returned);
}

static void play(struct topology topology, uint64_t seed)
{
	static struct model model;
	struct stoa_queue_config config;
	uint32_t senders = topology.senders == STOA_ONE ? 1 : SENDERS;
	uint32_t receivers = topology.receivers == STOA_ONE ? 1 : RECEIVERS;

	memset(&model, 0, sizeof model);
	model.seed = seed;
	model.spsc = senders == 1 && receivers == 1;
	model.capacity = 1 + below(&model.seed, 6);
	model.holds = 1 + (uint32_t)below(&model.seed, HOLDS_MAX);
	config = shape(topology, model.capacity, 1 + below(&model.seed, SIZE_MAX_HERE));
	config.holds = model.holds;
	model.place = new_place(&config);
	for (uint32_t s = 0; s < senders; s++)
		model.senders[s] = new_sender(&model.place);
	for (uint32_t r = 0; r < receivers; r++)
		model.receivers[r] = new_receiver(&model.place);
	for (int i = 0; i < MESSAGES; i++) {
		uint32_t s = (uint32_t)below(&model.seed, senders),
			 r = (uint32_t)below(&model.seed, receivers);

		switch (below(&model.seed, 16)) {
		case 0 ... 3:
			do_push(&model, s);
			break;
		case 4:
			do_reserve(&model, s);
			break;
		case 5 ... 6:
			do_commit(&model, s);
			break;
		case 7 ... 8:
			do_pop(&model, r);
			break;
		case 9 ... 11:
			do_take(&model, r);
			break;
		case 12 ... 14:
			do_end_lease(&model, r);
			break;
		default:
			if (below(&model.seed, 2))
				reopen_sender(&model, s);
			else
				reopen_receiver(&model, r);
		}
		if (below(&model.seed, 8) == 0)
			check_stat(&model);
		if (i == MESSAGES * 3 / 4) {
			ok(stoa_queue_shutdown(model.place.queue, STOA_DRAIN));
			model.closed = true;
		}
	}
	check_stat(&model);
	for (uint32_t s = 0; s < senders; s++)
		ok(stoa_sender_close(model.senders[s]));
	for (uint32_t r = 0; r < receivers; r++)
		ok(stoa_receiver_close(model.receivers[r]));
	end_place(&model.place);
}

static uint64_t playing;

static int tell_the_seed(void **state)
{
	(void)state;
	print_message("# the last seed was %d\n", (int)playing);
	return 0;
}

static void every_call_answers_as_the_model_does(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4000; seed++) {
		playing = seed;
		play(topologies[seed % 4], seed * 0x9e3779b97f4a7c15ull);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_call_answers_as_the_model_does, tell_the_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
