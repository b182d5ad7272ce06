/* SPDX-License-Identifier: BSD-2-Clause */
/* run_worker.c - a worker of stoa run: takes a unit, runs the command, tells the result, acknowledges. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

/* A command that a signal has killed is somebody else's doing more often than its own. */
#define TRIES_AFTER_SIGNAL 3

static void give_up(const char *what, const char *why) __attribute__((noreturn));
static void give_up(const char *what, const char *why)
{
	complain(what, "%s", why);
	_exit(STATUS_FAILURE);
}

/* Dies with its parent, which may be dead already. */
static void die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		raise(SIGKILL);
}

/* ---- the command's line ---- */

static char *filled(const char *word, const char *line, bool *placed)
{
	size_t length = strlen(line), holes = 0;
	const char *hole;
	char *text, *to;

	for (const char *at = word; (at = strstr(at, "{}")) != NULL; at += 2)
		holes++;
	*placed |= holes > 0;
	text = to = must_have(malloc(strlen(word) + holes * length + 1));
	while ((hole = strstr(word, "{}")) != NULL) {
		memcpy(to, word, (size_t)(hole - word));
		memcpy(to + (hole - word), line, length);
		to += (size_t)(hole - word) + length;
		word = hole + 2;
	}
	strcpy(to, word);
	return text;
}

char **run_words(char **command, const char *line)
{
	size_t count = 0;
	bool placed = false;
	char **words;

	while (command[count])
		count++;
	words = must_have(calloc(count + 2, sizeof *words));
	for (size_t i = 0; i < count; i++)
		words[i] = filled(command[i], line, &placed);
	if (!placed)
		words[count] = must_have(strdup(line));
	return words;
}

void run_free_words(char **words)
{
	for (char **word = words; *word; word++)
		free(*word);
	free(words);
}

/* Where execvp(3) will find it, so that not every copy looks in every directory; NULL: let each look.  malloc'd. */
char *run_program(const char *name)
{
	const char *path = getenv("PATH");
	struct stat is;

	if (!path || !*name || strchr(name, '/') || strstr(name, "{}"))
		return NULL;
	for (size_t length; *path; path += length + (path[length] == ':')) {
		char *program;

		length = strcspn(path, ":");
		program = length ? text_of("%.*s/%s", (int)length, path, name) : text_of("./%s", name);
		if (stat(program, &is) == 0 && S_ISREG(is.st_mode) && access(program, X_OK) == 0)
			return program;
		free(program);
	}
	return NULL;
}

/* ---- running it ---- */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Nothing, or the block: as a file, which needs nobody who feeds it. */
static int open_stdin(const uint8_t *block, size_t size)
{
	int fd = block ? memfd_create("stdin", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		give_up("stdin of the command", strerror(errno));
	for (size_t at = 0; block && at < size;) {
		ssize_t put = write(fd, block + at, size - at);

		if (put < 0 && errno != EINTR)
			give_up("stdin of the command", strerror(errno));
		at += (size_t)(put > 0 ? put : 0);
	}
	return fd;
}

/* In the child, which borrows the worker's memory until it executes; but some tools make a fork() of that. */
static void execute(const char *program, char **words, int in, int out, pid_t worker, int *cannot)
	__attribute__((noreturn));
static void execute(const char *program, char **words, int in, int out, pid_t worker, int *cannot)
{
	die_with(worker);
	lseek(in, 0, SEEK_SET);
	if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0) {
		if (program)
			execvp(program, words);
		execvp(words[0], words); /* it may be elsewhere by now */
	}
	*cannot = errno;
	_exit(errno == ENOENT || errno == ENOTDIR ? 127 : 126);
}

/*
 * One try, with a file of its own for the output: what an earlier one has left in the background may still
 * print.
 */
