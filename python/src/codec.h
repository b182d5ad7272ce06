/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * codec.h - what a Python object looks like in a message.
 *
 *   tag   what follows
 *   N T F nothing: None, True, False
 *   i     an int of 64 bits, little-endian
 *   d     a float
 *   s     a str, in UTF-8
 *   b     bytes
 *   p     a pickle
 *   S     struct spill_reference: the object lies in a file of its own, see spill.h
 *
 * In raw messages there is no tag: they are bytes.
 */
#ifndef STOA_PYTHON_CODEC_H
#define STOA_PYTHON_CODEC_H

#include "module.h"

enum codec_tag {
	TAG_NONE = 'N',
	TAG_TRUE = 'T',
	TAG_FALSE = 'F',
	TAG_INT = 'i',
	TAG_FLOAT = 'd',
	TAG_STR = 's',
	TAG_BYTES = 'b',
	TAG_PICKLE = 'p',
	TAG_SPILL = 'S',
};

#define CODEC_NUMBER 9 /* bytes of the longest message that needs no data of an object's own */

/* An object, ready to be written: the tag (or the whole, for a number), and behind it its own data. */
struct encoded {
	unsigned char head[CODEC_NUMBER];
	size_t head_size;
	const void *data;
	size_t data_size;
	PyObject *owner;   /* of `data`; a new reference, may be NULL */
	PyObject *buffers; /* out of band, of a pickle: a list of buffers; may be NULL */
	Py_buffer view;    /* of a raw message; view.obj may be NULL */
};

/*
 * dumps(object) -> (bytes, [buffers] or None); loads(bytes) -> object, and loads_with(bytes, [buffers]).  Raw:
 * pack(object) -> something with the buffer protocol, unpack(bytes) -> object, or NULL.
 */
struct codec {
	PyObject *dumps, *loads, *loads_with;
	PyObject *pack, *unpack;
	bool raw;
};

/* False with an exception. */
bool codec_encode(const struct codec *codec, PyObject *object, struct encoded *encoded);
void codec_release(struct encoded *encoded);

static inline size_t codec_size(const struct encoded *encoded)
{
	return encoded->head_size + encoded->data_size;
}

/* A message that is no spill, which nobody else writes to any more.  A new reference, or NULL. */
PyObject *codec_decode(const struct codec *codec, const unsigned char *message, size_t size);
/* The same for an object whose data are in an object already: `data` is stolen. */
PyObject *codec_finish(const struct codec *codec, int tag, PyObject *data, PyObject *buffers);

#endif
