/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor.c - stoa doctor: what on this machine keeps stoa from working well, and the cure of each. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <linux/membarrier.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "answer.h"
#include "gather.h"
#include "show.h"

#define SHM "/dev/shm"
#define TMPFS 0x01021994
#define SHM_SMALL (128ull << 20)
#define SHM_FREE_LEAST (16ull << 20)
#define FILES_LEAST 256
#define SYSTEM_UIDS 999 /* logind leaves these alone */

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

enum level {
	LEVEL_OK,
	LEVEL_NOTE,
	LEVEL_WRONG
};

static struct {
	bool json;
	bool wrong;
} doctor;

/* ---- findings ---- */

static void find(enum level level, const char *about, const char *cure, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static void find(enum level level, const char *about, const char *cure, const char *format, ...)
{
	static const char *const names[] = { "ok", "note", "WRONG" };
	static const enum colour shades[] = { GREEN, YELLOW, RED };
	va_list arguments;
	char text[400];

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	doctor.wrong |= level == LEVEL_WRONG;
	if (doctor.json) {
		answer_object(NULL);
		answer_text("about", about);
		answer_text("level", level == LEVEL_WRONG ? "wrong" : names[level]);
		answer_text("what", text);
		answer_text("cure", cure);
		answer_end();
		return;
	}
	printf("%s%-5s%s  %-16s %s\n", colour(shades[level]), names[level], colour(PLAIN), about, text);
	if (cure)
		printf("%24s%scure:%s %s\n", "", colour(BOLD), colour(PLAIN), cure);
}

/* ---- /dev/shm ---- */

static void check_shm(void)
{
	struct statvfs space;
	struct statfs kind;
	uint64_t all, left;

	if (statfs(SHM, &kind) != 0 || statvfs(SHM, &space) != 0) {
		find(LEVEL_WRONG, SHM, "mount -t tmpfs -o mode=1777 tmpfs /dev/shm", "it is not there: %s",
		     strerror(errno));
		return;
	}
	all = (uint64_t)space.f_blocks * space.f_frsize;
	left = (uint64_t)space.f_bavail * space.f_frsize;
	if (access(SHM, W_OK | X_OK) != 0)
		find(LEVEL_WRONG, SHM, "chmod 1777 /dev/shm", "you may not create files there");
	else if (kind.f_type != TMPFS)
		find(LEVEL_NOTE, SHM, "mount -t tmpfs -o mode=1777 tmpfs /dev/shm",
		     "it is no tmpfs: segments are written to a disk");
	else if (left < SHM_FREE_LEAST)
		find(LEVEL_WRONG, SHM, "stoa gc; or mount -o remount,size=4G /dev/shm",
		     "only %s of %s are free", show_bytes(left).at, show_bytes(all).at);
	else if (all < SHM_SMALL)
		find(LEVEL_WRONG, SHM,
		     "mount -o remount,size=1G /dev/shm; in a container --shm-size=1g, or a tmpfs volume "
		     "there",
		     "it has %s, as containers do that nobody gave more", show_bytes(all).at);
	else
		find(LEVEL_OK, SHM, NULL, "%s, %s free", show_bytes(all).at, show_bytes(left).at);
}

/* ---- logind ---- */

/* The last RemoveIPC= in a file: 1, 0, or `before`. */
static int remove_ipc_in(const char *path, int before)
{
	FILE *file = fopen(path, "re");
	char line[256], value[32];

	while (file && fgets(line, sizeof line, file)) {
		if (sscanf(line, " RemoveIPC = %31s", value) == 1)
			before = strchr("yY1tToO", value[0]) && strcasecmp(value, "off") != 0;
	}
	if (file)
		fclose(file);
	return before;
}

static void check_logind(void)
{
	static const char *const patterns[] = {
		"/usr/lib/systemd/logind.conf.d/*.conf",
		"/etc/systemd/logind.conf",
		"/run/systemd/logind.conf.d/*.conf",
		"/etc/systemd/logind.conf.d/*.conf",
	};
	int removes = 1; /* its default */

	if (access("/run/systemd/seats", F_OK) != 0 && access("/run/systemd/users", F_OK) != 0) {
		find(LEVEL_OK, "RemoveIPC", NULL,
		     "no systemd-logind runs here, which would remove files of %s", SHM);
		return;
	}
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		glob_t found;

		if (glob(patterns[i], 0, NULL, &found) != 0)
			continue;
		for (size_t k = 0; k < found.gl_pathc; k++)
			removes = remove_ipc_in(found.gl_pathv[k], removes);
		globfree(&found);
	}
	if (!removes)
		find(LEVEL_OK, "RemoveIPC", NULL, "off: segments outlive the sessions of their users");
	else if (geteuid() <= SYSTEM_UIDS)
		find(LEVEL_NOTE, "RemoveIPC",
		     "RemoveIPC=no in /etc/systemd/logind.conf, where users run programs of stoa",
		     "on: what users have in %s is removed when they log out (not yours: you are a system "
		     "user)",
		     SHM);
	else
		find(LEVEL_WRONG, "RemoveIPC",
		     "RemoveIPC=no in /etc/systemd/logind.conf, or loginctl enable-linger, or a system user",
		     "on: your segments are removed when you log out, while their processes go on");
}