static int try_once(const struct run *run, char **words, int in, int *out)
{
	pid_t worker = getpid(), child;
	int status;

	if (*out >= 0)
		close(*out);
	*out = run_temporary_file();
	if (*out < 0)
		give_up("a file for output", strerror(errno));
	child = vfork(); /* fork() copies page tables for nothing */
	if (child < 0)
		give_up("fork", strerror(errno));
	if (child == 0)
		execute(run->program, words, in, *out, worker, run->cannot);
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			give_up("waitpid", strerror(errno));
	}
	return status;
}

static bool try_again(const struct run *run, const struct result *result)
{
	uint64_t again = run->retries;

	if (WIFSIGNALED(result->status) && again < TRIES_AFTER_SIGNAL)
		again = TRIES_AFTER_SIGNAL;
	return !run_succeeded(result->status) && !result->cannot && result->tries <= again;
}

/* The file with its output. */
static int run_command(const struct run *run, char **words, int in, struct result *result)
{
	int out = -1;
	off_t size;

	do {
		uint64_t start = clock_ns(CLOCK_MONOTONIC);

		result->started_ns = clock_ns(CLOCK_REALTIME);
		*run->cannot = 0;
		result->status = try_once(run, words, in, &out);
		result->cannot = *run->cannot;
		result->took_ns = clock_ns(CLOCK_MONOTONIC) - start;
		result->tries++;
	} while (try_again(run, result));
	size = lseek(out, 0, SEEK_END);
	result->output = size > 0 ? (uint64_t)size : 0;
	return out;
}

/* ---- the result ---- */

static void tell(const struct run *run, struct result *result, int out)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	char output[SHORT_OUTPUT];
	struct iovec bytes[2] = { { result, sizeof *result }, { output, 0 } };
	struct msghdr message = { .msg_iov = bytes, .msg_iovlen = 2 };
	struct cmsghdr *head = &control.head;

	if (result->output && result->output <= sizeof output) {
		ssize_t got = pread(out, output, result->output, 0);

		bytes[1].iov_len = result->output = got > 0 ? (size_t)got : 0;
	} else if (result->output) {
		message.msg_control = &control;
		message.msg_controllen = sizeof control;
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof out);
		memcpy(CMSG_DATA(head), &out, sizeof out);
	}
	while (sendmsg(run->results[1], &message, MSG_NOSIGNAL) < 0) {
		if (errno != EINTR)
			give_up("the result of a command", strerror(errno));
	}
}

/* ---- units ---- */

static void settle(const struct run *run, const struct stoa_message *message)
{
	const uint8_t *bytes = (const uint8_t *)message->bytes + UNIT_HEAD;
	size_t size = message->size - UNIT_HEAD;
	struct result result = { 0 };
	char **words = run->command, *line = NULL;
	int in = open_stdin(run->each ? NULL : bytes, size), out;

	memcpy(&result.number, message->bytes, sizeof result.number);
	if (run->each) {
		line = must_have(strndup((const char *)bytes, size));
		words = run_words(run->command, line);
	}
	out = run_command(run, words, in, &result);
	if (result.cannot && !run_is_hopeless(run, &result))
		complain(words[0], "%s", strerror(result.cannot));
	tell(run, &result, out);
	close(in);
	close(out);
	if (run->each)
		run_free_words(words);
	free(line);
}

void run_worker(struct run *run)
{
	struct stoa_receiver *receiver;
	struct stoa_message message;
	int rc;

	die_with(run->boss);
	run->cannot = mmap(NULL, sizeof *run->cannot, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	                   0);
	if (run->cannot == MAP_FAILED)
		give_up("memory", strerror(errno));
	sigprocmask(SIG_SETMASK, &run->old_mask, NULL);
	rc = stoa_receiver_open(run->queue, &receiver);
	while (!rc) {
		rc = stoa_receiver_take(receiver, &message, NULL);
		if (rc == -EINTR) {
			rc = 0;
			continue;
		}
		if (rc || message.size < UNIT_HEAD)
			break;
		settle(run, &message);
		rc = stoa_receiver_release(receiver, &message);
	}
	if (rc != STOA_CLOSED)
		give_up("the queue", rc ? stoa_strerror(rc) : "a message that is no unit");
	_exit(STATUS_OK);
}
