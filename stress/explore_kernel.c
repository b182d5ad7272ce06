/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * explore_kernel.c - stands for src/os_process.c, and with explore_file.c for src/os_file.c, in the explorer:
 * processes, descriptors, locks on bytes.
 *
 * What the kernel keeps in one place for all,
 * and what processes learn from each other by it, are words, and every look at one is a step:
 *
 *   the lock of a byte    the description that holds it + 1, or 0
 *   the end of a process  1 once it has ended
 *   a name                the file + 1, or 0
 *
 * In the kernel these live under spinlocks.  Here they are sequentially consistent, so they are read and
 * written in one order, that of the execution, and who takes a lock, or finds it free, knows all that the one
 * knew who dropped it.  That is no more than the kernel gives: its look at a lock need not be an exchange.
 *
 * Death.  In one step a process that is killed drops its locks, its end becomes visible, and with either comes
 * all that it knew (kernel_death()).  That a dead one still has its locks for a while is no case of its own:
 * it could as well have been killed later.  A stopped process keeps its locks, and lives.
 *
 * A process sees each file on a device of its own, so that the library's list of segments, which all
 * processes share here, never takes another's segment for its own.  The table of descriptors is one, so any
 * process can use any number that is open: as if it had come over a socket.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "explore_engine.h"
#include "explore_kernel.h"
#include "os.h"
#include "participant.h"
#include "segment.h"

#define DESCRIPTORS_PER_PROCESS 32u
#define DESCRIPTORS_MAX (PROCESSES_MAX * DESCRIPTORS_PER_PROCESS)
#define LOCKS_MAX 128u
#define FIRST_PID 100
#define DIRECTORY_NAMESPACE 1

struct byte_lock {
	uint64_t offset;
	unsigned file;
	struct atom64 holder;
	bool used;
};

static struct kernel {
	unsigned process; /* whose calls set_up() and check() make */
	struct {
		unsigned file, descriptors;
	} descriptions[DESCRIPTORS_MAX];
	unsigned descriptors[DESCRIPTORS_MAX]; /* the description + 1 */
	struct byte_lock locks[LOCKS_MAX];
	struct atom64 ended[PROCESSES_MAX];
	uint64_t refused; /* 0: no lock is; else those of this byte and all that follow */
} k;

/* ---- steps ---- */

static unsigned self(void)
{
	return engine.running ? engine.fibers[engine.current].process : k.process;
}

/* Whose death would change the word: bits of threads. */
static uint32_t watched_by(const struct atom64 *word, uint64_t value)
{
	unsigned process = PROCESSES_MAX;
	uint32_t threads = 0;

	for (unsigned p = 0; p < PROCESSES_MAX; p++) {
		if (word == &k.ended[p])
			process = p;
	}
	for (unsigned i = 0; i < LOCKS_MAX && value; i++) {
		if (word == &k.locks[i].holder)
			process = (unsigned)(value - 1) / DESCRIPTORS_PER_PROCESS;
	}
	for (unsigned t = 0; t < engine.threads; t++)
		threads |= (uint32_t)(engine.fibers[t].process == process) << t;
	return threads;
}

static struct step *look(enum op_kind kind, struct explore_site *site, struct atom64 *word, uint64_t expected,
                         uint64_t desired)
{
	struct location *location = memory_location(&word->raw, sizeof word->raw);
	struct step *step = run_step((struct op){
		.kind = kind,
		.order = EXPLORE_SEQ,
		.site = site,
		.location = location,
		.expected = expected,
		.operand = desired,
		.watches = true,
	});

	step->newest = location->last;
	step->value = memory_read((unsigned)engine.current, location, location->last, EXPLORE_SEQ);
	engine.effect.newest = engine.effect.seq = true;
	engine.effect.watched = watched_by(word, step->value);
	return step;
}

uint64_t kernel_load(struct explore_site *site, struct atom64 *word)
{
	return engine.running ? look(OP_LOAD, site, word, 0, 0)->value : word->raw;
}

/* What was there: `expected`, and then `desired` is there now, or something else. */
uint64_t kernel_exchange(struct explore_site *site, struct atom64 *word, uint64_t expected, uint64_t desired)
{
	struct step *step;
	uint64_t value = word->raw;

	if (!engine.running) {
		if (value == expected)
			word->raw = desired;
		return value;
	}
	step = look(OP_CAS, site, word, expected, desired);
	if (step->value != expected)
		return step->value;
	memory_write((unsigned)engine.current, step->op.location, step->op.location->last, EXPLORE_SEQ,
	             desired, true);
	engine.effect.wrote = step->done = true;
	return expected;
}