/* ---- the kernel ---- */

static void check_unnamed_files(void)
{
	int fd = open(SHM, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		find(LEVEL_WRONG, "unnamed files", "a tmpfs on /dev/shm, a kernel from 3.11 on",
		     "O_TMPFILE does not work in %s: %s", SHM, strerror(errno));
	else if (access("/proc/self/fd", F_OK) != 0)
		find(LEVEL_WRONG, "unnamed files", "mount -t proc proc /proc",
		     "/proc is not mounted: files cannot be given a name, nor be opened anew");
	else
		find(LEVEL_OK, "unnamed files", NULL, "O_TMPFILE works in %s", SHM);
	if (fd >= 0)
		close(fd);
}

static int memory_file(void)
{
	return memfd_create("stoa-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static void check_locks(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	int fd = memory_file();

	if (fd < 0)
		find(LEVEL_WRONG, "memfd",
		     "a kernel from 3.17 on; a seccomp filter that lets memfd_create pass",
		     "memfd_create does not work: %s", strerror(errno));
	else if (fcntl(fd, F_OFD_SETLK, &lock) != 0)
		find(LEVEL_WRONG, "locks", "a kernel from 3.15 on",
		     "open-file-description locks do not work, and with them the proof of death: %s",
		     strerror(errno));
	else if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) != 0)
		find(LEVEL_WRONG, "memfd", "a kernel from 3.17 on", "memfds cannot be sealed: %s",
		     strerror(errno));
	else
		find(LEVEL_OK, "locks, memfd", NULL, "open-file-description locks and sealed memfds work");
	if (fd >= 0)
		close(fd);
}

static void check_calls(void)
{
	long barriers = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
	long pidfd = syscall(SYS_pidfd_open, getpid(), 0);

	if (barriers < 0 || !(barriers & MEMBARRIER_CMD_GLOBAL_EXPEDITED))
		find(LEVEL_NOTE, "membarrier",
		     "a kernel from 4.16 on; a seccomp filter that lets membarrier pass",
		     "it does not work: queues of one to one take a fence in every call");
	else
		find(LEVEL_OK, "membarrier", NULL, "it works: queues of one to one need no fences");
	if (pidfd < 0)
		find(LEVEL_NOTE, "pidfd", "a kernel from 5.3 on; a seccomp filter that lets pidfd_open pass",
		     "it does not work: who died while a child of it was stopped at its start is noticed "
		     "late");
	else
		find(LEVEL_OK, "pidfd", NULL, "it works");
	if (pidfd >= 0)
		close((int)pidfd);
	if (syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) != 0 && errno == ENOSYS)
		find(LEVEL_NOTE, "futex_waitv", "a kernel from 5.16 on",
		     "it is missing: descriptors for epoll become ready some milliseconds later");
	else
		find(LEVEL_OK, "futex_waitv", NULL, "it works");
}

/* The first line of a small file; false where it cannot be read. */
static bool first_line(const char *path, char *line, int room)
{
	FILE *file = fopen(path, "re");
	bool read = file && fgets(line, room, file);

	if (file)
		fclose(file);
	if (read)
		line[strcspn(line, "\n")] = '\0';
	return read;
}

static void check_huge_pages(void)
{
	char line[128];

	if (!first_line("/sys/kernel/mm/transparent_hugepage/shmem_enabled", line, sizeof line))
		find(LEVEL_NOTE, "huge pages", "a kernel with CONFIG_TRANSPARENT_HUGEPAGE, or a hugetlbfs",
		     "there are none for shared memory: STOA_HUGE changes nothing");
	else if (strstr(line, "[never]") || strstr(line, "[deny]"))
		find(LEVEL_NOTE, "huge pages",
		     "echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled, where you use "
		     "STOA_HUGE",
		     "they are off for shared memory: STOA_HUGE changes nothing");
	else
		find(LEVEL_OK, "huge pages", NULL, "shared memory has them where STOA_HUGE asks: %s", line);
}

