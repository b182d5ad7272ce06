/* SPDX-License-Identifier: BSD-2-Clause */
/* create_options.c - the options of stoa create: which belong to what, and what they say. */
#include <stdlib.h>
#include <string.h>

#include "create.h"
#include "gather.h"
#include "options.h"
#include "target.h"

enum letter {
	OF_SEGMENT = 1, /* options of the segment, not of an object */
	BYTES = 256,
	PARTICIPANTS,
	OBJECTS,
	MODE,
	EXCLUSIVE,
	TYPE,
	SIZE,
	INITIAL,
	WRITERS,
	COUNT,
	ATOMIC_RANGES,
	CAPACITY,
	MESSAGE_SIZE,
	SENDERS,
	RECEIVERS,
	HANDLES,
	HOLDS,
	PACK,
	DISCARD,
	CLOSE_WITH_SENDERS,
	MAXIMUM,
	PERMITS_RETURN,
	PARTIES,
	LETTERS_END,
};

/* By the kinds that an option belongs to: bits of enum stoa_kind. */
#define KIND(name) (1u << STOA_KIND_##name)
static const unsigned kinds_of[LETTERS_END - BYTES] = {
	[BYTES - BYTES] = OF_SEGMENT,
	[PARTICIPANTS - BYTES] = OF_SEGMENT,
	[OBJECTS - BYTES] = OF_SEGMENT,
	[MODE - BYTES] = OF_SEGMENT,
	[EXCLUSIVE - BYTES] = ~0u,
	[TYPE - BYTES] = KIND(VALUE) | KIND(ARRAY),
	[SIZE - BYTES] = KIND(VALUE),
	[INITIAL - BYTES] = KIND(VALUE) | KIND(SEMAPHORE) | KIND(EVENT),
	[WRITERS - BYTES] = KIND(VALUE) | KIND(ARRAY),
	[COUNT - BYTES] = KIND(ARRAY),
	[ATOMIC_RANGES - BYTES] = KIND(ARRAY),
	[CAPACITY - BYTES] = KIND(QUEUE),
	[MESSAGE_SIZE - BYTES] = KIND(QUEUE),
	[SENDERS - BYTES] = KIND(QUEUE),
	[RECEIVERS - BYTES] = KIND(QUEUE),
	[HANDLES - BYTES] = KIND(QUEUE),
	[HOLDS - BYTES] = KIND(QUEUE),
	[PACK - BYTES] = KIND(QUEUE),
	[DISCARD - BYTES] = KIND(QUEUE),
	[CLOSE_WITH_SENDERS - BYTES] = KIND(QUEUE),
	[MAXIMUM - BYTES] = KIND(SEMAPHORE),
	[PERMITS_RETURN - BYTES] = KIND(SEMAPHORE),
	[PARTIES - BYTES] = KIND(BARRIER),
};

static const struct option options[] = {
	{ "bytes", required_argument, NULL, BYTES },
	{ "participants", required_argument, NULL, PARTICIPANTS },
	{ "objects", required_argument, NULL, OBJECTS },
	{ "mode", required_argument, NULL, MODE },
	{ "exclusive", no_argument, NULL, EXCLUSIVE },
	{ "type", required_argument, NULL, TYPE },
	{ "size", required_argument, NULL, SIZE },
	{ "initial", required_argument, NULL, INITIAL },
	{ "writers", required_argument, NULL, WRITERS },
	{ "count", required_argument, NULL, COUNT },
	{ "atomic-ranges", no_argument, NULL, ATOMIC_RANGES },
	{ "capacity", required_argument, NULL, CAPACITY },
	{ "message-size", required_argument, NULL, MESSAGE_SIZE },
	{ "senders", required_argument, NULL, SENDERS },
	{ "receivers", required_argument, NULL, RECEIVERS },
	{ "handles", required_argument, NULL, HANDLES },
	{ "holds", required_argument, NULL, HOLDS },
	{ "pack", required_argument, NULL, PACK },
	{ "discard", no_argument, NULL, DISCARD },
	{ "close-with-senders", no_argument, NULL, CLOSE_WITH_SENDERS },
	{ "maximum", required_argument, NULL, MAXIMUM },
	{ "permits-return", no_argument, NULL, PERMITS_RETURN },
	{ "parties", required_argument, NULL, PARTIES },
	HELP_OPTION,
	END_OPTION,
};

