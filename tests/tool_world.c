/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tool_world - a segment with one of everything, for the tests of the command: tool_world NAME [last]
 *
 * Says "ready" and a pid when all is there: messages that wait, one under a lease, a lock and a permit that are held,
 * and a child, of that pid, which waits for a message at an empty queue.  Then it does what it reads, a letter at a
 * time: s sends 1,000 messages and receives them, r releases the lease, f takes a descriptor for epoll of the empty
 * queue, x removes the name and ends.  With "last" the last to leave removes the name.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <stoa.h>

#define MUST(call)                                                                                           \
	do {                                                                                                 \
		int rc_ = (call);                                                                            \
                                                                                                             \
		if (rc_) {                                                                                   \
			fprintf(stderr, "%s: %s\n", #call, stoa_strerror(rc_));                              \
			return 1;                                                                            \
		}                                                                                            \
	} while (0)

static struct stoa_segment *segment;
static struct stoa_queue *jobs, *ring, *empty;
static struct stoa_sender *sender, *one;
static struct stoa_receiver *receiver;
static struct stoa_message lease;

static int make_queues(void)
{
	struct stoa_queue_config many = { .struct_size = sizeof many, .capacity = 8, .message_size = 40 };
	struct stoa_queue_config spsc = { .struct_size = sizeof spsc,
		                          .capacity = 4,
		                          .message_size = 16,
		                          .senders = STOA_ONE,
		                          .receivers = STOA_ONE };

	MUST(stoa_queue_create(segment, "jobs", &many, &jobs));
	MUST(stoa_queue_create(segment, "ring", &spsc, &ring));
	MUST(stoa_queue_create(segment, "empty", &many, &empty));
	MUST(stoa_sender_open(jobs, &sender));
	MUST(stoa_receiver_open(jobs, &receiver));
	MUST(stoa_sender_open(ring, &one));
	MUST(stoa_sender_push(sender, "first", 5));
	MUST(stoa_sender_push(sender, "second", 6));
	MUST(stoa_sender_push(sender, "a\x1b[31mred\n", 9));
	MUST(stoa_receiver_take(receiver, &lease, NULL));
	MUST(stoa_sender_push(one, "0123456789abcdef", 16));
	return 0;
}

static int make_others(void)
{
	struct stoa_value_config bytes = { .struct_size = sizeof bytes,
		                           .size = 12,
		                           .initial = "twelve bytes" };
	struct stoa_array_config array = { .struct_size = sizeof array, .type = STOA_I32, .count = 20 };
	struct stoa_semaphore_config permits = { .struct_size = sizeof permits,
		                                 .flags = STOA_PERMITS_RETURN,
		                                 .maximum = 3 };
	struct stoa_barrier_config barrier = { .struct_size = sizeof barrier, .parties = 2 };
	struct stoa_semaphore *semaphore;
	struct stoa_barrier *meeting;
	struct stoa_value *value;
	struct stoa_array *numbers;
	struct stoa_event *event;
	struct stoa_lock *lock;
	int32_t element = -7;

	MUST(stoa_value_create(segment, "count", NULL, &value));
	MUST(stoa_value_store_i64(value, -42));
	MUST(stoa_value_create(segment, "state", &bytes, &value));
	MUST(stoa_array_create(segment, "numbers", &array, &numbers));
	MUST(stoa_array_store(numbers, 1, &element));
	MUST(stoa_semaphore_create(segment, "permits", &permits, &semaphore));
	MUST(stoa_semaphore_wait(semaphore, NULL));
	MUST(stoa_event_create(segment, "go", NULL, &event));
	MUST(stoa_barrier_create(segment, "meeting", &barrier, &meeting));
	MUST(stoa_lock_create(segment, "lock", NULL, &lock));
	MUST(stoa_lock_acquire(lock, NULL));
	return 0;
}

static int wait_for_ever(const char *name)
{
	struct stoa_segment *own;
	struct stoa_queue *queue;
	struct stoa_receiver *waits;
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	MUST(stoa_segment_open(name, 0, &own));
	MUST(stoa_queue_open(own, "empty", NULL, &queue));
	MUST(stoa_receiver_open(queue, &waits));
	return stoa_receiver_recv(waits, &byte, 1, NULL, NULL);
}

static int send_some(void)
{
	char bytes[40];

	for (int i = 0; i < 1000; i++) {
		MUST(stoa_sender_send(sender, "more", 4, NULL));
		MUST(stoa_receiver_recv(receiver, bytes, sizeof bytes, NULL, NULL));
	}
	return 0;
}

static int obey(const char *name)
{
	int letter;

	while ((letter = getchar()) != EOF) {
		if (letter == 's')
			MUST(send_some());
		else if (letter == 'r')
			MUST(stoa_receiver_release(receiver, &lease));
		else if (letter == 'f')
			MUST(stoa_queue_fd(empty, STOA_READABLE) < 0);
		else if (letter == 'x')
			return stoa_segment_unlink(name);
		else
			continue;
		printf("done %c\n", letter);
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct stoa_segment_config config = { .struct_size = sizeof config,
		                              .bytes = 1 << 18,
		                              .participants = 6 };
	pid_t pid;

	if (argc < 2)
		return 2;
	if (argc > 2 && strcmp(argv[2], "last") == 0)
		config.flags = STOA_UNLINK_LAST;
	MUST(stoa_segment_create(argv[1], &config, &segment));
	if (make_queues() || make_others())
		return 1;
	pid = fork();
	if (pid == 0)
		_exit(wait_for_ever(argv[1]));
	printf("ready %d\n", (int)pid);
	fflush(stdout);
	return obey(argv[1]);
}
