/* SPDX-License-Identifier: BSD-2-Clause */
/* Segments: created whole, opened with care, shared, passed on, left, unlinked. */
#include "support.h"

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stoa.h>

#include "atomic.h"
#include "segment.h"

#define ok(rc) assert_int_equal(rc, 0)
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)
#define SOME_BYTES (256u << 10)

static struct stoa_segment *create(const char *name, uint32_t flags)
{
	struct stoa_segment_config config = {
		.struct_size = sizeof config, .bytes = SOME_BYTES, .participants = 16, .objects = 64, .flags = flags
	};
	struct stoa_segment *segment = NULL;
	int rc = stoa_segment_create(name, &config, &segment);

	if (rc || !segment) {
		print_error("create %s: %s\n", name ? name : "(anonymous)", stoa_strerror(rc));
		abort();
	}
	return segment;
}

static struct stoa_segment_info info_of(const struct stoa_segment *segment)
{
	struct stoa_segment_info info = { .struct_size = sizeof info };

	ok(stoa_segment_info(segment, &info));
	return info;
}

static int open_rc(const char *name, unsigned flags)
{
	struct stoa_segment *segment = NULL;
	int rc = stoa_segment_open(name, flags, &segment);

	if (!rc)
		stoa_segment_close(segment);
	return rc;
}

static int create_rc(const char *name, struct stoa_segment_config config)
{
	struct stoa_segment *segment = NULL;
	int rc;

	config.struct_size = sizeof config;
	rc = stoa_segment_create(name, &config, &segment);
	if (!rc)
		stoa_segment_close(segment);
	return rc;
}

static bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static int nothing_left(void **state)
{
	(void)state;
	return names_left() != 0;
}

/* ---- creating and opening ---- */

static void a_created_segment_is_found_by_its_name(void **state)
{
	const char *name = test_name("a");
	struct stoa_segment *segment = create(name, 0), *again;
	struct stat st;

	(void)state;
	assert_non_null(segment);
	ok(stat(test_path(name), &st));
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true((uint64_t)st.st_blocks * 512 >= (uint64_t)st.st_size); /* really allocated */
	ok(stoa_segment_open(name, 0, &again));
	assert_ptr_equal(again, segment); /* one mapping, one participant */
	assert_int_equal(info_of(segment).participants_alive, 1);
	ok(stoa_segment_close(again));
	ok(stoa_segment_close(segment));
	ok(open_rc(name, 0)); /* it stays */
	ok(stoa_segment_unlink(name));
	assert_int_equal(open_rc(name, 0), -ENOENT);
	assert_int_equal(stoa_segment_unlink(name), -ENOENT);
}

static void a_null_config_is_all_defaults(void **state)
{
	const char *name = test_name("defaults");
	struct stoa_segment *segment;
	struct stoa_segment_info info;

	(void)state;
	ok(stoa_segment_create(name, NULL, &segment));
	info = info_of(segment);
	assert_int_equal(info.participants, 128);
	assert_int_equal(info.objects, 2048);
	assert_true(info.free_bytes >= 1u << 20);
	assert_true(info.total_bytes > info.free_bytes);
	assert_int_equal(info.objects_published, 0);
	assert_int_equal(info.layout_version, STOA_LAYOUT_VERSION);
	assert_int_equal(info.flags, 0);
	ok(stoa_segment_close(segment));
	ok(stoa_segment_unlink(name));
}

static void the_room_asked_for_is_there_beside_the_tables(void **state)
{
	static const uint64_t sizes[] = { 1, 4095, 4096, 4097, 1u << 20, 16u << 20 };

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct stoa_segment_config config = { .struct_size = sizeof config, .bytes = sizes[i] };
		struct stoa_segment *segment;

		ok(stoa_segment_create(NULL, &config, &segment));
		assert_true(info_of(segment).free_bytes >= sizes[i]);
		ok(stoa_segment_close(segment));
	}
}

static void create_opens_what_exists_unless_exclusive(void **state)
{
	const char *name = test_name("exists");
	struct stoa_segment *segment = create(name, 0), *again = create(name, 0);

	(void)state;
	assert_ptr_equal(segment, again);
	assert_int_equal(create_rc(name, (struct stoa_segment_config){ .flags = STOA_EXCLUSIVE }), -EEXIST);
	ok(write_file("/dev/shm/stoa.garbage", "x", 1));
	assert_int_equal(create_rc("garbage", (struct stoa_segment_config){ .flags = STOA_EXCLUSIVE }), -EEXIST);
	assert_int_equal(create_rc("garbage", (struct stoa_segment_config){ 0 }), -EBADMSG);
	ok(stoa_segment_unlink("garbage"));
	ok(stoa_segment_close(again));
	ok(stoa_segment_close(segment));
	ok(stoa_segment_unlink(name));
}

static void create_refuses_an_existing_one_that_is_smaller(void **state)
{
	const char *name = test_name("small");
	struct stoa_segment *segment = create(name, 0);

	(void)state;
	ok(create_rc(name, (struct stoa_segment_config){ 0 })); /* nothing asked for */
	ok(create_rc(name, (struct stoa_segment_config){ .bytes = SOME_BYTES, .participants = 16, .objects = 64 }));
	assert_int_equal(create_rc(name, (struct stoa_segment_config){ .bytes = 2 * SOME_BYTES }), -EPROTOTYPE);
	assert_int_equal(create_rc(name, (struct stoa_segment_config){ .participants = 17 }), -EPROTOTYPE);
	assert_int_equal(create_rc(name, (struct stoa_segment_config){ .objects = 65 }), -EPROTOTYPE);
	ok(stoa_segment_close(segment));
	ok(stoa_segment_unlink(name));
}

