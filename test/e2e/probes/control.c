// SPDX-License-Identifier: Apache-2.0
// control WAY...: ask the controls probe for one record for each WAY, in order.
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		getpgid((pid_t)-(8192 + atol(argv[i])));
	return 0;
}
