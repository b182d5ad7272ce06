/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_stoa_array.c - an element of an array, as the number of peer_stoa_scalar.c. */
#define STOA_ARRAY
#include "peer_stoa_scalar.c"
