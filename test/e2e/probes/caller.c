// SPDX-License-Identifier: Apache-2.0
// caller NAME TOTAL BATCH PAUSE_US: as a task of that name, ask the view probe for TOTAL records, BATCH a system call.
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	prctl(PR_SET_NAME, argv[1]);
	long total = atol(argv[2]), batch = atol(argv[3]), pause_us = atol(argv[4]);
	for (; total > 0; total -= batch) {
		getpgid((pid_t)-(8192 + (total < batch ? total : batch)));
		if (pause_us > 0)
			usleep(pause_us);
	}
	return 0;
}