/* ---- descriptors ---- */

static int new_descriptor(unsigned description)
{
	unsigned from = self() * DESCRIPTORS_PER_PROCESS;

	for (unsigned fd = from; fd < from + DESCRIPTORS_PER_PROCESS; fd++) {
		if (k.descriptors[fd])
			continue;
		k.descriptors[fd] = description + 1;
		k.descriptions[description].descriptors++;
		return (int)fd;
	}
	return -EMFILE;
}

int kernel_describe(unsigned file)
{
	unsigned from = self() * DESCRIPTORS_PER_PROCESS;

	for (unsigned d = from; d < from + DESCRIPTORS_PER_PROCESS; d++) {
		if (k.descriptions[d].descriptors)
			continue;
		k.descriptions[d].file = file;
		return new_descriptor(d);
	}
	return -ENFILE;
}

/* The description; negative: there is none. */
static int description_of(int fd)
{
	if (fd < 0 || fd >= (int)DESCRIPTORS_MAX || !k.descriptors[fd])
		return -EBADF;
	return (int)k.descriptors[fd] - 1;
}

int kernel_file(int fd)
{
	int description = description_of(fd);

	return description < 0 ? description : (int)k.descriptions[description].file;
}

int os_reopen(int fd, bool read_only)
{
	int file = kernel_file(fd);

	(void)read_only;
	return file < 0 ? file : kernel_describe((unsigned)file);
}

int os_open_same(const char *path, int fd, uint64_t device, uint64_t inode)
{
	(void)path;
	(void)device;
	(void)inode;
	return os_reopen(fd, false);
}

int os_duplicate(int fd)
{
	int description = description_of(fd);

	return description < 0 ? description : new_descriptor((unsigned)description);
}

int os_close(int fd)
{
	KERNEL_SITE("unlock", "os_close");
	int description = description_of(fd);

	if (description < 0)
		return description;
	k.descriptors[fd] = 0;
	if (--k.descriptions[description].descriptors)
		return 0;
	for (unsigned i = 0; i < LOCKS_MAX; i++) {
		struct byte_lock *lock = &k.locks[i];

		if (lock->used && lock->holder.raw == (unsigned)description + 1)
			kernel_exchange(&site, &lock->holder, (unsigned)description + 1, 0);
	}
	return 0;
}

int os_seal(int fd)
{
	return fd < 0 ? -EBADF : 0;
}

/* ---- locks ---- */

static struct atom64 *lock_word(unsigned file, uint64_t offset)
{
	unsigned i = (unsigned)(offset * 0x9e3779b97f4a7c15u >> 40) % LOCKS_MAX;

	for (unsigned n = 0; n < LOCKS_MAX; n++, i = (i + 1) % LOCKS_MAX) {
		struct byte_lock *lock = &k.locks[i];

		if (!lock->used)
			*lock = (struct byte_lock){ .used = true, .file = file, .offset = offset };
		if (lock->file == file && lock->offset == offset)
			return &lock->holder;
	}
	run_fail("limit", "more than %u bytes are locked", LOCKS_MAX);
}

int os_lock_byte(int fd, uint64_t offset)
{
	KERNEL_SITE("lock", "os_lock_byte");
	int file = kernel_file(fd);
	uint64_t mine, was;

	if (file < 0)
		return file;
	if (k.refused && offset >= k.refused)
		return -ENOTSUP;
	mine = (uint64_t)description_of(fd) + 1;
	was = kernel_exchange(&site, lock_word((unsigned)file, offset), 0, mine);
	return was && was != mine ? -EAGAIN : 0;
}

int os_unlock_byte(int fd, uint64_t offset)
{
	KERNEL_SITE("unlock", "os_unlock_byte");
	int file = kernel_file(fd);

	if (file < 0)
		return file;
	kernel_exchange(&site, lock_word((unsigned)file, offset), (uint64_t)description_of(fd) + 1, 0);
	return 0;
}

int os_byte_locked(int fd, uint64_t offset)
{
	KERNEL_SITE("probe", "os_byte_locked");
	int file = kernel_file(fd);
	uint64_t holder;

	if (file < 0)
		return file;
	holder = kernel_load(&site, lock_word((unsigned)file, offset));
	return holder && holder != (uint64_t)description_of(fd) + 1;
}

