/* SPDX-License-Identifier: BSD-2-Clause */
/* set.c - stoa set and stoa add: numbers, structs, events and semaphores are changed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "gather.h"
#include "options.h"
#include "peek.h"
#include "target.h"

struct change {
	struct target target;
	struct range range;
	const char *text;
	bool add, previous, json;
};

static int no_number(const struct change *change, uint32_t type)
{
	return complain(change->target.object, "\"%s\" is no number of type %s", change->text,
	                type_name(type));
}

static bool is_list(const struct change *change)
{
	return change->range.given && !change->range.single;
}

static void print_previous(const struct change *change, uint32_t type, const uint8_t *bytes, uint64_t size)
{
	const struct peek_how how = { .format = change->json ? PEEK_JSON : PEEK_TEXT };

	if (change->previous)
		print_value(is_list(change) ? NULL : "previous", type, bytes, size, size, &how);
}

static void begin_previous(const struct change *change)
{
	if (!change->json)
		return;
	answer_object(NULL);
	answer_text("name", change->target.name);
	answer_text("object", change->target.object);
	answer_text("kind", kind_name(change->target.kind));
	if (is_list(change))
		answer_array("previous");
}

static void end_previous(const struct change *change)
{
	if (change->json && is_list(change))
		answer_end();
	if (change->json)
		answer_end();
}

/* What is to be added: where it is below zero and the type knows no such numbers, to be subtracted. */
static bool operand_of_text(const struct change *change, uint32_t type, uint8_t bytes[8], bool *subtract)
{
	*subtract = *change->text == '-' && type >= STOA_U8 && type <= STOA_U64;
	return number_of_text(type, change->text + *subtract, bytes);
}

/* ---- values ---- */

/* All of stdin for "-", else the text; zeros behind it. */
static int struct_bytes(const struct change *change, uint8_t *bytes, uint64_t size)
{
	size_t length = strlen(change->text);

	if (strcmp(change->text, "-") == 0) {
		length = fread(bytes, 1, size, stdin);
		if (ferror(stdin))
			return complain("stdin", "%s", strerror(errno));
		length += length == size && getchar() != EOF;
	} else if (length <= size) {
		memcpy(bytes, change->text, length);
	}
	return length <= size ? STATUS_OK
	                      : complain(change->target.object, "it takes %llu bytes, and that is more",
	                                 (unsigned long long)size);
}

static int set_struct(const struct change *change, struct stoa_value *value, uint64_t size)
{
	uint8_t *bytes = must_have(calloc(1, size + 1)), *previous = must_have(calloc(1, size + 1));
	int status = struct_bytes(change, bytes, size), rc;

	if (!status) {
		rc = change->previous ? stoa_value_exchange(value, bytes, previous)
		                      : stoa_value_store(value, bytes);
		status = rc ? target_complain(&change->target, rc) : STATUS_OK;
	}
	if (!status) {
		begin_previous(change);
		print_previous(change, STOA_BYTES, previous, size);
		end_previous(change);
	}
	free(bytes);
	free(previous);
	return status;
}

static int change_number(const struct change *change, struct stoa_value *value, uint32_t type)
{
	uint8_t operand[8], previous[8] = { 0 };
	bool subtract = false;
	int rc;

	if (!(change->add ? operand_of_text(change, type, operand, &subtract)
	                  : number_of_text(type, change->text, operand)))
		return no_number(change, type);
	if (!change->add)
		rc = stoa_value_exchange(value, operand, previous);
	else
		rc = (subtract ? stoa_value_fetch_sub : stoa_value_fetch_add)(value, operand, previous);
	if (rc)
		return target_complain(&change->target, rc);
	begin_previous(change);
	print_previous(change, type, previous, sizeof previous);
	end_previous(change);
	return STATUS_OK;
}

static int change_value(const struct change *change)
{
	struct stoa_value_config shape = { .struct_size = sizeof shape };
	struct stoa_value *value;
	int rc = stoa_value_open(change->target.segment, change->target.object, NULL, &value), status;

	if (rc)
		return target_complain(&change->target, rc);
	stoa_value_info(value, &shape);
	if (shape.type != STOA_BYTES)
		status = change_number(change, value, shape.type);
	else if (change->add)
		status = complain(change->target.object, "it is a struct, and no number");
	else
		status = set_struct(change, value, shape.size);
	stoa_value_close(value);
	return status;
}

/* ---- arrays ---- */

/* In one step, where the array has atomic ranges. */
static int set_range(const struct change *change, struct stoa_array *array, size_t size,
                     const uint8_t operand[8])
{
	uint8_t *bytes = must_have(calloc(change->range.count, size));
	int rc;

	for (uint64_t i = 0; i < change->range.count; i++)
		memcpy(bytes + i * size, operand, size);
	rc = stoa_array_write(array, change->range.first, change->range.count, bytes);
	free(bytes);
	return rc;
}

static int change_elements(const struct change *change, struct stoa_array *array, uint32_t type)
{
	size_t size = stoa_type_size((enum stoa_type)type);
	uint8_t operand[8], previous[8] = { 0 };
	bool subtract = false;
	int rc = 0;

	if (!(change->add ? operand_of_text(change, type, operand, &subtract)
	                  : number_of_text(type, change->text, operand)))
		return no_number(change, type);
	if (!change->add && !change->previous)
		rc = set_range(change, array, size, operand);
	begin_previous(change);
	for (uint64_t i = 0; i < change->range.count && !rc && (change->add || change->previous); i++) {
		uint64_t index = change->range.first + i;

		if (!change->add)
			rc = stoa_array_exchange(array, index, operand, previous);
		else
			rc = (subtract ? stoa_array_fetch_sub : stoa_array_fetch_add)(array, index, operand,
			                                                              previous);
		if (!rc)
			print_previous(change, type, previous, sizeof previous);
	}
	end_previous(change);
	return rc ? target_complain(&change->target, rc) : STATUS_OK;
}

