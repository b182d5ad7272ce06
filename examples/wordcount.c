/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wordcount - counts lines, words and bytes, with several processes.
 *
 *	 parent --names--> readers --chunks--> workers --rows--> parent
 *
 * The parent lists the files, numbers their chunks, creates a segment that has room for
 * everything, and forks.  Then it sends the names and looks after its children: one that is
 * killed is replaced, and what it had not finished goes to another by itself, since every
 * message is held under a lease.  When all are done it adds up the rows, and lets wc(1)
 * count the same files.  With --kill it kills the children itself, and the totals must be
 * equal all the same.
 *
 * The end spreads through the queues: the parent shuts down "names" after the last name;
 * readers end when no name is left and none is held by anybody; then the parent shuts down
 * "chunks", and the workers end in the same way.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wordcount.h"

enum {
	CHILDREN_MAX = 256, /* of each role */
	KILLS_MAX = 10000,
};

volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	if (number != SIGCHLD)
		interrupted = number;
}

/* ---- options ---- */

/* clang-format off */
static const char usage[] =
	"Usage: wordcount [OPTIONS] [FILES or DIRS...]\n"
	"Counts lines, words and bytes with several processes over shared memory, and\n"
	"compares the totals with those of wc.  Without FILES it counts text that most\n"
	"machines have (128 MiB at most).\n"
	"\n"
	"  --readers N     processes that read files (2)\n"
	"  --workers N     processes that count (one for each processor)\n"
	"  --chunk BYTES   text in one message, at most (65536)\n"
	"  --capacity N    messages in the queue of chunks (64)\n"
	"  --segment NAME  give the shared memory a name, for others to look at\n"
	"  --kill N        kill N of them with SIGKILL while they work, and put others in their place\n"
	"  --seed N        of --kill: choose as in the run that printed N\n"
	"  --no-wc         do not compare\n"
	"  --json          print the result as JSON\n"
	"  --quiet         no progress\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 all totals are equal; 1 they are not, or something failed;\n"
	"2 usage; 130 Ctrl-C.\n";
/* clang-format on */

static uint64_t number(const char *option, const char *text, uint64_t least, uint64_t most)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < least || value > most) {
		fprintf(stderr, "wordcount: --%s takes a number from %llu to %llu, not \"%s\"\n", option,
		        (unsigned long long)least, (unsigned long long)most, text);
		exit(2);
	}
	return value;
}

static void set_option(struct options *options, int letter, const char *name, const char *text)
{
	switch (letter) {
	case 'r':
		options->readers = number(name, text, 1, CHILDREN_MAX);
		break;
	case 'w':
		options->workers = number(name, text, 1, CHILDREN_MAX);
		break;
	case 'c':
		options->chunk = number(name, text, 64, 64 << 20);
		break;
	case 'n':
		options->capacity = number(name, text, 1, 1 << 20);
		break;
	case 's':
		options->segment = text;
		break;
	case 'k':
		options->kills = number(name, text, 0, KILLS_MAX);
		break;
	case 'e':
		options->seed = number(name, text, 0, UINT32_MAX);
		break;
	case 'x':
		options->compare = false;
		break;
	case 'j':
		options->json = true;
		break;
	case 'q':
		options->quiet = true;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	case 'v':
		printf("wordcount (stoa %s)\n", stoa_version());
		exit(0);
	default:
		fprintf(stderr,
		        "wordcount: no such option, or its value is missing: %s; see wordcount --help\n",
		        name);
		exit(2);
	}
}

static void parse_options(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "readers", required_argument, NULL, 'r' },
		{ "workers", required_argument, NULL, 'w' },
		{ "chunk", required_argument, NULL, 'c' },
		{ "capacity", required_argument, NULL, 'n' },
		{ "segment", required_argument, NULL, 's' },
		{ "kill", required_argument, NULL, 'k' },
		{ "seed", required_argument, NULL, 'e' },
		{ "no-wc", no_argument, NULL, 'x' },
		{ "json", no_argument, NULL, 'j' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	int letter, at = 0;

	*options = (struct options){ .readers = 2, .chunk = 65536, .capacity = 64, .compare = true };
	if (getentropy(&options->seed, sizeof options->seed))
		options->seed = getpid();
	options->seed %= 1000000; /* a number that one can type; --seed takes any */
	options->workers = processors < 1 ? 1 : processors > CHILDREN_MAX ? CHILDREN_MAX : processors;
	opterr = 0;
	while ((letter = getopt_long(argc, argv, "", names, &at)) != -1)
		set_option(options, letter, letter == '?' ? argv[optind - 1] : names[at].name, optarg);
}

