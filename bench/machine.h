/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * machine.h - where the figures come from: processors, clock, line.
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	CORES_MOST = 256
};

struct machine {
	char model[96];
	char system[128];
	char compiler[96];
	char load[32];             /* when the bench began */
	unsigned cores;            /* that it may use */
	unsigned core[CORES_MOST]; /* one thread of each core first, then their siblings */
	unsigned whole_cores;      /* how many of them are no siblings */
	double ticks_a_ns;
	uint64_t clock_ticks; /* what a look at the clock costs */
};

extern struct machine machine;

/* `list` such as "0,2,4-7", or NULL: what the process may use.  False: no such processors. */
bool machine_look(const char *list);
/* The calling thread stays on this core.  False where the kernel refuses. */
bool machine_pin(unsigned core);

#endif
