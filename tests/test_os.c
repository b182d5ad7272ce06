/* SPDX-License-Identifier: BSD-2-Clause */
/* test_os.c - the door to the kernel: every outcome that can be brought about. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "os.h"
#include "sanitizers.h"

#define MS 1000000ull
#define S (1000 * MS)

static char directory[64]; /* a directory of this run, in /dev/shm */
static char file_name[96];

/* ---- help ---- */

/* Runs fn in a child: its exit status, or 128 + the signal that ended it. */
static int in_child(int (*fn)(void *), void *context)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(fn(context));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void *shared_page(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? NULL : page;
}

/* A child that sleeps until it is killed. */
static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	return pid;
}

static void kill_and_wait(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A file of that many bytes with a name. */
static int named_file(const char *path, uint64_t bytes)
{
	int fd = os_open_unnamed(path, 0600);

	assert_true(fd >= 0);
	assert_int_equal(os_allocate(fd, bytes), 0);
	assert_int_equal(os_publish(fd, path), 0);
	return fd;
}

static bool close_on_exec(int fd)
{
	return fcntl(fd, F_GETFD) & FD_CLOEXEC;
}

static void on_signal(int number)
{
	(void)number;
}

/* SIGALRM every `us` microseconds, with a handler that restarts nothing; 0: stop. */
static void alarm_every(unsigned us)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct itimerval timer = { { 0, us }, { 0, us } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(directory, sizeof directory, "/dev/shm/stoa-test-os.%d", (int)getpid());
	snprintf(file_name, sizeof file_name, "%s/file", directory);
	return mkdir(directory, 0777) || chmod(directory, 0777);
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(directory);
}

/* ---- time ---- */

static void the_clock_runs_forward(void **state)
{
	uint64_t before = os_now_ns();

	(void)state;
	os_sleep_ns(2 * MS);
	assert_true(os_now_ns() >= before + 2 * MS);
	assert_true(os_realtime_ns() > 1700000000 * S);
	os_yield();
}

static void sleeping_goes_on_after_a_signal(void **state)
{
	uint64_t before = os_now_ns();

	(void)state;
	alarm_every(3000);
	os_sleep_ns(20 * MS);
	alarm_every(0);
	assert_true(os_now_ns() >= before + 20 * MS);
}

static void a_timespec_becomes_nanoseconds(void **state)
{
	(void)state;
	assert_int_equal(os_timespec_ns(&(struct timespec){ 0, 0 }), 0);
	assert_int_equal(os_timespec_ns(&(struct timespec){ 3, 7 }), 3 * S + 7);
	assert_int_equal(os_timespec_ns(&(struct timespec){ 1, -1 }), S - 1);
}

static void no_timespec_is_for_ever(void **state)
{
	(void)state;
	assert_true(os_timespec_ns(NULL) == UINT64_MAX);
}

static void a_negative_timespec_is_zero(void **state)
{
	(void)state;
	assert_int_equal(os_timespec_ns(&(struct timespec){ -1, 5 }), 0);
	assert_int_equal(os_timespec_ns(&(struct timespec){ 0, -5 }), 0);
	assert_int_equal(os_timespec_ns(&(struct timespec){ LONG_MIN, LONG_MIN }), 0);
}

static void a_huge_timespec_saturates(void **state)
{
	(void)state;
	assert_true(os_timespec_ns(&(struct timespec){ LONG_MAX, 0 }) == UINT64_MAX);
	assert_true(os_timespec_ns(&(struct timespec){ 18446744073, LONG_MAX }) == UINT64_MAX);
}

/* ---- futex ---- */

static void waiting_on_another_value_returns_at_once(void **state)
{
	struct atom32 word = { 5 };

	(void)state;
	assert_int_equal(os_futex_wait(&word, 4, UINT64_MAX), 0);
}

static void waiting_past_the_deadline_times_out(void **state)
{
	struct atom32 word = { 5 };
	uint64_t deadline = os_now_ns() + 5 * MS;

	(void)state;
	assert_int_equal(os_futex_wait(&word, 5, 0), -ETIMEDOUT);
	assert_int_equal(os_futex_wait(&word, 5, deadline), -ETIMEDOUT);
	assert_true(os_now_ns() >= deadline);
}

static void a_signal_handler_interrupts_a_wait(void **state)
{
	struct atom32 word = { 5 };

	(void)state;
	alarm_every(2000);
	assert_int_equal(os_futex_wait(&word, 5, os_now_ns() + 60 * S), -EINTR);
	alarm_every(0);
}

static void waking_nobody_wakes_none(void **state)
{
	struct atom32 word = { 5 };

	(void)state;
	assert_int_equal(os_futex_wake(&word, INT_MAX), 0);
}

static int wait_in_child(void *word)
{
	return os_futex_wait(word, 0, os_now_ns() + 60 * S) == 0 ? 0 : 1;
}

static void waking_reaches_another_process(void **state)
{
	struct atom32 *word = shared_page();
	pid_t pid;
	int status;

	(void)state;
	assert_non_null(word);
	pid = fork();
	if (!pid)
		_exit(wait_in_child(word));
	while (os_futex_wake(word, 1) == 0) /* until it sleeps */
		os_sleep_ns(MS);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	munmap(word, 4096);
}

static void waiting_on_two_returns_when_one_differs(void **state)
{
	struct atom32 a = { 1 }, b = { 2 };
	struct atom32 *words[] = { &a, &b };
	int rc = os_futex_wait_any(words, (uint32_t[]){ 1, 3 }, 2, UINT64_MAX);

	(void)state;
	if (rc == -ENOSYS)
		skip();
	assert_int_equal(rc, 0);
}

static void waiting_on_two_past_the_deadline_times_out(void **state)
{
	struct atom32 a = { 1 }, b = { 2 };
	struct atom32 *words[] = { &a, &b };
	int rc = os_futex_wait_any(words, (uint32_t[]){ 1, 2 }, 2, os_now_ns() + 5 * MS);

	(void)state;
	if (rc == -ENOSYS)
		skip();
	assert_int_equal(rc, -ETIMEDOUT);
	assert_int_equal(os_futex_wait_any(words, (uint32_t[]){ 1, 2 }, 2, 0), -ETIMEDOUT);
}

static void a_signal_handler_interrupts_a_wait_on_two(void **state)
{
	struct atom32 a = { 1 }, b = { 2 };
	struct atom32 *words[] = { &a, &b };
	int rc;

	(void)state;
	alarm_every(2000);
	rc = os_futex_wait_any(words, (uint32_t[]){ 1, 2 }, 2, os_now_ns() + 60 * S);
	alarm_every(0);
	if (rc == -ENOSYS)
		skip();
	assert_int_equal(rc, -EINTR);
}

static int wait_any_in_child(void *page)
{
	struct atom32 *words[128];
	uint32_t expected[128] = { 0 };

	for (unsigned i = 0; i < 128; i++)
		words[i] = (struct atom32 *)page + i;
	return os_futex_wait_any(words, expected, 128, os_now_ns() + 60 * S) == 0 ? 0 : 1;
}

static void waking_the_last_of_128_words_wakes_who_waits_on_all(void **state)
{
	struct atom32 *page = shared_page(), *one = page;
	pid_t pid;
	int status;

	(void)state;
	assert_non_null(page);
	if (os_futex_wait_any(&one, (uint32_t[]){ 1 }, 1, 0) == -ENOSYS)
		skip();
	pid = fork();
	if (!pid)
		_exit(wait_any_in_child(page));
	while (os_futex_wake(page + 127, 1) == 0)
		os_sleep_ns(MS);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	munmap(page, 4096);
}

static void waiting_on_none_or_too_many_is_refused(void **state)
{
	struct atom32 *words[129] = { 0 };
	uint32_t expected[129] = { 0 };

	(void)state;
	assert_int_equal(os_futex_wait_any(words, expected, 0, 0), -EINVAL);
	assert_int_equal(os_futex_wait_any(words, expected, 129, 0), -EINVAL);
}

/* ---- fence ---- */

static int fence_in_child(void *unused)
{
	(void)unused;
	return os_fence_register() || os_fence_all();
}

static void the_fence_can_be_registered_again_and_in_a_child(void **state)
{
	int rc = os_fence_register();

	(void)state;
	if (rc == -ENOSYS || rc == -EPERM)
		skip();
	assert_int_equal(rc, 0);
	assert_int_equal(os_fence_register(), 0);
	assert_int_equal(os_fence_all(), 0);
	assert_int_equal(in_child(fence_in_child, NULL), 0);
}

/* ---- memfd ---- */

static void a_sealed_memfd_keeps_its_size(void **state)
{
	int fd = os_memfd("stoa-test", true);

	(void)state;
	assert_true(fd >= 0 && close_on_exec(fd));
	assert_int_equal(os_allocate(fd, 8192), 0);
	assert_int_equal(os_seal(fd), 0);
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 16384), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(os_seal(fd), -EPERM);
	assert_int_equal(os_close(fd), 0);
}

