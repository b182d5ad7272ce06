/* SPDX-License-Identifier: BSD-2-Clause */
/* test_value_death.c - structs whose writers are stopped, killed, forked, or stepped through: no torn value, nothing used up. */
#include "value_helpers.h"

#include <sys/ptrace.h>

/* ---- torn? ---- */

struct hammer {
	struct stoa_value *value;
	struct board *board;
	size_t size;
	uint64_t seed;
};

/* A struct that is a pattern from the beginning, and a board for those who hammer on it. */
static struct hammer new_hammer(struct stoa_segment *segment, size_t size, uint32_t writers)
{
	struct hammer hammer = { .size = size, .board = new_board() };
	uint8_t *pattern = malloc(size);
	struct stoa_value_config config = {
		.struct_size = sizeof config,
		.size = size,
		.writers = writers,
		.initial = pattern,
	};

	assert_non_null(pattern);
	fill(pattern, size, 0);
	ok(stoa_value_create(segment, "struct", &config, &hammer.value));
	free(pattern);
	return hammer;
}

static int write_patterns(void *context)
{
	struct hammer *hammer = context;
	uint8_t *bytes = malloc(hammer->size);
	uint64_t tag = hammer->seed;

	atom32_add_seq(&hammer->board->ready, 1);
	while (!atom32_load_seq(&hammer->board->stop)) {
		fill(bytes, hammer->size, tag);
		for (int i = 0; i < 4; i++) { /* faster than the patterns are made */
			int rc = stoa_value_store(hammer->value, bytes);

			if (rc)
				return -rc;
		}
		tag = tag * 6364136223846793005 + 1442695040888963407;
	}
	free(bytes);
	return 0;
}

static int read_patterns(void *context)
{
	struct hammer *hammer = context;
	uint8_t *bytes = malloc(hammer->size);
	uint64_t reads = 0;

	atom32_add_seq(&hammer->board->ready, 1);
	while (!atom32_load_seq(&hammer->board->stop)) {
		if (stoa_value_load(hammer->value, bytes) != 0)
			return 1;
		if (!whole(bytes, hammer->size, NULL))
			return 2;
		reads++;
	}
	free(bytes);
	return reads == 0 ? 3 : 0;
}

static void readers_never_see_a_torn_struct(void **state)
{
	static const size_t sizes[] = { 9, 64, 1000, 65536 };

	(void)state;
	for (size_t n = 0; n < LENGTH(sizes); n++) {
		struct stoa_segment *segment = new_segment(20 * (sizes[n] + 4096));
		struct hammer hammer = new_hammer(segment, sizes[n], 2);
		pid_t pids[4];

		for (unsigned i = 0; i < 4; i++) {
			hammer.seed = i + 1;
			pids[i] = spawn(i < 2 ? write_patterns : read_patterns, &hammer);
		}
		assert_true(await(&hammer.board->ready, 4));
		os_sleep_ns(200 * MS);
		atom32_store_seq(&hammer.board->stop, 1);
		for (int i = 0; i < 4; i++)
			assert_int_equal(join(pids[i]), 0);
		free_board(hammer.board);
		stoa_value_close(hammer.value);
		stoa_segment_close(segment);
	}
}

/* ---- stopped, killed, forked ---- */

static void use_for_a_while(struct hammer *hammer, unsigned rounds, uint64_t *tag)
{
	uint8_t *in = malloc(hammer->size), *out = malloc(hammer->size);

	assert_true(in && out);
	for (unsigned i = 0; i < rounds; i++) {
		fill(in, hammer->size, ++*tag);
		ok(stoa_value_store(hammer->value, in));
		ok(stoa_value_load(hammer->value, out));
		assert_true(whole(out, hammer->size, NULL));
	}
	free(in);
	free(out);
}

static void stopped_writers_stop_nobody(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 20);
	struct hammer hammer = new_hammer(segment, 1000, 4);
	uint8_t *out = malloc(1000), *in = malloc(1000);
	uint64_t seed = 88172645463325252, tag = 1;
	pid_t pids[3];

	(void)state;
	assert_true(in && out);
	for (int i = 0; i < 3; i++) {
		hammer.seed = (uint64_t)i + 2;
		pids[i] = spawn(write_patterns, &hammer);
	}
	assert_true(await(&hammer.board->ready, 3));
	for (int round = 0; round < 40; round++) {
		os_sleep_ns(random_below(&seed, MS));
		for (int i = 0; i < 3; i++)
			kill(pids[i], SIGSTOP);
		for (int i = 0; i < 3; i++) /* really stopped */
			assert_true(waitpid(pids[i], NULL, WUNTRACED) == pids[i]);
		for (int i = 0; i < 50; i++) { /* now nobody else writes */
			fill(in, 1000, ++tag);
			ok(stoa_value_store(hammer.value, in));
			ok(stoa_value_load(hammer.value, out));
			assert_memory_equal(in, out, 1000);
		}
		for (int i = 0; i < 3; i++)
			kill(pids[i], SIGCONT);
	}
	atom32_store_seq(&hammer.board->stop, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(join(pids[i]), 0);
	free(in);
	free(out);
	free_board(hammer.board);
	stoa_value_close(hammer.value);
	stoa_segment_close(segment);
}

