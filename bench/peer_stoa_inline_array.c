/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_stoa_inline_array.c - an element of an array by stoa/inline.h. */
#define STOA_ARRAY
#define STOA_INLINE
#include "peer_stoa_scalar.c"
