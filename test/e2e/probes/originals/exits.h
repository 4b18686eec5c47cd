#pragma once

struct exit_event {
	__u64 start_time;
	__u64 exit_time;
	__u32 pid;
	__u32 ppid;
	int exit_code;
	unsigned int sig;
	char comm[16];
};