/* Every block is in exactly one place: the cell, or a slot.  For a value that nobody uses. */
static void assert_blocks_are_conserved(struct stoa_value *value)
{
	struct value_layout *layout = bytes_of(value);
	struct value_cell cell;
	bool seen[64] = { false };

	ok(cell_view(&cell, layout, object_of(value)->room));
	assert_true(cell.exchange.blocks <= LENGTH(seen));
	seen[atom64_load_seq(cell.word) & ((1 << VALUE_BLOCK_BITS) - 1)] = true;
	for (uint32_t handle = 0; handle < cell.exchange.handle_count; handle++) {
		assert_int_equal(role_of(atom64_load_seq(&exchange_handle(&cell.exchange, handle)->role)),
		                 ROLE_FREE);
		for (uint32_t i = 0; i < CELL_SLOTS; i++) {
			uint64_t intent = atom64_load_seq(&exchange_slot(&cell.exchange, handle, i)->intent);

			assert_int_equal(intent_kind(intent), INTENT_SETTLED);
			assert_true(intent_out(intent) < cell.exchange.blocks);
			assert_false(seen[intent_out(intent)]);
			seen[intent_out(intent)] = true;
		}
	}
}

static void killed_writers_leave_no_torn_value_and_no_used_up_slots(void **state)
{
	static const size_t sizes[] = { 24, 3000 };

	(void)state;
	for (size_t n = 0; n < LENGTH(sizes); n++) {
		struct stoa_segment *segment = new_segment(1 << 20);
		struct hammer hammer = new_hammer(segment, sizes[n], 3);
		uint64_t seed = 0x9e3779b97f4a7c15 + n, tag = 1000;
		pid_t reader = spawn(read_patterns, &hammer), pids[2];

		for (unsigned round = 0; round < 40; round++) { /* far more deaths than writers */
			uint32_t ready = atom32_load_seq(&hammer.board->ready);

			for (int i = 0; i < 2; i++) {
				hammer.seed = seed + (unsigned)i;
				pids[i] = spawn(write_patterns, &hammer);
			}
			assert_true(await(&hammer.board->ready, ready + 2));
			use_for_a_while(&hammer, 20, &tag);
			os_sleep_ns(random_below(&seed, MS));
			for (int i = 0; i < 2; i++) { /* 128 + SIGKILL: none had an error before */
				assert_int_equal(killed(pids[i]), 128 + SIGKILL);
				use_for_a_while(&hammer, 5, &tag);
			}
		}
		atom32_store_seq(&hammer.board->stop, 1);
		assert_int_equal(join(reader), 0);
		assert_true(stoa_segment_reap(segment) >= 0);
		free_board(hammer.board);
		stoa_value_close(hammer.value);
		ok(stoa_value_open(segment, "struct", NULL, &hammer.value));
		assert_blocks_are_conserved(hammer.value);
		stoa_value_close(hammer.value);
		stoa_segment_close(segment);
	}
}

static int write_and_pause(void *context)
{
	struct hammer *hammer = context;
	uint64_t bytes[2] = { 7, 7 };
	int rc = stoa_value_store(hammer->value, bytes);

	atom32_add_seq(&hammer->board->ready, 1);
	while (rc == 0)
		pause();
	return -rc;
}