static int change_array(const struct change *change)
{
	struct stoa_array_config shape = { .struct_size = sizeof shape };
	const struct range *range = &change->range;
	struct stoa_array *array;
	int rc = stoa_array_open(change->target.segment, change->target.object, NULL, &array), status;

	if (rc)
		return target_complain(&change->target, rc);
	stoa_array_info(array, &shape);
	if (range->first >= shape.count || range->count > shape.count - range->first)
		status = complain(change->target.object, "it has fewer elements");
	else
		status = change_elements(change, array, shape.type);
	stoa_array_close(array);
	return status;
}

/* ---- events and semaphores ---- */

static int set_event(const struct change *change)
{
	bool set = strcmp(change->text, "set") == 0;
	struct stoa_event *event;
	int rc;

	if (!set && strcmp(change->text, "clear") != 0)
		return complain(change->target.object, "an event is set or clear, not \"%s\"", change->text);
	rc = stoa_event_open(change->target.segment, change->target.object, NULL, &event);
	if (rc)
		return target_complain(&change->target, rc);
	rc = set ? stoa_event_set(event) : stoa_event_clear(event);
	stoa_event_close(event);
	return rc ? target_complain(&change->target, rc) : STATUS_OK;
}

/* Permits, one after the other: what went before a failure stays. */
static int add_permits(const struct change *change)
{
	struct stoa_semaphore *semaphore;
	uint8_t bytes[8];
	uint32_t count;
	int rc;

	if (!number_of_text(STOA_U32, change->text, bytes))
		return complain(change->target.object, "\"%s\" is no number of permits", change->text);
	memcpy(&count, bytes, sizeof count);
	rc = stoa_semaphore_open(change->target.segment, change->target.object, NULL, &semaphore);
	if (rc)
		return target_complain(&change->target, rc);
	for (uint32_t i = 0; i < count && !rc; i++)
		rc = stoa_semaphore_post(semaphore);
	stoa_semaphore_close(semaphore);
	if (rc == -EOVERFLOW)
		return complain(change->target.object, "it has all of its permits");
	if (rc == -EPERM)
		return complain(change->target.object, "only who holds one of its permits gives it back");
	return rc ? target_complain(&change->target, rc) : STATUS_OK;
}

/* ---- the commands ---- */

static int change_object(const struct change *change)
{
	uint32_t kind = change->target.kind;

	if (change->range.given != (kind == STOA_KIND_ARRAY))
		return complain(change->target.object,
		                change->range.given ? "%s has no elements" : "%s is changed by index",
		                a_kind(kind));
	if (kind == STOA_KIND_VALUE)
		return change_value(change);
	if (kind == STOA_KIND_ARRAY)
		return change_array(change);
	if (change->previous)
		return complain(change->target.object, "%s tells nothing previous", a_kind(kind));
	if (kind == STOA_KIND_EVENT && !change->add)
		return set_event(change);
	if (kind == STOA_KIND_SEMAPHORE && change->add)
		return add_permits(change);
	return complain(change->target.object, "%s is nothing to %s", a_kind(kind),
	                change->add ? "add to" : "set");
}

static int change_by(const struct command *command, int argc, char **argv, bool add)
{
	static const struct option options[] = {
		{ "previous", no_argument, NULL, 'p' },
		{ "json", no_argument, NULL, 'j' },
		HELP_OPTION,
		END_OPTION,
	};
	struct change change = { .add = add };
	int letter, operands = 0, status;

	while ((letter = next_option_or_number(command, argc, argv, options, &operands)) != -1) {
		if (letter == 'h' || letter == '?')
			return letter == 'h' ? STATUS_OK : STATUS_USAGE;
		change.previous = true;
		change.json |= letter == 'j';
	}
	if (operands != 3 && operands != 4)
		return misused(command,
		               "it takes the names of a segment and of an object, an index, a value");
	if (operands == 4 && !range_of_text(command, argv[3], &change.range))
		return STATUS_USAGE;
	change.text = argv[operands];
	if (change.json && !answer_possible())
		return STATUS_FAILURE;
	status = target_open(&change.target, argv[1], argv[2], 0);
	if (status)
		return status;
	status = change_object(&change);
	target_close(&change.target);
	return status;
}

static int run_set(const struct command *command, int argc, char **argv)
{
	return change_by(command, argc, argv, false);
}

static int run_add(const struct command *command, int argc, char **argv)
{
	return change_by(command, argc, argv, true);
}

/* clang-format off */
const struct command command_set = {
	.name = "set",
	.operands = "[--previous | --json] NAME OBJECT [INDEX | FIRST-LAST] VALUE",
	.summary = "Sets a value, elements of an array, or an event",
	.help =
		"VALUE is a number of the object's type, decimal or with 0x; of bool \"true\" or \"false\"; of an event\n"
		"\"set\" or \"clear\".  Of a struct it is its bytes, with zeros behind them, or \"-\": all of stdin.\n"
		"\n"
		"  --previous   prints what it was\n"
		"  --json       the same as JSON\n"
		"  --help       this text\n",
	.run = run_set,
};

const struct command command_add = {
	.name = "add",
	.operands = "[--previous | --json] NAME OBJECT [INDEX | FIRST-LAST] N",
	.summary = "Adds to a value or to elements of an array, in one step, or permits to a semaphore",
	.help =
		"N may be below zero.  Integers wrap around.  Others may add at the same time, and nothing is lost.\n"
		"\n"
		"  --previous   prints what it was\n"
		"  --json       the same as JSON\n"
		"  --help       this text\n",
	.run = run_add,
};
/* clang-format on */
