/* SPDX-License-Identifier: BSD-2-Clause */
/* Participants: who is attached, who is proven dead, what fork() does, how slots come back. */
#include "support.h"

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stoa.h>

#include "atomic.h"
#include "os.h"
#include "participant.h"
#include "segment.h"

#define ok(rc) assert_int_equal(rc, 0)

/* What a child and the test tell each other. */
struct board {
	volatile int up, go, fault;
	volatile int slot, pid;
	volatile uint64_t generation;
	volatile int counts[8];
};

static struct board *board;
static const char *name;

static struct stoa_segment *create(uint32_t participants)
{
	struct stoa_segment_config config = { .struct_size = sizeof config, .bytes = 65536,
		                              .participants = participants, .objects = 16 };
	struct stoa_segment *segment = NULL;
	int rc = stoa_segment_create(name, &config, &segment);

	if (rc || !segment) {
		print_error("create: %s\n", stoa_strerror(rc));
		abort();
	}
	return segment;
}

static int setup(void **state)
{
	(void)state;
	if (!board)
		board = shared_memory(sizeof *board);
	memset(board, 0, sizeof *board);
	name = test_name("p");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stoa_segment_unlink(name);
	return names_left() != 0;
}

static uint64_t state_of(const struct stoa_segment *segment, uint32_t slot)
{
	return atom64_load_seq(&segment_participant(segment, slot)->state);
}

static unsigned kind_of(const struct stoa_segment *segment, uint32_t slot)
{
	return state_of(segment, slot) & 0xff;
}

static uint64_t lock_offset(const struct stoa_segment *segment, uint32_t slot)
{
	return segment->participants_offset + slot * sizeof(struct participant_record);
}

static uint32_t alive(const struct stoa_segment *segment)
{
	struct stoa_segment_info info = { .struct_size = sizeof info };

	ok(stoa_segment_info(segment, &info));
	return info.participants_alive;
}

/* Opens the segment, says where, and stays until it is killed. */
static int attach_and_stay(void *context)
{
	struct stoa_segment *segment;

	(void)context;
	board->fault = stoa_segment_open(name, 0, &segment);
	if (!board->fault) {
		board->slot = (int)segment->self;
		board->generation = segment->generation;
	}
	set_word(&board->up, 1);
	for (;;)
		pause();
	return 0;
}

static pid_t attached_child(void)
{
	pid_t pid;

	set_word(&board->up, 0);
	pid = child_start(attach_and_stay, NULL);
	assert_true(await_word(&board->up, 1));
	ok(board->fault);
	return pid;
}

/* `context`: the handle that it inherits, or NULL. */
static int attach_once(void *context)
{
	struct stoa_segment *segment;
	int rc = stoa_segment_open(name, 0, &segment);

	if (!rc) {
		board->slot = (int)segment->self;
		board->generation = segment->generation;
		stoa_segment_close(segment);
		stoa_segment_close(context);
	}
	return rc == 0 ? 0 : rc == -EUSERS ? 2 : 1;
}

/* ---- coming and going ---- */

static void a_participant_is_told_by_slot(void **state)
{
	struct stoa_segment *segment = create(4);
	struct stoa_participant_info info = { .struct_size = sizeof info };
	char comm[16];

	(void)state;
	ok(stoa_segment_participant(segment, 0, &info));
	assert_int_equal(info.pid, getpid());
	assert_int_equal(info.alive, 1);
	assert_int_equal(info.generation, 1);
	assert_true(info.start_time > 0 && info.pid_namespace > 0 && info.attached_ns > 0);
	ok(prctl(PR_GET_NAME, comm));
	assert_string_equal(info.comm, comm);
	assert_int_equal(stoa_segment_participant(segment, 1, &info), STOA_EMPTY);
	assert_int_equal(stoa_segment_participant(segment, 4, &info), -ENOENT);
	assert_int_equal(stoa_segment_participant(segment, 0, NULL), -EINVAL);
	assert_int_equal(stoa_segment_participant(NULL, 0, &info), -EINVAL);
	assert_int_equal(stoa_segment_reap(NULL), -EINVAL);
	assert_int_equal(stoa_segment_reap(segment), 0);
	ok(stoa_segment_close(segment));
}

