/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * segment_file.c - a segment as a file: its name, its plan, making it, checking it.
 *
 * Making.  A segment is made without a name: an unnamed file beside the place of its name
 * (or a memfd) gets all of its space from the file system, so that a full one is an error here and
 * no SIGBUS later; then the header is written.  segment.c gives it the name last, so whoever
 * finds a name finds a whole segment.  A new file is all zero, and zero is how participants,
 * buckets and entries begin.
 *
 * Checking.  What lies under a name may be anything: another file, a segment cut short, of another
 * machine, of another version, or one made to do harm.  The header is read into private memory
 * once, every number is checked there, and only these copies are used from then on; the mapping
 * covers exactly the validated total.  The checks go from what never changes its place (magic,
 * endianness, version) to what this version defines, so that a newer segment is told from a broken one:
 *
 *   not the magic                        -EBADMSG
 *   ends before the magic or the header  -ENODATA, where all that is there may begin a segment
 *   endianness, word or line size        -EPROTOTYPE
 *   layout version, feature bits         -EPROTONOSUPPORT
 *   the file is shorter than it says     -ENODATA
 *   numbers out of order or of bounds    -EBADMSG
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "atomic.h"
#include "segment_file.h"

#define NAME_PREFIX "/dev/shm/stoa."
#define NAME_MAX_BYTES 250u /* with "stoa." the 255 of a file name */
#define PAGE_BYTES 4096u
#define HUGE_BYTES (2u << 20)
#define UNIT_MAX (1u << 30) /* the largest huge page */

#define CREATE_FLAGS (STOA_EXCLUSIVE | STOA_PREFAULT | STOA_MLOCK | STOA_HUGE | STOA_UNLINK_LAST)
#define HEADER_FLAGS (STOA_HUGE | STOA_UNLINK_LAST)

/* ---- sizes ---- */

bool size_add(uint64_t *sum, uint64_t more)
{
	return !__builtin_add_overflow(*sum, more, sum);
}

bool size_mul(uint64_t *product, uint64_t by)
{
	return !__builtin_mul_overflow(*product, by, product);
}

bool size_round(uint64_t *size, uint64_t line)
{
	if (!size_add(size, line - 1))
		return false;
	*size &= ~(line - 1);
	return true;
}

/* ---- structs of callers ---- */

#define STRUCT_SIZE_MAX 4096u /* no release will have a larger one: it was never set */

int config_copy(void *own, size_t own_size, const void *config)
{
	const uint8_t *bytes = config;
	size_t size;

	memset(own, 0, own_size);
	if (config) {
		memcpy(&size, config, sizeof size);
		size = size ? size : own_size;
		if (size < sizeof size || size > STRUCT_SIZE_MAX)
			return -EINVAL;
		for (size_t i = own_size; i < size; i++)
			if (bytes[i])
				return -EINVAL; /* asks for something that this version does not know */
		memcpy(own, config, size < own_size ? size : own_size);
	}
	memcpy(own, &own_size, sizeof own_size);
	return 0;
}

int info_copy(void *info, const void *own, size_t own_size)
{
	if (!info)
		return -EINVAL;
	/* There is one release so far: whatever the caller's size says, its struct has this one's. */
	memcpy(info, own, own_size);
	memcpy(info, &own_size, sizeof own_size);
	return 0;
}

/* ---- name and plan ---- */

int segment_path(const char *name, char **path)
{
	size_t length = name ? strlen(name) : 0;

	*path = NULL;
	if (!name)
		return 0;
	if (!length)
		return -EINVAL;
	if (strchr(name, '/')) {
		*path = strdup(name);
		return *path ? 0 : -ENOMEM;
	}
	if (length > NAME_MAX_BYTES)
		return -ENAMETOOLONG;
	*path = malloc(sizeof NAME_PREFIX + length);
	if (!*path)
		return -ENOMEM;
	memcpy(*path, NAME_PREFIX, sizeof NAME_PREFIX - 1);
	memcpy(*path + sizeof NAME_PREFIX - 1, name, length + 1);
	return 0;
}

