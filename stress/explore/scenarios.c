/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenarios.h"

const struct explore_scenario *const all_scenarios[] = {
	litmus_scenarios, broken_scenarios, xring_scenarios,
	crash_scenarios,  orphan_scenarios, ring_scenarios,
	value_scenarios,  event_scenarios,  NULL,
};
