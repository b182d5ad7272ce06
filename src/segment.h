/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * segment.h - a mapping of this process: validated, counted, found again.
 *
 * The struct holds private copies of every number of the header; nothing reads them
 * from shared memory again.
 */
#ifndef STOA_SEGMENT_INTERNAL_H
#define STOA_SEGMENT_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>

#include <stoa/segment.h>

#include "layout.h"

struct stoa_segment {
	uint8_t *base;
	uint64_t bytes; /* mapped */
	int fd;         /* given out by stoa_segment_fd(); carries no lock */
	bool read_only;
	uint32_t flags; /* of the header */
	char *path;     /* by which it was opened, or NULL */

	/* private copies of the header */
	uint64_t participants_offset, directory_offset, heap_offset;
	uint32_t participants, buckets, entries;
	uint64_t created_ns;
	uint8_t id[16];
	uint64_t device, inode;

	/* this process among the participants; participant.c */
	int lock_fd;          /* a description of its own, whose lock proves life; -1: not registered */
	uint32_t self;        /* slot */
	uint64_t generation;  /* of the slot */
	struct atom64 joined; /* the fork epoch in which it registered; 0: not registered */

	/* of this process's threads */
	pthread_mutex_t mutex;         /* open objects */
	pthread_mutex_t joining;       /* participant.c; after `mutex`, where both are taken */
	pthread_mutex_t reaping;       /* only ever tried: participant_reap_all() */
	pthread_mutex_t creating;      /* object_create.c */
	struct object_handle *objects; /* open in this process; object_handle.c */
	struct atom32 next_pid;        /* the slot whose pid is to be looked up next; participant_reap.c */
	struct atom32 settled;         /* entries below are published, for ever; object_create.c */

	struct atom32 references;  /* grows anywhere, shrinks under the registry's mutex */
	struct stoa_segment *next; /* in the registry */
};

/* Counts forks of this process, from 1: moves in every child.  A handle that remembers an older
 * one was inherited. */
extern uint64_t stoa_fork_epoch;

/* One more reference, for a handle on an object; given back by stoa_segment_close(). */
void segment_reference(struct stoa_segment *segment);

struct segment_header *segment_header(const struct stoa_segment *segment);
struct participant_record *segment_participant(const struct stoa_segment *segment, uint32_t slot);

/* The address at an offset, or NULL where [offset, offset + bytes) is not whole within the heap,
 * or not 64-byte aligned. */
void *segment_at(const struct stoa_segment *segment, uint64_t offset, uint64_t bytes);

/* Sizes: false where the result would pass 2^64. */
bool size_add(uint64_t *sum, uint64_t more);
bool size_mul(uint64_t *product, uint64_t by);
bool size_round(uint64_t *size, uint64_t line); /* up to a multiple of a power of two */

/*
 * Copies a caller's config of any released or later size into the library's own struct:
 * what it does not have is zero; what it has and we do not know must be zero (-EINVAL).
 * `config` may be NULL.
 */
int config_copy(void *own, size_t own_size, const void *config);
/*
 * Answers in a caller's info struct, whose first member, its size, is set.  0; -EINVAL (NULL).
 */
int info_copy(void *info, const void *own, size_t own_size);

#endif