static void a_slot_that_was_left_is_free_with_a_new_generation_at_the_next(void **state)
{
	struct stoa_segment *segment = create(2);
	uint64_t before = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		ok(in_child(attach_once, segment));
		assert_int_equal(board->slot, 1);
		assert_true(board->generation > before);
		before = board->generation;
		assert_int_equal(kind_of(segment, 1), PARTICIPANT_FREE);
	}
	ok(stoa_segment_close(segment));
}

static void a_full_table_is_eusers_until_somebody_dies(void **state)
{
	struct stoa_segment *segment = create(2);
	pid_t pid = attached_child();

	(void)state;
	assert_int_equal(in_child(attach_once, NULL), 2);
	child_kill(pid);
	assert_int_equal(in_child(attach_once, NULL), 0);
	ok(stoa_segment_close(segment));
}

static void a_table_full_of_the_dead_takes_a_newcomer(void **state)
{
	struct stoa_segment *segment = create(6);
	pid_t pids[6];

	(void)state;
	ok(stoa_segment_close(segment)); /* so that nobody who lives has a slot */
	for (int turn = 0; turn < 3; turn++) {
		for (int i = 0; i < 6; i++)
			pids[i] = attached_child();
		for (int i = 0; i < 6; i++)
			child_kill(pids[i]);
		ok(stoa_segment_open(name, 0, &segment));
		assert_int_equal(alive(segment), 1);
		for (uint32_t slot = 0; slot < 6; slot++)
			assert_int_equal(kind_of(segment, slot),
			                 slot == segment->self ? PARTICIPANT_LIVE : PARTICIPANT_FREE);
		ok(stoa_segment_close(segment));
	}
}

/* ---- proof of death ---- */

static void a_killed_participant_is_dead_though_nobody_waited_for_it(void **state)
{
	struct stoa_segment *segment = create(4);
	pid_t pid = attached_child();
	uint32_t slot = (uint32_t)board->slot;
	siginfo_t info;

	(void)state;
	assert_false(participant_dead(segment, slot, board->generation));
	assert_int_equal(alive(segment), 2);
	assert_int_equal(stoa_segment_reap(segment), 0);
	kill(pid, SIGKILL);
	ok(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT)); /* a zombie now, and it stays one */
	assert_true(participant_dead(segment, slot, board->generation));
	assert_int_equal(alive(segment), 1);
	assert_int_equal(stoa_segment_reap(segment), 1);
	assert_int_equal(kind_of(segment, slot), PARTICIPANT_FREE);
	assert_int_equal(state_of(segment, slot) >> 8, board->generation);
	assert_int_equal(child_end(pid), CHILD_SIGNAL + SIGKILL);
	ok(stoa_segment_close(segment));
}

static void a_stopped_participant_is_alive(void **state)
{
	struct stoa_segment *segment = create(4);
	pid_t pid = attached_child();
	int status;

	(void)state;
	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	assert_false(participant_dead(segment, (uint32_t)board->slot, board->generation));
	assert_int_equal(stoa_segment_reap(segment), 0);
	assert_int_equal(alive(segment), 2);
	child_kill(pid);
	assert_int_equal(stoa_segment_reap(segment), 1);
	ok(stoa_segment_close(segment));
}