static void a_memfd_without_seals_takes_none(void **state)
{
	int fd = os_memfd("stoa-test", false);

	(void)state;
	assert_true(fd >= 0 && close_on_exec(fd));
	assert_int_equal(os_seal(fd), -EPERM);
	os_close(fd);
}

static void a_memfd_name_that_is_too_long_is_refused(void **state)
{
	char name[300];

	(void)state;
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_int_equal(os_memfd(name, true), -EINVAL);
}

/* ---- unnamed files and names ---- */

static void an_unnamed_file_has_no_name_until_it_is_published(void **state)
{
	struct os_file unnamed, named;
	int fd = os_open_unnamed(file_name, 0600);

	(void)state;
	assert_true(fd >= 0 && close_on_exec(fd));
	assert_int_equal(os_stat_path(file_name, &named), -ENOENT);
	assert_int_equal(os_publish(fd, file_name), 0);
	assert_int_equal(os_stat_path(file_name, &named), 0);
	assert_int_equal(os_stat(fd, &unnamed), 0);
	assert_int_equal(named.inode, unnamed.inode);
	assert_int_equal(named.device, unnamed.device);
	os_close(fd);
	assert_int_equal(os_unlink(file_name), 0);
	assert_int_equal(os_unlink(file_name), -ENOENT);
}