const char *kernel_place(const void *at, char *text, size_t room)
{
	for (unsigned i = 0; i < LOCKS_MAX; i++) {
		if (at == &k.locks[i].holder && k.locks[i].offset >> 62)
			return snprintf(text, room, "lock 2^62+%llu",
			                (unsigned long long)(k.locks[i].offset - (1ull << 62))),
			       text;
		if (at == &k.locks[i].holder)
			return snprintf(text, room, "lock %llu", (unsigned long long)k.locks[i].offset), text;
	}
	for (unsigned p = 0; p < PROCESSES_MAX; p++) {
		if (at == &k.ended[p])
			return snprintf(text, room, "end of process %u", p), text;
	}
	return file_place(at, text, room);
}

/* ---- processes ---- */

void os_self(struct os_process *process)
{
	*process = (struct os_process){
		.pid = FIRST_PID + (int)self(),
		.start_time = 1000 + self(),
		.pid_namespace = DIRECTORY_NAMESPACE,
	};
	snprintf(process->comm, sizeof process->comm, "process %u", self());
}

bool os_process_gone(int32_t pid, uint64_t start_time)
{
	KERNEL_SITE("pidfd", "os_process_gone");
	unsigned process = (unsigned)(pid - FIRST_PID);

	if (process >= PROCESSES_MAX)
		return true;
	return kernel_load(&site, &k.ended[process]) || start_time != 1000 + process;
}

static void set_word(struct atom64 *word, uint64_t value, int thread)
{
	struct location *location;

	if (!engine.running) {
		word->raw = value;
		return;
	}
	location = memory_location(&word->raw, sizeof word->raw);
	usage_note(location, (unsigned)thread, true);
	memory_write((unsigned)thread, location, location->last, EXPLORE_SEQ, value, true);
}

static void end_process(unsigned process, int thread)
{
	unsigned from = process * DESCRIPTORS_PER_PROCESS;

	for (unsigned fd = from; fd < from + DESCRIPTORS_PER_PROCESS; fd++) {
		unsigned description = k.descriptors[fd] - 1;

		if (!k.descriptors[fd])
			continue;
		k.descriptors[fd] = 0;
		if (--k.descriptions[description].descriptors)
			continue;
		for (unsigned i = 0; i < LOCKS_MAX; i++) {
			if (k.locks[i].used && k.locks[i].holder.raw == description + 1)
				set_word(&k.locks[i].holder, 0, thread);
		}
	}
	set_word(&k.ended[process], 1, thread);
}

void kernel_death(unsigned thread)
{
	if (engine.kernel)
		end_process(engine.fibers[thread].process, (int)thread);
}

void explore_end_process(unsigned process)
{
	end_process(process, -1);
}

bool explore_process_ended(unsigned process)
{
	return k.ended[process].raw;
}

unsigned explore_own_process(void)
{
	return self();
}

void explore_refuse_locks(uint64_t from)
{
	k.refused = from;
}

int explore_pass(int fd)
{
	unsigned process = k.process;
	int passed;

	k.process = 0;
	passed = os_duplicate(fd);
	k.process = process;
	return passed;
}

/*
 * The library keeps a few things in static variables, for a whole process or a fork.  What it looks up but
 * once it looks up here, before any scenario.
 */
static void warm_up(void)
{
	struct stoa_segment_config config = { .struct_size = sizeof config, .participants = 2 };
	struct stoa_segment *one = NULL, *two = NULL;
	size_t mark = world_heap_mark();
	static bool warm;

	if (warm)
		return;
	warm = true;
	config.bytes = 4096;
	config.objects = 1;
	k.process = 1;
	if (stoa_segment_create(NULL, &config, &one))
		abort();
	k.process = 2;
	if (stoa_segment_open_fd(stoa_segment_fd(one), 0, &two))
		abort();
	participant_dead(two, 0, one->generation);
	stoa_segment_close(two);
	k.process = 1;
	stoa_segment_close(one);
	world_heap_release(mark);
	world_forget_last_state(); /* the file */
	memset(&k, 0, sizeof k);
	file_reset();
}

void explore_process(unsigned process)
{
	if (process >= PROCESSES_MAX)
		abort();
	if (!engine.kernel && !engine.running) {
		engine.kernel = true;
		explore_state(&k, sizeof k);
		file_begin();
		explore_registry();
		warm_up();
	}
	k.process = process;
}

/* ---- mutexes: of one process, which has one thread here ---- */

int explore_mutex_lock(pthread_mutex_t *mutex)
{
	return engine.kernel ? 0 : pthread_mutex_lock(mutex);
}

int explore_mutex_trylock(pthread_mutex_t *mutex)
{
	return engine.kernel ? 0 : pthread_mutex_trylock(mutex);
}

int explore_mutex_unlock(pthread_mutex_t *mutex)
{
	return engine.kernel ? 0 : pthread_mutex_unlock(mutex);
}