static const char *option_name(int letter)
{
	return options[letter - BYTES].name;
}

/* ---- options ---- */

static bool number32(const struct command *command, int letter, uint64_t most, uint32_t *number)
{
	uint64_t wide = 0;
	bool right = number_option(command, option_name(letter), optarg, 1, most, &wide);

	*number = (uint32_t)wide;
	return right;
}

static bool ends_option(const struct command *command, int letter, uint32_t *ends)
{
	*ends = strcmp(optarg, "one") == 0 ? STOA_ONE : STOA_MANY;
	if (*ends == STOA_ONE || strcmp(optarg, "many") == 0)
		return true;
	misused(command, "--%s is one or many, not \"%s\"", option_name(letter), optarg);
	return false;
}

static bool mode_option(const struct command *command, uint32_t *mode)
{
	char *end;
	unsigned long number = strtoul(optarg, &end, 8);

	*mode = (uint32_t)number;
	if (*optarg >= '0' && *optarg <= '7' && !*end && number && number <= 0777)
		return true;
	misused(command, "--mode takes permissions in octal, such as 0660, not \"%s\"", optarg);
	return false;
}

static bool type_option(const struct command *command, struct wish *wish)
{
	wish->value.type = wish->array.type = type_by_name(optarg);
	if (wish->value.type)
		return true;
	misused(command,
	        "--type is i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, bool or bytes, not \"%s\"",
	        optarg);
	return false;
}

static bool segment_option(const struct command *command, int letter, struct wish *wish)
{
	const char *name = option_name(letter);

	switch (letter) {
	case BYTES:
		wish->shaped = true;
		return size_option(command, name, optarg, 1, UINT64_MAX, &wish->segment.bytes);
	case PARTICIPANTS:
		wish->shaped = true;
		return number32(command, letter, 4096, &wish->segment.participants);
	case OBJECTS:
		wish->shaped = true;
		return number32(command, letter, UINT32_MAX, &wish->segment.objects);
	case MODE:
		return mode_option(command, &wish->segment.mode);
	default:
		wish->exclusive = true;
		return true;
	}
}

static bool queue_option(const struct command *command, int letter, struct stoa_queue_config *queue)
{
	const char *name = option_name(letter);

	switch (letter) {
	case CAPACITY:
		return size_option(command, name, optarg, 1, UINT64_MAX, &queue->capacity);
	case MESSAGE_SIZE:
		return size_option(command, name, optarg, 1, UINT64_MAX, &queue->message_size);
	case SENDERS:
		return ends_option(command, letter, &queue->senders);
	case RECEIVERS:
		return ends_option(command, letter, &queue->receivers);
	case HANDLES:
		return number32(command, letter, 16384, &queue->handles);
	case HOLDS:
		return number32(command, letter, 4096, &queue->holds);
	case PACK:
		return number32(command, letter, 1024, &queue->pack);
	case DISCARD:
		queue->on_death = STOA_DISCARD;
		return true;
	default:
		queue->flags |= STOA_CLOSE_WITH_SENDERS;
		return true;
	}
}

static bool take_option(const struct command *command, int letter, struct wish *wish)
{
	const char *name = option_name(letter);
	bool right = true;

	if (letter <= EXCLUSIVE)
		return segment_option(command, letter, wish);
	if (letter >= CAPACITY && letter <= CLOSE_WITH_SENDERS)
		return queue_option(command, letter, &wish->queue);
	switch (letter) {
	case TYPE:
		return type_option(command, wish);
	case SIZE:
		return size_option(command, name, optarg, 1, UINT64_MAX, &wish->value.size);
	case INITIAL:
		wish->initial = optarg;
		return true;
	case WRITERS:
		right = number32(command, letter, 1024, &wish->value.writers);
		wish->array.writers = wish->value.writers;
		return right;
	case COUNT:
		return size_option(command, name, optarg, 1, UINT64_MAX, &wish->array.count);
	case ATOMIC_RANGES:
		wish->array.flags |= STOA_ATOMIC_RANGES;
		return true;
	case MAXIMUM:
		return number32(command, letter, UINT32_MAX, &wish->semaphore.maximum);
	case PERMITS_RETURN:
		wish->semaphore.flags |= STOA_PERMITS_RETURN;
		return true;
	default:
		return number32(command, letter, 65536, &wish->barrier.parties);
	}
}