static void publishing_over_a_name_fails_and_leaves_it(void **state)
{
	int first = named_file(file_name, 4096), second = os_open_unnamed(file_name, 0600);
	struct os_file before, after;

	(void)state;
	assert_int_equal(os_stat(first, &before), 0);
	assert_int_equal(os_publish(second, file_name), -EEXIST);
	assert_int_equal(os_stat_path(file_name, &after), 0);
	assert_int_equal(before.inode, after.inode);
	os_close(first);
	os_close(second);
	os_unlink(file_name);
}

static void the_mode_is_exact_whatever_the_umask(void **state)
{
	mode_t mask = umask(0077);
	int fd = os_open_unnamed(file_name, 0666);
	struct os_file file;

	(void)state;
	umask(mask);
	assert_int_equal(os_stat(fd, &file), 0);
	assert_int_equal(file.mode, 0666);
	assert_true(file.regular);
	os_close(fd);
}

static void a_path_without_a_slash_lies_in_the_working_directory(void **state)
{
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	(void)state;
	assert_int_equal(chdir(directory), 0);
	fd = os_open_unnamed("file", 0600);
	assert_true(fd >= 0);
	assert_int_equal(os_publish(fd, "file"), 0);
	assert_int_equal(fchdir(here), 0);
	assert_int_equal(os_unlink(file_name), 0);
	os_close(fd);
	close(here);
}

static void a_missing_directory_is_no_such_file(void **state)
{
	char path[160];
	int fd = os_open_unnamed(file_name, 0600);

	(void)state;
	snprintf(path, sizeof path, "%s/nowhere/file", directory);
	assert_int_equal(os_open_unnamed(path, 0600), -ENOENT);
	assert_int_equal(os_publish(fd, path), -ENOENT);
	assert_int_equal(os_open(path, true), -ENOENT);
	os_close(fd);
}

static void a_file_as_directory_is_refused(void **state)
{
	char path[160];
	int fd = named_file(file_name, 1);

	(void)state;
	snprintf(path, sizeof path, "%s/file", file_name);
	assert_int_equal(os_open_unnamed(path, 0600), -ENOTDIR);
	os_close(fd);
	os_unlink(file_name);
}

static void names_that_are_too_long_are_refused(void **state)
{
	static char path[2 * PATH_MAX];
	int fd = os_open_unnamed(file_name, 0600);
	size_t length = strlen(directory);

	(void)state;
	memcpy(path, directory, length);
	path[length] = '/';
	memset(path + length + 1, 'x', 300);
	assert_int_equal(os_publish(fd, path), -ENAMETOOLONG); /* the last part */
	assert_int_equal(os_open(path, false), -ENAMETOOLONG);
	memset(path + length + 1, '/', sizeof path - length - 2);
	path[sizeof path - 2] = 'x';
	assert_int_equal(os_open_unnamed(path, 0600), -ENAMETOOLONG);
	assert_int_equal(os_publish(fd, path), -ENAMETOOLONG);
	os_close(fd);
}

static void a_file_system_without_unnamed_files_says_so(void **state)
{
	(void)state;
	if (geteuid())
		skip(); /* others may not write there in the first place */
	assert_int_equal(os_open_unnamed("/proc/stoa-test", 0600), -ENOTSUP);
}

/* ---- opening ---- */

static int open_as_a_stranger(void *path)
{
	if (!geteuid() && (setgid(65534) || setuid(65534)))
		return 2;
	return os_open(path, true) == -EACCES && os_open(path, false) == -EACCES ? 0 : 1;
}

static void opening_needs_permission(void **state)
{
	int fd = named_file(file_name, 1);

	(void)state;
	assert_int_equal(fchmod(fd, 0), 0);
	assert_int_equal(in_child(open_as_a_stranger, file_name), 0);
	os_close(fd);
	os_unlink(file_name);
}

static void opening_read_only_does_not_write(void **state)
{
	int writer = named_file(file_name, 4096), reader = os_open(file_name, true);
	char byte;

	(void)state;
	assert_true(reader >= 0 && close_on_exec(reader));
	assert_int_equal(os_write_at(reader, "x", 1, 0), -EBADF);
	assert_int_equal(os_write_at(writer, "x", 1, 0), 0);
	assert_int_equal(os_read_at(reader, &byte, 1, 0), 0);
	assert_int_equal(byte, 'x');
	os_close(writer);
	os_close(reader);
	os_unlink(file_name);
}

