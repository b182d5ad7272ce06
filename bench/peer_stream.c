/* SPDX-License-Identifier: BSD-2-Clause */
/* peer_stream.c - a pipe; STREAM_UNIX: a UNIX stream socket; STREAM_PACKETS: a SEQPACKET one. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel_peer.h"

struct channel {
	int fd[2]; /* to read from, to write to */
	size_t size;
};

struct end {
	size_t size;
	int fd;
	void *buffer;
};

#if defined(STREAM_UNIX) || defined(STREAM_PACKETS)

/* A packet and what the kernel needs beside it must fit; SO_SNDBUFFORCE is for who may. */
static bool enlarge(int fd, size_t size)
{
	int wanted = (int)(2 * size + 65536), got = 0;
	socklen_t length = sizeof got;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof wanted))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);
	return getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &got, &length) == 0 && (size_t)got > size + 32768;
}

static bool connect_both(struct channel *channel)
{
#ifdef STREAM_PACKETS
	int type = SOCK_SEQPACKET;
#else
	int type = SOCK_STREAM;
#endif

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, channel->fd))
		return false;
	if (enlarge(channel->fd[1], channel->size) || type == SOCK_STREAM)
		return true;
	close(channel->fd[0]);
	close(channel->fd[1]);
	return false;
}

#else

static bool connect_both(struct channel *channel)
{
	if (pipe2(channel->fd, O_CLOEXEC))
		return false;
	fcntl(channel->fd[1], F_SETPIPE_SZ, 1 << 20); /* the most that everybody may */
	return true;
}

#endif

static struct channel *peer_create(size_t size, size_t capacity)
{
	struct channel *channel = malloc(sizeof *channel);

	(void)capacity;
	if (!channel)
		return NULL;
	channel->size = size;
	if (connect_both(channel))
		return channel;
	free(channel);
	return NULL;
}

static void peer_destroy(struct channel *channel)
{
	close(channel->fd[0]);
	close(channel->fd[1]);
	free(channel);
}

static bool peer_attach(struct end *end, struct channel *channel, enum bench_role role)
{
	end->size = channel->size;
	end->fd = channel->fd[role == BENCH_SENDER];
	end->buffer = malloc(end->size);
	return end->buffer;
}

static void peer_detach(struct end *end)
{
	free(end->buffer);
}

static inline void *peer_begin(struct end *end)
{
	return end->buffer;
}

static inline bool peer_commit(struct end *end)
{
	for (size_t done = 0; done < end->size;) {
		ssize_t more = write(end->fd, (char *)end->buffer + done, end->size - done);

		if (more < 0 && errno != EINTR)
			return false;
		done += more > 0 ? (size_t)more : 0;
	}
	return true;
}

static inline const void *peer_take(struct end *end)
{
	for (size_t done = 0; done < end->size;) {
		ssize_t more = read(end->fd, (char *)end->buffer + done, end->size - done);

		if (more == 0 || (more < 0 && errno != EINTR))
			return NULL;
		done += more > 0 ? (size_t)more : 0;
	}
	return end->buffer;
}

static inline void peer_done(struct end *end)
{
	(void)end;
}

#if defined(STREAM_PACKETS)
#define PEER_ID packets
#define PEER_NAME "UNIX seqpacket"
#elif defined(STREAM_UNIX)
#define PEER_ID stream
#define PEER_NAME "UNIX stream"
#else
#define PEER_ID pipe
#define PEER_NAME "pipe"
#endif
#define PEER_KIND BENCH_PEER
#define PEER_CAN (CHANNEL_WAKES | CHANNEL_STREAMS)
#include "channel_loops.h"
