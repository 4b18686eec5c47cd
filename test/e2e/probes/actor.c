// SPDX-License-Identifier: Apache-2.0
// actor VERB ...: does one known thing, and prints what it saw itself, for the examples' tests to compare with.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Each way to open a file; prints the descriptor, or the error below 0.
static void open_all(char **paths)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC };
	for (; *paths; paths++) {
		long results[] = {
			syscall(SYS_openat, AT_FDCWD, *paths, O_RDONLY, 0) < 0 ? -errno : 0,
			syscall(SYS_openat2, AT_FDCWD, *paths, &how, sizeof(how)) < 0 ? -errno : 0,
#ifdef SYS_open
			syscall(SYS_open, *paths, O_RDWR | O_APPEND, 0) < 0 ? -errno : 0,
			syscall(SYS_creat, *paths, 0600) < 0 ? -errno : 0,
#endif
		};
		for (unsigned i = 0; i < sizeof(results) / sizeof(*results); i++)
			printf("%ld\n", results[i]);
	}
}

static void wait_for_stdin(void)
{
	char byte;
	while (read(0, &byte, 1) < 0 && errno == EINTR)
		;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	const char *argument = argc > 2 ? argv[2] : "0";
	if (!strcmp(verb, "exit"))
		return atoi(argument);
	if (!strcmp(verb, "wait"))
		wait_for_stdin();
	if (!strcmp(verb, "open"))
		open_all(argv + 2);
	if (!strcmp(verb, "syscalls")) {
		// Under this name: these, and the one that gives the name back.
		prctl(PR_SET_NAME, argv[3]);
		for (long i = atol(argument); i > 0; i--)
			syscall(SYS_getpgid, 0);
		prctl(PR_SET_NAME, "actor");
	}
	if (!strcmp(verb, "spin")) {
		cpu_set_t cpus;
		CPU_ZERO(&cpus);
		CPU_SET(atoi(argument), &cpus);
		sched_setaffinity(0, sizeof(cpus), &cpus);
		for (;;)
			__asm__ volatile("");
	}
	if (!strcmp(verb, "spin-in-kernel")) {
		static char buffer[1 << 20];
		int zero = open("/dev/zero", O_RDONLY);
		while (read(zero, buffer, sizeof(buffer)) > 0)
			;
	}
	if (!strcmp(verb, "sleeps")) {
		wait_for_stdin();
		for (long i = atol(argument); i > 0; i--)
			usleep(100);
		puts("done");
		fflush(stdout);
		wait_for_stdin();
	}
	if (!strcmp(verb, "write")) {
		static char page[4096];
		int file = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0600);
		for (long i = atol(argument); i > 0; i--)
			if (write(file, page, sizeof(page)) != sizeof(page))
				return 1;
		return fsync(file) != 0;
	}
	if (!strcmp(verb, "remove"))
		return unlink(argument) != 0;
	return 0;
}