static void opening_a_fifo_does_not_block(void **state)
{
	struct os_file file;
	int fd;

	(void)state;
	assert_int_equal(mkfifo(file_name, 0600), 0);
	fd = os_open(file_name, true);
	assert_true(fd >= 0);
	assert_int_equal(os_stat(fd, &file), 0);
	assert_false(file.regular);
	os_close(fd);
	os_unlink(file_name);
}

static void opening_a_directory_to_write_is_refused(void **state)
{
	(void)state;
	assert_int_equal(os_open(directory, false), -EISDIR);
}

static void reopening_gives_another_description_of_the_same_file(void **state)
{
	int fd = os_open_unnamed(file_name, 0600), again = os_reopen(fd, false);
	struct os_file one, other;

	(void)state;
	assert_true(again >= 0 && close_on_exec(again));
	assert_int_equal(os_stat(fd, &one), 0);
	assert_int_equal(os_stat(again, &other), 0);
	assert_int_equal(one.inode, other.inode);
	assert_int_equal(os_lock_byte(fd, 0), 0);
	assert_int_equal(os_lock_byte(again, 0), -EAGAIN); /* a description of its own */
	os_close(fd);
	os_close(again);
}

static void reopening_read_only_does_not_write(void **state)
{
	int fd = os_open_unnamed(file_name, 0600), again = os_reopen(fd, true);

	(void)state;
	assert_true(again >= 0);
	assert_int_equal(os_write_at(again, "x", 1, 0), -EBADF);
	os_close(fd);
	os_close(again);
}

static void reopening_a_memfd_works(void **state)
{
	int fd = os_memfd("stoa-test", true), again = os_reopen(fd, false);

	(void)state;
	assert_true(again >= 0);
	assert_int_equal(os_lock_byte(fd, 0), 0);
	assert_int_equal(os_byte_locked(again, 0), 1);
	os_close(fd);
	os_close(again);
}

/* The file `fd` is of, opened anew by `path`: does it have a lock of its own on that very file? */
static bool opened_anew(const char *path, int fd)
{
	struct os_file file;
	int own, twin = os_stat(fd, &file) ? -1 : os_open_same(path, fd, file.device, file.inode);

	own = twin >= 0 && close_on_exec(twin) && os_lock_byte(twin, 0) == 0 && os_byte_locked(fd, 0) == 1;
	os_close(twin);
	return own;
}

static void a_file_is_opened_anew_whatever_its_name_means_by_now(void **state)
{
	int fd = os_open_unnamed(file_name, 0600), other = os_open_unnamed(file_name, 0600);

	(void)state;
	assert_true(opened_anew(NULL, fd));
	assert_true(opened_anew(file_name, fd)); /* nothing has that name */
	assert_int_equal(os_publish(fd, file_name), 0);
	assert_true(opened_anew(file_name, fd));
	assert_int_equal(os_unlink(file_name), 0);
	assert_int_equal(os_publish(other, file_name), 0);
	assert_true(opened_anew(file_name, fd));
	assert_int_equal(os_unlink(file_name), 0);
	os_close(fd);
	os_close(other);
}

static void a_duplicate_shares_the_description(void **state)
{
	int fd = os_open_unnamed(file_name, 0600), twin = os_duplicate(fd);

	(void)state;
	assert_true(twin >= 0 && twin != fd && close_on_exec(twin));
	assert_int_equal(os_lock_byte(fd, 0), 0);
	assert_int_equal(os_lock_byte(twin, 0), 0);
	os_close(fd);
	os_close(twin);
}

static void calls_on_a_bad_descriptor_say_so(void **state)
{
	struct os_file file;
	void *base;
	char byte;

	(void)state;
	assert_int_equal(os_reopen(-1, true), -EBADF);
	assert_int_equal(os_duplicate(-1), -EBADF);
	assert_int_equal(os_stat(-1, &file), -EBADF);
	assert_int_equal(os_close(-1), -EBADF);
	assert_int_equal(os_seal(-1), -EBADF);
	assert_int_equal(os_read_at(-1, &byte, 1, 0), -EBADF);
	assert_int_equal(os_write_at(-1, &byte, 1, 0), -EBADF);
	assert_int_equal(os_map(-1, 4096, false, false, &base), -EBADF);
	assert_int_equal(os_lock_byte(-1, 0), -EBADF);
	assert_int_equal(os_unlock_byte(-1, 0), -EBADF);
	assert_int_equal(os_byte_locked(-1, 0), -EBADF);
	assert_int_equal(os_allocate(-1, 4096), -EBADF);
}

/* ---- space ---- */

static void allocating_gives_real_zeroed_space(void **state)
{
	int fd = os_memfd("stoa-test", true);
	struct stat st;
	char bytes[16] = "................", zeros[16] = { 0 };

	(void)state;
	assert_int_equal(os_allocate(fd, 0), 0);
	assert_int_equal(os_allocate(fd, (65 << 20) + 5), 0); /* more than one step */
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, (65 << 20) + 5);
	assert_true((uint64_t)st.st_blocks * 512 >= (uint64_t)st.st_size);
	assert_int_equal(os_read_at(fd, bytes, sizeof bytes, 65 << 20), -ENODATA);
	assert_int_equal(os_read_at(fd, bytes, sizeof bytes, (65 << 20) - 11), 0);
	assert_memory_equal(bytes, zeros, sizeof bytes);
	os_close(fd);
}

