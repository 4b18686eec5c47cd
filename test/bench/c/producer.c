// SPDX-License-Identifier: Apache-2.0
// producer ROLE TOTAL RATE: ask the load probe of that ROLE for TOTAL records, RATE a second (0: as fast as it goes).
// producer fill N: ask the keys probe for N keys. Prints the seconds that it took.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
	// The peers' probe has no loop of more.
	long most = magic == 4 << 20 ? 256 : 1 << 16;
	if (batch > most)
		batch = most;
	double begun = now();
	for (long made = 0; made < total; made += batch) {
		if (rate > 0)
			until(begun + made / rate);
		long n = total - made < batch ? total - made : batch;
		getpgid((pid_t)(-magic - n));
	}
	printf("%.9f\n", now() - begun);
	return 0;
}
