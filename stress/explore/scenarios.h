/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * scenarios.h - all scenarios of stoa-explore: lists, each ended by one without a name.
 */
#ifndef STOA_EXPLORE_SCENARIOS_H
#define STOA_EXPLORE_SCENARIOS_H

#include "explore.h"

extern const struct explore_scenario litmus_scenarios[];
extern const struct explore_scenario broken_scenarios[];
extern const struct explore_scenario xring_scenarios[];
extern const struct explore_scenario crash_scenarios[];
extern const struct explore_scenario orphan_scenarios[];
extern const struct explore_scenario ring_scenarios[];
extern const struct explore_scenario ring_short_scenarios[];
extern const struct explore_scenario ring_wake_scenarios[];
extern const struct explore_scenario value_scenarios[];
extern const struct explore_scenario event_scenarios[];
extern const struct explore_scenario kernel_scenarios[];
extern const struct explore_scenario participant_scenarios[];
extern const struct explore_scenario directory_scenarios[];
extern const struct explore_scenario queue_scenarios[];
extern const struct explore_scenario lock_scenarios[];
extern const struct explore_scenario semaphore_scenarios[];
extern const struct explore_scenario barrier_scenarios[];
extern const struct explore_scenario flag_scenarios[];
extern const struct explore_scenario whole_scenarios[];
extern const struct explore_scenario number_scenarios[];
extern const struct explore_scenario array_scenarios[];
extern const struct explore_scenario scan_scenarios[];
extern const struct explore_scenario deliveries_scenarios[];
extern const struct explore_scenario permits_scenarios[];
extern const struct explore_scenario shutdown_scenarios[];
extern const struct explore_scenario threads_scenarios[];
extern const struct explore_scenario parcel_scenarios[];

/* Ended by NULL. */
extern const struct explore_scenario *const all_scenarios[];

#endif
