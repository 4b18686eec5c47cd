// SPDX-License-Identifier: Apache-2.0
// The reference: what a C programmer writes on libbpf for one probe.
//
//   consumer count OBJECT         ring -> FNV hash of 24 label bytes, open addressing, count
//   consumer lines OBJECT FILE    ring -> a JSON line a record by snprintf, written in blocks
//   consumer latency OBJECT       ring of the tick probe -> a JSON line a record on stdout at once
//   consumer poll OBJECT PASSES   hash of the keys probe -> batch look-ups, each value kept in a hash of the same keys
//
// Prints "ready", works until SIGTERM (poll: for PASSES passes), then prints what it did as JSON on stderr.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct record {
	uint32_t pid, daddr, seq;
	int32_t ret;
	uint32_t uid;
	char comm[16];
	uint32_t saddr;
	uint16_t sport, dport;
};

#define SLOTS (1 << 14)
static struct slot {
	uint32_t pid, daddr;
	char comm[16];
	uint64_t count;
} slots[SLOTS];

static volatile sig_atomic_t stopped;
static uint64_t records;
static char *out;
static size_t filled;
static int out_fd = 1;
/* The time of a poll, as text: formatted once, at its first record. */
static char stamp[64];
static struct rusage begun;
#define OUT_BYTES (1 << 20)

static void stop(int signal)
{
	stopped = 1;
}

static int count(void *context, void *data, size_t size)
{
	struct record *r = data;
	uint64_t hash = 0xcbf29ce484222325ULL;
	unsigned char label[24];
	size_t length = strnlen(r->comm, sizeof(r->comm));

	memset(label, 0, sizeof(label));
	memcpy(label, r->comm, length);
	memcpy(label + 16, &r->pid, 4);
	memcpy(label + 20, &r->daddr, 4);
	for (int i = 0; i < 24; i++)
		hash = (hash ^ label[i]) * 0x100000001b3ULL;
	for (uint32_t i = hash & (SLOTS - 1);; i = (i + 1) & (SLOTS - 1)) {
		struct slot *s = &slots[i];
		if (s->count == 0) {
			s->pid = r->pid;
			s->daddr = r->daddr;
			memcpy(s->comm, label, 16);
		} else if (s->pid != r->pid || s->daddr != r->daddr || memcmp(s->comm, label, 16)) {
			continue;
		}
		s->count++;
		break;
	}
	records++;
	return 0;
}

static void write_out(void)
{
	for (size_t done = 0; done < filled;) {
		ssize_t n = write(out_fd, out + done, filled - done);
		if (n < 0)
			exit(1);
		done += n;
	}
	filled = 0;
}

static void format_time(void)
{
	struct timespec t;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	size_t n = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(stamp + n, sizeof(stamp) - n, ".%09ldZ", t.tv_nsec);
}

static int line(void *context, void *data, size_t size)
{
	struct record *r = data;
	char source[16], destination[16];

	if (OUT_BYTES - filled < 512)
		write_out();
	inet_ntop(AF_INET, &r->saddr, source, sizeof(source));
	inet_ntop(AF_INET, &r->daddr, destination, sizeof(destination));
	if (!stamp[0])
		format_time();
	filled += snprintf(out + filled, OUT_BYTES - filled,
			   "{\"timestamp\":\"%s\",\"probe\":\"load\",\"map\":\"load\",\"data\":{\"pid\":%u,\"uid\":%u,"
			   "\"comm\":\"%.16s\",\"saddr\":\"%s\",\"daddr\":\"%s\",\"sport\":%u,\"dport\":%u,\"seq\":%u,"
			   "\"ret\":%d}}\n",
			   stamp, r->pid, r->uid, r->comm, source, destination, r->sport, r->dport, r->seq,
			   r->ret);
	records++;
	return 0;
}

static int tick(void *context, void *data, size_t size)
{
	filled = sprintf(out, "{\"probe\":\"tick\",\"map\":\"print_ticks\",\"data\":{\"at\":%llu}}\n",
			 *(unsigned long long *)data);
	write_out();
	records++;
	return 0;
}

static double seconds(struct timeval t)
{
	return t.tv_sec + t.tv_usec / 1e6;
}

