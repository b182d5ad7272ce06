/* SPDX-License-Identifier: BSD-2-Clause */
/** doctor.h - findings, and the parts of stoa doctor that make them. */
#ifndef STOA_TOOL_DOCTOR_H
#define STOA_TOOL_DOCTOR_H

#include <stdbool.h>

enum level {
	LEVEL_OK,
	LEVEL_NOTE,
	LEVEL_WRONG
};

#define SHM "/dev/shm"

/* Tells a finding; `cure`: NULL where none is needed. */
void find(enum level level, const char *about, const char *cure, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The first line of a small file, without its end; false where it cannot be read. */
bool first_line(const char *path, char *line, int room);

void check_machine(void); /* doctor_machine.c: /dev/shm, memory, limits, logind */
void check_kernel(void);  /* doctor_kernel.c: calls, filters, namespaces, what of /proc may be seen */

#endif
