/* SPDX-License-Identifier: BSD-2-Clause */
/* Event words: announce, wait, wake, by processes that share nothing else. */
#include "support.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "atomic.h"
#include "event.h"
#include "os.h"

#define MS 1000000ull
#define SOMEBODY 1u
#define ROUNDS 10000

struct world {
	struct event_word there, back;
	struct atom64 ball; /* odd: the other's turn */
	struct atom64 woken;
	struct atom64 stop;
	int asleep;
};

static uint32_t word_of(const struct event_word *event)
{
	return atom32_load_seq(&event->word);
}

/* Sleeps until *ball is `value`, without a deadline of its own: 0, or 1 after far too long. */
static int sleep_until(struct world *world, struct event_word *event, uint64_t value)
{
	uint64_t end = os_now_ns() + PATIENCE_MS * MS;

	while (atom64_load_seq(&world->ball) != value) {
		uint32_t announced = event_announce(event);

		if (atom64_load_seq(&world->ball) == value)
			break;
		/* A lost wake-up is a wait of PATIENCE_MS, and fails. */
		if (event_wait(event, announced, end) == -ETIMEDOUT)
			return 1;
	}
	return 0;
}

static int ponger(void *context)
{
	struct world *world = context;

	for (uint64_t i = 0; i < ROUNDS; i++) {
		if (sleep_until(world, &world->there, 2 * i + 1))
			return 1;
		atom64_store_seq(&world->ball, 2 * i + 2);
		event_wake_one(&world->back);
	}
	return 0;
}

static void no_wake_up_is_lost_between_two_processes(void **state)
{
	struct world *world = shared_memory(sizeof *world);
	pid_t other = child_start(ponger, world);
	int lost = 0;

	(void)state;
	for (uint64_t i = 0; i < ROUNDS && !lost; i++) {
		atom64_store_seq(&world->ball, 2 * i + 1);
		event_wake_all(&world->there);
		lost = sleep_until(world, &world->back, 2 * i + 2);
	}
	assert_int_equal(lost, 0);
	assert_int_equal(child_end(other), 0);
}

static void an_announcement_sets_the_bit_and_keeps_the_count(void **state)
{
	struct event_word event = { 0 };
	uint32_t first, second;

	(void)state;
	first = event_announce(&event);
	second = event_announce(&event);
	assert_int_equal(first, SOMEBODY);
	assert_int_equal(second, first);
	assert_int_equal(word_of(&event), first);
	event_wake_all(&event);
	assert_int_equal(word_of(&event), 4);
	assert_int_equal(event_announce(&event), 5);
}

static void waking_nobody_changes_nothing(void **state)
{
	struct event_word event = { 0 };

	(void)state;
	event_wake_one(&event);
	event_wake_all(&event);
	assert_int_equal(word_of(&event), 0);
}

static void a_wake_after_the_announcement_ends_the_wait_at_once(void **state)
{
	struct event_word event = { 0 };
	uint32_t announced = event_announce(&event);

	(void)state;
	event_wake_one(&event);
	assert_int_equal(event_wait(&event, announced, os_now_ns() + PATIENCE_MS * MS), 0);
	announced = event_announce(&event);
	event_wake_all(&event);
	assert_int_equal(event_wait(&event, announced, os_now_ns() + PATIENCE_MS * MS), 0);
}

static void a_wait_ends_at_its_deadline_and_not_before(void **state)
{
	struct event_word event = { 0 };
	uint32_t announced = event_announce(&event);
	uint64_t deadline = os_now_ns() + 30 * MS;

	(void)state;
	assert_int_equal(event_wait(&event, announced, deadline), -ETIMEDOUT);
	assert_true(os_now_ns() >= deadline);
	assert_int_equal(event_wait(&event, announced, 0), -ETIMEDOUT);
}

static void the_count_wraps_around(void **state)
{
	struct event_word event = { 0 };
	uint32_t announced;

	(void)state;
	atom32_store_seq(&event.word, UINT32_MAX - 3);
	announced = event_announce(&event);
	assert_int_equal(announced, UINT32_MAX - 2);
	event_wake_all(&event);
	assert_int_equal(word_of(&event), 0);
	assert_int_equal(event_wait(&event, announced, os_now_ns() + PATIENCE_MS * MS), 0);
}