int segment_config(const struct stoa_segment_config *config, struct stoa_segment_config *asked,
                   struct stoa_segment_config *full)
{
	uint64_t objects;
	int rc = config_copy(asked, sizeof *asked, config);

	if (rc)
		return rc;
	if ((asked->flags & ~CREATE_FLAGS) || (asked->mode & ~0777u) || asked->participants > PARTICIPANTS_MAX ||
	    asked->objects > ENTRIES_MAX)
		return -EINVAL;
	*full = *asked;
	full->bytes = asked->bytes ? asked->bytes : 1u << 20;
	full->participants = asked->participants ? asked->participants : 128;
	full->mode = asked->mode ? asked->mode : 0600;
	objects = full->bytes / 512;
	objects = objects < 64 ? 64 : objects > ENTRIES_MAX ? ENTRIES_MAX : objects;
	full->objects = asked->objects ? asked->objects : (uint32_t)objects;
	return 0;
}

int segment_plan(const struct stoa_segment_config *full, uint64_t unit, struct segment_shape *shape)
{
	if (unit < PAGE_BYTES || unit > UNIT_MAX || (unit & (unit - 1)))
		unit = PAGE_BYTES;
	if ((full->flags & STOA_HUGE) && unit < HUGE_BYTES)
		unit = HUGE_BYTES;
	memset(shape, 0, sizeof *shape);
	shape->participants = full->participants;
	shape->entries = full->objects;
	shape->buckets = BUCKETS_MIN;
	while (shape->buckets < shape->entries)
		shape->buckets *= 2;
	shape->flags = full->flags & HEADER_FLAGS;
	/* None of these can overflow: the counts are bounded. */
	shape->participants_offset = sizeof(struct segment_header);
	shape->directory_offset =
		shape->participants_offset + shape->participants * sizeof(struct participant_record);
	shape->heap_offset = shape->directory_offset + shape->buckets * sizeof(struct atom64) +
	                     shape->entries * sizeof(struct directory_entry);
	shape->total_bytes = shape->heap_offset;
	if (!size_add(&shape->total_bytes, full->bytes) || !size_round(&shape->total_bytes, unit) ||
	    shape->total_bytes > INT64_MAX)
		return -EOVERFLOW;
	shape->created_ns = os_realtime_ns();
	os_random(shape->id, sizeof shape->id);
	return 0;
}

int segment_suffices(const struct segment_shape *shape, const struct stoa_segment_config *asked)
{
	if (shape->total_bytes - shape->heap_offset < asked->bytes || shape->participants < asked->participants ||
	    shape->entries < asked->objects)
		return -EPROTOTYPE;
	return 0;
}

/* ---- making ---- */

int segment_file_make(const char *path, const struct stoa_segment_config *full, struct segment_shape *shape,
                      struct os_file *file)
{
	int fd = path ? os_open_unnamed(path, full->mode) : os_memfd("stoa", true);
	int rc;

	if (fd < 0)
		return fd;
	rc = os_stat(fd, file);
	if (!rc)
		rc = segment_plan(full, file->block_bytes, shape);
	if (!rc)
		rc = os_allocate(fd, shape->total_bytes);
	if (!rc && !path)
		rc = os_seal(fd);
	if (!rc)
		return fd;
	os_close(fd); /* it had no name, so nothing is left of it */
	return rc == -EFBIG || rc == -EDQUOT ? -ENOSPC : rc;
}

