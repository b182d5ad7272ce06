/* SPDX-License-Identifier: BSD-2-Clause */
/* findings.c - what stoa_segment_check() says of a segment, told in words and as JSON. */
#include "findings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "look.h"
#include "show.h"

static void hear(void *context, enum stoa_finding kind, const char *object, const char *what)
{
	struct findings *findings = context;

	if (findings->count == findings->room) {
		findings->room = findings->room ? 2 * findings->room : 16;
		findings->list = must_have(realloc(findings->list, findings->room * sizeof *findings->list));
	}
	findings->kinds[kind]++;
	findings->list[findings->count++] = (struct finding){
		.kind = kind,
		.object = object ? must_have(strdup(object)) : NULL,
		.what = must_have(strdup(what)),
	};
}

void findings_end(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		free(findings->list[i].object);
		free(findings->list[i].what);
	}
	free(findings->list);
	*findings = (struct findings){ 0 };
}

static const char *finding_name(enum stoa_finding kind)
{
	return kind == STOA_BROKEN ? "broken" : kind == STOA_UNSETTLED ? "unsettled" : "moving";
}

int findings_take(struct stoa_segment *open, uint64_t tries, struct findings *findings)
{
	int rc;

	for (;;) {
		rc = stoa_segment_check(open, hear, findings);
		if (was_cut())
			return -ENODATA;
		if (rc != STOA_CHANGED || --tries == 0)
			return rc;
		findings_end(findings);
		usleep(10000);
	}
}

static const char *verdict(int rc)
{
	return rc == -EBADMSG ? "broken" : rc == STOA_CHANGED ? "moving" : rc ? reason(rc) : "whole";
}

void print_findings(const char *name, const struct findings *findings, int rc)
{
	static const enum colour shades[] = { PLAIN, RED, DIM, YELLOW };

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];
		char *object = harmless(finding->object ? finding->object : ""),
		     *what = harmless(finding->what);

		printf("%s: %s%s%s%s%s: %s\n", name, object, *object ? ": " : "",
		       colour(shades[finding->kind]), finding_name(finding->kind), colour(PLAIN), what);
		free(object);
		free(what);
	}
	printf("%s: %s%s%s", name,
	       colour(rc == 0  ? GREEN
	              : rc < 0 ? RED
	                       : YELLOW),
	       verdict(rc), colour(PLAIN));
	if (rc == STOA_CHANGED)
		printf(": %zu of its objects could not be checked whole; the rest holds",
		       findings->kinds[STOA_MOVING]);
	if (findings->kinds[STOA_UNSETTLED])
		printf("; %zu dead to be reaped", findings->kinds[STOA_UNSETTLED]);
	putchar('\n');
}

void answer_findings(const struct findings *findings, int rc)
{
	answer_text("verdict", verdict(rc));
	answer_array("findings");
	for (size_t i = 0; i < findings->count; i++) {
		answer_object(NULL);
		answer_text("object", findings->list[i].object);
		answer_text("finding", finding_name(findings->list[i].kind));
		answer_text("what", findings->list[i].what);
		answer_end();
	}
	answer_end();
}

char *copy_or_name(const char *name)
{
	char *path = file_of(name);
	bool here = !strchr(name, '/') && access(path, F_OK) != 0 && access(name, F_OK) == 0;

	free(path);
	return here ? text_of("./%s", name) : must_have(strdup(name));
}