static void allocating_more_than_there_is_fails(void **state)
{
	int fd = os_open_unnamed(file_name, 0600);

	(void)state;
	assert_int_equal(os_allocate(fd, 1ull << 50), -ENOSPC);
	assert_int_equal(os_allocate(fd, 1ull << 63), -EOVERFLOW);
	os_close(fd);
}

static void allocating_goes_on_under_signals(void **state)
{
	int fd = os_memfd("stoa-test", true), rc;

	(void)state;
	alarm_every(300);
	rc = os_allocate(fd, 48 << 20);
	alarm_every(0);
	assert_int_equal(rc, 0);
	os_close(fd);
}

static int allocate_beyond_the_limit(void *unused)
{
	struct rlimit limit = { 8192, 8192 };
	int fd = os_open_unnamed(file_name, 0600);

	(void)unused;
	setrlimit(RLIMIT_FSIZE, &limit);
	return os_allocate(fd, 16384) == -EFBIG && os_allocate(fd, 8192) == 0 ? 0 : 1;
}

static void allocating_beyond_the_file_size_limit_is_an_error_and_no_signal(void **state)
{
	(void)state;
	assert_int_equal(in_child(allocate_beyond_the_limit, NULL), 0);
}

static void a_file_system_that_cannot_allocate_says_so(void **state)
{
	int fd = os_open("/proc/self/comm", false);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(os_allocate(fd, 4096), -ENOTSUP);
	os_close(fd);
}

static void reading_past_the_end_is_no_data(void **state)
{
	int fd = os_memfd("stoa-test", true);
	char bytes[8];

	(void)state;
	assert_int_equal(os_write_at(fd, "12345678", 8, 0), 0);
	assert_int_equal(os_read_at(fd, bytes, 8, 0), 0);
	assert_memory_equal(bytes, "12345678", 8);
	assert_int_equal(os_read_at(fd, bytes, 8, 1), -ENODATA);
	assert_int_equal(os_read_at(fd, bytes, 1, 8), -ENODATA);
	assert_int_equal(os_read_at(fd, bytes, 0, 8), 0);
	assert_int_equal(os_read_at(fd, bytes, 1, UINT64_MAX), -EINVAL);
	assert_int_equal(os_write_at(fd, bytes, 1, UINT64_MAX), -EINVAL);
	os_close(fd);
}

static void stat_tells_what_a_file_is(void **state)
{
	int fd = named_file(file_name, 12345);
	struct os_file file, other;
	struct stat st;

	(void)state;
	assert_int_equal(stat(file_name, &st), 0);
	assert_int_equal(os_stat(fd, &file), 0);
	assert_int_equal(file.device, st.st_dev);
	assert_int_equal(file.inode, st.st_ino);
	assert_int_equal(file.bytes, 12345);
	assert_int_equal(file.mode, 0600);
	assert_true(file.regular);
	assert_int_equal(os_stat_path(directory, &other), 0);
	assert_false(other.regular);
	os_close(fd);
	os_unlink(file_name);
}

/* ---- memory ---- */

static void two_mappings_of_a_file_share_its_bytes(void **state)
{
	int fd = os_memfd("stoa-test", true);
	void *writable, *readable;

	(void)state;
	assert_int_equal(os_allocate(fd, 8192), 0);
	assert_int_equal(os_map(fd, 8192, false, true, &writable), 0);
	assert_int_equal(os_map(fd, 8192, true, false, &readable), 0);
	strcpy((char *)writable + 4096, "hello");
	assert_string_equal((char *)readable + 4096, "hello");
	os_advise_huge(writable, 8192);
	assert_int_equal(os_lock_memory(writable, 4096), 0);
	assert_int_equal(os_unmap(writable, 8192), 0);
#if !SANITIZES_ADDRESSES && !SANITIZES_THREADS /* whose mlock() does nothing */
	assert_int_equal(os_lock_memory(writable, 4096), -ENOMEM); /* nothing is there any more */
#endif
	assert_int_equal(os_unmap(readable, 8192), 0);
	os_close(fd);
}

static int write_to_a_read_only_mapping(void *fd)
{
	void *base;

	signal(SIGSEGV, SIG_DFL);
	if (os_map(*(int *)fd, 4096, true, false, &base))
		return 1;
	*(volatile char *)base = 1;
	return 0;
}

static void a_read_only_mapping_cannot_be_written(void **state)
{
	int fd = os_memfd("stoa-test", true), status;

	(void)state;
	assert_int_equal(os_allocate(fd, 4096), 0);
	status = in_child(write_to_a_read_only_mapping, &fd);
	assert_true(status != 0 && status != 1); /* the signal, or a sanitizer's own exit status */
	os_close(fd);
}

