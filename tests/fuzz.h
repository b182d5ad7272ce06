/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fuzzed segment: what its parts know of each other.  fuzz_segment.c tells what it does.
 */
#ifndef STOA_TESTS_FUZZ_H
#define STOA_TESTS_FUZZ_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <stoa.h>

#include "layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OBJECTS 6
#define ENDS 2 /* senders, and receivers, of a queue */
#define CHILDREN 2
#define LARGE 4096 /* a damaged shape may speak of more; buffers do not follow it */

union config {
	size_t struct_size;
	struct stoa_value_config value;
	struct stoa_array_config array;
	struct stoa_queue_config queue;
	struct stoa_semaphore_config semaphore;
	struct stoa_event_config event;
	struct stoa_barrier_config barrier;
	struct stoa_lock_config lock;
};

struct object {
	uint32_t kind;
	char name[24];
	union config config, info; /* as it was asked for; as it was opened */
	void *handle;
	struct stoa_sender *senders[ENDS];
	struct stoa_receiver *receivers[ENDS];
	void *reserved[ENDS];
	size_t reserved_size[ENDS];
	struct stoa_message leased[ENDS];
	bool has_lease[ENDS];
};

struct world {
	const uint8_t *at, *end; /* of the input */
	char name[32];           /* "": anonymous */
	int fd;                  /* a duplicate: outlives every handle */
	uint8_t *base, *good;    /* a mapping of its own; its bytes when all was well */
	uint64_t bytes, objects_start[OBJECTS + 1];
	struct segment_header header; /* when all was well */
	struct stoa_segment *segment;
	struct object objects[OBJECTS];
	size_t count;
	pid_t children[CHILDREN]; /* stopped; 0 for none */
	bool in_child;
};

/* ---- fuzz_input.c: the input, and what may be answered ---- */

uint8_t byte(struct world *world);
uint64_t word(struct world *world, int bytes);

/* One of `count`; up to 65,536. */
uint64_t choose(struct world *world, uint64_t count);

/* A short deadline; none of them is NULL. */
const struct timespec *deadline(struct world *world, struct timespec *at);

void may(const char *file, int line, const char *call, int rc, const int *others, size_t count);
void expect(bool true_, const char *what);

/* 0 or one of these. */
#define MAY(rc, ...)                                                                                         \
	do {                                                                                                 \
		const int others_[] = { __VA_ARGS__ };                                                       \
		may(__FILE__, __LINE__, #rc, (rc), others_, sizeof others_ / sizeof *others_);               \
	} while (0)
#define EXPECT(condition) expect((condition), #condition)

/* Every byte can be read. */
void look_at(const void *bytes, size_t size);

void *__real_malloc(size_t size);

/* Of exactly this size, so that the address sanitizer sees a byte too many. */
void *buffer(size_t size, uint8_t with);
size_t least(uint64_t size);

/* ---- fuzz_objects.c: made, opened, closed ---- */

/* Asks for one of any kind and shape. */
void choose_shape(struct world *world, struct object *object);
size_t config_size(uint32_t kind);

/* By the object's own config, and with initial elements for it; or by these bytes. */
int create_with_initial(struct stoa_segment *segment, struct object *object, uint8_t with);
int create_object(struct stoa_segment *segment, struct object *object, const void *config);
int open_object(struct stoa_segment *segment, struct object *object, const void *config);

/* After create or open: what it is. */
void opened(struct object *object, int rc);
int info_object(struct object *object);
void create(struct world *world, struct object *object);
void reopen_object(struct world *world, struct object *object);
void close_object(struct object *object);
void close_sender(struct object *object, size_t i);
void close_receiver(struct object *object, size_t i);

/* ---- fuzz_calls.c, fuzz_queue.c: one call on an object ---- */

void use_object(struct world *world, struct object *object);
void use_queue(struct world *world, struct object *object);

/* ---- fuzz_world.c: the segment, from its creation to its end ---- */

void begin(struct world *world);
void finish(struct world *world);
void leave(struct world *world);
void reopen(struct world *world);
void use_name(struct world *world);
void list(const struct stoa_segment *segment);
void inspect(const struct world *world);
void reap(const struct world *world);

/* ---- fuzz_damage.c ---- */

void damage(struct world *world);

/* The bytes of when all was well. */
void heal(struct world *world, uint64_t from, uint64_t bytes);

/* ---- fuzz_nonsense.c: what no caller should ask for ---- */

void talk_nonsense(struct world *world, struct object *object);

/* ---- fuzz_shortage.c: what a caller may run out of, and signals ---- */

/* From here on, after so many more allocations, or descriptors, there are none. */
void run_short(struct world *world);
void run_short_no_more(void);
bool is_short(void);

/* A signal comes in some microseconds. */
void interrupt_soon(void);

/* ---- fuzz_segment.c: steps, and children that play some ---- */

void bury(pid_t *child);

#endif