static void only_the_generation_asked_for_is_meant(void **state)
{
	struct stoa_segment *segment = create(4);
	pid_t pid = attached_child();
	uint32_t slot = (uint32_t)board->slot;
	uint64_t generation = board->generation;

	(void)state;
	assert_false(participant_dead(segment, segment->self, segment->generation)); /* oneself */
	assert_true(participant_dead(segment, segment->self, segment->generation + 1));
	assert_true(participant_dead(segment, 4, 1));
	assert_true(participant_dead(segment, UINT32_MAX, 1));
	child_kill(pid);
	assert_int_equal(stoa_segment_reap(segment), 1);
	pid = attached_child();
	assert_int_equal(board->slot, slot);
	assert_true(board->generation > generation);
	assert_true(participant_dead(segment, slot, generation));
	assert_false(participant_dead(segment, slot, board->generation));
	child_kill(pid);
	ok(stoa_segment_close(segment));
}

static void who_dies_before_it_is_live_is_reaped(void **state)
{
	struct stoa_segment *segment = create(4);

	(void)state;
	/* claimed, and then killed before its identity was there: an unlocked byte says so */
	atom64_store_seq(&segment_participant(segment, 2)->state, 7 << 8 | PARTICIPANT_CLAIMED);
	assert_int_equal(stoa_segment_reap(segment), 1);
	assert_int_equal(state_of(segment, 2), 7 << 8 | PARTICIPANT_FREE);
	ok(stoa_segment_close(segment));
}

static int attach_and_clone(void *context)
{
	struct stoa_segment *segment;
	pid_t pid;

	(void)context;
	board->fault = stoa_segment_open(name, 0, &segment);
	if (board->fault)
		return 1;
	board->slot = (int)segment->self;
	board->generation = segment->generation;
	/* As a child that is stopped before its fork handlers ran: it keeps our lock. */
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	if (pid == 0)
		for (;;)
			pause();
	board->pid = pid;
	set_word(&board->up, 1);
	for (;;)
		pause();
	return 0;
}

static void a_child_that_was_stopped_in_fork_does_not_keep_its_parent_alive(void **state)
{
	struct stoa_segment *segment = create(4);
	pid_t pid = child_start(attach_and_clone, NULL);

	(void)state;
	assert_true(await_word(&board->up, 1));
	assert_false(participant_dead(segment, (uint32_t)board->slot, board->generation));
	child_kill(pid);
	assert_true(participant_dead(segment, (uint32_t)board->slot, board->generation));
	assert_int_equal(stoa_segment_reap(segment), 1);
	ok(in_child(attach_once, NULL)); /* finds another slot: the byte of this one is still locked */
	kill(board->pid, SIGKILL);
	ok(stoa_segment_close(segment));
}

static volatile sig_atomic_t stop_in_fork;

/* Runs in every child before the library's own handler: main() registers it first. */
static void stop_where_asked(void)
{
	while (stop_in_fork)
		pause();
}

static int attach_and_fork(void *context)
{
	struct stoa_segment *segment;

	(void)context;
	board->fault = stoa_segment_open(name, 0, &segment);
	if (board->fault)
		return 1;
	board->slot = (int)segment->self;
	stop_in_fork = 1;
	board->pid = fork();
	set_word(&board->up, 1);
	for (;;)
		pause();
	return 0;
}

/* Who asks in passing sees it, too: one call tells that the lock is there, and `forks` that it may be a child's. */
static void a_child_in_fork_does_not_hide_that_its_parent_is_lost(void **state)
{
	struct stoa_segment *segment = create(4);
	pid_t pid = child_start(attach_and_fork, NULL);

	(void)state;
	assert_true(await_word(&board->up, 1));
	assert_int_equal(board->fault, 0);
	assert_false(participant_lost(segment, (uint32_t)board->slot));
	child_kill(pid);
	assert_true(participant_lost(segment, (uint32_t)board->slot));
	kill(board->pid, SIGKILL);
	ok(stoa_segment_close(segment));
}