static void report(double wall)
{
	struct rusage usage;
	uint64_t groups = 0;

	for (int i = 0; i < SLOTS; i++)
		groups += slots[i].count > 0;
	getrusage(RUSAGE_SELF, &usage);
	fprintf(stderr, "{\"records\":%llu,\"groups\":%llu,\"cpu\":%.6f,\"wall\":%.6f}\n", (unsigned long long)records,
		(unsigned long long)groups,
		seconds(usage.ru_utime) + seconds(usage.ru_stime) - seconds(begun.ru_utime) - seconds(begun.ru_stime), wall);
}

struct key {
	uint32_t pid, uid;
	char comm[16];
};

#define KEY_SLOTS (1 << 18)
static struct entry {
	struct key key;
	uint64_t value;
	int used;
} entries[KEY_SLOTS];

static void keep(const struct key *key, uint64_t value)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < sizeof(*key); i++)
		hash = (hash ^ ((const unsigned char *)key)[i]) * 0x100000001b3ULL;
	for (uint32_t i = hash & (KEY_SLOTS - 1);; i = (i + 1) & (KEY_SLOTS - 1)) {
		struct entry *e = &entries[i];
		if (e->used && memcmp(&e->key, key, sizeof(*key)))
			continue;
		e->used = 1;
		e->key = *key;
		e->value = value;
		return;
	}
}

#define BATCH 4096
static double pass(int map)
{
	static struct key keys[BATCH];
	static uint64_t values[BATCH];
	uint32_t token;
	void *in = NULL;
	struct timespec from, to;
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (;;) {
		uint32_t n = BATCH;
		int error = bpf_map_lookup_batch(map, in, &token, keys, values, &n, NULL);
		if (error && errno != ENOENT)
			exit(1);
		for (uint32_t i = 0; i < n; i++)
			keep(&keys[i], values[i]);
		records += n;
		if (error)
			break;
		in = &token;
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	getrusage(RUSAGE_SELF, &after);
	return seconds(after.ru_utime) + seconds(after.ru_stime) - seconds(before.ru_utime) - seconds(before.ru_stime);
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	libbpf_set_print(quiet);
	signal(SIGTERM, stop);
	struct bpf_object *object = bpf_object__open_file(argv[2], NULL);
	struct bpf_program *program;
	struct bpf_map *map;
	struct timespec from, to;

	if (!object)
		return 1;
	bpf_object__for_each_map(map, object)
		if (bpf_map__type(map) == BPF_MAP_TYPE_RINGBUF)
			bpf_map__set_value_size(map, 0);
	if (bpf_object__load(object))
		return 1;
	bpf_object__for_each_program(program, object)
		if (!bpf_program__attach(program))
			return 1;
	out = malloc(OUT_BYTES);
	if (!strcmp(argv[1], "poll")) {
		int fd = bpf_object__find_map_fd_by_name(object, "counter_keys");
		getpgid(-(1 << 23) - atoi(argv[4]));
		puts("ready");
		fflush(stdout);
		pass(fd);
		records = 0;
		double cpu = 0;
		// Every value is another at each read, and the reads are as far apart as the agent's.
		for (int i = 0; i < atoi(argv[3]); i++) {
			getpgid(-(1 << 23) - atoi(argv[4]));
			sleep(1);
			cpu += pass(fd);
		}
		fprintf(stderr, "{\"records\":%llu,\"cpu\":%.6f}\n", (unsigned long long)records, cpu);
		return 0;
	}
	ring_buffer_sample_fn handle = !strcmp(argv[1], "count") ? count : !strcmp(argv[1], "lines") ? line : tick;
	if (argc > 3)
		out_fd = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct ring_buffer *ring = ring_buffer__new(bpf_object__find_map_fd_by_name(object, handle == tick ? "print_ticks" : "load"), handle, NULL, NULL);
	if (!ring || out_fd < 0)
		return 1;
	if (argc > 3 || handle == count) {
		puts("ready");
		fflush(stdout);
	} else {
		fputs("ready\n", stderr);
	}
	// Loading and attaching are no part of what a record costs.
	getrusage(RUSAGE_SELF, &begun);
	clock_gettime(CLOCK_MONOTONIC, &from);
	while (!stopped) {
		stamp[0] = 0;
		if (ring_buffer__poll(ring, 100) < 0 && errno != EINTR && !stopped)
			break;
	}
	ring_buffer__consume(ring);
	write_out();
	clock_gettime(CLOCK_MONOTONIC, &to);
	report(to.tv_sec - from.tv_sec + (to.tv_nsec - from.tv_nsec) / 1e9);
	return 0;
}
