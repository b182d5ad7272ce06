/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_rte_hts.c - rte_ring with head and tail that move together. */
#define RTE_HTS
#include "peer_rte_ring.c"
