// SPDX-License-Identifier: Apache-2.0
// trigger TOTAL BATCH PAUSE_US: ask the flood probe for TOTAL records, BATCH a system call.
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	long total = atol(argv[1]), batch = atol(argv[2]), pause_us = atol(argv[3]);
	while (total > 0) {
		long now = total < batch ? total : batch;
		getpgid((pid_t)-(4096 + now));
		total -= now;
		if (pause_us > 0)
			usleep(pause_us);
	}
	return 0;
}