static void mapping_what_cannot_be_mapped_fails(void **state)
{
	int fd = named_file(file_name, 4096), reader = os_open(file_name, true);
	void *base;

	(void)state;
	assert_int_equal(os_map(fd, 0, false, false, &base), -EINVAL);
	assert_int_equal(os_map(fd, 1ull << 60, false, false, &base), -ENOMEM);
	assert_int_equal(os_map(reader, 4096, false, false, &base), -EACCES);
	assert_int_equal(os_unmap((void *)1, 4096), -EINVAL);
	os_close(fd);
	os_close(reader);
	os_unlink(file_name);
}

/* ---- locks ---- */

static void a_lock_is_seen_by_other_descriptions_alone(void **state)
{
	int fd = os_open_unnamed(file_name, 0600), other = os_reopen(fd, false), reader = os_reopen(fd, true);

	(void)state;
	assert_int_equal(os_byte_locked(other, 7), 0);
	assert_int_equal(os_lock_byte(fd, 7), 0);
	assert_int_equal(os_lock_byte(fd, 7), 0); /* its own: no matter */
	assert_int_equal(os_byte_locked(other, 7), 1);
	assert_int_equal(os_byte_locked(reader, 7), 1);
	assert_int_equal(os_byte_locked(fd, 7), 0);
	assert_int_equal(os_lock_byte(other, 7), -EAGAIN);
	assert_int_equal(os_byte_locked(other, 6), 0); /* one byte only */
	assert_int_equal(os_byte_locked(other, 8), 0);
	assert_int_equal(os_lock_byte(other, 8), 0);
	assert_int_equal(os_unlock_byte(fd, 7), 0);
	assert_int_equal(os_byte_locked(other, 7), 0);
	assert_int_equal(os_lock_byte(other, 7), 0);
	os_close(fd);
	os_close(other);
	os_close(reader);
}

static void a_lock_stays_when_another_descriptor_of_the_file_is_closed(void **state)
{
	int fd = os_open_unnamed(file_name, 0600), second = os_reopen(fd, false), probe = os_reopen(fd, false);

	(void)state;
	assert_int_equal(os_lock_byte(fd, 0), 0);
	os_close(second);
	assert_int_equal(os_byte_locked(probe, 0), 1);
	os_close(fd);
	assert_int_equal(os_byte_locked(probe, 0), 0);
	os_close(probe);
}

static void a_read_lock_does_not_feign_life(void **state)
{
	int fd = os_open_unnamed(file_name, 0600), reader = os_reopen(fd, true);
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1 };

	(void)state;
	assert_int_equal(fcntl(reader, F_OFD_SETLK, &lock), 0);
	assert_int_equal(os_byte_locked(fd, 0), 0);
	os_close(fd);
	os_close(reader);
}

static void a_reader_cannot_lock(void **state)
{
	int fd = os_open_unnamed(file_name, 0600), reader = os_reopen(fd, true);

	(void)state;
	assert_int_equal(os_lock_byte(reader, 0), -EBADF);
	os_close(fd);
	os_close(reader);
}

static void death_drops_a_lock_also_while_the_dead_is_a_zombie(void **state)
{
	int fd = os_open_unnamed(file_name, 0600);
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		int own = os_reopen(fd, false);

		if (own < 0 || os_lock_byte(own, 3))
			_exit(1);
		for (;;)
			pause();
	}
	while (os_byte_locked(fd, 3) == 0) /* a child that failed shows as a test that hangs */
		os_sleep_ns(MS);
	assert_int_equal(os_byte_locked(fd, 3), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(os_byte_locked(fd, 3), 0);
	waitpid(pid, NULL, 0);
	os_close(fd);
}

/* ---- processes ---- */

static void self_is_this_process(void **state)
{
	struct os_process self;
	struct stat st;

	(void)state;
	os_self(&self);
	assert_int_equal(self.pid, getpid());
	assert_true(self.start_time > 0);
	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	assert_int_equal(self.pid_namespace, st.st_ino);
	assert_true(self.comm[0] && !memchr(self.comm, 0, 1) && !self.comm[15]);
	assert_false(os_process_gone(self.pid, self.start_time));
}

/* Counted from the last ')'. */
static uint64_t start_time_in_proc(void)
{
	FILE *file = fopen("/proc/self/stat", "re");
	char text[1024], *at = file && fgets(text, sizeof text, file) ? strrchr(text, ')') : NULL;

	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (file)
		fclose(file);
	return at ? strtoull(at, NULL, 10) : 0;
}

/* 0: it knows itself, and is not as old as its parent; 1: it takes itself for its parent; 2: as old. */
static int who_am_i(void *parent)
{
	struct os_process self;

	os_self(&self);
	if (self.pid != getpid() || self.start_time != start_time_in_proc())
		return 1;
	return self.start_time == ((struct os_process *)parent)->start_time ? 2 : 0;
}