static void nonsense_in_a_config_is_refused(void **state)
{
	struct {
		struct stoa_segment_config config;
		uint64_t later;
	} newer = { { .struct_size = sizeof newer }, 0 };
	struct stoa_segment_config config = { .struct_size = 3 };
	struct stoa_segment *segment;

	(void)state;
	assert_int_equal(stoa_segment_create(NULL, &config, &segment), -EINVAL);
	config.struct_size = 1u << 20;
	assert_int_equal(stoa_segment_create(NULL, &config, &segment), -EINVAL);
	assert_int_equal(create_rc(NULL, (struct stoa_segment_config){ .flags = STOA_READ_ONLY }), -EINVAL);
	assert_int_equal(create_rc(NULL, (struct stoa_segment_config){ .flags = 1u << 30 }), -EINVAL);
	assert_int_equal(create_rc(NULL, (struct stoa_segment_config){ .mode = 04755 }), -EINVAL);
	assert_int_equal(create_rc(NULL, (struct stoa_segment_config){ .participants = 4097 }), -EINVAL);
	assert_int_equal(create_rc(NULL, (struct stoa_segment_config){ .objects = 65537 }), -EINVAL);
	assert_int_equal(stoa_segment_create(NULL, NULL, NULL), -EINVAL);
	/* a later release's config: fine where it asks for nothing new */
	ok(stoa_segment_create(NULL, &newer.config, &segment));
	ok(stoa_segment_close(segment));
	newer.later = 1;
	assert_int_equal(stoa_segment_create(NULL, &newer.config, &segment), -EINVAL);
	config.struct_size = 0; /* the first release's */
	ok(stoa_segment_create(NULL, &config, &segment));
	ok(stoa_segment_close(segment));
}

static void sizes_that_cannot_be_are_refused(void **state)
{
	const char *name = test_name("huge");

	(void)state;
	assert_int_equal(create_rc(name, (struct stoa_segment_config){ .bytes = UINT64_MAX }), -EOVERFLOW);
	assert_int_equal(create_rc(name, (struct stoa_segment_config){ .bytes = UINT64_MAX - 5000 }), -EOVERFLOW);
	assert_int_equal(create_rc(name, (struct stoa_segment_config){ .bytes = 1ull << 63 }), -EOVERFLOW);
	assert_int_equal(create_rc(name, (struct stoa_segment_config){ .bytes = 1ull << 62 }), -ENOSPC);
	assert_int_equal(create_rc(name, (struct stoa_segment_config){ .bytes = 1ull << 50 }), -ENOSPC);
	assert_int_equal(create_rc(NULL, (struct stoa_segment_config){ .bytes = 1ull << 50 }), -ENOMEM);
	assert_int_equal(open_rc(name, 0), -ENOENT);
}

static void the_smallest_and_the_largest_tables_work(void **state)
{
	struct stoa_segment_config config = { .struct_size = sizeof config, .bytes = 1, .participants = 1,
		                              .objects = 1 };
	struct stoa_segment *segment;

	(void)state;
	ok(stoa_segment_create(NULL, &config, &segment));
	assert_int_equal(info_of(segment).participants, 1);
	assert_int_equal(info_of(segment).objects, 1);
	ok(stoa_segment_close(segment));
	config.participants = 4096;
	config.objects = 65536;
	ok(stoa_segment_create(NULL, &config, &segment));
	assert_int_equal(info_of(segment).participants_alive, 1);
	assert_int_equal(info_of(segment).objects, 65536);
	ok(stoa_segment_close(segment));
}

static void names_are_checked(void **state)
{
	char name[300];
	struct stoa_segment *segment;

	(void)state;
	memset(name, 'n', sizeof name);
	name[251] = '\0';
	assert_int_equal(create_rc("", (struct stoa_segment_config){ 0 }), -EINVAL);
	assert_int_equal(open_rc("", 0), -EINVAL);
	assert_int_equal(stoa_segment_unlink(""), -EINVAL);
	assert_int_equal(open_rc(NULL, 0), -EINVAL);
	assert_int_equal(stoa_segment_unlink(NULL), -EINVAL);
	assert_int_equal(stoa_segment_open("x", 0, NULL), -EINVAL);
	assert_int_equal(open_rc("x", STOA_EXCLUSIVE), -EINVAL);
	assert_int_equal(create_rc(name, (struct stoa_segment_config){ 0 }), -ENAMETOOLONG);
	assert_int_equal(open_rc(name, 0), -ENAMETOOLONG);
	assert_int_equal(stoa_segment_unlink(name), -ENAMETOOLONG);
	name[250] = '\0'; /* just fits */
	segment = create(name, 0);
	assert_non_null(segment);
	ok(stoa_segment_close(segment));
	ok(stoa_segment_unlink(name));
}

static void a_name_with_a_slash_is_a_path(void **state)
{
	char directory[] = "/tmp/stoa-test-XXXXXX", path[64];
	struct stoa_segment *segment;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/segment", directory);
	if (create_rc(path, (struct stoa_segment_config){ 0 }) == -ENOTSUP) {
		print_message("a file system without unnamed files\n");
		rmdir(directory);
		skip();
	}
	assert_true(file_exists(path));
	segment = create(path, 0);
	ok(open_rc(path, 0));
	ok(stoa_segment_close(segment));
	ok(stoa_segment_unlink(path));
	assert_false(file_exists(path));
	assert_int_equal(open_rc(directory, 0), -EINVAL);
	assert_int_equal(open_rc(directory, STOA_READ_ONLY), -EINVAL);
	assert_int_equal(create_rc(directory, (struct stoa_segment_config){ 0 }), -EINVAL);
	assert_int_equal(stoa_segment_unlink(directory), -EINVAL);
	ok(rmdir(directory));
	assert_int_equal(create_rc(path, (struct stoa_segment_config){ 0 }), -ENOENT);
	assert_int_equal(open_rc(path, 0), -ENOENT);
	assert_int_equal(open_rc("/dev/null", 0), -EINVAL);
	assert_int_equal(open_rc("/proc/self/status", STOA_READ_ONLY), -ENODATA);
}

