// SPDX-License-Identifier: Apache-2.0
// producer ROLE TOTAL RATE [MAP]: ask the load probe of that ROLE for TOTAL records, RATE a second (0: as fast as it
// goes), and stop early once MAP, its map of what was asked for and what the ring took, tells of a loss.
// producer fill N: ask the keys probe for N keys. Prints the seconds that it took.
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Between two looks at what is lost: none of them is to be seen in what the records cost. */
#define LOOK_SECONDS 0.05

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void until(double when)
{
	double left = when - now();
	if (left <= 0)
		return;
	struct timespec t = { (time_t)left, (long)((left - (time_t)left) * 1e9) };
	nanosleep(&t, NULL);
}

/* The newest map of that name: -1 when there is none. */
static int map_of_name(const char *name)
{
	int newest = -1;

	for (uint32_t id = 0; !bpf_map_get_next_id(id, &id);) {
		struct bpf_map_info info = {};
		uint32_t size = sizeof(info);
		int fd = bpf_map_get_fd_by_id(id);

		if (fd < 0)
			continue;
		if (bpf_obj_get_info_by_fd(fd, &info, &size) || strcmp(info.name, name)) {
			close(fd);
			continue;
		}
		if (newest >= 0)
			close(newest);
		newest = fd;
	}
	return newest;
}

/* Records that a map of what was asked for and what the ring took tells to be lost. */
static uint64_t lost(int map)
{
	uint32_t first = 0, second = 1;
	uint64_t asked = 0, taken = 0;

	if (bpf_map_lookup_elem(map, &first, &asked) || bpf_map_lookup_elem(map, &second, &taken))
		exit(1);
	return asked - taken;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	if (!strcmp(argv[1], "fill")) {
		getpgid(-(1 << 23) - atoi(argv[2]));
		return 0;
	}
	if (argc < 4)
		return 2;
	long magic = (atol(argv[1]) + 1) << 20;
	long total = atol(argv[2]);
	double rate = atof(argv[3]);
	// 2 ms of work at a time when paced, so that the pace is even; large batches otherwise.
	long batch = rate > 0 ? (long)(rate / 500) + 1 : 4096;
	// The peers' probe has no loop of more, in neither copy.
	long most = magic >= 4 << 20 ? 256 : 1 << 16;
	if (batch > most)
		batch = most;
	int map = argc > 4 ? map_of_name(argv[4]) : -1;
	if (argc > 4 && map < 0)
		return 1;
	uint64_t before = map >= 0 ? lost(map) : 0;
	double begun = now(), look = begun;
	for (long made = 0; made < total; made += batch) {
		if (rate > 0)
			until(begun + made / rate);
		long n = total - made < batch ? total - made : batch;
		getpgid((pid_t)(-magic - n));
		if (map < 0 || now() < look)
			continue;
		if (lost(map) > before)
			break;
		look = now() + LOOK_SECONDS;
	}
	printf("%.9f\n", now() - begun);
	return 0;
}
