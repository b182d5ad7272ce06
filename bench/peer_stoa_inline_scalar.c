/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_stoa_inline_scalar.c - stoa's value of a number by stoa/inline.h. */
#define STOA_INLINE
#include "peer_stoa_scalar.c"