void segment_format(struct segment_header *header, const struct segment_shape *shape)
{
	memcpy(header->magic, STOA_MAGIC, sizeof header->magic);
	header->endian_mark = STOA_ENDIAN_MARK;
	header->layout_version = STOA_LAYOUT_VERSION;
	header->features = 0;
	header->word_bytes = sizeof(uint64_t);
	header->line_bytes = STOA_LINE;
	header->header_bytes = sizeof *header;
	header->flags = shape->flags;
	header->total_bytes = shape->total_bytes;
	memcpy(header->id, shape->id, sizeof header->id);
	os_boot_id(header->boot_id);
	header->created_ns = shape->created_ns;
	header->participants_offset = shape->participants_offset;
	header->directory_offset = shape->directory_offset;
	header->heap_offset = shape->heap_offset;
	header->participants = shape->participants;
	header->buckets = shape->buckets;
	header->entries = shape->entries;
}

/* ---- checking ---- */

static int check_identity(const struct segment_header *header, uint64_t file_bytes)
{
	size_t there = file_bytes < sizeof header->magic ? file_bytes : sizeof header->magic;

	if (memcmp(header->magic, STOA_MAGIC, there) != 0)
		return -EBADMSG;
	if (file_bytes < sizeof *header)
		return -ENODATA;
	if (header->endian_mark == __builtin_bswap32(STOA_ENDIAN_MARK))
		return -EPROTOTYPE;
	if (header->endian_mark != STOA_ENDIAN_MARK)
		return -EBADMSG;
	if (header->layout_version != STOA_LAYOUT_VERSION || header->features)
		return -EPROTONOSUPPORT;
	if (header->word_bytes != sizeof(uint64_t) || header->line_bytes != STOA_LINE)
		return -EPROTOTYPE;
	return header->header_bytes == sizeof *header ? 0 : -EBADMSG;
}

/* Whether `count` pieces of `each` bytes fit between two offsets, the first on a line. */
static bool fits(uint64_t from, uint64_t to, uint64_t count, uint64_t each)
{
	return from % STOA_LINE == 0 && from <= to && count * each <= to - from; /* the counts are bounded */
}

static int check_numbers(const struct segment_header *header)
{
	uint64_t directory_bytes;

	if (!header->participants || header->participants > PARTICIPANTS_MAX || !header->entries ||
	    header->entries > ENTRIES_MAX || header->buckets < BUCKETS_MIN || header->buckets > 2 * ENTRIES_MAX ||
	    (header->buckets & (header->buckets - 1)))
		return -EBADMSG;
	directory_bytes = header->buckets * sizeof(struct atom64) +
	                  header->entries * sizeof(struct directory_entry);
	if (header->total_bytes > INT64_MAX || header->participants_offset < sizeof *header ||
	    !fits(header->participants_offset, header->directory_offset, header->participants,
	          sizeof(struct participant_record)) ||
	    !fits(header->directory_offset, header->heap_offset, 1, directory_bytes) ||
	    !fits(header->heap_offset, header->total_bytes, 0, 0))
		return -EBADMSG;
	return 0;
}

int segment_file_check(int fd, struct segment_shape *shape, struct os_file *file)
{
	struct segment_header header;
	uint64_t there;
	int rc = os_stat(fd, file);

	if (rc)
		return rc;
	if (!file->regular)
		return -EINVAL;
	there = file->bytes < sizeof header ? file->bytes : sizeof header;
	memset(&header, 0, sizeof header);
	rc = os_read_at(fd, &header, there, 0);
	if (!rc)
		rc = check_identity(&header, file->bytes);
	if (!rc)
		rc = check_numbers(&header);
	if (!rc && header.total_bytes > file->bytes)
		rc = -ENODATA;
	if (rc)
		return rc;
	*shape = (struct segment_shape){
		.total_bytes = header.total_bytes,
		.participants_offset = header.participants_offset,
		.directory_offset = header.directory_offset,
		.heap_offset = header.heap_offset,
		.participants = header.participants,
		.buckets = header.buckets,
		.entries = header.entries,
		.flags = header.flags & HEADER_FLAGS,
		.created_ns = header.created_ns,
		.life = atom64_load_rlx(&header.life), /* a private copy */
	};
	memcpy(shape->id, header.id, sizeof shape->id);
	return 0;
}