/* ---- the job ---- */

static int send_name(struct job *job, struct stoa_sender *sender, size_t index)
{
	const struct file *file = &job->list.files[index];
	size_t size = sizeof(struct file_message) + strlen(file->path) + 1;
	void *block;
	int rc = stoa_sender_reserve(sender, size, &block);
	if (rc)
		return complain("cannot send a file name", rc);

	struct file_message *message = block;
	*message = (struct file_message){ index, file->size, file->first_chunk, file->chunks };
	strcpy(message->path, file->path);
	for (;;) {
		struct timespec soon = stoa_deadline(tick_ns(job));
		rc = stoa_sender_commit(sender, block, size, &soon);
		if (!rc)
			return 0;
		if (rc != STOA_TIMEOUT && rc != -EINTR)
			return complain("cannot send a file name", rc);
		if (!tend(job))
			return -EINTR;
	}
}

static int send_names(struct job *job)
{
	struct stoa_sender *sender;
	struct timespec tended = job->started;
	int rc = stoa_sender_open(job->names, &sender);
	if (rc)
		return complain("cannot send file names", rc);
	for (size_t i = 0; i < job->list.count && !rc; i++) {
		rc = send_name(job, sender, i);
		if (rc || seconds_since(&tended) * 1e9 < (double)tick_ns(job))
			continue;
		clock_gettime(CLOCK_MONOTONIC, &tended);
		rc = tend(job) ? 0 : -EINTR;
	}
	stoa_sender_close(sender);
	return rc;
}

/* Waits until all children of a role have done what was left.  Returns false if it ended early. */
static bool finish(struct job *job, struct stoa_queue *queue, enum role role)
{
	int rc = stoa_queue_shutdown(queue, STOA_DRAIN);
	if (rc) {
		complain("shutdown", rc);
		return false;
	}
	while (tend(job)) {
		if (!job->running[role])
			return true;
		pause_shortly(tick_ns(job));
	}
	return false;
}

static bool do_the_job(struct job *job)
{
	bool done;
	clock_gettime(CLOCK_MONOTONIC, &job->started);
	done = !plan_kills(job) && !spawn_all(job) && !send_names(job) && finish(job, job->names, READER) &&
	       finish(job, job->chunks, WORKER);
	if (!done)
		stop_children(job);
	job->seconds = seconds_since(&job->started);
	clear_progress(job);
	return done;
}

/* Puts the exact totals where progress was. */
static void store_totals(struct job *job, const struct totals *totals)
{
	stoa_value_store_u64(job->lines, totals->lines);
	stoa_value_store_u64(job->words, totals->words);
	stoa_value_store_u64(job->bytes, totals->bytes);
	stoa_array_write(job->lengths, 0, LENGTHS, totals->lengths);
}

static int conclude(struct job *job)
{
	struct totals totals;
	struct comparison wc = { 0 };

	leave_out_changed(job);
	if (!add_up(job, &totals)) {
		fprintf(stderr, "wordcount: a chunk or a file was never counted\n");
		return 1;
	}
	bool equal = !job->options.compare || compare_with_wc(job, &totals, &wc);
	if (interrupted)
		return 1;
	store_totals(job, &totals);
	if (job->options.json)
		print_json(job, &totals, &wc);
	else
		print_table(job, &totals, &wc);
	if (fflush(stdout))
		return complain("output", -errno) != 0;
	return !equal;
}

static bool list_all(struct job *job, int count, char **paths)
{
	if (!count)
		return list_default(job);
	for (int i = 0; i < count; i++)
		if (!list_path(job, paths[i], true))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	static struct job job;
	struct sigaction end = { .sa_handler = on_signal };
	struct sigaction child = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	int status = 1;

	parse_options(&job.options, argc, argv);
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGCHLD, &child, NULL);
	signal(SIGPIPE, SIG_IGN);

	if (list_all(&job, argc - optind, argv + optind)) {
		list_number(&job);
		if (!create_segment(&job) && do_the_job(&job))
			status = conclude(&job);
		remove_segment(&job);
	}
	list_free(&job);
	free(job.children);
	if (interrupted)
		fprintf(stderr, "wordcount: interrupted\n");
	return interrupted ? 128 + interrupted : status;
}