static void a_fifo_is_refused_without_waiting(void **state)
{
	const char *name = test_name("fifo");

	(void)state;
	ok(mkfifo(test_path(name), 0600));
	assert_int_equal(open_rc(name, 0), -EINVAL);
	assert_int_equal(open_rc(name, STOA_READ_ONLY), -EINVAL);
	assert_int_equal(stoa_segment_unlink(name), -EINVAL);
	ok(unlink(test_path(name)));
}

static void a_link_that_leads_nowhere_is_refused(void **state)
{
	const char *name = test_name("link");

	(void)state;
	ok(symlink("/nowhere/at/all", test_path(name)));
	assert_int_equal(open_rc(name, 0), -ENOENT);
	assert_int_equal(create_rc(name, (struct stoa_segment_config){ 0 }), -EINVAL);
	assert_int_equal(create_rc(name, (struct stoa_segment_config){ .flags = STOA_EXCLUSIVE }), -EINVAL);
	ok(unlink(test_path(name)));
}

static void the_mode_is_applied_exactly(void **state)
{
	const char *name = test_name("mode");
	struct stoa_segment_config config = { .struct_size = sizeof config, .mode = 0666 };
	struct stoa_segment *segment;
	mode_t before = umask(0077);
	struct stat st;

	(void)state;
	ok(stoa_segment_create(name, &config, &segment));
	umask(before);
	ok(stat(test_path(name), &st));
	assert_int_equal(st.st_mode & 07777, 0666);
	ok(stoa_segment_close(segment));
	ok(stoa_segment_unlink(name));
}

static void flags_for_memory_are_accepted(void **state)
{
	const char *name = test_name("memory");
	struct stoa_segment *segment = create(name, STOA_PREFAULT | STOA_HUGE), *again;
	int rc;

	(void)state;
	assert_non_null(segment);
	assert_int_equal(info_of(segment).total_bytes % (2u << 20), 0);
	ok(stoa_segment_open(name, STOA_PREFAULT, &again));
	ok(stoa_segment_close(again));
	rc = open_rc(name, STOA_MLOCK);
	assert_true(rc == 0 || rc == -ENOMEM || rc == -EPERM || rc == -EAGAIN);
	ok(open_rc(name, STOA_READ_ONLY | STOA_PREFAULT));
	ok(stoa_segment_close(segment));
	ok(stoa_segment_unlink(name));
}

static void an_anonymous_segment_is_sealed(void **state)
{
	struct stoa_segment *segment = create(NULL, 0);
	int fd = stoa_segment_fd(segment);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fcntl(fd, F_GET_SEALS) & SEALS, SEALS);
	assert_int_equal(stoa_segment_fd(NULL), -EINVAL);
	ok(stoa_segment_close(segment));
	ok(stoa_segment_close(NULL));
}

/* ---- descriptors ---- */

static void open_fd_shares_the_segment_of_this_process(void **state)
{
	struct stoa_segment *segment = create(NULL, 0), *again;
	int ends[2];

	(void)state;
	ok(stoa_segment_open_fd(stoa_segment_fd(segment), 0, &again));
	assert_ptr_equal(again, segment);
	ok(stoa_segment_close(again));
	assert_int_equal(stoa_segment_open_fd(-1, 0, &again), -EBADF);
	assert_int_equal(stoa_segment_open_fd(stoa_segment_fd(segment), STOA_HUGE, &again), -EINVAL);
	assert_int_equal(stoa_segment_open_fd(stoa_segment_fd(segment), 0, NULL), -EINVAL);
	ok(pipe(ends));
	assert_int_equal(stoa_segment_open_fd(ends[0], 0, &again), -EINVAL);
	close(ends[0]);
	close(ends[1]);
	ok(stoa_segment_close(segment));
}

static void a_read_only_descriptor_opens_read_only_alone(void **state)
{
	const char *name = test_name("rofd");
	struct stoa_segment *segment = create(name, 0), *again;
	int fd = open(test_path(name), O_RDONLY | O_CLOEXEC);

	(void)state;
	ok(stoa_segment_close(segment)); /* else it would be found, and shared */
	assert_int_equal(stoa_segment_open_fd(fd, 0, &again), -EACCES);
	ok(stoa_segment_open_fd(fd, STOA_READ_ONLY, &again));
	assert_int_equal(info_of(again).flags, STOA_READ_ONLY);
	ok(stoa_segment_close(again));
	close(fd);
	ok(stoa_segment_unlink(name));
}

static int receive_and_add(void *context)
{
	int socket = *(int *)context, fd = -1;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)];
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		                  .msg_controllen = sizeof control };
	struct stoa_segment *segment;
	struct stoa_value *value;

	if (recvmsg(socket, &message, 0) != 1 || !CMSG_FIRSTHDR(&message))
		return 1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	if (stoa_segment_open_fd(fd, 0, &segment))
		return 2;
	if (stoa_value_open(segment, "sum", NULL, &value) || stoa_value_add_i64(value, 41))
		return 3;
	stoa_value_close(value);
	stoa_segment_close(segment);
	return 0;
}

