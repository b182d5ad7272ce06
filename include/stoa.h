/* SPDX-License-Identifier: BSD-2-Clause */
/** stoa.h - lock-free data structures in shared mappings: all of the public interface. */
#ifndef STOA_H
#define STOA_H

#include <stoa/array.h>
#include <stoa/base.h>
#include <stoa/inspect.h>
#include <stoa/queue.h>
#include <stoa/segment.h>
#include <stoa/sync.h>
#include <stoa/value.h>

#endif
