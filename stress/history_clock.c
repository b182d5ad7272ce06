/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history_clock.c - which clock the stamps are of.
 *
 * The time stamp counter serves where the processor says that it runs at one speed (constant_tsc) and
 * never stops (nonstop_tsc), and where two threads that take turns never see it go back.  Else
 * CLOCK_MONOTONIC_RAW, which costs more.
 */
#include "history.h"

#include <pthread.h>
#include <string.h>

#define TURNS 20000

bool history_clock_is_tsc;
static double per_ns = 1;

struct warp {
	struct atom32 turn; /* even: the first one's */
	uint64_t last;
	bool back;
};

/* Takes every second turn. */
static void take_turns(struct warp *warp, uint32_t parity)
{
	for (uint32_t turn = parity; turn < TURNS; turn += 2) {
		unsigned spins = 0;
		uint64_t now;

		while (atom32_load_acq(&warp->turn) !=
		       turn) { /* [H1] acquire; pairs with the release below */
			if (++spins % 1000 == 0)
				os_yield();
		}
		now = history_now(true);
		if (now < warp->last)
			warp->back = true;
		warp->last = now;
		atom32_store_rel(&warp->turn, turn + 1); /* [H1] release: `last` before the turn */
	}
}

static void *take_odd_turns(void *warp)
{
	take_turns(warp, 1);
	return NULL;
}

static bool goes_back(void)
{
	struct warp warp = { .last = 0 };
	pthread_t other;

	if (pthread_create(&other, NULL, take_odd_turns, &warp))
		return true;
	take_turns(&warp, 0);
	pthread_join(other, NULL);
	return warp.back;
}

static bool processor_says_so(void)
{
	bool constant = false, nonstop = false;
	char line[4096];
	FILE *file = fopen("/proc/cpuinfo", "r");

	while (file && fgets(line, sizeof line, file)) {
		if (strncmp(line, "flags", 5) != 0)
			continue;
		constant = strstr(line, " constant_tsc") != NULL;
		nonstop = strstr(line, " nonstop_tsc") != NULL;
		break;
	}
	if (file)
		fclose(file);
	return constant && nonstop;
}

static uint64_t raw_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC_RAW, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void history_clock_choose(void)
{
#if defined(__x86_64__)
	uint64_t ns, ticks;

	history_clock_is_tsc = processor_says_so();
	if (history_clock_is_tsc && goes_back())
		history_clock_is_tsc = false;
	if (!history_clock_is_tsc)
		return;
	ns = raw_ns();
	ticks = history_now(true);
	os_sleep_ns(20000000);
	ns = raw_ns() - ns;
	per_ns = (double)(history_now(true) - ticks) / (double)ns;
#else
	(void)processor_says_so;
	(void)goes_back;
	(void)raw_ns;
#endif
}

const char *history_clock_name(void)
{
	return history_clock_is_tsc ? "time stamp counter" : "CLOCK_MONOTONIC_RAW";
}

double history_clock_per_ns(void)
{
	return per_ns;
}