static void a_descriptor_passed_over_a_socket_opens_the_same_segment(void **state)
{
	struct stoa_segment *segment;
	struct stoa_value *value;
	int sockets[2], fd;
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)] = { 0 };
	struct cmsghdr *header;
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		                  .msg_controllen = sizeof control };
	int64_t sum;
	pid_t pid;

	(void)state;
	ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets));
	pid = child_start(receive_and_add, &sockets[1]); /* it inherits nothing of the segment */
	segment = create(NULL, 0);
	ok(stoa_value_create(segment, "sum", NULL, &value));
	ok(stoa_value_store_i64(value, 1));
	fd = stoa_segment_fd(segment);
	header = (struct cmsghdr *)(void *)control;
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	assert_int_equal(sendmsg(sockets[0], &message, 0), 1);
	assert_int_equal(child_end(pid), 0);
	ok(stoa_value_load_i64(value, &sum));
	assert_int_equal(sum, 42);
	close(sockets[0]);
	close(sockets[1]);
	ok(stoa_value_close(value));
	ok(stoa_segment_close(segment));
}

/* ---- read-only ---- */

static int one_more_attaches(void *context)
{
	return open_rc(context, 0) ? 1 : 0;
}

static void a_read_only_attach_writes_nothing(void **state)
{
	const char *name = test_name("ro");
	struct stoa_segment *segment = create(name, 0), *reader;
	struct stoa_participant_info participant = { .struct_size = sizeof participant };
	struct stoa_value *value, *seen;
	int64_t number = 7;
	uint8_t *before;

	(void)state;
	ok(stoa_value_create(segment, "v", NULL, &value));
	ok(stoa_value_store(value, &number));
	before = malloc(segment->bytes);
	assert_non_null(before);
	memcpy(before, segment->base, segment->bytes);

	ok(stoa_segment_open(name, STOA_READ_ONLY, &reader));
	assert_ptr_not_equal(reader, segment);
	assert_int_equal(info_of(reader).flags, STOA_READ_ONLY);
	assert_int_equal(info_of(reader).participants_alive, 1);
	assert_int_equal(info_of(reader).objects_published, 1);
	ok(stoa_segment_participant(reader, 0, &participant));
	assert_int_equal(participant.pid, getpid());
	assert_int_equal(participant.alive, 1);
	assert_int_equal(stoa_segment_reap(reader), -EACCES);
	ok(stoa_value_open(reader, "v", NULL, &seen));
	number = 0;
	ok(stoa_value_load(seen, &number));
	assert_int_equal(number, 7);
	assert_int_equal(stoa_value_store(seen, &number), -EACCES);
	ok(stoa_value_close(seen));
	assert_int_equal(stoa_value_create(reader, "new", NULL, &seen), -EACCES);
	ok(stoa_value_create(reader, "v", NULL, &seen)); /* it exists */
	ok(stoa_value_close(seen));
	ok(stoa_segment_close(reader));

	assert_memory_equal(before, segment->base, segment->bytes);
	assert_int_equal(in_child(one_more_attaches, (void *)(uintptr_t)name), 0); /* and others may still write */
	free(before);
	ok(stoa_value_close(value));
	ok(stoa_segment_close(segment));
	ok(stoa_segment_unlink(name));
}

/* ---- what is no segment ---- */

struct sample {
	uint8_t *bytes;
	size_t size;
};

static struct sample sample_make(void)
{
	const char *name = test_name("sample");
	struct stoa_segment *segment = create(name, 0);
	struct sample sample = { .size = segment->bytes };

	sample.bytes = malloc(sample.size);
	memcpy(sample.bytes, segment->base, sample.size);
	stoa_segment_close(segment);
	stoa_segment_unlink(name);
	return sample;
}

static int open_bytes(const void *bytes, size_t size)
{
	const char *name = test_name("bytes");
	int rc = write_file(test_path(name), bytes, size);

	if (rc)
		return 1;
	rc = open_rc(name, 0);
	if (rc != open_rc(name, STOA_READ_ONLY))
		rc = 2;
	unlink(test_path(name));
	return rc;
}

static void a_segment_cut_short_is_told_at_every_length(void **state)
{
	struct sample sample = sample_make();
	size_t lengths[] = { 4096, 8192, sample.size / 2, sample.size - 1 };

	(void)state;
	for (size_t size = 0; size <= sizeof(struct segment_header); size++)
		assert_int_equal(open_bytes(sample.bytes, size), -ENODATA);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		assert_int_equal(open_bytes(sample.bytes, lengths[i]), -ENODATA);
	ok(open_bytes(sample.bytes, sample.size));
	free(sample.bytes);
}

static void garbage_is_no_segment(void **state)
{
	uint64_t seed = 0x5eed;
	uint8_t bytes[8192];

	(void)state;
	assert_int_equal(open_bytes("x", 1), -EBADMSG);
	assert_int_equal(open_bytes("STOASEH\n", 8), -EBADMSG);
	assert_int_equal(open_bytes("STOA", 4), -ENODATA); /* may begin one */
	for (int i = 0; i < 50; i++) {
		for (size_t at = 0; at < sizeof bytes; at++)
			bytes[at] = (uint8_t)random_next(&seed);
		assert_int_equal(open_bytes(bytes, sizeof bytes), -EBADMSG);
	}
}