/* ---- what is said at first ---- */

static uint8_t *first_bytes(const struct wish *wish)
{
	size_t length = strlen(wish->initial);
	uint8_t *bytes = must_have(calloc(1, wish->value.size > length ? wish->value.size : length + 8));

	memcpy(bytes, wish->initial, length);
	return bytes;
}

static bool initial_of_value(const struct command *command, struct wish *wish)
{
	struct stoa_value_config *value = &wish->value;
	uint32_t type = value->type ? value->type : value->size ? STOA_BYTES : STOA_I64;

	if (type == STOA_BYTES) {
		if (!value->size)
			value->size = strlen(wish->initial);
		wish->first = first_bytes(wish);
		if (value->size && strlen(wish->initial) <= value->size)
			return true;
		misused(command, "--initial has %zu bytes, the value %llu", strlen(wish->initial),
		        (unsigned long long)value->size);
		return false;
	}
	wish->first = must_have(calloc(1, 8));
	if (number_of_text(type, wish->initial, wish->first))
		return true;
	misused(command, "--initial: \"%s\" is no number of type %s", wish->initial, type_name(type));
	return false;
}

static bool take_initial(const struct command *command, struct wish *wish)
{
	uint64_t number = 0;

	if (!wish->initial)
		return true;
	if (wish->kind == STOA_KIND_VALUE) {
		if (!initial_of_value(command, wish))
			return false;
		wish->value.initial = wish->first;
		return true;
	}
	if (!number_option(command, "initial", wish->initial, 0,
	                   wish->kind == STOA_KIND_EVENT ? 1 : UINT32_MAX, &number))
		return false;
	wish->semaphore.initial = wish->event.initial = (uint32_t)number;
	return true;
}

/* ---- all of them ---- */

static bool kind_of_text(const struct command *command, const char *text, uint32_t *kind)
{
	for (*kind = STOA_KIND_VALUE; *kind <= STOA_KIND_LOCK; ++*kind) {
		if (strcmp(text, kind_name(*kind)) == 0)
			return true;
	}
	misused(command, "there is no kind of object that is called \"%s\"", text);
	return false;
}

static bool all_fit(const struct command *command, const struct wish *wish, const bool *given)
{
	for (int i = BYTES; i < LETTERS_END; i++) {
		if (given[i - BYTES] &&
		    !(kinds_of[i - BYTES] & (OF_SEGMENT | (wish->kind ? 1u << wish->kind : 0)))) {
			misused(command, "--%s is nothing that %s has", option_name(i),
			        wish->kind ? a_kind(wish->kind) : "a segment");
			return false;
		}
	}
	return true;
}

int wish_of(const struct command *command, int argc, char **argv, struct wish *wish)
{
	bool given[LETTERS_END - BYTES] = { false };
	int letter, operands = 0;

	while ((letter = next_option_or_number(command, argc, argv, options, &operands)) != -1) {
		if (letter == 'h' || letter == '?')
			return letter == 'h' ? STATUS_OK : STATUS_USAGE;
		given[letter - BYTES] = true;
		if (!take_option(command, letter, wish))
			return STATUS_USAGE;
	}
	if (operands != 1 && operands != 3)
		return misused(command,
		               "it takes the name of a segment, or that and the kind and name of an object");
	wish->name = argv[1];
	if (operands == 3 && !kind_of_text(command, argv[2], &wish->kind))
		return STATUS_USAGE;
	wish->object = operands == 3 ? argv[3] : NULL;
	return all_fit(command, wish, given) && take_initial(command, wish) ? -1 : STATUS_USAGE;
}
