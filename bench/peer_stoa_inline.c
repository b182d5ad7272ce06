/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_stoa_inline.c - stoa's SPSC ring by stoa/inline.h. */
#define STOA_INLINE
#include "peer_stoa_queue.c"
