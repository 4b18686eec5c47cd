// SPDX-License-Identifier: Apache-2.0
// stopwatch COUNT [FIRST SETTLED]: make COUNT ticks, one a millisecond, and read their lines on stdin as they come. Prints,
// as JSON, the median and the 99th percentile of the nanoseconds from the tick in the kernel to its line here: of the
// ticks from FIRST to SETTLED ("early"), and of those from SETTLED on.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long total;

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *tick(void *unused)
{
	for (long i = 0; i < total; i++) {
		getpgid(-(1 << 24));
		usleep(1000);
	}
	return NULL;
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void print(const char *name, int64_t *delays, long n)
{
	qsort(delays, n, sizeof(*delays), ascending);
	printf("\"%s\":{\"count\":%ld,\"median\":%lld,\"p99\":%lld}", name, n, (long long)delays[n / 2],
	       (long long)delays[n * 99 / 100]);
}

int main(int argc, char **argv)
{
	char line[4096];
	pthread_t thread;
	long n = 0;

	if (argc < 2)
		return 2;
	total = atol(argv[1]);
	long first = argc > 2 ? atol(argv[2]) : 0, settled = argc > 3 ? atol(argv[3]) : 1;
	if (first < 0 || first >= settled || settled >= total)
		return 2;
	int64_t *delays = malloc(total * sizeof(*delays));
	setvbuf(stdin, NULL, _IOLBF, 1 << 16);
	pthread_create(&thread, NULL, tick, NULL);
	while (n < total && fgets(line, sizeof(line), stdin)) {
		int64_t time = now();
		char *at = strstr(line, "\"at\":");
		if (at)
			delays[n++] = time - strtoll(at + 5, NULL, 10);
	}
	pthread_join(thread, NULL);
	if (n < total)
		return 1;
	printf("{");
	print("early", delays + first, settled - first);
	printf(",");
	print("settled", delays + settled, total - settled);
	printf("}\n");
	return 0;
}
