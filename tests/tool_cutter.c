/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tool_cutter - for LD_PRELOAD: cuts a file as soon as it is mapped, at $CUT_AT bytes, as somebody may at any time.
 *
 * With $CUT_WRITERS only where it may be written.  So the program reads what is not there any more:
 * deterministically, where a cut from outside would hit it now and then only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	const char *at = getenv("CUT_AT");
	char path[64], file[4096] = "";

	if (at && fd >= 0 && (flags & MAP_SHARED) && ((protection & PROT_WRITE) || !getenv("CUT_WRITERS"))) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		if (readlink(path, file, sizeof file - 1) > 0 && strstr(file, "/copy") &&
		    truncate(file, atol(at)) != 0)
			abort();
	}
	return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}