static int attach_fork_and_tell(void *context)
{
	struct stoa_segment *segment;
	pid_t pid;

	(void)context;
	board->fault = stoa_segment_open(name, 0, &segment);
	if (board->fault)
		return 1;
	for (int i = 0; i < 3; i++) {
		pid = fork();
		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	board->generation = atom64_load_seq(&segment_participant(segment, segment->self)->forks) & 0xffff;
	return 0;
}

static void children_that_have_given_the_lock_up_are_not_counted(void **state)
{
	struct stoa_segment *segment = create(4);

	(void)state;
	board->generation = 99;
	assert_int_equal(in_child(attach_fork_and_tell, NULL), 0);
	assert_int_equal(board->generation, 0);
	ok(stoa_segment_close(segment));
}

static int attach_in_a_new_pid_namespace(void *context)
{
	pid_t pid;
	int status;

	(void)context;
	if (unshare(CLONE_NEWPID))
		return CHILD_SKIPPED;
	pid = child_start(attach_and_stay, NULL);
	board->pid = pid;
	waitpid(pid, &status, 0);
	return 0;
}

static void a_process_of_another_pid_namespace_is_judged_by_its_lock(void **state)
{
	struct stoa_segment *segment = create(4);
	struct stoa_participant_info info = { .struct_size = sizeof info };
	pid_t pid = child_start(attach_in_a_new_pid_namespace, NULL);

	(void)state;
	while (!(board->up && board->pid) && waitpid(pid, NULL, WNOHANG) == 0)
		sleep_ms(1);
	if (!board->up || !board->pid) {
		print_message("not permitted to make a PID namespace\n");
		ok(stoa_segment_close(segment));
		skip();
	}
	ok(stoa_segment_participant(segment, (uint32_t)board->slot, &info));
	assert_int_equal(info.pid, 1); /* which here is a process of another start time */
	assert_int_equal(info.alive, 1);
	assert_int_equal(stoa_segment_reap(segment), 0);
	kill(board->pid, SIGKILL);
	ok(child_end(pid));
	assert_true(participant_dead(segment, (uint32_t)board->slot, board->generation));
	assert_int_equal(stoa_segment_reap(segment), 1);
	ok(stoa_segment_close(segment));
}

static int feign_life(void *context)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 192 + 128, .l_len = 1 };
	int fd = open(test_path(name), O_RDONLY | O_CLOEXEC);

	(void)context;
	board->fault = fd < 0 || fcntl(fd, F_OFD_SETLK, &lock);
	set_word(&board->up, 1);
	for (;;)
		pause();
	return 0;
}

static void a_read_lock_feigns_no_life(void **state)
{
	struct stoa_segment *segment = create(4);
	pid_t pid = attached_child(), feigner;

	(void)state;
	assert_int_equal(board->slot, 1);
	child_kill(pid);
	set_word(&board->up, 0);
	feigner = child_start(feign_life, NULL);
	assert_true(await_word(&board->up, 1));
	ok(board->fault);
	assert_int_equal(stoa_segment_reap(segment), 1);
	child_kill(feigner);
	ok(stoa_segment_close(segment));
}

/* ---- fork ---- */

static struct stoa_segment *inherited;
static struct stoa_value *inherited_value;

static int use_inherited(void *context)
{
	uint32_t slot;

	(void)context;
	if (inherited->lock_fd != -1)
		return 1;
	set_word(&board->up, 1); /* not yet joined */
	if (!await_word(&board->go, 1))
		return 2;
	if (participant_self(inherited, &slot))
		return 3;
	board->slot = (int)slot;
	board->generation = inherited->generation;
	if (stoa_value_add_i64(inherited_value, 1))
		return 4;
	set_word(&board->up, 2);
	if (!await_word(&board->go, 2))
		return 5;
	stoa_value_close(inherited_value);
	stoa_segment_close(inherited);
	return 0;
}