static void a_closed_short_way_stays_closed(void **state)
{
	struct event_word event = { 0 };
	uint32_t announced;

	(void)state;
	event_close_short_way(&event);
	assert_int_equal(word_of(&event), EVENT_LONG_WAY);
	assert_false(event_awaited(&event));
	event_close_short_way(&event);
	announced = event_announce(&event);
	assert_int_equal(announced, EVENT_LONG_WAY | SOMEBODY);
	event_wake_all(&event);
	assert_int_equal(word_of(&event), 4 | EVENT_LONG_WAY);
	event_announce(&event);
	event_wake_one(&event); /* finds nobody asleep */
	assert_int_equal(word_of(&event), 8 | EVENT_LONG_WAY);
	atom32_store_seq(&event.word, UINT32_MAX);
	event_wake_all(&event);
	assert_int_equal(word_of(&event), EVENT_LONG_WAY);
}

/* Who is about to sleep when it is closed looks again. */
static void closing_the_short_way_keeps_a_waiter_awake(void **state)
{
	struct event_word event = { 0 };
	uint32_t announced = event_announce(&event);

	(void)state;
	event_close_short_way(&event);
	assert_int_equal(event_wait(&event, announced, os_now_ns() + PATIENCE_MS * MS), 0);
}

static volatile sig_atomic_t handled;

static void handle(int number)
{
	(void)number;
	handled++;
}

static int poke_parent(void *context)
{
	(void)context;
	for (int i = 0; i < 200; i++) { /* again and again: the first may come before the wait */
		sleep_ms(5);
		if (kill(getppid(), SIGUSR1))
			break;
	}
	return 0;
}

static void wait_through_signals(int flags)
{
	struct sigaction action = { .sa_handler = handle, .sa_flags = flags }, before;
	struct event_word event = { 0 };
	uint32_t announced = event_announce(&event);
	pid_t poker;
	int rc;

	handled = 0;
	sigaction(SIGUSR1, &action, &before);
	poker = child_start(poke_parent, NULL);
	rc = event_wait(&event, announced, os_now_ns() + PATIENCE_MS * MS);
	child_kill(poker);
	sigaction(SIGUSR1, &before, NULL);
	assert_int_equal(rc, -EINTR);
	assert_true(handled > 0);
}

static void a_signal_handler_ends_a_wait(void **state)
{
	(void)state;
	wait_through_signals(0);
	wait_through_signals(SA_RESTART);
}

static int sleeper(void *context)
{
	struct world *world = context;
	uint32_t announced = event_announce(&world->there);

	set_word(&world->asleep, 1);
	event_wait(&world->there, announced, UINT64_MAX);
	return 0;
}

static void a_stopped_and_continued_waiter_waits_on(void **state)
{
	struct world *world = shared_memory(sizeof *world);
	pid_t pid = child_start(sleeper, world);

	(void)state;
	assert_true(await_word(&world->asleep, 1));
	sleep_ms(20);
	kill(pid, SIGSTOP);
	sleep_ms(5);
	kill(pid, SIGCONT);
	sleep_ms(20);
	event_wake_one(&world->there);
	assert_int_equal(child_end(pid), 0);
}

static void kill_a_sleeper(struct world *world)
{
	pid_t pid;

	world->asleep = 0;
	pid = child_start(sleeper, world);
	assert_true(await_word(&world->asleep, 1));
	sleep_ms(5);
	assert_int_equal(child_kill(pid), CHILD_SIGNAL + SIGKILL);
	assert_true(word_of(&world->there) & SOMEBODY);
}

static void a_dead_waiter_costs_one_needless_call(void **state)
{
	struct world *world = shared_memory(sizeof *world);
	uint32_t word;

	(void)state;
	kill_a_sleeper(world);
	event_wake_one(&world->there);
	word = word_of(&world->there);
	assert_false(word & SOMEBODY); /* from here on a wake is one load */
	event_wake_one(&world->there);
	assert_int_equal(word_of(&world->there), word);
	kill_a_sleeper(world);
	event_wake_all(&world->there);
	assert_false(word_of(&world->there) & SOMEBODY);
}

static int count_me(void *context)
{
	struct world *world = context;
	uint32_t announced = event_announce(&world->there);

	atom64_add_seq(&world->ball, 1);
	if (event_wait(&world->there, announced, os_now_ns() + PATIENCE_MS * MS))
		return 1;
	atom64_add_seq(&world->woken, 1);
	return 0;
}

static void start_waiters(struct world *world, pid_t *pids, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		pids[i] = child_start(count_me, world);
	while (atom64_load_seq(&world->ball) < count)
		sleep_ms(1);
	sleep_ms(50); /* asleep, in all likelihood */
}

