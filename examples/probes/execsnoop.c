// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Every program that is started: who started it, and what.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "bee.h"

struct exec {
	ktime time;
	__u32 pid;
	__u32 ppid;
	__u32 uid;
	char comm[16];
	char filename[96];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
	__type(value, struct exec);
} print_execs SEC(".maps");

SEC("tracepoint/sched/sched_process_exec")
int on_exec(struct trace_event_raw_sched_process_exec *ctx)
{
	struct exec *exec = bpf_ringbuf_reserve(&print_execs, sizeof(*exec), 0);
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
	bpf_ringbuf_submit(exec, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