static void more_writing_processes_than_writers_are_refused_while_these_live(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct hammer hammer = new_hammer(segment, 16, 2);
	uint64_t in[2] = { 1, 2 };
	pid_t pids[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		pids[i] = spawn(write_and_pause, &hammer);
	assert_true(await(&hammer.board->ready, 2));
	assert_int_equal(stoa_value_store(hammer.value, in), -EUSERS);
	assert_int_equal(stoa_value_exchange(hammer.value, in, in), -EUSERS);
	assert_int_equal(stoa_value_compare_exchange(hammer.value, in, in), -EUSERS);
	assert_int_equal(stoa_value_update(hammer.value, refuse, &(int){ 0 }), -EUSERS);
	ok(stoa_value_load(hammer.value, in)); /* who reads needs none */
	kill(pids[0], SIGSTOP);                /* a stopped process is alive */
	assert_true(waitpid(pids[0], NULL, WUNTRACED) == pids[0]);
	assert_int_equal(stoa_value_store(hammer.value, in), -EUSERS);
	assert_int_equal(killed(pids[0]), 128 + SIGKILL);
	ok(stoa_value_store(hammer.value, in));
	stoa_value_close(hammer.value); /* gives the writer's handle back */
	ok(stoa_value_open(segment, "struct", NULL, &hammer.value));
	pids[0] = spawn(write_and_pause, &hammer);
	assert_true(await(&hammer.board->ready, 3));
	assert_int_equal(stoa_value_store(hammer.value, in), -EUSERS);
	assert_int_equal(killed(pids[0]), 128 + SIGKILL);
	assert_int_equal(killed(pids[1]), 128 + SIGKILL);
	ok(stoa_value_store(hammer.value, in));
	free_board(hammer.board);
	stoa_value_close(hammer.value);
	stoa_segment_close(segment);
}

static int write_then_close(void *context)
{
	struct hammer *hammer = context;
	uint64_t bytes[2];
	int rc = 0;

	for (uint64_t i = 0; i < 100 && rc == 0; i++) {
		fill(bytes, sizeof bytes, i);
		rc = stoa_value_store(hammer->value, bytes);
	}
	stoa_value_close(hammer->value);
	atom32_add_seq(&hammer->board->ready, 1);
	await(&hammer->board->go, 1);
	return -rc;
}

static void an_inherited_handle_is_the_childs_own(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct hammer hammer = new_hammer(segment, 16, 2);
	uint64_t tag = 0;
	pid_t pid;

	(void)state;
	use_for_a_while(&hammer, 5, &tag); /* the parent is a writer, in the middle of its slots */
	for (uint32_t round = 1; round <= 5; round++) {
		pid = spawn(write_then_close, &hammer);
		use_for_a_while(&hammer, 100, &tag);
		assert_true(await(&hammer.board->ready, round));
		use_for_a_while(&hammer, 5, &tag);
		atom32_store_seq(&hammer.board->go, 1);
		assert_int_equal(join(pid), 0);
	}
	stoa_value_close(hammer.value);
	ok(stoa_value_open(segment, "struct", NULL, &hammer.value));
	assert_blocks_are_conserved(hammer.value);
	free_board(hammer.board);
	stoa_value_close(hammer.value);
	stoa_segment_close(segment);
}

static int only_read_and_close(void *context)
{
	struct hammer *hammer = context;
	uint64_t bytes[2];
	int rc = stoa_value_load(hammer->value, bytes);

	stoa_value_close(hammer->value); /* must not give back what is the parent's */
	return -rc;
}

static void a_childs_close_leaves_the_parents_handle_alone(void **state)
{
	struct stoa_segment *segment = new_segment(1 << 16);
	struct hammer hammer = new_hammer(segment, 16, 1);
	uint64_t tag = 0;

	(void)state;
	use_for_a_while(&hammer, 4, &tag);
	assert_int_equal(join(spawn(only_read_and_close, &hammer)), 0);
	/* the only handle is still the parent's, so a child gets none */
	atom32_store_seq(&hammer.board->go, 1);
	assert_int_equal(join(spawn(write_then_close, &hammer)), EUSERS);
	use_for_a_while(&hammer, 4, &tag);
	free_board(hammer.board);
	stoa_value_close(hammer.value);
	stoa_segment_close(segment);
}

/* ---- killed, and stopped, at each instruction ---- */

struct stepped {
	struct stoa_value *value;
	struct board *board;
	int (*operation)(struct stoa_value *value);
};

#define STEPPED_SIZE 24
#define OLD_TAG 100u
#define NEW_TAG 200u

static uint64_t stepped_in[3], stepped_out[3]; /* filled before: only the operation is stepped */

static int step_store(struct stoa_value *value)
{
	return stoa_value_store(value, stepped_in);
}

static int step_exchange(struct stoa_value *value)
{
	return stoa_value_exchange(value, stepped_in, stepped_out);
}

static int step_compare_exchange(struct stoa_value *value)
{
	int rc = stoa_value_compare_exchange(value, stepped_out, stepped_in);

	return rc == STOA_CHANGED ? 0 : rc;
}

static int make_new_tag(void *bytes, void *context)
{
	(void)context;
	memcpy(bytes, stepped_in, sizeof stepped_in);
	return 0;
}

static int step_update(struct stoa_value *value)
{
	return stoa_value_update(value, make_new_tag, NULL);
}

/* Claims its slots first; what is stepped is the operation alone. */
static int run_stepped(void *context)
{
	struct stepped *stepped = context;
	int rc;

	fill(stepped_in, sizeof stepped_in, NEW_TAG);
	fill(stepped_out, sizeof stepped_out, OLD_TAG);
	rc = stoa_value_store(stepped->value, stepped_out);
	if (rc || ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		return 1;
	raise(SIGSTOP);
	rc = stepped->operation(stepped->value);
	atom32_store_seq(&stepped->board->stop, 1);
	return -rc;
}

/* Runs `steps` instructions of it.  False where it cannot be traced here. */
static bool step(pid_t pid, unsigned steps)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return false;
	for (unsigned i = 0; i < steps; i++) {
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0 || waitpid(pid, &status, 0) != pid ||
		    !WIFSTOPPED(status))
			return false;
	}
	return true;
}

