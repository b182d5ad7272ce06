/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * spill.h - objects that are larger than a message, each in a file of its own.
 */
#ifndef STOA_PYTHON_SPILL_H
#define STOA_PYTHON_SPILL_H

#include "codec.h"

/* What the message says in the object's place. */
struct spill_reference {
	unsigned char tag; /* TAG_SPILL */
	unsigned char reserved[7];
	uint64_t token;
};

/* An object that is written and not yet sent: its file is locked as long as `fd` is open. */
struct spill {
	int fd;
	struct spill_reference reference;
};

/* Writes it into a new file beside `path`.  False with an exception. */
bool spill_write(const char *path, unsigned mode, const struct encoded *encoded, struct spill *spill);
/* It was sent, or it was not, and goes away. */
void spill_sent(struct spill *spill);
void spill_unsent(const char *path, struct spill *spill);

/* What a reference tells of, which stays there.  A new reference, or NULL. */
PyObject *spill_read(const struct codec *codec, const char *path, const struct spill_reference *reference);
void spill_remove(const char *path, const struct spill_reference *reference);

/*
 * Takes away what the dead have left of the queue at `path`: its spilled objects that no message tells of.
 * `quiet` answers whether the queue has no message, neither waiting nor held.  With `all`, everything:
 * the queue is gone.
 */
void spill_sweep(const char *path, bool all, bool (*quiet)(void *context), void *context);

#endif