static void other_machines_and_versions_are_told_apart(void **state)
{
	struct sample sample = sample_make();
	struct segment_header *header = (void *)sample.bytes, good = *header;

	(void)state;
#define WITH(member, value, expected)                                                                      \
	do {                                                                                               \
		*header = good;                                                                            \
		header->member = (value);                                                                  \
		assert_int_equal(open_bytes(sample.bytes, sample.size), expected);                         \
	} while (0)
	WITH(endian_mark, __builtin_bswap32(STOA_ENDIAN_MARK), -EPROTOTYPE);
	WITH(endian_mark, 0, -EBADMSG);
	WITH(word_bytes, 4, -EPROTOTYPE);
	WITH(line_bytes, 128, -EPROTOTYPE);
	WITH(layout_version, STOA_LAYOUT_VERSION + 1, -EPROTONOSUPPORT);
	WITH(features, 1, -EPROTONOSUPPORT);
	WITH(header_bytes, 191, -EBADMSG);
	WITH(total_bytes, good.total_bytes + 1, -ENODATA);
	WITH(total_bytes, UINT64_MAX, -EBADMSG);
	WITH(total_bytes, 0, -EBADMSG);
	WITH(participants, 0, -EBADMSG);
	WITH(participants, 4097, -EBADMSG);
	WITH(participants, good.participants + 1, -EBADMSG);
	WITH(participants_offset, 0, -EBADMSG);
	WITH(participants_offset, good.participants_offset + 8, -EBADMSG);
	WITH(participants_offset, UINT64_MAX - 63, -EBADMSG);
	WITH(directory_offset, good.heap_offset, -EBADMSG);
	WITH(directory_offset, 1, -EBADMSG);
	WITH(heap_offset, good.heap_offset - 64, -EBADMSG);
	WITH(heap_offset, good.total_bytes + 64, -EBADMSG);
	WITH(buckets, good.buckets - 1, -EBADMSG);
	WITH(buckets, 0, -EBADMSG);
	WITH(buckets, 1u << 31, -EBADMSG);
	WITH(entries, 0, -EBADMSG);
	WITH(entries, UINT32_MAX, -EBADMSG);
	WITH(flags, UINT32_MAX & ~STOA_UNLINK_LAST, 0); /* what is not known does no harm */
#undef WITH
	free(sample.bytes);
}

/* Everything that one can do with a segment whose bytes are nonsense. */
static int use_corrupt(void *context)
{
	struct sample *sample = context;
	const char *name = test_name("corrupt");
	struct stoa_segment_info info = { .struct_size = sizeof info };
	struct stoa_participant_info participant = { .struct_size = sizeof participant };
	struct stoa_object_info object = { .struct_size = sizeof object };
	struct stoa_segment *segment;
	struct stoa_value *value;
	int64_t number = 0;

	alarm(60);
	if (write_file(test_path(name), sample->bytes, sample->size))
		return 1;
	if (stoa_segment_open(name, 0, &segment))
		return 0;
	stoa_segment_info(segment, &info);
	for (uint32_t i = 0; stoa_segment_participant(segment, i, &participant) != -ENOENT; i++)
		;
	for (uint32_t i = 0; stoa_segment_object(segment, i, &object) != -ENOENT; i++)
		if (memchr(object.name, 0, sizeof object.name) == NULL)
			return 2;
	if (stoa_value_open(segment, "v", NULL, &value) == 0) {
		stoa_value_load(value, &number);
		stoa_value_close(value);
	}
	if (stoa_value_create(segment, "new", NULL, &value) == 0)
		stoa_value_close(value);
	stoa_segment_reap(segment);
	stoa_segment_close(segment);
	return 0;
}

static void random_corruption_never_crashes(void **state)
{
	const char *name = test_name("good");
	struct stoa_segment *segment = create(name, 0);
	struct stoa_value *value;
	struct sample sample = { .size = segment->bytes };
	uint8_t *good = malloc(sample.size);
	size_t tables = segment->heap_offset + 1024;

	(void)state;
	ok(stoa_value_create(segment, "v", NULL, &value));
	memcpy(good, segment->base, sample.size);
	sample.bytes = malloc(sample.size);
	for (uint64_t run = 1; run <= 400; run++) {
		uint64_t seed = run * 0x9e3779b97f4a7c15u;
		int rc, count = 1 + (int)(random_next(&seed) % 40);

		memcpy(sample.bytes, good, sample.size);
		while (count--) {
			/* half in the header, half in the tables; words that may be near the truth */
			size_t room = random_next(&seed) & 1 ? sizeof(struct segment_header) : tables;
			size_t at = random_next(&seed) % (room - 8) & ~(size_t)7;
			uint64_t word = random_next(&seed) >> random_next(&seed) % 64;

			if (room == sizeof(struct segment_header))
				at = at < 32 ? 32 : at; /* else the checks end early */
			memcpy(sample.bytes + at, &word, sizeof word);
		}
		rc = in_child(use_corrupt, &sample);
		if (rc)
			print_error("run %d: %d\n", (int)run, rc);
		assert_int_equal(rc, 0);
	}
	unlink(test_path(test_name("corrupt")));
	free(good);
	free(sample.bytes);
	ok(stoa_value_close(value));
	ok(stoa_segment_close(segment));
	ok(stoa_segment_unlink(name));
}

/* ---- full file systems, users ---- */

static int fill_small_shm(void *context)
{
	struct stoa_segment_config config = { .struct_size = sizeof config, .bytes = 8u << 20 };
	struct stoa_segment *segment, *second;
	volatile uint8_t *at;

	(void)context;
	if (stoa_segment_create("too-large", &config, &segment) != -ENOSPC || names_left() ||
	    file_exists("/dev/shm/stoa.too-large"))
		return 1;
	config.bytes = 3u << 20; /* fits once, not twice */
	if (stoa_segment_create("fits", &config, &segment))
		return 2;
	if (stoa_segment_create("second", &config, &second) != -ENOSPC || file_exists("/dev/shm/stoa.second"))
		return 3;
	at = segment->base;
	for (uint64_t i = segment->heap_offset; i < segment->bytes; i += 4096)
		at[i] = 1; /* no SIGBUS: it is all there */
	stoa_segment_close(segment);
	stoa_segment_unlink("fits");
	return stoa_segment_create("second", &config, &second) ? 4 : 0;
}

