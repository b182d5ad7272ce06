/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore.h - what a scenario of stoa-explore is written with.
 *
 * A scenario is a small world, up to eight threads in it, and what must hold in the end.  Its threads call
 * the library's real functions, or operations of atomic.h.  The explorer runs it again and again, each time
 * with other choices: which thread goes on, which of several stores a load reads, who dies.
 *
 *	static struct world { struct atom64 x, y; } w;
 *
 *	static void writer(void *unused) { atom64_store_rlx(&w.x, 1); atom64_store_rel(&w.y, 1); }
 *	static void reader(void *unused)
 *	{
 *		if (atom64_load_acq(&w.y))
 *			explore_check(atom64_load_rlx(&w.x) == 1, "the flag came before the data");
 *	}
 *	static void set_up(void)
 *	{
 *		explore_state(&w, sizeof w);
 *		explore_thread("writer", writer, NULL);
 *		explore_thread("reader", reader, NULL);
 *	}
 *	const struct explore_scenario message_passing = { .name = "mp", .set_up = set_up };
 *
 * Rules.  Everything that threads share, and all that the scenario remembers, lies in what explore_state()
 * was given, or was allocated by explore_malloc() (the library's malloc is that): it is put back before each
 * execution.  Nothing shared on the stack.  What happens depends on the operations' results alone.
 * Between two operations of atomic.h a thread is not interrupted.
 */
#ifndef STOA_EXPLORE_H
#define STOA_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPLORE_THREADS_MAX 8u
#define EXPLORE_PROCESSES_MAX 8u

struct explore_scenario {
	const char *name, *about;
	void (*set_up)(void);   /* once; single-threaded */
	void (*check)(void);    /* after each execution, when nobody moves any more; may be NULL */
	unsigned crashes;       /* so many threads may be killed */
	unsigned stops;         /* or stopped for ever */
	const void *parameters; /* see explore_parameters() */
	/* Litmus: exactly these outcomes, ended by NULL; see explore_outcome(). */
	const char *const *outcomes;
	/* Where it cannot be searched through: the bounds that hold instead. */
	bool bounded;
	int preemptions, stale;
	bool large;         /* not in the quick choice */
	const char *broken; /* it must fail, in this way: "race", "assertion", "deadlock", ... */
	int defect;         /* of src/defect.h: planted while it runs, and then it must fail */
};

/* ---- in set_up() ---- */

void explore_state(void *at, size_t size);
void explore_thread(const char *name, void (*function)(void *context), void *context);
/* The same, and it may be killed, or stopped, at any point. */
void explore_mortal(const char *name, void (*function)(void *context), void *context);
/* How reports call an address: "cells" is cells[1] one `stride` further. */
void explore_name(const void *at, size_t stride, size_t count, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* membarrier(2) is not there: os_fence_register() and os_fence_all() fail, threads make their own fences. */
void explore_own_fences(void);
/* Memory whose first reader must be preceded by a writer. */
void explore_undefined(void *at, size_t size);

/* The scenario's own `parameters`. */
const void *explore_parameters(void);

/* ---- processes, files, locks on their bytes: explore_kernel.c ---- */

/*
 * From here on, set_up() does everything as that process, 1 to 8, and the thread that it makes next is that
 * process's only one; in check() the same.  With it comes a kernel: files without names and with, of up to 32
 * KiB; descriptors; locks that end with their process; pids.  So stoa_segment_create() and all that builds on
 * it work, in set_up() and in threads:
 *
 *	explore_process(1);
 *	stoa_segment_create(NULL, &config, &w.segments[1]);
 *	w.fd = explore_pass(stoa_segment_fd(w.segments[1]));
 *	explore_mortal("creator", create, NULL);
 *	explore_process(2);
 *	stoa_segment_open_fd(w.fd, 0, &w.segments[2]);
 *	explore_thread("opener", open, NULL);
 *
 * A thread that is killed takes its process with it: its locks are dropped, os_process_gone() says so, and
 * who learns that knows all that the victim knew.  One that is stopped, or has returned, keeps its locks.
 * The memory of the files is shared, malloc's is each process's own: no step.  What the library keeps in
 * static variables is not put back: what looks something up but once (lock.c, whose thread this is) must be
 * called once in set_up().  A thread that sleeps goes on when somebody has stored something, or when nobody
 * else can: then an eighth of a second is over, at once.
 */
void explore_process(unsigned number);
/* The process that calls. */
unsigned explore_own_process(void);
/* In set_up(): the process has ended. */
void explore_end_process(unsigned number);
/* In check(): whether it has. */
bool explore_process_ended(unsigned number);
/* In set_up(): from that byte on nobody gets a lock, of any file: -ENOTSUP. */
void explore_refuse_locks(uint64_t from);
/* In set_up(): a descriptor that stays open whoever dies. */
int explore_pass(int fd);

/* ---- in threads and check() ---- */

/* What must hold.  Ends the execution where it does not. */
#define explore_check(condition, ...)                                                                        \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			explore_fail("assertion", __VA_ARGS__);                                              \
	} while (0)
void explore_fail(const char *kind, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

/* A word of plain data: two threads' accesses, one of them a write, must be ordered by happens-before. */
uint64_t explore_get(const uint64_t *word);
void explore_set(uint64_t *word, uint64_t value);

/*
 * Waits until another thread has ended.  True: it was killed, and this is the proof; with it comes all that
 * the victim knew, as from the kernel that drops its locks.  False: it returned, or will never be proven
 * dead.
 */
bool explore_await_death(unsigned thread);
/* The same without waiting: whether it has been killed. */
bool explore_is_dead(unsigned thread);
/* Which thread this is, in the order of set_up(). */
unsigned explore_self(void);
/* In check(): whether a thread returned from its function. */
bool explore_returned(unsigned thread);

/* What this execution came to, in a litmus shape: called in check(). */
void explore_outcome(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Memory that is gone after the execution. */
void *explore_malloc(size_t size);
void *explore_calloc(size_t count, size_t size);
void *explore_realloc(void *at, size_t size);
int explore_posix_memalign(void **at, size_t alignment, size_t size);
void explore_free(void *at);
char *explore_strdup(const char *text);
void *explore_memcpy(void *to, const void *from, size_t size);
void *explore_memset(void *at, int byte, size_t size);

/* Steps so far: for histories. */
uint32_t explore_now(void);
/* An operation of a history begins, ends: see explore_history.h. */
void explore_invoke(void);
void explore_respond(void);

#endif
