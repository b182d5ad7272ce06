/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * spill.h - objects that are larger than a message, each in a file of its own.
 */
#ifndef STOA_PYTHON_SPILL_H
#define STOA_PYTHON_SPILL_H

#include "codec.h"
#include "store.h"

/* What the message says in the object's place. */
struct spill_reference {
	unsigned char tag; /* TAG_SPILL */
	unsigned char size_class;
	unsigned char reserved[6];
	uint64_t token, use, size;
};

/* An object that is written and not yet sent; its file is locked. */
struct spill {
	struct file *file;
	struct spill_reference reference;
};

/* Writes it into a file.  False with an exception. */
bool spill_write(struct store *store, const struct encoded *encoded, struct spill *spill);
/* It was sent; or it was not, and goes away. */
void spill_sent(struct spill *spill);
void spill_unsent(struct store *store, struct spill *spill);

/* What a reference tells of, which stays there.  A new reference, or NULL. */
PyObject *spill_read(const struct codec *codec, struct store *store, const struct spill_reference *reference);
/* Its message was acknowledged. */
void spill_done(struct store *store, const struct spill_reference *reference);

/*
 * Takes away what the dead have left of the queue at `path`: its spilled objects that no message tells of.
 * `quiet` answers whether the queue has no message, neither waiting nor held.
 */
void spill_sweep(const char *path, bool (*quiet)(void *context), void *context);
/* The queue is gone: removes everything. */
void spill_remove_all(const char *path);

#endif
