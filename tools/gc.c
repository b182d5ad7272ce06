/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc.c - stoa gc: what nobody uses any more.
 *
 * Nobody uses a segment in which no participant lives, and the kernel proves that, not a guess by pids.  Whether it
 * may go is another question: it may hold what the next run wants to find.  So only those go by themselves that say
 * so: by STOA_UNLINK_LAST, or by a name that begins with "py-", which the Python package gives to what it makes
 * for a moment.  Others go when they are named.
 *
 * STOA_UNLINK_LAST: join it and leave it again, and the library removes the name as it does for the last to
 * leave, whoever comes meanwhile.  Others: join, see that one is alone, and that the name still means this segment
 * (another may have removed it, and somebody made a new one), remove the name; who joined between the last two keeps
 * the memory and finds the name gone.
 *
 * A file called NAME~... belongs to the segment NAME: the Python package keeps there what did not fit into it, in
 * segments and in plain files.  Whoever uses NAME may come to need it, whether or not anybody lives in it now.  So
 * it goes when NAME goes.  Where NAME has gone, somebody may still have that segment mapped: then it goes by itself
 * only if NAME is temporary, whose name nobody removes before the last has left.  Plain files are locked (flock(2))
 * by who is writing them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "answer.h"
#include "gather.h"
#include "show.h"

#define TEMPORARY "py-"

enum deed {
	DEED_NONE,
	DEED_REAP,    /* somebody lives there, and others are dead */
	DEED_LEAVE,   /* join and leave: STOA_UNLINK_LAST */
	DEED_REMOVE,  /* a segment */
	DEED_DELETE,  /* a plain file of a segment */
	DEED_ASK,     /* nobody uses it, and it was not named */
	DEED_PART,    /* it belongs to a segment that stays */
	DEED_UNKNOWN, /* it cannot be opened */
};

struct plan {
	char *operand;
	bool named;
	struct segment segment;
	enum deed deed;
	uint64_t bytes;   /* that come back */
	const char *done; /* NULL: not tried; "": it is done; else why it is not */
	int reaped;
};

/* ---- what is to be done ---- */

static bool is_temporary(const char *name)
{
	return strncmp(name, TEMPORARY, strlen(TEMPORARY)) == 0;
}

/* Of a segment in which nobody lives. */
static bool may_go(const struct segment *segment, const char *name, bool named)
{
	return named || is_temporary(name) || (segment->info.flags & STOA_UNLINK_LAST);
}

/* Of a file that belongs to a segment, and goes by `deed` where it goes. */
static enum deed deed_of_part(const struct plan *plan, enum deed deed)
{
	const char *name = plan->segment.base;
	struct segment base;

	gather(name, false, &base);
	if (base.rc == -ENOENT) {
		if (!plan->named && !is_temporary(name))
			deed = DEED_ASK;
	} else if (base.rc || base.info.participants_alive || !may_go(&base, name, plan->named)) {
		deed = DEED_PART;
	}
	gather_end(&base);
	return deed;
}

static enum deed deed_of(const struct plan *plan)
{
	const struct segment *segment = &plan->segment;
	bool file = segment->base && (segment->rc == -EBADMSG || segment->rc == -ENODATA);

	if (!segment->file.st_nlink || (segment->rc && segment->rc != -ENOENT && !file))
		return DEED_UNKNOWN;
	if (segment->rc == -ENOENT)
		return DEED_LEAVE; /* its last user died while it removed the name */
	if (segment->info.participants_alive)
		return segment->dead ? DEED_REAP : DEED_NONE;
	if (segment->base)
		return deed_of_part(plan, file ? DEED_DELETE : DEED_REMOVE);
	if (segment->info.flags & STOA_UNLINK_LAST)
		return DEED_LEAVE;
	return may_go(segment, plan->operand, plan->named) ? DEED_REMOVE : DEED_ASK;
}

static bool goes_away(const struct plan *plan)
{
	return plan->deed == DEED_LEAVE || plan->deed == DEED_REMOVE || plan->deed == DEED_DELETE;
}

static void make_plan(struct plan *plan, const char *operand, bool named)
{
	*plan = (struct plan){ .operand = must_have(strdup(operand)), .named = named };
	gather(operand, false, &plan->segment);
	plan->deed = deed_of(plan);
	if (goes_away(plan))
		plan->bytes = (uint64_t)plan->segment.file.st_blocks * 512;
}

/* ---- doing it ---- */

static const char joined[] = "somebody has joined it meanwhile";

static const char *still_there(const struct segment *segment)
{
	struct stat file;

	return stat(segment->path, &file) == 0 && file.st_ino == segment->file.st_ino ? joined : "";
}

static bool same_file(const struct stat *one, const struct stat *other)
{
	return one->st_ino == other->st_ino && one->st_dev == other->st_dev;
}

