/* SPDX-License-Identifier: BSD-2-Clause */
/* machine.c - see machine.h. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "bench.h"
#include "machine.h"

struct machine machine;

/* Is it the first of the threads that share its core? */
static bool leads_its_core(unsigned core)
{
	char path[96];
	unsigned first = core;
	FILE *file;

	snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", core);
	file = fopen(path, "re");
	if (!file)
		return true;
	if (fscanf(file, "%u", &first) != 1)
		first = core;
	fclose(file);
	return first == core;
}

/* "0,2,4-7" */
static bool parse(const char *list, cpu_set_t *set)
{
	CPU_ZERO(set);
	while (*list) {
		char *end;
		unsigned long from = strtoul(list, &end, 10), to = from;

		if (end == list)
			return false;
		if (*end == '-') {
			list = end + 1;
			to = strtoul(list, &end, 10);
			if (end == list)
				return false;
		}
		if (to >= CORES_MOST || from > to)
			return false;
		for (; from <= to; from++)
			CPU_SET(from, set);
		list = end + (*end == ',');
		if (*end && *end != ',')
			return false;
	}
	return CPU_COUNT(set) > 0;
}

static bool find_cores(const char *list)
{
	cpu_set_t allowed, wanted;

	if (sched_getaffinity(0, sizeof allowed, &allowed))
		return false;
	wanted = allowed;
	if (list && !parse(list, &wanted))
		return false;
	for (int leading = 1; leading >= 0; leading--)
		for (unsigned core = 0; core < CORES_MOST; core++) {
			if (!CPU_ISSET(core, &wanted))
				continue;
			if (!CPU_ISSET(core, &allowed))
				return false;
			if (leads_its_core(core) != (bool)leading)
				continue;
			machine.core[machine.cores++] = core;
			machine.whole_cores += leading;
		}
	return machine.cores > 0;
}

static void find_model(void)
{
	char line[256], *colon;
	FILE *file = fopen("/proc/cpuinfo", "re");

	snprintf(machine.model, sizeof machine.model, "unknown processor");
	while (file && fgets(line, sizeof line, file)) {
		colon = strchr(line, ':');
		if (strncmp(line, "model name", 10) || !colon)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(machine.model, sizeof machine.model, "%.90s", colon + 2);
		break;
	}
	if (file)
		fclose(file);
}

static void find_system(void)
{
	struct utsname name;
	double load[3] = { 0 };

	if (uname(&name) == 0)
		snprintf(machine.system, sizeof machine.system, "%.30s %.60s %.30s", name.sysname,
		         name.release, name.machine);
#if defined(__clang__)
	snprintf(machine.compiler, sizeof machine.compiler, "clang %s", __clang_version__);
#else
	snprintf(machine.compiler, sizeof machine.compiler, "gcc %s", __VERSION__);
#endif
	if (getloadavg(load, 3) > 0)
		snprintf(machine.load, sizeof machine.load, "%.2f", load[0]);
}

/*
 * How long a tick is, over 20 ms; and what a look costs: the mean of the best of some batches, since a
 * counter may move in steps that are larger than that.
 */
static void calibrate(void)
{
	uint64_t ns = bench_now(), ticks = bench_ticks(), now;

	do {
		now = bench_now();
	} while (now - ns < 20000000);
	machine.ticks_a_ns = (double)(bench_ticks() - ticks) / (double)(now - ns);
	machine.clock_ticks = UINT64_MAX;
	for (int batch = 0; batch < 20; batch++) {
		ticks = bench_ticks();
		for (int i = 1; i < 1000; i++)
			bench_ticks();
		ticks = (bench_ticks() - ticks) / 1000;
		if (ticks < machine.clock_ticks)
			machine.clock_ticks = ticks;
	}
}

bool machine_look(const char *list)
{
	find_model();
	find_system();
	calibrate();
	return find_cores(list);
}

bool machine_pin(unsigned core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	return sched_setaffinity(0, sizeof set, &set) == 0; /* of the calling thread alone */
}

uint64_t bench_ticks_ns(uint64_t ticks)
{
	ticks = ticks > machine.clock_ticks ? ticks - machine.clock_ticks : 0;
	return (uint64_t)((double)ticks / machine.ticks_a_ns);
}
