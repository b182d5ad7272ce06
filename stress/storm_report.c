/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * storm_report.c - what storms there are, and what is said of them: as a table, or as lines of JSON.
 */
#include "storm.h"

#include <stdio.h>

#define STORM_PREFIX 6 /* "storm/": needless behind the command's name */

/* ---- scenarios ---- */

#define PLAIN_SCENARIOS 120

/* Not over the SPSC ring, which has no parcels. */
static struct storm_scenario packed_scenario(uint32_t index)
{
	uint32_t topology = index % 3, mixture = index / 3 % 3, on_death = index / 9 % 2;

	return (struct storm_scenario){
		.senders = topology == 1 ? STOA_ONE : STOA_MANY,
		.receivers = topology == 2 ? STOA_ONE : STOA_MANY,
		.kills = mixture != 1,
		.stops = mixture != 2,
		.on_death = on_death ? STOA_DISCARD : STOA_REDELIVER,
		.capacity = index / 18 ? 8 : 2,
		.pack = PACK_MAX,
	};
}

struct storm_scenario storm_scenario(uint32_t index)
{
	static const uint32_t capacities[] = { 1, 2, 3, 8, 1024 };
	uint32_t topology = index % 4, mixture = index / 4 % 3, on_death = index / 12 % 2;

	if (index >= PLAIN_SCENARIOS)
		return packed_scenario(index - PLAIN_SCENARIOS);
	return (struct storm_scenario){
		.senders = topology & 1 ? STOA_ONE : STOA_MANY,
		.receivers = topology & 2 ? STOA_ONE : STOA_MANY,
		.kills = mixture != 1,
		.stops = mixture != 2,
		.on_death = on_death ? STOA_DISCARD : STOA_REDELIVER,
		.capacity = capacities[index / 24],
		.pack = 1,
	};
}

void storm_name(const struct storm_scenario *scenario, char name[STORM_NAME_ROOM])
{
	snprintf(name, STORM_NAME_ROOM, "storm/%cp%cc/cap%u/%s%s/%s",
	         scenario->senders == STOA_ONE ? 's' : 'm', scenario->receivers == STOA_ONE ? 's' : 'm',
	         scenario->capacity, scenario->pack > 1 ? "pack/" : "",
	         scenario->on_death == STOA_DISCARD ? "discard" : "redeliver",
	         scenario->kills && scenario->stops ? "both"
	         : scenario->kills                  ? "kill"
	                                            : "stop");
}

int storm_list(void)
{
	char name[STORM_NAME_ROOM];

	for (uint32_t i = 0; i < STORM_SCENARIOS; i++) {
		struct storm_scenario scenario = storm_scenario(i);

		storm_name(&scenario, name);
		puts(name);
	}
	return 0;
}

void storm_report_head(const struct storm_run *run)
{
	if (!run->json)
		printf("seed %ld\n\n%-30s %6s %7s %7s %10s %9s %9s %9s %7s\n", run->seed, "scenario", "s",
		       "deaths", "stops", "messages", "redeliv.", "discarded", "updates", "locks");
	fflush(stdout);
}

/* ---- while it blows, and after each round ---- */

static uint64_t received_so_far(void)
{
	uint64_t received = 0;

	for (uint32_t i = 0; i < storm->seats; i++)
		received += atom64_load_seq(&storm->desks[i].received);
	return received;
}

void storm_report_progress(const struct storm_run *run, const struct blow *blow)
{
	if (run->progress)
		fprintf(stderr, "\r\033[K[%u of about %u] %s: %lu deaths, %lu stops, %lu messages",
		        run->round + 1, run->rounds, run->name + STORM_PREFIX, (unsigned long)blow->deaths,
		        (unsigned long)blow->stops, (unsigned long)received_so_far());
}

static uint64_t sum_of(size_t offset)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < storm->seats; i++)
		sum += atom64_load_seq(
			(const struct atom64 *)(const void *)((const uint8_t *)&storm->desks[i] + offset));
	return sum;
}
#define SUM(member) ((unsigned long)sum_of(offsetof(struct desk, member)))

static void storm_report_fault(const struct storm_run *run)
{
	FILE *to = run->json ? stderr : stdout;

	fprintf(to,
	        "FAILED  %s\n        replay: stoa-stress storm %s --seed %lu --processes %ld --seconds 60\n"
	        "        (the seed repeats what was done, not when: it may take several tries)\n",
	        storm->text, run->name + STORM_PREFIX, (unsigned long)run->round_seed, run->processes);
}

void storm_report_round(const struct storm_run *run, const struct blow *blow, double seconds)
{
	if (run->progress)
		fprintf(stderr, "\r\033[K");
	if (run->json) {
		printf("{\"scenario\": \"%s\", \"seed\": %lu, \"seconds\": %.2f, \"deaths\": %lu, \"stops\": "
		       "%lu, "
		       "\"attached\": %lu, \"messages\": %lu, \"redelivered\": %lu, \"discarded\": %lu, "
		       "\"uncertain\": %lu, \"updates\": %lu, \"locks\": %lu, \"owners_died\": %lu, "
		       "\"permits\": %lu, "
		       "\"message_size\": %u, \"holds\": %u, \"fault\": \"%s\"}\n",
		       run->name, (unsigned long)run->round_seed, seconds, (unsigned long)blow->deaths,
		       (unsigned long)blow->stops, SUM(attached), (unsigned long)storm->messages,
		       (unsigned long)storm->redelivered, (unsigned long)storm->discarded,
		       (unsigned long)storm->uncertain, SUM(updates), SUM(locks), SUM(owners_died),
		       SUM(permits), storm->message_size, storm->holds,
		       storm_has_failed() ? storm->text : "");
	} else {
		printf("%-30s %6.1f %7lu %7lu %10lu %9lu %9lu %9lu %7lu\n", run->name + STORM_PREFIX, seconds,
		       (unsigned long)blow->deaths, (unsigned long)blow->stops,
		       (unsigned long)storm->messages, (unsigned long)storm->redelivered,
		       (unsigned long)storm->discarded, SUM(updates), SUM(locks));
	}
	if (storm_has_failed())
		storm_report_fault(run);
	fflush(stdout);
}

int storm_report_verdict(const struct storm_run *run)
{
	const char *verdict = run->failed ? "FAILED" : run->interrupted ? "interrupted" : "passed";
	double seconds = (double)(os_now_ns() - run->start_ns) / 1e9;

	if (run->json)
		printf("{\"verdict\": \"%s\", \"rounds\": %u, \"deaths\": %lu, \"stops\": %lu, \"messages\": "
		       "%lu, "
		       "\"seconds\": %.1f, \"seed\": %ld}\n",
		       verdict, run->rounds_done, (unsigned long)run->deaths_done,
		       (unsigned long)run->stops_done, (unsigned long)run->messages_done, seconds, run->seed);
	else
		printf("\nstorm: %s: %u rounds, %lu deaths, %lu stops, %lu messages, in %.0f s (seed "
		       "%ld)%s\n",
		       verdict, run->rounds_done, (unsigned long)run->deaths_done,
		       (unsigned long)run->stops_done, (unsigned long)run->messages_done, seconds, run->seed,
		       run->interrupted && !run->failed ? "; what was done held" : "");
	return run->failed ? 1 : run->interrupted ? 2 : 0;
}
