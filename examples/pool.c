/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool - a pool of workers by fork(), over a segment without a name.
 *
 *	pool [TASKS [WORKERS]]   (10,000 tasks, 4 workers)
 *
 * A task is a number n; its result is how many steps of "n / 2 if even, else 3 n + 1" lead
 * to 1.  A worker takes a task under a lease, stores the result at the task's place, and
 * releases the task.  If it is killed before that, another worker does the task again and
 * stores the same result at the same place.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stoa.h>

static uint64_t steps_to_one(uint64_t n)
{
	uint64_t steps = 0;
	for (; n > 1; steps++)
		n = n % 2 ? 3 * n + 1 : n / 2;
	return steps;
}

static int work(struct stoa_queue *tasks, struct stoa_array *results)
{
	struct stoa_receiver *receiver;
	struct stoa_message task;

	int rc = stoa_receiver_open(tasks, &receiver);
	while (!rc) {
		rc = stoa_receiver_take(receiver, &task, NULL);
		if (rc)
			break;
		uint64_t n = *(const uint64_t *)task.bytes, steps = steps_to_one(n);
		rc = stoa_array_store(results, n - 1, &steps);
		rc = rc ? rc : stoa_receiver_release(receiver, &task);
	}
	return rc == STOA_CLOSED ? 0 : 1;
}

static int give_tasks(struct stoa_queue *tasks, uint64_t count)
{
	struct stoa_sender *sender;
	int rc = stoa_sender_open(tasks, &sender);
	if (rc)
		return rc;
	for (uint64_t n = 1; n <= count && !rc; n++)
		rc = stoa_sender_send(sender, &n, sizeof n, NULL);
	stoa_sender_close(sender);
	return rc ? rc : stoa_queue_shutdown(tasks, STOA_DRAIN);
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000, sum = 0;
	int workers = argc > 2 ? atoi(argv[2]) : 4, failed = 0;
	struct stoa_queue_config tasks_config = { .struct_size = sizeof tasks_config, .capacity = 100 };
	struct stoa_array_config results_config = { .struct_size = sizeof results_config,
		                                    .type = STOA_U64,
		                                    .count = count };
	struct stoa_segment_config config = { .struct_size = sizeof config };
	struct stoa_segment *segment;
	struct stoa_queue *tasks;
	struct stoa_array *results;
	uint64_t bytes[2];

	int rc = count && workers > 0 ? stoa_queue_footprint(&tasks_config, &bytes[0]) : -EINVAL;
	rc = rc ? rc : stoa_array_footprint(&results_config, &bytes[1]);
	config.bytes = rc ? 0 : bytes[0] + bytes[1];
	rc = rc ? rc : stoa_segment_create(NULL, &config, &segment);
	rc = rc ? rc : stoa_queue_create(segment, "tasks", &tasks_config, &tasks);
	rc = rc ? rc : stoa_array_create(segment, "results", &results_config, &results);
	for (int i = 0; i < workers && !rc; i++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(work(tasks, results));
		rc = pid < 0 ? -errno : 0;
	}
	rc = rc ? rc : give_tasks(tasks, count);
	if (rc) {
		fprintf(stderr, "pool: %s\n", stoa_strerror(rc));
		return 1;
	}
	for (int status; wait(&status) > 0;)
		failed += status != 0;
	for (uint64_t i = 0, steps; i < count; i++)
		sum += stoa_array_load(results, i, &steps) ? 0 : steps;
	printf("%" PRIu64 " tasks, %" PRIu64 " steps, %d workers failed\n", count, sum, failed);
	stoa_array_close(results);
	stoa_queue_close(tasks);
	stoa_segment_close(segment);
	return failed != 0;
}