static void a_full_file_system_is_an_error_at_creation(void **state)
{
	int rc = in_small_shm(4u << 20, fill_small_shm, NULL);

	(void)state;
	if (rc == CHILD_SKIPPED) {
		print_message("not permitted to mount a small file system\n");
		skip();
	}
	assert_int_equal(rc, 0);
}

static int open_private(void *context)
{
	const char *name = context;

	if (open_rc(name, 0) != -EACCES || open_rc(name, STOA_READ_ONLY) != -EACCES)
		return 1;
	if (create_rc(name, (struct stoa_segment_config){ 0 }) != -EACCES)
		return 2;
	return stoa_segment_unlink(name) == -EPERM ? 0 : 3; /* /dev/shm is sticky */
}

static int open_readable(void *context)
{
	const char *name = context;

	return open_rc(name, 0) == -EACCES && open_rc(name, STOA_READ_ONLY) == 0 ? 0 : 1;
}

static int open_writable(void *context)
{
	return open_rc(context, 0) ? 1 : 0;
}

static void permissions_hold_between_users(void **state)
{
	const char *name = test_name("users");
	struct stoa_segment *segment = create(name, 0);
	void *context = (void *)(uintptr_t)name;
	int rc;

	(void)state;
	rc = as_nobody(open_private, context);
	ok(chmod(test_path(name), 0644));
	if (!rc)
		rc = as_nobody(open_readable, context);
	ok(chmod(test_path(name), 0666));
	if (!rc)
		rc = as_nobody(open_writable, context);
	ok(stoa_segment_close(segment));
	ok(stoa_segment_unlink(name));
	if (rc == CHILD_SKIPPED)
		skip();
	assert_int_equal(rc, 0);
}

/* ---- races ---- */

struct race {
	volatile int go, ready, in, seen;
	int exclusive;
	int created[8];
	uint8_t id[8][16];
	const char *name;
	volatile int turn[8];
};

static struct race *race;

static int racer(void *context)
{
	int me = (int)(intptr_t)context;
	struct stoa_segment_config config = { .struct_size = sizeof config, .bytes = SOME_BYTES,
		                              .flags = race->exclusive ? STOA_EXCLUSIVE : 0 };
	struct stoa_segment_info info = { .struct_size = sizeof info };
	struct stoa_segment *segment;
	int rc;

	__atomic_fetch_add(&race->ready, 1, __ATOMIC_SEQ_CST);
	if (!await_word(&race->go, 1))
		return 1;
	rc = stoa_segment_create(race->name, &config, &segment);
	race->created[me] = rc == 0;
	if (rc == -EEXIST && race->exclusive)
		rc = stoa_segment_open(race->name, 0, &segment);
	if (rc || stoa_segment_info(segment, &info))
		return 2;
	memcpy(race->id[me], info.id, sizeof info.id);
	__atomic_fetch_add(&race->in, 1, __ATOMIC_SEQ_CST);
	if (!await_word(&race->in, 8))
		return 3;
	if (stoa_segment_info(segment, &info) || info.participants_alive != 8)
		return 4;
	__atomic_fetch_add(&race->seen, 1, __ATOMIC_SEQ_CST);
	return await_word(&race->seen, 8) ? 0 : 5;
}

static void eight_who_create_at_once_get_one_segment(void **state)
{
	pid_t pids[8];

	(void)state;
	race = shared_memory(sizeof *race);
	for (int turn = 0; turn < 10; turn++) {
		int created = 0;

		memset(race, 0, sizeof *race);
		race->name = test_name("race");
		race->exclusive = turn & 1;
		for (int i = 0; i < 8; i++)
			pids[i] = child_start(racer, (void *)(intptr_t)i);
		assert_true(await_word(&race->ready, 8));
		set_word(&race->go, 1);
		for (int i = 0; i < 8; i++)
			assert_int_equal(child_end(pids[i]), 0);
		for (int i = 0; i < 8; i++) {
			assert_memory_equal(race->id[i], race->id[0], 16);
			created += race->created[i];
		}
		if (race->exclusive)
			assert_int_equal(created, 1);
		ok(stoa_segment_unlink(race->name));
	}
}

static void *open_and_close(void *context)
{
	for (int i = 0; i < 300; i++)
		if (open_rc(context, 0))
			return context;
	return NULL;
}

static void threads_may_open_and_close_at_once(void **state)
{
	const char *name = test_name("threads");
	struct stoa_segment *segment = create(name, 0);
	pthread_t threads[4];
	void *fault;

	(void)state;
	ok(stoa_segment_close(segment)); /* so that the mapping comes and goes */
	for (int i = 0; i < 4; i++)
		ok(pthread_create(&threads[i], NULL, open_and_close, (void *)(uintptr_t)name));
	for (int i = 0; i < 4; i++) {
		ok(pthread_join(threads[i], &fault));
		assert_null(fault);
	}
	ok(stoa_segment_unlink(name));
}

/* ---- the last to leave ---- */

static void the_last_to_leave_removes_the_name(void **state)
{
	const char *name = test_name("last");
	struct stoa_segment *segment = create(name, STOA_UNLINK_LAST), *again = create(name, 0);

	(void)state;
	assert_int_equal(info_of(segment).flags, STOA_UNLINK_LAST);
	ok(stoa_segment_close(again));
	assert_true(file_exists(test_path(name)));
	ok(stoa_segment_close(segment));
	assert_false(file_exists(test_path(name)));
}

static int hold_until_killed(void *context)
{
	struct stoa_segment *segment;

	if (stoa_segment_open(race->name, 0, &segment))
		return 1;
	set_word(context, 1);
	for (;;)
		pause();
	return 0;
}