static void a_forked_child_joins_as_itself_at_its_first_use(void **state)
{
	struct stoa_participant_info info = { .struct_size = sizeof info };
	int64_t number;
	pid_t pid;

	(void)state;
	inherited = create(4);
	ok(stoa_value_create(inherited, "v", NULL, &inherited_value));
	pid = child_start(use_inherited, NULL);
	assert_true(await_word(&board->up, 1));
	assert_int_equal(alive(inherited), 1);
	set_word(&board->go, 1);
	assert_true(await_word(&board->up, 2));
	assert_int_not_equal(board->slot, inherited->self);
	ok(stoa_segment_participant(inherited, (uint32_t)board->slot, &info));
	assert_int_equal(info.pid, pid);
	assert_int_equal(alive(inherited), 2);
	set_word(&board->go, 2);
	ok(child_end(pid));
	assert_int_equal(alive(inherited), 1);
	ok(stoa_value_load_i64(inherited_value, &number));
	assert_int_equal(number, 1);
	ok(stoa_value_close(inherited_value));
	ok(stoa_segment_close(inherited));
}

static int grandchild(void *context)
{
	uint32_t slot;

	(void)context;
	signal(SIGHUP, SIG_IGN);
	board->fault = participant_self(inherited, &slot);
	board->counts[0] = (int)slot;
	board->pid = getpid();
	set_word(&board->up, 1);
	return await_word(&board->go, 1) ? 0 : 1;
}

static int parent_with_a_child(void *context)
{
	(void)context;
	if (stoa_segment_open(name, 0, &inherited))
		return 1;
	board->slot = (int)inherited->self;
	board->generation = inherited->generation;
	fflush(NULL);
	if (fork() == 0)
		_exit(grandchild(NULL)); /* outlives its parent */
	for (;;)
		pause();
	return 0;
}

static void a_parents_death_is_seen_though_its_child_lives(void **state)
{
	struct stoa_segment *segment;
	pid_t pid;

	(void)state;
	segment = create(8);
	pid = child_start(parent_with_a_child, NULL);
	assert_true(await_word(&board->up, 1));
	ok(board->fault);
	assert_int_equal(alive(segment), 3);
	child_kill(pid);
	/* by the lock, not only by the pid, which means nothing in another PID namespace */
	assert_int_equal(os_byte_locked(segment->fd, lock_offset(segment, (uint32_t)board->slot)), 0);
	assert_true(participant_dead(segment, (uint32_t)board->slot, board->generation));
	assert_int_equal(stoa_segment_reap(segment), 1);
	assert_int_equal(alive(segment), 2); /* the child */
	set_word(&board->go, 1);
	for (int i = 0; i < 2000 && kill(board->pid, 0) == 0; i++)
		sleep_ms(1);
	for (int i = 0; i < 2000 && alive(segment) > 1; i++)
		sleep_ms(1);
	assert_int_equal(alive(segment), 1); /* and its death, too */
	ok(stoa_segment_close(segment));
}

static int close_inherited(void *context)
{
	(void)context;
	stoa_segment_close(inherited);
	return 0;
}

static void a_child_that_only_closes_changes_nothing(void **state)
{
	uint64_t before;

	(void)state;
	inherited = create(4);
	before = state_of(inherited, inherited->self);
	ok(in_child(close_inherited, NULL));
	assert_int_equal(state_of(inherited, inherited->self), before);
	assert_false(participant_dead(inherited, inherited->self, before >> 8));
	assert_int_equal(in_child(attach_once, NULL), 0);
	assert_int_equal(alive(inherited), 1);
	ok(stoa_segment_close(inherited));
}

static void *join_at_once(void *context)
{
	uint32_t slot;

	return participant_self(context, &slot) || slot != ((struct stoa_segment *)context)->self ? context : NULL;
}

static int join_by_many_threads(void *context)
{
	pthread_t threads[8];
	void *fault, *faults = NULL;

	(void)context;
	for (int i = 0; i < 8; i++)
		if (pthread_create(&threads[i], NULL, join_at_once, inherited))
			return 1;
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], &fault);
		faults = fault ? fault : faults;
	}
	return faults ? 2 : alive(inherited) == 2 ? 0 : 3;
}

