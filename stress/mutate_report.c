/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutate_report.c - what became of each defect, and of all of them: for people, or as JSON.
 */
#include <stdio.h>

#include "mutate.h"

static void print_string(const char *name, const char *text)
{
	printf(", \"%s\": \"", name);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		if ((unsigned char)*text >= ' ')
			putchar(*text);
	}
	putchar('"');
}

void report_fate(const struct campaign *campaign, int number, const struct mutant *mutant,
                 const struct hunt *hunt)
{
	double seconds = (hunt ? hunt->found_at : hunt_now()) - mutant->started;
	char program[HUNT_TEXT] = "";

	if (hunt)
		hunt_program(hunt->words, program);
	if (campaign->progress)
		fprintf(stderr, "\r\033[K");
	if (campaign->json) {
		printf("{\"defect\": %d", number);
		print_string("name", mutant->name);
		print_string("words", mutant->words);
		print_string("fate", hunt ? "found" : "survived");
		printf(", \"expected\": %s, \"tried\": %s, \"hunts\": %u, \"seconds\": %.2f",
		       !hunt == !hunt_in_vain(number) ? "false" : "true", mutant->untried ? "false" : "true",
		       mutant->hunts, seconds);
		print_string("program", program);
		print_string("scenario", hunt ? hunt->scenario : "");
		print_string("kind", hunt ? hunt->kind : "");
		print_string("replay", hunt ? hunt->replay : "");
		puts("}");
	} else {
		printf("%3d %-20s %s\n", number, mutant->name, mutant->words);
		if (hunt)
			printf("    killed by %s %s in %.1f s: %s\n", program, hunt->scenario, seconds,
			       hunt->kind);
		else if (hunt_in_vain(number))
			printf("    survived, as expected: %s\n", hunt_in_vain(number));
		else
			printf("    SURVIVED %u hunts%s\n", mutant->hunts,
			       mutant->untried ? ", not all of which could be tried" : "");
		if (hunt && hunt_in_vain(number))
			printf("    BUT it was expected to survive: %s\n", hunt_in_vain(number));
	}
	fflush(stdout);
}

void report_progress(const struct campaign *campaign)
{
	unsigned decided = campaign->found + campaign->survived + campaign->expected;

	if (!campaign->progress)
		return;
	fprintf(stderr, "\r\033[K%u of %u defects, %u found;", decided, campaign->chosen, campaign->found);
	for (long i = 0; i < campaign->jobs; i++) {
		const struct place *place = &campaign->places[i];

		if (place->mutant && i < 4)
			fprintf(stderr, " %d: %.30s", place->mutant, place->hunt.words);
	}
}

void report_sum(const struct campaign *campaign)
{
	unsigned left = campaign->chosen - campaign->found - campaign->survived - campaign->expected;
	char expected[64] = "";

	if (campaign->expected)
		snprintf(expected, sizeof expected, ", %u as expected", campaign->expected);
	if (campaign->progress)
		fprintf(stderr, "\r\033[K");
	if (campaign->json)
		printf("{\"defects\": %u, \"found\": %u, \"survived\": %u, \"expected\": %u, \"seconds\": "
		       "%.1f}\n",
		       campaign->chosen, campaign->found, campaign->survived, campaign->expected,
		       hunt_now() - campaign->started);
	else if (left)
		printf("\ninterrupted: of %u defects %u found, %u survived%s, %u not decided\n",
		       campaign->chosen, campaign->found, campaign->survived, expected, left);
	else
		printf("\n%u defect%s, %u found, %u survived%s, in %.0f s\n", campaign->chosen,
		       campaign->chosen == 1 ? "" : "s", campaign->found, campaign->survived, expected,
		       hunt_now() - campaign->started);
	fflush(stdout);
}