static void the_last_is_who_finds_all_others_gone_or_dead(void **state)
{
	const char *name = test_name("last2");
	struct stoa_segment *segment;
	volatile int *up = shared_memory(sizeof *up);
	pid_t pid;

	(void)state;
	race = shared_memory(sizeof *race);
	race->name = name;
	for (int kill_first = 0; kill_first < 2; kill_first++) {
		set_word(up, 0);
		segment = create(name, STOA_UNLINK_LAST);
		pid = child_start(hold_until_killed, (void *)(uintptr_t)up);
		assert_true(await_word(up, 1));
		if (kill_first) {
			child_kill(pid);
			ok(stoa_segment_close(segment));
			assert_false(file_exists(test_path(name)));
			continue;
		}
		ok(stoa_segment_close(segment));
		assert_true(file_exists(test_path(name))); /* somebody is there */
		child_kill(pid);
		ok(open_rc(name, 0)); /* comes, and is the last to leave */
		assert_false(file_exists(test_path(name)));
	}
}

static void a_name_that_means_another_segment_meanwhile_stays(void **state)
{
	const char *name = test_name("other");
	struct stoa_segment *old = create(name, STOA_UNLINK_LAST), *new;

	(void)state;
	ok(stoa_segment_unlink(name));
	new = create(name, 0);
	assert_ptr_not_equal(new, old);
	ok(stoa_segment_close(old));
	assert_true(file_exists(test_path(name)));
	ok(stoa_segment_close(new));
	ok(stoa_segment_unlink(name));
}

static void a_doomed_segment_is_as_good_as_gone(void **state)
{
	const char *name = test_name("doomed");
	char aside[128];
	struct stoa_segment *segment;

	(void)state;
	for (int exclusive = 0; exclusive < 2; exclusive++) {
		snprintf(aside, sizeof aside, "%s-aside", test_path(name));
		segment = create(name, STOA_UNLINK_LAST);
		ok(link(test_path(name), aside)); /* as if the last had died before the unlink */
		ok(stoa_segment_close(segment));
		ok(rename(aside, test_path(name)));
		if (!exclusive) {
			assert_int_equal(open_rc(name, STOA_READ_ONLY), -ENOENT);
			assert_int_equal(open_rc(name, 0), -ENOENT);
			assert_false(file_exists(test_path(name))); /* a newcomer helps */
		} else {
			segment = create(name, STOA_EXCLUSIVE);
			assert_non_null(segment);
			ok(stoa_segment_close(segment));
			ok(stoa_segment_unlink(name));
		}
	}
}

static int hold_the_unlink_lock(void *context)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1ll << 62, .l_len = 1 };
	int fd = open(test_path(race->name), O_RDWR | O_CLOEXEC);

	if (fd < 0 || fcntl(fd, F_OFD_SETLK, &lock))
		return 1;
	set_word(context, 1);
	for (;;)
		pause();
	return 0;
}

static void who_is_stopped_in_removing_a_name_holds_up_that_name_alone(void **state)
{
	volatile int *up = shared_memory(sizeof *up);
	char aside[128];
	pid_t pid;

	(void)state;
	race = shared_memory(sizeof *race);
	race->name = test_name("held");
	snprintf(aside, sizeof aside, "%s-aside", test_path(race->name));
	{
		struct stoa_segment *segment = create(race->name, STOA_UNLINK_LAST);

		ok(link(test_path(race->name), aside));
		ok(stoa_segment_close(segment));
		ok(rename(aside, test_path(race->name))); /* doomed, and named */
	}
	pid = child_start(hold_the_unlink_lock, (void *)(uintptr_t)up);
	assert_true(await_word(up, 1));
	assert_int_equal(create_rc(race->name, (struct stoa_segment_config){ 0 }), -EBUSY);
	ok(create_rc(test_name("free"), (struct stoa_segment_config){ .flags = STOA_UNLINK_LAST }));
	child_kill(pid); /* the kernel drops the lock */
	ok(create_rc(race->name, (struct stoa_segment_config){ .flags = STOA_UNLINK_LAST }));
}

static void who_is_stopped_in_unlinking_a_lasting_name_holds_up_nobody(void **state)
{
	volatile int *up = shared_memory(sizeof *up);
	pid_t pid;

	(void)state;
	race = shared_memory(sizeof *race);
	race->name = test_name("lasting");
	ok(create_rc(race->name, (struct stoa_segment_config){ 0 }));
	pid = child_start(hold_the_unlink_lock, (void *)(uintptr_t)up);
	assert_true(await_word(up, 1));
	ok(stoa_segment_unlink(race->name));
	ok(create_rc(race->name, (struct stoa_segment_config){ .flags = STOA_EXCLUSIVE }));
	ok(stoa_segment_unlink(race->name));
	child_kill(pid);
}

static void who_died_while_leaving_is_overruled(void **state)
{
	const char *name = test_name("unlinking");
	struct stoa_segment *segment = create(name, STOA_UNLINK_LAST), *again;

	(void)state;
	atom64_store_seq(&segment_header(segment)->life, 4 | 1); /* UNLINKING, for ever */
	ok(stoa_segment_open(name, STOA_READ_ONLY, &again));
	ok(stoa_segment_close(again));
	assert_int_equal(in_child(one_more_attaches, (void *)(uintptr_t)name), 0);
	assert_int_equal(atom64_load_seq(&segment_header(segment)->life) & 3, 0);
	atom64_store_seq(&segment_header(segment)->life, 40 | 1);
	ok(stoa_segment_close(segment));
	assert_false(file_exists(test_path(name)));
}

/*
 * Each process comes and goes; while it is in, the name must mean its segment: who came in after it
 * by that name must be in the same one.
 */