static void threads_of_a_child_join_once(void **state)
{
	(void)state;
	inherited = create(32);
	for (int i = 0; i < 20; i++)
		ok(in_child(join_by_many_threads, NULL));
	ok(stoa_segment_close(inherited));
}

static void *fork_often(void *context)
{
	(void)context;
	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (child_end(pid))
			return context;
	}
	return NULL;
}

static void fork_may_happen_while_other_threads_open_and_close(void **state)
{
	struct stoa_segment *segment = create(8);
	pthread_t forker;
	void *fault;

	(void)state;
	ok(stoa_segment_close(segment));
	ok(pthread_create(&forker, NULL, fork_often, board));
	for (int i = 0; i < 500; i++) {
		ok(stoa_segment_open(name, 0, &segment));
		ok(stoa_segment_close(segment));
	}
	ok(pthread_join(forker, &fault));
	assert_null(fault);
	ok(stoa_segment_open(name, 0, &segment));
	assert_int_equal(alive(segment), 1);
	ok(stoa_segment_close(segment));
}

/* ---- reaping ---- */

static void a_thousand_deaths_use_up_no_slot(void **state)
{
	struct stoa_segment *segment = create(3);

	(void)state;
	for (int i = 0; i < 1000; i++) {
		pid_t pid = attached_child();

		assert_true(board->slot < 3);
		child_kill(pid);
	}
	assert_true(stoa_segment_reap(segment) >= 1);
	assert_int_equal(alive(segment), 1);
	for (uint32_t slot = 0; slot < 3; slot++)
		assert_int_equal(kind_of(segment, slot),
		                 slot == segment->self ? PARTICIPANT_LIVE : PARTICIPANT_FREE);
	ok(stoa_segment_close(segment));
}

static void set_hazard(const struct stoa_segment *segment, uint32_t of, uint64_t hazard)
{
	atom64_store_seq(&segment_participant(segment, of)->hazard, hazard);
}

static void a_slot_is_not_reused_under_a_stopped_reaper(void **state)
{
	struct stoa_segment *segment = create(8);
	pid_t reaper = attached_child(), victim;
	uint32_t reaper_slot = (uint32_t)board->slot, slot;
	uint64_t hazard, generation;

	(void)state;
	for (int releasing = 0; releasing < 2; releasing++) {
		victim = attached_child();
		slot = (uint32_t)board->slot;
		generation = board->generation;
		hazard = generation << 16 | (releasing ? HAZARD_RELEASING : 0) | (slot + 1);
		child_kill(victim);
		set_hazard(segment, reaper_slot, hazard); /* as if it were stopped in that step */
		assert_int_equal(stoa_segment_reap(segment), 0);
		assert_int_equal(kind_of(segment, slot),
		                 releasing ? PARTICIPANT_RELEASED : PARTICIPANT_SETTLED);
		assert_int_equal(stoa_segment_reap(segment), 0);
		/* a hazard of another generation of the same slot does not count */
		set_hazard(segment, reaper_slot, hazard + (1 << 16));
		assert_int_equal(stoa_segment_reap(segment), 1);
		assert_int_equal(kind_of(segment, slot), PARTICIPANT_FREE);
	}
	/* nor does the hazard of one who is dead */
	victim = attached_child();
	slot = (uint32_t)board->slot;
	set_hazard(segment, reaper_slot, board->generation << 16 | (slot + 1));
	child_kill(victim);
	assert_int_equal(stoa_segment_reap(segment), 0);
	child_kill(reaper);
	assert_int_equal(stoa_segment_reap(segment), 2);
	ok(stoa_segment_close(segment));
}

