/* SPDX-License-Identifier: BSD-2-Clause */
/* os_file.c - the door to the kernel: files, memory, locks on their bytes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "os.h"

/* What a system call's wrapper returned, as this file returns it. */
static int outcome(int rc)
{
	return rc < 0 ? -errno : rc;
}

/* ---- files ---- */

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

int os_memfd(const char *name, bool seal)
{
	int fd;

	if (!seal)
		return outcome(memfd_create(name, MFD_CLOEXEC));
	/* Kernels since 6.3 ask that a memfd says whether it will be executed; older ones refuse. */
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return outcome(fd);
}

int os_seal(int fd)
{
	return outcome(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
}

/* The directory that `path` lies in. */
static int directory_of(const char *path, char directory[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	if (!slash)
		return strcpy(directory, "."), 0;
	if (!length)
		return strcpy(directory, "/"), 0;
	if (length >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(directory, path, length);
	directory[length] = '\0';
	return 0;
}

/* Where O_TMPFILE is unknown or unsupported, open() tries to open the directory itself. */
static int tmpfile_error(int error, const char *directory)
{
	struct stat st;

	if (error == EISDIR || error == EOPNOTSUPP)
		return -ENOTSUP;
	if (error == ENOENT && !stat(directory, &st) && S_ISDIR(st.st_mode))
		return -ENOTSUP;
	return -error;
}

int os_open_unnamed(const char *path, unsigned mode)
{
	char directory[PATH_MAX];
	int fd, rc = directory_of(path, directory);

	if (rc)
		return rc;
	do
		fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return tmpfile_error(errno, directory);
	if (fchmod(fd, mode & 07777)) { /* not open()'s mode: the umask would apply */
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

static void descriptor_path(int fd, char path[32])
{
	snprintf(path, 32, "/proc/self/fd/%d", fd);
}

static bool proc_missing(void)
{
	return access("/proc/self/fd", F_OK) != 0;
}

int os_publish(int fd, const char *path)
{
	char self[32];

	/* Without /proc: allowed to the one who opened it since Linux 6.10, and to root; others are told ENOENT. */
	if (!linkat(fd, "", AT_FDCWD, path, AT_EMPTY_PATH))
		return 0;
	if (errno == EEXIST)
		return -EEXIST;
	descriptor_path(fd, self);
	if (!linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW))
		return 0;
	if (errno != ENOENT)
		return -errno;
	return proc_missing() ? -ENOTSUP : -ENOENT;
}

static int open_again(const char *path, bool read_only)
{
	/* O_NONBLOCK: what lies there may be a FIFO or a device; the caller finds out by os_stat(). */
	int fd, flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (read_only ? O_RDONLY : O_RDWR);

	do
		fd = open(path, flags);
	while (fd < 0 && errno == EINTR);
	return outcome(fd);
}

int os_open(const char *path, bool read_only)
{
	return open_again(path, read_only);
}

/* Opens what `path` means, if that is the file of this device and inode; -ENOTSUP where it is another. */
static int open_if(const char *path, bool read_only, uint64_t device, uint64_t inode)
{
	int fd = open_again(path, read_only);
	struct stat st;

	if (fd < 0 || (!fstat(fd, &st) && st.st_dev == device && st.st_ino == inode))
		return fd;
	close(fd);
	return -ENOTSUP;
}

static int open_descriptor(int fd, bool read_only, uint64_t device, uint64_t inode)
{
	char path[32];
	int again;

	descriptor_path(fd, path);
	again = open_if(path, read_only, device, inode); /* not it: whatever is at /proc, it is no procfs */
	return again == -ENOENT && proc_missing() ? -ENOTSUP : again;
}

int os_reopen(int fd, bool read_only)
{
	struct stat st;

	return fstat(fd, &st) ? -errno : open_descriptor(fd, read_only, st.st_dev, st.st_ino);
}

int os_open_same(const char *path, int fd, uint64_t device, uint64_t inode)
{
	int again = path ? open_if(path, false, device, inode) : -ENOENT;

	return again >= 0 ? again : open_descriptor(fd, false, device, inode);
}

int os_duplicate(int fd)
{
	return outcome(fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

int os_close(int fd)
{
	/* Linux frees the descriptor even when it says EINTR: never try again. */
	return close(fd) && errno != EINTR ? -errno : 0;
}

int os_unlink(const char *path)
{
	return outcome(unlink(path));
}

/*
 * What surely does not fit is refused at once: in chunks it would first fill the file system, which is
 * memory, for everybody.  Without a limit (memfd) the machine's memory is the limit.
 */
static int allocation_fits(int fd, uint64_t bytes)
{
	struct statvfs fs;
	struct sysinfo machine;

	if (!fstatvfs(fd, &fs) && fs.f_blocks)
		return bytes / (fs.f_frsize ? fs.f_frsize : 1) > fs.f_bfree ? -ENOSPC : 0;
	if (!sysinfo(&machine) && bytes / machine.mem_unit > (uint64_t)machine.totalram + machine.totalswap)
		return -ENOMEM;
	return 0;
}

#define ALLOCATION_CHUNK (64ull << 20)
#define ALLOCATION_CHUNK_MIN (256ull << 10)

int os_allocate(int fd, uint64_t bytes)
{
	uint64_t done = 0, chunk = ALLOCATION_CHUNK;
	struct rlimit limit;
	int rc;

	if (bytes > INT64_MAX)
		return -EOVERFLOW;
	/* Beyond the limit the kernel would not only say EFBIG, but send SIGXFSZ, which kills. */
	if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY && bytes > limit.rlim_cur)
		return -EFBIG;
	rc = allocation_fits(fd, bytes);
	if (rc)
		return rc;
	while (done < bytes) {
		uint64_t step = bytes - done < chunk ? bytes - done : chunk;

		if (!fallocate(fd, 0, (off_t)done, (off_t)step)) {
			done += step;
		} else if (errno == EINTR) {
			/* tmpfs gives an interrupted step back, so signals that come faster than
			 * a step takes would keep us here for ever: take smaller steps. */
			if (chunk > ALLOCATION_CHUNK_MIN)
				chunk /= 2;
		} else {
			return errno == EOPNOTSUPP || errno == ENOSYS ? -ENOTSUP : -errno;
		}
	}
	return 0;
}

int os_read_at(int fd, void *out, size_t size, uint64_t offset)
{
	uint8_t *to = out;

	while (size) {
		ssize_t got = pread(fd, to, size, (off_t)offset);

		if (!got)
			return -ENODATA;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		to += got;
		size -= (size_t)got;
		offset += (uint64_t)got;
	}
	return 0;
}

int os_write_at(int fd, const void *in, size_t size, uint64_t offset)
{
	const uint8_t *from = in;

	while (size) {
		ssize_t put = pwrite(fd, from, size, (off_t)offset);

		if (!put)
			return -EIO;
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		from += put;
		size -= (size_t)put;
		offset += (uint64_t)put;
	}
	return 0;
}

static void file_of(const struct stat *st, struct os_file *file)
{
	*file = (struct os_file){
		.device = st->st_dev,
		.inode = st->st_ino,
		.bytes = (uint64_t)st->st_size,
		.block_bytes = (uint64_t)st->st_blksize,
		.mode = st->st_mode & 07777,
		.regular = S_ISREG(st->st_mode),
	};
}

int os_stat(int fd, struct os_file *file)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	file_of(&st, file);
	return 0;
}

int os_stat_path(const char *path, struct os_file *file)
{
	struct stat st;

	if (stat(path, &st))
		return -errno;
	file_of(&st, file);
	return 0;
}

bool os_is_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/* ---- memory ---- */

int os_map(int fd, uint64_t bytes, bool read_only, bool populate, void **base)
{
	int protection = read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	void *at = mmap(NULL, bytes, protection, MAP_SHARED | (populate ? MAP_POPULATE : 0), fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	*base = at;
	return 0;
}

int os_unmap(void *base, uint64_t bytes)
{
	return outcome(munmap(base, bytes));
}

int os_lock_memory(void *base, uint64_t bytes)
{
	return outcome(mlock(base, bytes));
}

void os_advise_huge(void *base, uint64_t bytes)
{
	(void)madvise(base, bytes, MADV_HUGEPAGE); /* a wish: a kernel without them says EINVAL */
}

/* ---- open-file-description locks ---- */

static int byte_lock(int fd, int command, struct flock *lock, short type, uint64_t offset)
{
	int rc;

	*lock = (struct flock){
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)offset,
		.l_len = 1,
		/* l_pid stays 0: the kernel insists on it for these commands */
	};
	do
		rc = fcntl(fd, command, lock);
	while (rc < 0 && errno == EINTR);
	if (rc >= 0)
		return 0;
	if (errno == EACCES) /* POSIX allows either name for "somebody holds it" */
		return -EAGAIN;
	return errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP ? -ENOTSUP : -errno;
}

int os_lock_byte(int fd, uint64_t offset)
{
	struct flock lock;

	return byte_lock(fd, F_OFD_SETLK, &lock, F_WRLCK, offset);
}

int os_unlock_byte(int fd, uint64_t offset)
{
	struct flock lock;

	return byte_lock(fd, F_OFD_SETLK, &lock, F_UNLCK, offset);
}

int os_byte_locked(int fd, uint64_t offset)
{
	/* A probe with a write lock would see read locks, too, which anybody may take who can only
	 * read the file: a dead participant would look alive for ever. */
	struct flock lock;
	int rc = byte_lock(fd, F_OFD_GETLK, &lock, F_RDLCK, offset);

	return rc ? rc : lock.l_type != F_UNLCK;
}