static void wake_all_wakes_all(void **state)
{
	struct world *world = shared_memory(sizeof *world);
	pid_t pids[4];

	(void)state;
	start_waiters(world, pids, 4);
	event_wake_all(&world->there);
	for (int i = 0; i < 4; i++)
		assert_int_equal(child_end(pids[i]), 0);
}

static void wakes_of_one_reach_every_waiter(void **state)
{
	struct world *world = shared_memory(sizeof *world);
	pid_t pids[4];

	(void)state;
	start_waiters(world, pids, 4);
	for (int i = 0; i < 4; i++)
		event_wake_one(&world->there);
	for (int i = 0; i < 4; i++)
		assert_int_equal(child_end(pids[i]), 0);
	assert_int_equal(atom64_load_seq(&world->woken), 4);
}

/* A thousand tokens, one wake each, for waiters that sleep without a slice. */
static int consumer(void *context)
{
	struct world *world = context;
	uint64_t end = os_now_ns() + PATIENCE_MS * MS;

	for (;;) {
		uint64_t ball = atom64_load_seq(&world->ball);

		if (ball) {
			if (atom64_cas_seq(&world->ball, &ball, ball - 1))
				atom64_add_seq(&world->woken, 1);
			continue;
		}
		if (atom64_load_seq(&world->stop))
			return 0;
		uint32_t announced = event_announce(&world->there);
		if (atom64_load_seq(&world->ball) || atom64_load_seq(&world->stop))
			continue;
		if (event_wait(&world->there, announced, end) == -ETIMEDOUT)
			return 1;
	}
}

static void many_waiters_get_every_token(void **state)
{
	struct world *world = shared_memory(sizeof *world);
	uint64_t end = os_now_ns() + PATIENCE_MS * MS;
	pid_t pids[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		pids[i] = child_start(consumer, world);
	for (uint64_t i = 1; i <= 1000; i++) {
		atom64_add_seq(&world->ball, 1);
		event_wake_one(&world->there);
		if (i % 8 == 0) /* now and then all fall asleep */
			while (atom64_load_seq(&world->woken) < i && os_now_ns() < end)
				os_sleep_ns(10000);
	}
	while (atom64_load_seq(&world->woken) < 1000 && os_now_ns() < end)
		sleep_ms(1);
	atom64_store_seq(&world->stop, 1);
	event_wake_all(&world->there);
	for (int i = 0; i < 4; i++)
		assert_int_equal(child_end(pids[i]), 0);
	assert_int_equal(atom64_load_seq(&world->woken), 1000);
}

static void slices_grow_from_10_to_100_ms_and_end_at_the_deadline(void **state)
{
	uint64_t slice = 0, now = os_now_ns(), until;

	(void)state;
	until = event_slice(&slice, UINT64_MAX);
	assert_int_equal(slice, 10 * MS);
	assert_true(until >= now + 10 * MS && until <= os_now_ns() + 10 * MS);
	event_slice(&slice, UINT64_MAX);
	assert_int_equal(slice, 20 * MS);
	for (int i = 0; i < 10; i++)
		event_slice(&slice, UINT64_MAX);
	assert_int_equal(slice, 100 * MS);
	until = os_now_ns() + 1;
	assert_int_equal(event_slice(&slice, until), until);
	assert_int_equal(event_slice(&slice, 0), 0);
	until = os_now_ns() + 50 * MS;
	assert_int_equal(event_slice(&slice, until), until);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_announcement_sets_the_bit_and_keeps_the_count),
		cmocka_unit_test(waking_nobody_changes_nothing),
		cmocka_unit_test(a_wake_after_the_announcement_ends_the_wait_at_once),
		cmocka_unit_test(a_wait_ends_at_its_deadline_and_not_before),
		cmocka_unit_test(the_count_wraps_around),
		cmocka_unit_test(a_closed_short_way_stays_closed),
		cmocka_unit_test(closing_the_short_way_keeps_a_waiter_awake),
		cmocka_unit_test(a_signal_handler_ends_a_wait),
		cmocka_unit_test(a_stopped_and_continued_waiter_waits_on),
		cmocka_unit_test(a_dead_waiter_costs_one_needless_call),
		cmocka_unit_test(wake_all_wakes_all),
		cmocka_unit_test(wakes_of_one_reach_every_waiter),
		cmocka_unit_test(many_waiters_get_every_token),
		cmocka_unit_test(no_wake_up_is_lost_between_two_processes),
		cmocka_unit_test(slices_grow_from_10_to_100_ms_and_end_at_the_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
