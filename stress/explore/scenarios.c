/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenarios.h"

const struct explore_scenario *const all_scenarios[] = {
	litmus_scenarios,    kernel_scenarios,     broken_scenarios,
	xring_scenarios,     crash_scenarios,      orphan_scenarios,
	ring_scenarios,      ring_short_scenarios, ring_wake_scenarios, value_scenarios,
	event_scenarios,     lock_scenarios,       semaphore_scenarios,
	barrier_scenarios,   flag_scenarios,       participant_scenarios,
	whole_scenarios,     number_scenarios,     array_scenarios,
	directory_scenarios, queue_scenarios,      scan_scenarios,
	permits_scenarios,   deliveries_scenarios, shutdown_scenarios,
	threads_scenarios,   parcel_scenarios,     NULL,
};
