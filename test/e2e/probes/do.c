// SPDX-License-Identifier: Apache-2.0
// do OP [CPU]: ask the maps probe for OP, on a CPU.
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	if (argc > 2) {
		cpu_set_t set;
		CPU_ZERO(&set);
		CPU_SET(atoi(argv[2]), &set);
		if (sched_setaffinity(0, sizeof(set), &set) != 0)
			return 3;
	}
	getpgid((pid_t)-(8192 + atoi(argv[1])));
	return 0;
}