static void check_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_LEAST)
		find(LEVEL_WRONG, "open files", "ulimit -n 1024; LimitNOFILE= of the service",
		     "a process may have %llu: each segment takes two, each stoa_queue_fd() one more",
		     (unsigned long long)files.rlim_cur);
	else
		find(LEVEL_OK, "open files", NULL, "%llu", (unsigned long long)files.rlim_cur);
}

/* ---- the library, segments ---- */

static void check_version(void)
{
	if (strcmp(stoa_version(), STOA_VERSION_STRING) != 0)
		find(LEVEL_WRONG, "library", "install both from one build",
		     "this program is of %s, and the library that it found is %s", STOA_VERSION_STRING,
		     stoa_version());
	else
		find(LEVEL_OK, "library", NULL, "%s", stoa_version());
}

static void check_unopened(const struct segment *segment)
{
	if (segment->rc == -EACCES || segment->rc == -EPERM)
		find(LEVEL_NOTE, segment->name, "ask its owner, or give it another mode when it is created",
		     "you may not look at it: it belongs to %s, %s", show_user(segment->file.st_uid).at,
		     show_mode(segment->file.st_mode).at);
	else if (segment->rc == -EPROTONOSUPPORT)
		find(LEVEL_WRONG, segment->name,
		     "programs of one version; remove it when its users have ended",
		     "it is of another version of the layout: programs of this library cannot open it");
	else if (segment->rc == -ENOENT)
		find(LEVEL_NOTE, segment->name, "stoa gc --yes",
		     "its last user died while it removed the name");
	else if (!segment->base) /* else a plain file that belongs to one */
		find(LEVEL_WRONG, segment->name, "rm the file, if nobody needs it", "%s",
		     reason(segment->rc));
}

static void check_namespaces(const struct segment *segment)
{
	uint64_t first = 0;
	bool mixed = false;

	for (size_t i = 0; i < segment->participant_count; i++) {
		const struct stoa_participant_info *info = &segment->participants[i].info;

		if (!info->alive)
			continue;
		mixed |= first && info->pid_namespace != first;
		first = info->pid_namespace;
	}
	if (mixed)
		find(LEVEL_NOTE, segment->name,
		     "containers that share a PID namespace, where these numbers matter",
		     "its processes are of several PID namespaces: deaths are proven all the same, but pids "
		     "mean "
		     "different processes");
}

static void check_segment(const struct segment *segment)
{
	if (segment->rc) {
		check_unopened(segment);
		return;
	}
	check_namespaces(segment);
	if (segment->dead)
		find(LEVEL_NOTE, segment->name, "stoa gc --yes",
		     "%" PRIu64 " of its participants are dead and not yet reaped", segment->dead);
	else if (!segment->info.participants_alive && !segment->base)
		find(LEVEL_NOTE, segment->name, "stoa gc, naming it, if its content is not wanted any more",
		     "nobody uses it, and it takes %s",
		     show_bytes((uint64_t)segment->file.st_blocks * 512).at);
	if (segment->info.participants_alive == segment->info.participants)
		find(LEVEL_NOTE, segment->name, "more `participants` when it is created",
		     "all %u places for participants are taken", segment->info.participants);
}

static void check_segments(void)
{
	size_t count;
	char **names = segment_names(&count);

	for (size_t i = 0; i < count; i++) {
		struct segment segment;

		gather(names[i], false, &segment);
		if (segment.file.st_nlink)
			check_segment(&segment);
		gather_end(&segment);
	}
	find(LEVEL_OK, "segments", NULL, "%zu in %s", count, SHM);
	names_end(names, count);
}

/* ---- the command ---- */

static int run(const struct command *command, int argc, char **argv)
{
	int status = json_option(command, argc, argv, &doctor.json);

	if (status >= 0)
		return status;
	if (optind < argc)
		return misused(command, "it takes no operands");
	if (doctor.json)
		answer_array(NULL);
	check_version();
	check_shm();
	check_logind();
	check_unnamed_files();
	check_locks();
	check_calls();
	check_huge_pages();
	check_limits();
	check_segments();
	if (doctor.json)
		answer_end();
	return doctor.wrong ? STATUS_FAILURE : STATUS_OK;
}

/* clang-format off */
const struct command command_doctor = {
	.name = "doctor",
	.operands = "[--json]",
	.summary = "Looks for what on this machine keeps stoa from working well, and names the cure",
	.help =
		"Looks at /dev/shm, logind, the kernel, limits, and all segments.  A note is worth knowing; where\n"
		"something is wrong the exit status is 1.\n"
		"\n"
		"  --json   as JSON\n"
		"  --help   this text\n",
	.run = run,
};
/* clang-format on */
