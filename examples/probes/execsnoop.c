// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Every program that is started: who started it, what, and with which arguments.
//
//   pid 4711 ppid 812 uid 0 comm ls filename /usr/bin/ls args "ls -l /tmp"
//
// Linux 5.8 or newer.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "bee.h"

#define ARGS 256

struct exec_event {
	ktime time;
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	char comm[16];
	char filename[128];
	char args[ARGS];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
	__type(value, struct exec_event);
} print_execs SEC(".maps");

BEE_LOST(print_execs);

// The kernel keeps the arguments one after another, each with its NUL. What is too long is cut.
static __always_inline void read_args(struct exec_event *exec, struct task_struct *task)
{
	unsigned long start = BPF_CORE_READ(task, mm, arg_start);
	unsigned long size = BPF_CORE_READ(task, mm, arg_end) - start;
	if (size >= ARGS)
		size = ARGS - 1;
	exec->args[0] = 0;
	if (bpf_probe_read_user(exec->args, size, (void *)start))
		return;
	exec->args[size & (ARGS - 1)] = 0;
	for (unsigned int i = 0; i < ARGS - 1; i++) {
		if (i + 1 >= size)
			break;
		if (exec->args[i] == 0)
			exec->args[i] = ' ';
	}
}

SEC("tracepoint/sched/sched_process_exec")
int on_exec(struct trace_event_raw_sched_process_exec *ctx)
{
	struct exec_event *exec = bee_reserve(print_execs, sizeof(*exec));
	if (!exec)
		return 0;
	struct task_struct *task = (void *)bpf_get_current_task();
	exec->time = bpf_ktime_get_ns();
	exec->pid = bpf_get_current_pid_tgid() >> 32;
	exec->ppid = BPF_CORE_READ(task, real_parent, tgid);
	exec->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(exec->comm, sizeof(exec->comm));
	// The tracepoint's string lies behind its record; the low 16 bits say where.
	bpf_probe_read_kernel_str(exec->filename, sizeof(exec->filename),
				  (char *)ctx + (ctx->__data_loc_filename & 0xffff));
	read_args(exec, task);
	bpf_ringbuf_submit(exec, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
