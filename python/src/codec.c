/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * codec.c - Python objects as messages, and back; see codec.h.
 *
 * Only exact types go without pickle, so that an instance of a subclass comes out as one.
 */
#include "codec.h"

#include <string.h>

static void put_head(struct encoded *encoded, enum codec_tag tag, const void *number, size_t size)
{
	encoded->head[0] = (unsigned char)tag;
	if (size)
		memcpy(encoded->head + 1, number, size);
	encoded->head_size = 1 + size;
}

static bool encode_pickle(const struct codec *codec, PyObject *object, struct encoded *encoded)
{
	PyObject *both = PyObject_CallFunctionObjArgs(codec->dumps, object, NULL);
	PyObject *buffers;
	Py_ssize_t size;
	char *data;

	if (!both)
		return false;
	if (!PyArg_ParseTuple(both, "SO:dumps", &encoded->owner, &buffers)) {
		encoded->owner = NULL;
		Py_DECREF(both);
		return false;
	}
	Py_INCREF(encoded->owner);
	encoded->buffers = buffers == Py_None ? NULL : Py_NewRef(buffers);
	Py_DECREF(both);
	PyBytes_AsStringAndSize(encoded->owner, &data, &size);
	put_head(encoded, TAG_PICKLE, NULL, 0);
	encoded->data = data;
	encoded->data_size = (size_t)size;
	return true;
}

static bool encode_int(const struct codec *codec, PyObject *object, struct encoded *encoded)
{
	int overflow;
	int64_t number = PyLong_AsLongLongAndOverflow(object, &overflow);

	if (overflow)
		return encode_pickle(codec, object, encoded);
	put_head(encoded, TAG_INT, &number, sizeof number);
	return true;
}

static bool encode_str(const struct codec *codec, PyObject *object, struct encoded *encoded)
{
	Py_ssize_t size;
	const char *text = PyUnicode_AsUTF8AndSize(object, &size);

	if (!text) { /* surrogates, which pickle knows how to write */
		if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
			return false;
		PyErr_Clear();
		return encode_pickle(codec, object, encoded);
	}
	put_head(encoded, TAG_STR, NULL, 0);
	encoded->data = text;
	encoded->data_size = (size_t)size;
	encoded->owner = Py_NewRef(object);
	return true;
}

static bool encode_raw(const struct codec *codec, PyObject *object, struct encoded *encoded)
{
	PyObject *packed = codec->pack ? PyObject_CallFunctionObjArgs(codec->pack, object, NULL)
	                               : Py_NewRef(object);
	bool had = packed && PyObject_GetBuffer(packed, &encoded->view, PyBUF_SIMPLE) == 0;

	Py_XDECREF(packed); /* the view holds it */
	if (!had)
		return false;
	encoded->data = encoded->view.buf;
	encoded->data_size = (size_t)encoded->view.len;
	return true;
}

bool codec_encode(const struct codec *codec, PyObject *object, struct encoded *encoded)
{
	encoded->head_size = encoded->data_size = 0;
	encoded->data = NULL;
	encoded->owner = encoded->buffers = encoded->view.obj = NULL;
	if (codec->raw)
		return encode_raw(codec, object, encoded);
	if (PyLong_CheckExact(object))
		return encode_int(codec, object, encoded);
	if (PyUnicode_CheckExact(object))
		return encode_str(codec, object, encoded);
	if (PyBytes_CheckExact(object)) {
		put_head(encoded, TAG_BYTES, NULL, 0);
		encoded->data = PyBytes_AsString(object);
		encoded->data_size = (size_t)PyBytes_Size(object);
		encoded->owner = Py_NewRef(object);
		return true;
	}
	if (PyFloat_CheckExact(object)) {
		double number = PyFloat_AsDouble(object);

		put_head(encoded, TAG_FLOAT, &number, sizeof number);
		return true;
	}
	if (object == Py_None || PyBool_Check(object)) {
		put_head(encoded,
		         object == Py_None   ? TAG_NONE
		         : object == Py_True ? TAG_TRUE
		                             : TAG_FALSE,
		         NULL, 0);
		return true;
	}
	return encode_pickle(codec, object, encoded);
}

void codec_release(struct encoded *encoded)
{
	Py_XDECREF(encoded->owner);
	Py_XDECREF(encoded->buffers);
	if (encoded->view.obj)
		PyBuffer_Release(&encoded->view);
}

static PyObject *corrupt(void)
{
	PyErr_SetString(PyExc_ValueError, "the message is no object of this queue's");
	return NULL;
}

static PyObject *decode_number(const unsigned char *message, size_t size)
{
	int64_t integer;
	double number;

	if (size != CODEC_NUMBER)
		return corrupt();
	if (message[0] == TAG_INT) {
		memcpy(&integer, message + 1, sizeof integer);
		return PyLong_FromLongLong(integer);
	}
	memcpy(&number, message + 1, sizeof number);
	return PyFloat_FromDouble(number);
}

PyObject *codec_finish(const struct codec *codec, int tag, PyObject *data, PyObject *buffers)
{
	PyObject *object = NULL;
	Py_ssize_t size;
	char *bytes;

	if (tag == TAG_BYTES || !data)
		return data;
	PyBytes_AsStringAndSize(data, &bytes, &size);
	if (tag == TAG_STR)
		object = PyUnicode_DecodeUTF8(bytes, size, NULL);
	else if (tag == TAG_PICKLE)
		object = PyObject_CallFunctionObjArgs(buffers ? codec->loads_with : codec->loads, data,
		                                      buffers, NULL); /* which ends at `buffers`, too */
	else
		corrupt();
	Py_DECREF(data);
	return object;
}

static PyObject *decode_raw(const struct codec *codec, const char *data, Py_ssize_t size)
{
	PyObject *bytes = PyBytes_FromStringAndSize(data, size), *object;

	if (!bytes || !codec->unpack)
		return bytes;
	object = PyObject_CallFunctionObjArgs(codec->unpack, bytes, NULL);
	Py_DECREF(bytes);
	return object;
}

PyObject *codec_decode(const struct codec *codec, const unsigned char *message, size_t size)
{
	const char *data = (const char *)message;
	Py_ssize_t rest = (Py_ssize_t)size - 1;

	if (codec->raw)
		return decode_raw(codec, data, (Py_ssize_t)size);
	if (!size)
		return corrupt();
	data++;
	switch (message[0]) {
	case TAG_NONE:
		return Py_NewRef(Py_None);
	case TAG_TRUE:
		return Py_NewRef(Py_True);
	case TAG_FALSE:
		return Py_NewRef(Py_False);
	case TAG_INT:
	case TAG_FLOAT:
		return decode_number(message, size);
	case TAG_STR:
		return PyUnicode_DecodeUTF8(data, rest, NULL);
	case TAG_BYTES:
		return PyBytes_FromStringAndSize(data, rest);
	default:
		return codec_finish(codec, message[0], PyBytes_FromStringAndSize(data, rest), NULL);
	}
}