/* Opens, uses and closes, or is killed by the test at any moment. */
static int live_dangerously(void *context)
{
	struct stoa_segment *segment;
	struct stoa_value *value;
	uint8_t bytes[100] = { 0 };
	int me = (int)(intptr_t)context;

	for (;;) {
		int rc = stoa_segment_open(name, 0, &segment);

		if (rc == -EUSERS)
			continue;
		if (rc)
			return 1;
		if (stoa_value_open(segment, "struct", NULL, &value))
			return 2;
		rc = stoa_value_store(value, bytes);
		if (rc && rc != -EUSERS)
			return 3;
		board->counts[me]++;
		if (stoa_segment_reap(segment) < 0)
			return 4;
		stoa_value_close(value);
		stoa_segment_close(segment);
	}
}

static void a_storm_of_deaths_leaves_every_slot_and_every_role_free(void **state)
{
	struct stoa_segment *segment = create(6);
	struct stoa_value_config config = { .struct_size = sizeof config, .type = STOA_BYTES, .size = 100,
		                            .writers = 6 };
	struct stoa_value *value;
	uint8_t bytes[100] = { 0 };
	uint64_t seed = 4711;
	pid_t pids[5];
	int used = 0;

	(void)state;
	ok(stoa_value_create(segment, "struct", &config, &value));
	for (int i = 0; i < 5; i++)
		pids[i] = child_start(live_dangerously, (void *)(intptr_t)i);
	for (int i = 0; i < 300; i++) {
		int victim = (int)(random_next(&seed) % 5);

		sleep_ms((int)(random_next(&seed) % 4));
		assert_int_equal(child_kill(pids[victim]), CHILD_SIGNAL + SIGKILL);
		pids[victim] = child_start(live_dangerously, (void *)(intptr_t)victim);
	}
	for (int i = 0; i < 5; i++)
		assert_int_equal(child_kill(pids[i]), CHILD_SIGNAL + SIGKILL);
	for (int i = 0; i < 5; i++)
		used += board->counts[i];
	assert_true(used > 0);
	for (int i = 0; i < 10; i++)
		assert_true(stoa_segment_reap(segment) >= 0);
	for (uint32_t slot = 0; slot < 6; slot++)
		assert_int_equal(kind_of(segment, slot),
		                 slot == segment->self ? PARTICIPANT_LIVE : PARTICIPANT_FREE);
	ok(stoa_value_store(value, bytes));
	ok(stoa_value_close(value));
	ok(stoa_segment_close(segment));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_participant_is_told_by_slot),
		TEST(a_slot_that_was_left_is_free_with_a_new_generation_at_the_next),
		TEST(a_full_table_is_eusers_until_somebody_dies),
		TEST(a_table_full_of_the_dead_takes_a_newcomer),
		TEST(a_killed_participant_is_dead_though_nobody_waited_for_it),
		TEST(a_stopped_participant_is_alive),
		TEST(only_the_generation_asked_for_is_meant),
		TEST(who_dies_before_it_is_live_is_reaped),
		TEST(a_child_that_was_stopped_in_fork_does_not_keep_its_parent_alive),
		TEST(a_child_in_fork_does_not_hide_that_its_parent_is_lost),
		TEST(children_that_have_given_the_lock_up_are_not_counted),
		TEST(a_process_of_another_pid_namespace_is_judged_by_its_lock),
		TEST(a_read_lock_feigns_no_life),
		TEST(a_forked_child_joins_as_itself_at_its_first_use),
		TEST(a_parents_death_is_seen_though_its_child_lives),
		TEST(a_child_that_only_closes_changes_nothing),
		TEST(threads_of_a_child_join_once),
		TEST(fork_may_happen_while_other_threads_open_and_close),
		TEST(a_thousand_deaths_use_up_no_slot),
		TEST(a_slot_is_not_reused_under_a_stopped_reaper),
		TEST(a_storm_of_deaths_leaves_every_slot_and_every_role_free),
	};

	pthread_atfork(NULL, NULL, stop_where_asked);
	return cmocka_run_group_tests_name("participant", tests, NULL, NULL);
}