static void a_forked_child_does_not_take_itself_for_its_parent(void **state)
{
	struct os_process self;
	int rc;

	(void)state;
	os_self(&self);
	os_self(&self); /* from memory */
	assert_int_equal(self.start_time, start_time_in_proc());
	while ((rc = in_child(who_am_i, &self)) == 2)
		; /* start times are told in ticks of 10 ms */
	assert_int_equal(rc, 0);
}

static int name_with_parentheses(void *unused)
{
	struct os_process before, after;

	(void)unused;
	os_self(&before);
	prctl(PR_SET_NAME, "a) R 1 (b c) 2");
	os_self(&after);
	return after.start_time == before.start_time && !strcmp(after.comm, "a) R 1 (b c) 2") &&
	                       !os_process_gone(after.pid, after.start_time) ?
	               0 :
	               1;
}

static void a_name_with_parentheses_and_spaces_confuses_nothing(void **state)
{
	(void)state;
	assert_int_equal(in_child(name_with_parentheses, NULL), 0);
}

static void a_living_process_is_not_gone(void **state)
{
	pid_t pid = sleeper();

	(void)state;
	assert_false(os_process_gone(pid, 0));
	kill(pid, SIGSTOP);
	waitpid(pid, NULL, WUNTRACED);
	assert_false(os_process_gone(pid, 0)); /* a stopped process is alive */
	kill_and_wait(pid);
}

static void a_zombie_is_gone(void **state)
{
	pid_t pid = sleeper();
	siginfo_t info;

	(void)state;
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_true(os_process_gone(pid, 0));
	waitpid(pid, NULL, 0);
	assert_true(os_process_gone(pid, 0));
}

static void another_process_under_the_same_pid_means_gone(void **state)
{
	struct os_process self;

	(void)state;
	os_self(&self);
	assert_true(os_process_gone(self.pid, self.start_time + 1));
	assert_true(os_process_gone(self.pid, self.start_time - 1));
	assert_false(os_process_gone(self.pid, 0)); /* unknown: cannot be told */
}

static void no_pid_is_never_gone(void **state)
{
	(void)state;
	assert_false(os_process_gone(0, 1));
	assert_false(os_process_gone(-1, 1));
	assert_false(os_process_gone(INT32_MIN, 1));
}

static void *report_tid(void *tid)
{
	*(volatile pid_t *)tid = (pid_t)syscall(SYS_gettid);
	for (;;)
		pause();
	return NULL;
}

/* A process whose first thread has ended while a second one lives. */
static int leader_ends(void *tid)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, report_tid, tid))
		return 1;
	syscall(SYS_exit, 0); /* this thread alone */
	return 2;
}

static void a_process_without_its_first_thread_is_not_gone_and_a_thread_is_no_process(void **state)
{
	volatile pid_t *tid = shared_page();
	siginfo_t info;
	pid_t pid;

	(void)state;
	assert_non_null((void *)(uintptr_t)tid);
	pid = fork();
	if (!pid)
		_exit(leader_ends((void *)(uintptr_t)tid));
	while (!*tid)
		os_sleep_ns(MS);
	os_sleep_ns(20 * MS); /* time for the first thread to end */
	assert_false(os_process_gone(pid, 0));
	assert_true(os_process_gone(*tid, 0)); /* that number is a thread's now: no process has it */
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_true(os_process_gone(pid, 0));
	waitpid(pid, NULL, 0);
	munmap((void *)(uintptr_t)tid, 4096);
}

/* In a PID namespace of its own, with /proc still showing the outer one. */
static int look_from_an_inner_namespace(void *shared)
{
	volatile uint64_t *start_time = shared;
	pid_t pid = fork();
	int rc;

	if (!pid) {
		struct os_process self;

		os_self(&self);
		*start_time = self.start_time;
		for (;;)
			pause();
	}
	while (!*start_time)
		os_sleep_ns(MS);
	rc = os_process_gone(pid, *start_time) ? 1 : os_process_gone(pid, *start_time + 1) ? 0 : 2;
	kill_and_wait(pid);
	return rc;
}

static int enter_a_namespace(void *shared)
{
	if (unshare(CLONE_NEWPID))
		return 77;
	return in_child(look_from_an_inner_namespace, shared);
}

static void the_proc_of_another_namespace_kills_nobody(void **state)
{
	void *shared = shared_page();
	int status = in_child(enter_a_namespace, shared);

	(void)state;
	if (status == 77)
		skip(); /* needs root */
	assert_int_equal(status, 0);
	munmap(shared, 4096);
}

/* ---- random ---- */

static void random_bytes_differ_and_stay_in_their_room(void **state)
{
	uint8_t one[40], other[40];

	(void)state;
	memset(one, 0xaa, sizeof one);
	memset(other, 0xaa, sizeof other);
	os_random(one, 33);
	os_random(other, 33);
	assert_memory_not_equal(one, other, 33);
	for (int i = 33; i < 40; i++)
		assert_int_equal(one[i], 0xaa);
	os_random(one, 0);
}