/* Whether what was looked at, what is open and what the name means are one. */
static bool is_another(const struct plan *plan, const struct stoa_segment *open)
{
	struct stat opened, named;

	return fstat(stoa_segment_fd(open), &opened) != 0 || !same_file(&opened, &plan->segment.file) ||
	       (stat(plan->segment.path, &named) == 0 && !same_file(&named, &opened));
}

static const char *remove_name(const struct plan *plan, struct stoa_segment *open)
{
	struct stoa_segment_info info = { .struct_size = sizeof info };
	int rc = stoa_segment_info(open, &info);

	if (!rc && info.participants_alive > 1)
		return joined;
	if (!rc && is_another(plan, open))
		return "another one has its name by now";
	if (!rc)
		rc = stoa_segment_unlink(plan->operand);
	return rc ? reason(rc) : "";
}

static const char *delete_file(const struct segment *segment)
{
	int fd = open(segment->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	const char *why = "";

	if (fd < 0)
		return reason(-errno);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		why = "somebody is writing it";
	else if (unlink(segment->path) != 0)
		why = reason(-errno);
	close(fd);
	return why;
}

/* Who joins reaps, too, and does not say how many: so they are counted before and after. */
static int reaped_of(const struct plan *plan)
{
	struct segment now;
	int reaped;

	gather(plan->operand, false, &now);
	reaped = now.rc || now.dead > plan->segment.dead ? 0 : (int)(plan->segment.dead - now.dead);
	gather_end(&now);
	return reaped;
}

static void do_in_segment(struct plan *plan)
{
	struct stoa_segment *open;
	int rc = stoa_segment_open(plan->operand, 0, &open);

	if (rc == -ENOENT && plan->deed == DEED_LEAVE) {
		plan->done = still_there(&plan->segment); /* opening it has removed the name */
		return;
	}
	if (rc) {
		plan->done = rc == -EACCES || rc == -EPERM ? "no permission to write it" : reason(rc);
		return;
	}
	rc = stoa_segment_reap(open);
	plan->done = rc < 0 ? reason(rc) : "";
	if (rc >= 0 && plan->deed == DEED_REMOVE)
		plan->done = remove_name(plan, open);
	stoa_segment_close(open);
	plan->reaped = reaped_of(plan);
	if (rc >= 0 && plan->deed == DEED_LEAVE)
		plan->done = still_there(&plan->segment);
}

static void do_it(struct plan *plan)
{
	if (plan->deed != DEED_REAP && !goes_away(plan))
		return;
	if (goes_away(plan) && plan->segment.base && deed_of_part(plan, plan->deed) != plan->deed)
		plan->done = "somebody has joined what it belongs to";
	else if (plan->deed == DEED_DELETE)
		plan->done = delete_file(&plan->segment);
	else
		do_in_segment(plan);
}

static bool failed(const struct plan *plan)
{
	return plan->done && plan->done[0];
}

/* ---- telling ---- */

static const char *deed_name(const struct plan *plan)
{
	return goes_away(plan) ? "remove" : plan->deed == DEED_REAP ? "reap" : "keep";
}

static char *why(const struct plan *plan)
{
	const struct segment *segment = &plan->segment;

	if (failed(plan))
		return text_of("not done: %s", plan->done);
	switch (plan->deed) {
	case DEED_NONE:
		return text_of("%u use it", segment->info.participants_alive);
	case DEED_REAP:
		if (plan->done)
			return text_of("%d dead reaped", plan->reaped);
		return text_of("%" PRIu64 " dead among %u who use it", segment->dead,
		               segment->info.participants_alive);
	case DEED_ASK:
		return text_of("nobody uses it; name it to have it removed");
	case DEED_PART:
		return text_of("it belongs to %s", segment->base);
	case DEED_DELETE:
		return text_of("a file of %s, which nobody uses", segment->base);
	case DEED_UNKNOWN:
		return text_of("%s", segment_reason(segment));
	default:
		return text_of("nobody uses it%s", segment->dead ? ", its users died" : "");
	}
}

static void print_table(const struct plan *plans, size_t count)
{
	struct table table = {
		.columns = 4,
		.titles = { "SEGMENT", "WHAT", "GIVES BACK", "WHY" },
		.align = { LEFT, LEFT, RIGHT, LEFT },
	};

	for (size_t i = 0; i < count; i++) {
		bool goes = goes_away(&plans[i]);
		char *text = why(&plans[i]);

		cell(&table, BOLD, "%s", plans[i].segment.name);
		cell(&table, goes ? YELLOW : PLAIN, "%s", deed_name(&plans[i]));
		cell(&table, PLAIN, "%s", goes ? show_bytes(plans[i].bytes).at : "");
		cell(&table, failed(&plans[i]) ? RED : PLAIN, "%s", text);
		free(text);
	}
	if (count)
		table_print(&table, 0, stdout);
}

static void print_sum(const struct plan *plans, size_t count, bool yes)
{
	uint64_t bytes = 0, reaped = 0;
	size_t removed = 0;

	for (size_t i = 0; i < count; i++) {
		if (failed(&plans[i]))
			continue;
		removed += goes_away(&plans[i]);
		bytes += plans[i].bytes;
		if (plans[i].deed == DEED_REAP)
			reaped += yes ? (uint64_t)plans[i].reaped : plans[i].segment.dead;
	}
	if (!removed && !reaped)
		puts("nothing to be done");
	if (removed)
		printf("%s %zu file%s, which %s %s back\n", yes ? "removed" : "would remove", removed,
		       removed == 1 ? "" : "s", yes ? "gave" : "gives", show_bytes(bytes).at);
	if (reaped)
		printf("%s %" PRIu64 " dead participant%s\n", yes ? "reaped" : "would reap", reaped,
		       reaped == 1 ? "" : "s");
	if (!yes && (removed || reaped))
		puts("--yes does it");
}

static void print_json(const struct plan *plans, size_t count)
{
	answer_array(NULL);
	for (size_t i = 0; i < count; i++) {
		char *text = why(&plans[i]);

		answer_object(NULL);
		answer_text("name", plans[i].segment.name);
		answer_text("what", deed_name(&plans[i]));
		answer_text("why", text);
		answer_number("bytes", plans[i].bytes);
		answer_number("dead", plans[i].segment.dead);
		answer_flag("done", plans[i].done && !failed(&plans[i]));
		answer_end();
		free(text);
	}
	answer_end();
}

/* ---- the command ---- */

static int collect(struct plan *plans, size_t count, bool yes, bool json)
{
	int status = STATUS_OK;

	for (size_t i = 0; i < count; i++) {
		if (yes)
			do_it(&plans[i]);
		if (failed(&plans[i]) || (plans[i].named && plans[i].deed == DEED_UNKNOWN))
			status = STATUS_FAILURE;
	}
	if (json) {
		print_json(plans, count);
	} else {
		print_table(plans, count);
		print_sum(plans, count, yes);
	}
	return status;
}

/* Each once: what was removed as a part of another is not to be missed then. */
static void want(char **wanted, size_t *count, const char *name)
{
	for (size_t i = 0; i < *count; i++) {
		if (strcmp(wanted[i], name) == 0)
			return;
	}
	wanted[(*count)++] = must_have(strdup(name));
}

/* The operands, and what belongs to them: malloc'd, as the names. */
static char **with_parts(char **operands, size_t operand_count, size_t *count)
{
	size_t all;
	char **names = segment_names(&all);
	char **wanted = must_have(calloc(operand_count * (all + 1) + 1, sizeof *wanted));

	*count = 0;
	for (size_t i = 0; i < operand_count; i++) {
		size_t length = strlen(operands[i]);

		want(wanted, count, operands[i]);
		for (size_t k = 0; k < all; k++) {
			if (strncmp(names[k], operands[i], length) == 0 && names[k][length] == '~')
				want(wanted, count, names[k]);
		}
	}
	names_end(names, all);
	return wanted;
}

static int run(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "yes", no_argument, NULL, 'y' },
		{ "json", no_argument, NULL, 'j' },
		HELP_OPTION,
		END_OPTION,
	};
	bool yes = false, json = false, named;
	struct plan *plans;
	char **names;
	size_t count;
	int letter, status;

	while ((letter = next_option(command, argc, argv, options)) != -1) {
		if (letter == 'h')
			return STATUS_OK;
		if (letter == '?')
			return STATUS_USAGE;
		yes |= letter == 'y';
		json |= letter == 'j';
	}
	if (json && !answer_possible())
		return STATUS_FAILURE;
	named = optind < argc;
	names = named ? with_parts(argv + optind, (size_t)(argc - optind), &count) : segment_names(&count);
	plans = must_have(calloc(count + 1, sizeof *plans));
	for (size_t i = 0; i < count; i++)
		make_plan(&plans[i], names[i], named);
	status = collect(plans, count, yes, json);
	for (size_t i = 0; i < count; i++) {
		gather_end(&plans[i].segment);
		free(plans[i].operand);
	}
	free(plans);
	names_end(names, count);
	return status;
}

/* clang-format off */
const struct command command_gc = {
	.name = "gc",
	.operands = "[--yes] [--json] [NAME ...]",
	.summary = "Says what nobody uses any more, and with --yes gives it back",
	.help =
		"Segments in which no process lives: those that the last to leave removes, and those of a name that\n"
		"begins with \"py-\"; others where they are named.  A file NAME~... goes with NAME.  Where somebody\n"
		"lives: what the dead still hold.  Without --yes nothing is changed.\n"
		"\n"
		"  --yes    do it\n"
		"  --json   as JSON\n"
		"  --help   this text\n",
	.run = run,
};
/* clang-format on */