/* One death, or one stop, after so many instructions; 1 where the operation was done before. */
static int one_stop(struct stoa_segment *segment, struct stepped *stepped, unsigned steps, bool kill_it)
{
	struct hammer hammer = { .size = STEPPED_SIZE };
	uint64_t out[3], tag = 1000;
	int done;
	pid_t pid;

	atom32_store_seq(&stepped->board->stop, 0);
	ok(stoa_value_open(segment, "struct", NULL, &stepped->value));
	hammer.value = stepped->value;
	pid = spawn(run_stepped, stepped);
	if (!step(pid, steps)) {
		killed(pid);
		stoa_value_close(stepped->value);
		return -1;
	}
	done = (int)atom32_load_seq(&stepped->board->stop);
	ok(stoa_value_load(stepped->value, out));
	assert_true(whole(out, sizeof out, &tag));
	assert_true(tag == OLD_TAG || tag == NEW_TAG);
	assert_true(!done || tag == NEW_TAG);
	tag = 1000;
	if (kill_it)
		assert_int_equal(killed(pid), 128 + SIGKILL);
	use_for_a_while(&hammer, 7, &tag); /* beside the stopped one, or after its death */
	if (!kill_it) {
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
		assert_int_equal(join(pid), 0);
		ok(stoa_value_load(stepped->value, out));
		assert_true(whole(out, sizeof out, NULL));
	}
	stoa_value_close(stepped->value);
	assert_int_equal(stoa_segment_reap(segment), 1);
	ok(stoa_value_open(segment, "struct", NULL, &stepped->value));
	assert_blocks_are_conserved(stepped->value);
	stoa_value_close(stepped->value);
	return done;
}

/* How many instructions the operation has; 0 where processes cannot be traced here. */
static unsigned count_steps(struct stoa_segment *segment, struct stepped *stepped)
{
	unsigned steps = 0;
	int status;
	pid_t pid;

	ok(stoa_value_open(segment, "struct", NULL, &stepped->value));
	pid = spawn(run_stepped, stepped);
	if (step(pid, 0)) {
		while (!atom32_load_seq(&stepped->board->stop) && steps < 100000) {
			steps++;
			if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) != 0 ||
			    waitpid(pid, &status, 0) != pid)
				break;
		}
	}
	killed(pid);
	stoa_value_close(stepped->value);
	return atom32_load_seq(&stepped->board->stop) ? steps : 0;
}

static void a_writer_may_end_or_stop_at_every_instruction(void **state)
{
	static int (*const operations[])(struct stoa_value *) = {
		step_store,
		step_exchange,
		step_compare_exchange,
		step_update,
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(operations); i++) {
		struct stoa_segment *segment = new_segment(1 << 16);
		struct stepped stepped = { .board = new_board(), .operation = operations[i] };
		unsigned steps = 0, last, stride;
		int done = 0;

		stoa_value_close(new_struct(segment, STEPPED_SIZE, 2));
		last = count_steps(segment, &stepped);
		assert_true(stoa_segment_reap(segment) >= 0);
		stride = 1 + last * last / 250000; /* instrumented code is long */
		for (unsigned n = 0; last && done == 0 && steps <= last; n++, steps += stride) {
			done = one_stop(segment, &stepped, steps, true);
			if (done == 0 && n % 4 == 0)
				done = one_stop(segment, &stepped, steps, false);
		}
		free_board(stepped.board);
		stoa_segment_close(segment);
		if (!last || done < 0) {
			print_message("processes cannot be traced here, or have too many instructions\n");
			skip();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_never_see_a_torn_struct),
		cmocka_unit_test(stopped_writers_stop_nobody),
		cmocka_unit_test(killed_writers_leave_no_torn_value_and_no_used_up_slots),
		cmocka_unit_test(more_writing_processes_than_writers_are_refused_while_these_live),
		cmocka_unit_test(an_inherited_handle_is_the_childs_own),
		cmocka_unit_test(a_childs_close_leaves_the_parents_handle_alone),
		cmocka_unit_test(a_writer_may_end_or_stop_at_every_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
