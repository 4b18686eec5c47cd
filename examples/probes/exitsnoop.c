// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Every process that ends: how, and how long it lived.
//
//   pid 4711 ppid 812 uid 0 comm ls code 2 signal NO_SIGNAL age 1.9ms
//
// Linux 5.8 or newer.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "bee.h"
#include "signals.h"

#define SIGNAL_GROUP_EXIT 0x4

// Only those that failed: a code other than 0, or a signal.
const volatile bool failed_only = false;

struct exit_event {
	ktime time;
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	char comm[16];
	__u32 code;
	enum signal_name signal;
	bool core_dumped;
	duration age;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 19);
	__type(value, struct exit_event);
} print_exits SEC(".maps");

BEE_LOST(print_exits);

SEC("tracepoint/sched/sched_process_exit")
int on_exit(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	// It fires for every thread: the process ends with its last one, which need not be its first.
	if (BPF_CORE_READ(task, signal, live.counter) != 0)
		return 0;
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	int status = BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT ?
			     BPF_CORE_READ(task, signal, group_exit_code) :
			     BPF_CORE_READ(leader, exit_code);
	if (failed_only && status == 0)
		return 0;

	struct exit_event *end = bee_reserve(print_exits, sizeof(*end));
	if (!end)
		return 0;
	end->time = bpf_ktime_get_ns();
	end->pid = bpf_get_current_pid_tgid() >> 32;
	end->ppid = BPF_CORE_READ(leader, real_parent, tgid);
	end->uid = bpf_get_current_uid_gid();
	BPF_CORE_READ_STR_INTO(&end->comm, leader, comm);
	end->code = status >> 8 & 0xff;
	end->signal = status & 0x7f;
	end->core_dumped = status >> 7 & 1;
	end->age = end->time - BPF_CORE_READ(leader, start_time);
	bpf_ringbuf_submit(end, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
