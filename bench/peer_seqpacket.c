/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_seqpacket.c - peer_stream.c over a UNIX socket that keeps messages apart. */
#define STREAM_PACKETS
#include "peer_stream.c"
