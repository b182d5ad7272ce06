/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_unix.c - peer_stream.c over a UNIX stream socket. */
#define STREAM_UNIX
#include "peer_stream.c"