static void the_boot_has_one_id(void **state)
{
	uint8_t one[16], other[16], zeros[16] = { 0 };

	(void)state;
	os_boot_id(one);
	os_boot_id(other);
	assert_memory_equal(one, other, 16);
	assert_memory_not_equal(one, zeros, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_clock_runs_forward),
		cmocka_unit_test(sleeping_goes_on_after_a_signal),
		cmocka_unit_test(a_timespec_becomes_nanoseconds),
		cmocka_unit_test(no_timespec_is_for_ever),
		cmocka_unit_test(a_negative_timespec_is_zero),
		cmocka_unit_test(a_huge_timespec_saturates),
		cmocka_unit_test(waiting_on_another_value_returns_at_once),
		cmocka_unit_test(waiting_past_the_deadline_times_out),
		cmocka_unit_test(a_signal_handler_interrupts_a_wait),
		cmocka_unit_test(waking_nobody_wakes_none),
		cmocka_unit_test(waking_reaches_another_process),
		cmocka_unit_test(waiting_on_two_returns_when_one_differs),
		cmocka_unit_test(waiting_on_two_past_the_deadline_times_out),
		cmocka_unit_test(a_signal_handler_interrupts_a_wait_on_two),
		cmocka_unit_test(waking_the_last_of_128_words_wakes_who_waits_on_all),
		cmocka_unit_test(waiting_on_none_or_too_many_is_refused),
		cmocka_unit_test(the_fence_can_be_registered_again_and_in_a_child),
		cmocka_unit_test(a_sealed_memfd_keeps_its_size),
		cmocka_unit_test(a_memfd_without_seals_takes_none),
		cmocka_unit_test(a_memfd_name_that_is_too_long_is_refused),
		cmocka_unit_test(an_unnamed_file_has_no_name_until_it_is_published),
		cmocka_unit_test(publishing_over_a_name_fails_and_leaves_it),
		cmocka_unit_test(the_mode_is_exact_whatever_the_umask),
		cmocka_unit_test(a_path_without_a_slash_lies_in_the_working_directory),
		cmocka_unit_test(a_missing_directory_is_no_such_file),
		cmocka_unit_test(a_file_as_directory_is_refused),
		cmocka_unit_test(names_that_are_too_long_are_refused),
		cmocka_unit_test(a_file_system_without_unnamed_files_says_so),
		cmocka_unit_test(opening_needs_permission),
		cmocka_unit_test(opening_read_only_does_not_write),
		cmocka_unit_test(opening_a_fifo_does_not_block),
		cmocka_unit_test(opening_a_directory_to_write_is_refused),
		cmocka_unit_test(reopening_gives_another_description_of_the_same_file),
		cmocka_unit_test(reopening_read_only_does_not_write),
		cmocka_unit_test(reopening_a_memfd_works),
		cmocka_unit_test(a_file_is_opened_anew_whatever_its_name_means_by_now),
		cmocka_unit_test(a_duplicate_shares_the_description),
		cmocka_unit_test(calls_on_a_bad_descriptor_say_so),
		cmocka_unit_test(allocating_gives_real_zeroed_space),
		cmocka_unit_test(allocating_more_than_there_is_fails),
		cmocka_unit_test(allocating_goes_on_under_signals),
		cmocka_unit_test(allocating_beyond_the_file_size_limit_is_an_error_and_no_signal),
		cmocka_unit_test(a_file_system_that_cannot_allocate_says_so),
		cmocka_unit_test(reading_past_the_end_is_no_data),
		cmocka_unit_test(stat_tells_what_a_file_is),
		cmocka_unit_test(two_mappings_of_a_file_share_its_bytes),
		cmocka_unit_test(a_read_only_mapping_cannot_be_written),
		cmocka_unit_test(mapping_what_cannot_be_mapped_fails),
		cmocka_unit_test(a_lock_is_seen_by_other_descriptions_alone),
		cmocka_unit_test(a_lock_stays_when_another_descriptor_of_the_file_is_closed),
		cmocka_unit_test(a_read_lock_does_not_feign_life),
		cmocka_unit_test(a_reader_cannot_lock),
		cmocka_unit_test(death_drops_a_lock_also_while_the_dead_is_a_zombie),
		cmocka_unit_test(self_is_this_process),
		cmocka_unit_test(a_forked_child_does_not_take_itself_for_its_parent),
		cmocka_unit_test(a_name_with_parentheses_and_spaces_confuses_nothing),
		cmocka_unit_test(a_living_process_is_not_gone),
		cmocka_unit_test(a_zombie_is_gone),
		cmocka_unit_test(another_process_under_the_same_pid_means_gone),
		cmocka_unit_test(no_pid_is_never_gone),
		cmocka_unit_test(a_process_without_its_first_thread_is_not_gone_and_a_thread_is_no_process),
		cmocka_unit_test(the_proc_of_another_namespace_kills_nobody),
		cmocka_unit_test(random_bytes_differ_and_stay_in_their_room),
		cmocka_unit_test(the_boot_has_one_id),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
