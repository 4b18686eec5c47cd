// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Tasks on each CPU's run queue, the running one included, as a gauge. Sampled `frequency` times a second.
//
//   ebpf_run_queue_tasks{probe="runqlen",cpu="0"} 2
//
// Linux 5.8 or newer, with CONFIG_FAIR_GROUP_SCHED (as all distributions have it).
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct queue_key {
	__u32 cpu;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct queue_key);
	__type(value, __u64);
} gauge_run_queue_tasks SEC(".maps");

SEC("perf_event")
int on_clock(void *ctx)
{
	struct queue_key place = { .cpu = bpf_get_smp_processor_id() };
	// Every task, even the idle one, knows the queue of its CPU.
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 tasks = BPF_CORE_READ(task, se.cfs_rq, rq, nr_running);
	bpf_map_update_elem(&gauge_run_queue_tasks, &place, &tasks, BPF_ANY);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
