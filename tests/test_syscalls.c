/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * No system call when nobody waits.  A child opens what it needs, then a seccomp filter turns each further
 * system call into a signal, whose handler notes the call's number; then it works.  The clock is let through:
 * mostly it is no system call, and where it is, that is the machine's affair.  The child is alone in its segment:
 * so it has nobody after whom to look now and then.
 */
#include "support.h"

#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stoa.h>

#include "sanitizers.h"

#define TURNS 100000
#define SIZE 48u
#define WORDS 8u
#define BURST 8u

#define CALL_SEEN 1
#define CALL_FAILED 2

/* ---- the watch ---- */

static volatile sig_atomic_t seen, seen_number;

static void note(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	seen_number = info->si_syscall;
	seen++;
}

#define LET(call)                                                                                            \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/*
 * From here on system calls are noted, and not made.  False where that is not permitted, or is not ours alone: a
 * sanitizer makes some of its own.
 */
static bool watch(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		LET(clock_gettime),
		LET(rt_sigreturn),
		LET(write), /* the report */
		LET(exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog program = { .len = sizeof filter / sizeof filter[0], .filter = filter };
	struct sigaction action = { .sa_sigaction = note, .sa_flags = SA_SIGINFO };

	return !SANITIZES_ADDRESSES && !SANITIZES_THREADS && sigaction(SIGSYS, &action, NULL) == 0 &&
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* ---- what works ---- */

struct place {
	struct stoa_segment *segment;
	struct stoa_queue *queue;
	struct stoa_sender *sender;
	struct stoa_receiver *receiver;
	struct stoa_value *value;
	struct stoa_array *array;
	struct stoa_semaphore *semaphore;
	struct stoa_event *event;
	struct stoa_barrier *barrier;
	struct stoa_lock *lock;
};

struct work {
	const char *name;
	unsigned senders, receivers; /* a queue's */
	uint32_t type;               /* a value's, an array's */
	bool (*open)(struct place *, const struct work *);
	bool (*turn)(struct place *);
};

static bool open_queue(struct place *place, const struct work *work)
{
	struct stoa_queue_config config = {
		.struct_size = sizeof config,
		.capacity = 64,
		.message_size = SIZE,
		.senders = work->senders,
		.receivers = work->receivers,
	};

	return !stoa_queue_create(place->segment, "queue", &config, &place->queue) &&
	       !stoa_sender_open(place->queue, &place->sender) &&
	       !stoa_receiver_open(place->queue, &place->receiver);
}

static bool push_and_pop(struct place *place)
{
	char message[SIZE] = { 1 };

	return !stoa_sender_push(place->sender, message, SIZE) &&
	       !stoa_receiver_pop(place->receiver, message, SIZE, NULL);
}

static bool send_and_receive(struct place *place)
{
	char message[SIZE] = { 1 };

	return !stoa_sender_send(place->sender, message, SIZE, NULL) &&
	       !stoa_receiver_recv(place->receiver, message, SIZE, NULL, NULL);
}

static bool move_many(struct place *place)
{
	char messages[BURST * SIZE] = { 1 };
	size_t done;

	return !stoa_sender_push_many(place->sender, messages, SIZE, BURST, &done) && done == BURST &&
	       !stoa_receiver_pop_many(place->receiver, messages, SIZE, NULL, BURST, &done) && done == BURST;
}

static bool move_in_place(struct place *place)
{
	struct stoa_message message;
	void *bytes;

	return !stoa_sender_reserve(place->sender, SIZE, &bytes) &&
	       !stoa_sender_commit(place->sender, bytes, SIZE, NULL) &&
	       !stoa_receiver_take(place->receiver, &message, NULL) &&
	       !stoa_receiver_release(place->receiver, &message);
}

static bool open_value(struct place *place, const struct work *work)
{
	struct stoa_value_config config = { .struct_size = sizeof config, .type = work->type, .size = SIZE };

	config.size = work->type == STOA_BYTES ? SIZE : 0;
	return !stoa_value_create(place->segment, "value", &config, &place->value);
}

static bool use_number(struct place *place)
{
	uint64_t one = 1, got;

	return !stoa_value_store(place->value, &one) && !stoa_value_load(place->value, &got) &&
	       !stoa_value_fetch_add(place->value, &one, &got) &&
	       !stoa_value_exchange(place->value, &one, &got);
}

static int change(void *bytes, void *context)
{
	(void)context;
	++*(char *)bytes;
	return 0;
}

static bool use_struct(struct place *place)
{
	char bytes[SIZE] = { 1 };

	return !stoa_value_store(place->value, bytes) && !stoa_value_load(place->value, bytes) &&
	       !stoa_value_update(place->value, change, NULL);
}

static bool open_array(struct place *place, const struct work *work)
{
	struct stoa_array_config config = { .struct_size = sizeof config,
		                            .type = work->type,
		                            .count = WORDS };

	return !stoa_array_create(place->segment, "array", &config, &place->array);
}

static bool use_array(struct place *place)
{
	uint64_t words[WORDS] = { 1 };

	return !stoa_array_store(place->array, 1, words) && !stoa_array_load(place->array, 1, words) &&
	       !stoa_array_fetch_add(place->array, 2, words, NULL) &&
	       !stoa_array_write(place->array, 0, WORDS, words) &&
	       !stoa_array_read(place->array, 0, WORDS, words);
}

static bool open_sync(struct place *place, const struct work *work)
{
	struct stoa_barrier_config barrier = { .struct_size = sizeof barrier, .parties = 1 };

	(void)work;
	return !stoa_semaphore_create(place->segment, "semaphore", NULL, &place->semaphore) &&
	       !stoa_event_create(place->segment, "event", NULL, &place->event) &&
	       !stoa_barrier_create(place->segment, "barrier", &barrier, &place->barrier) &&
	       !stoa_lock_create(place->segment, "lock", NULL, &place->lock);
}

static bool post_and_wait(struct place *place)
{
	return !stoa_semaphore_post(place->semaphore) && !stoa_semaphore_wait(place->semaphore, NULL);
}

static bool set_and_clear(struct place *place)
{
	return !stoa_event_set(place->event) && !stoa_event_wait(place->event, NULL) &&
	       !stoa_event_clear(place->event);
}

static bool pass_a_barrier(struct place *place)
{
	return stoa_barrier_wait(place->barrier, NULL) >= 0;
}

static bool acquire_and_release(struct place *place)
{
	return !stoa_lock_acquire(place->lock, NULL) && !stoa_lock_release(place->lock);
}

static bool ask_the_kernel(struct place *place)
{
	(void)place;
	return syscall(SYS_getppid) != 0; /* what a call that is not made returns is not promised */
}

/* ---- the tests ---- */

static int work(void *context)
{
	const struct work *work = context;
	struct stoa_segment_config config = { .struct_size = sizeof config };
	struct place place = { 0 };

	if (stoa_segment_create(NULL, &config, &place.segment) || (work->open && !work->open(&place, work)) ||
	    !work->turn(&place))
		return CALL_FAILED;
	if (!watch())
		return CHILD_SKIPPED;
	for (int i = 0; i < TURNS; i++)
		if (!work->turn(&place))
			return CALL_FAILED;
	if (seen)
		dprintf(STDERR_FILENO, "%s: %d system calls, the last one number %d\n", work->name, (int)seen,
		        (int)seen_number);
	return seen ? CALL_SEEN : 0;
}

/* fn's exit handlers would make system calls. */
static int work_and_go(void *context)
{
	_exit(work(context));
}

static void nobody_asks_the_kernel(const struct work *works, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct work one = works[i];
		int rc = in_child(work_and_go, &one);

		if (rc == CHILD_SKIPPED)
			skip();
		if (rc)
			print_error("%s\n", one.name);
		assert_int_equal(rc, 0);
	}
}

#define NONE_OF(...)                                                                                         \
	do {                                                                                                 \
		static const struct work works[] = { __VA_ARGS__ };                                          \
		nobody_asks_the_kernel(works, sizeof works / sizeof works[0]);                               \
	} while (0)

static void a_system_call_is_noticed(void **state)
{
	struct work one = { .name = "on purpose", .turn = ask_the_kernel };
	int rc = in_child(work_and_go, &one);

	(void)state;
	if (rc == CHILD_SKIPPED)
		skip();
	assert_int_equal(rc, CALL_SEEN);
}

static void no_message_takes_a_system_call(void **state)
{
	(void)state;
	NONE_OF({ "SPSC push, pop", STOA_ONE, STOA_ONE, 0, open_queue, push_and_pop },
	        { "SPSC send, recv", STOA_ONE, STOA_ONE, 0, open_queue, send_and_receive },
	        { "SPSC push_many, pop_many", STOA_ONE, STOA_ONE, 0, open_queue, move_many },
	        { "SPSC in place", STOA_ONE, STOA_ONE, 0, open_queue, move_in_place },
	        { "MPMC push, pop", STOA_MANY, STOA_MANY, 0, open_queue, push_and_pop },
	        { "MPMC send, recv", STOA_MANY, STOA_MANY, 0, open_queue, send_and_receive },
	        { "MPMC push_many, pop_many", STOA_MANY, STOA_MANY, 0, open_queue, move_many },
	        { "MPMC in place", STOA_MANY, STOA_MANY, 0, open_queue, move_in_place });
}

static void no_number_struct_or_array_takes_a_system_call(void **state)
{
	(void)state;
	NONE_OF({ "number", 0, 0, STOA_U64, open_value, use_number },
	        { "struct", 0, 0, STOA_BYTES, open_value, use_struct },
	        { "array", 0, 0, STOA_U64, open_array, use_array });
}

static void no_semaphore_event_barrier_or_lock_takes_a_system_call(void **state)
{
	(void)state;
	NONE_OF({ "semaphore", 0, 0, 0, open_sync, post_and_wait },
	        { "event", 0, 0, 0, open_sync, set_and_clear },
	        { "barrier", 0, 0, 0, open_sync, pass_a_barrier },
	        { "lock", 0, 0, 0, open_sync, acquire_and_release });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_system_call_is_noticed),
		cmocka_unit_test(no_message_takes_a_system_call),
		cmocka_unit_test(no_number_struct_or_array_takes_a_system_call),
		cmocka_unit_test(no_semaphore_event_barrier_or_lock_takes_a_system_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