static int come_and_go(void *context)
{
	struct stoa_segment_config config = { .struct_size = sizeof config, .bytes = 4096, .participants = 16,
		                              .objects = 8, .flags = STOA_UNLINK_LAST };
	int me = (int)(intptr_t)context;
	uint64_t seed = 77 + (uint64_t)me;

	while (!__atomic_load_n(&race->go, __ATOMIC_SEQ_CST)) {
		struct stoa_segment *segment;
		struct stat by_name, mine;

		if (stoa_segment_create(race->name, &config, &segment))
			return 1;
		if (random_next(&seed) % 4 == 0)
			sleep_ms(1);
		if (stat(test_path(race->name), &by_name) || fstat(segment->fd, &mine))
			return 2;
		if (by_name.st_ino != mine.st_ino)
			return 3;
		stoa_segment_close(segment);
		race->turn[me]++;
	}
	return 0;
}

static void who_is_in_keeps_the_name_however_many_come_and_go(void **state)
{
	pid_t pids[8];
	int turns = 0;

	(void)state;
	race = shared_memory(sizeof *race);
	race->name = test_name("churn");
	for (int i = 0; i < 8; i++)
		pids[i] = child_start(come_and_go, (void *)(intptr_t)i);
	sleep_ms(1500);
	set_word(&race->go, 1);
	for (int i = 0; i < 8; i++)
		assert_int_equal(child_end(pids[i]), 0);
	for (int i = 0; i < 8; i++)
		turns += race->turn[i];
	assert_true(turns > 8);
	assert_false(file_exists(test_path(race->name)));
}

static void an_info_struct_is_filled_whatever_was_in_it(void **state)
{
	static const size_t sizes[] = { 0, 3, 16, sizeof(struct stoa_segment_info), 1u << 30, SIZE_MAX };
	struct stoa_segment *segment = create(NULL, 0);
	struct {
		struct stoa_segment_info info;
		uint64_t behind;
	} answer;

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		memset(&answer, 0xee, sizeof answer);
		answer.behind = 42;
		answer.info.struct_size = sizes[i];
		ok(stoa_segment_info(segment, &answer.info));
		assert_int_equal(answer.info.struct_size, sizeof answer.info);
		assert_int_equal(answer.info.total_bytes, segment->bytes);
		assert_memory_equal(answer.info.id, segment->id, sizeof segment->id);
		assert_int_equal(answer.behind, 42);
	}
	assert_int_equal(stoa_segment_info(segment, NULL), -EINVAL);
	assert_int_equal(stoa_segment_info(NULL, &answer.info), -EINVAL);
	ok(stoa_segment_close(segment));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_created_segment_is_found_by_its_name, nothing_left),
		cmocka_unit_test_teardown(a_null_config_is_all_defaults, nothing_left),
		cmocka_unit_test(the_room_asked_for_is_there_beside_the_tables),
		cmocka_unit_test_teardown(create_opens_what_exists_unless_exclusive, nothing_left),
		cmocka_unit_test_teardown(create_refuses_an_existing_one_that_is_smaller, nothing_left),
		cmocka_unit_test(nonsense_in_a_config_is_refused),
		cmocka_unit_test_teardown(sizes_that_cannot_be_are_refused, nothing_left),
		cmocka_unit_test(the_smallest_and_the_largest_tables_work),
		cmocka_unit_test_teardown(names_are_checked, nothing_left),
		cmocka_unit_test(a_name_with_a_slash_is_a_path),
		cmocka_unit_test_teardown(a_fifo_is_refused_without_waiting, nothing_left),
		cmocka_unit_test_teardown(a_link_that_leads_nowhere_is_refused, nothing_left),
		cmocka_unit_test_teardown(the_mode_is_applied_exactly, nothing_left),
		cmocka_unit_test_teardown(flags_for_memory_are_accepted, nothing_left),
		cmocka_unit_test(an_anonymous_segment_is_sealed),
		cmocka_unit_test(open_fd_shares_the_segment_of_this_process),
		cmocka_unit_test_teardown(a_read_only_descriptor_opens_read_only_alone, nothing_left),
		cmocka_unit_test(a_descriptor_passed_over_a_socket_opens_the_same_segment),
		cmocka_unit_test_teardown(a_read_only_attach_writes_nothing, nothing_left),
		cmocka_unit_test_teardown(a_segment_cut_short_is_told_at_every_length, nothing_left),
		cmocka_unit_test_teardown(garbage_is_no_segment, nothing_left),
		cmocka_unit_test_teardown(other_machines_and_versions_are_told_apart, nothing_left),
		cmocka_unit_test_teardown(random_corruption_never_crashes, nothing_left),
		cmocka_unit_test(a_full_file_system_is_an_error_at_creation),
		cmocka_unit_test_teardown(permissions_hold_between_users, nothing_left),
		cmocka_unit_test_teardown(eight_who_create_at_once_get_one_segment, nothing_left),
		cmocka_unit_test_teardown(threads_may_open_and_close_at_once, nothing_left),
		cmocka_unit_test_teardown(the_last_to_leave_removes_the_name, nothing_left),
		cmocka_unit_test_teardown(the_last_is_who_finds_all_others_gone_or_dead, nothing_left),
		cmocka_unit_test_teardown(a_name_that_means_another_segment_meanwhile_stays, nothing_left),
		cmocka_unit_test_teardown(a_doomed_segment_is_as_good_as_gone, nothing_left),
		cmocka_unit_test_teardown(who_is_stopped_in_removing_a_name_holds_up_that_name_alone, nothing_left),
		cmocka_unit_test_teardown(who_is_stopped_in_unlinking_a_lasting_name_holds_up_nobody, nothing_left),
		cmocka_unit_test_teardown(who_died_while_leaving_is_overruled, nothing_left),
		cmocka_unit_test_teardown(who_is_in_keeps_the_name_however_many_come_and_go, nothing_left),
		cmocka_unit_test(an_info_struct_is_filled_whatever_was_in_it),
	};

	return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
