// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// How long runnable tasks wait for a CPU, as a histogram with buckets of powers of two.
//
//   ebpf_run_queue_latency_seconds_bucket{probe="runqlat",le="0.000016"} 5113
//
// Linux 5.8 or newer.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "bee.h"

#define TASK_RUNNING 0
#define SMALLEST 1000
#define BUCKETS 25
#define MOST_BUCKETS 40

// Only this process; 0: all.
const volatile __u32 target_pid = 0;

struct run_queue_bucket {
	duration bound;
};

// Since when a thread has been waiting.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u64);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MOST_BUCKETS + 1);
	__type(key, struct run_queue_bucket);
	__type(value, __u64);
} hist_run_queue_latency SEC(".maps");

static bool prepared;

// Buckets are there from the start, so that whoever looks sees each of them begin at 0.
static __always_inline void prepare(void)
{
	struct run_queue_bucket slot = { .bound = SMALLEST };
	__u64 zero = 0;
	for (int i = 0; i < BUCKETS; i++) {
		bpf_map_update_elem(&hist_run_queue_latency, &slot, &zero, BPF_NOEXIST);
		slot.bound <<= 1;
	}
	prepared = true;
}

static __always_inline void observe(__u64 waited)
{
	struct run_queue_bucket slot = { .bound = SMALLEST };
	__u64 zero = 0;
	for (int i = 0; i < MOST_BUCKETS && slot.bound < waited; i++)
		slot.bound <<= 1;
	__u64 *count = bpf_map_lookup_elem(&hist_run_queue_latency, &slot);
	if (!count) {
		if (!prepared)
			prepare();
		bpf_map_update_elem(&hist_run_queue_latency, &slot, &zero, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&hist_run_queue_latency, &slot);
		if (!count)
			return;
	}
	__sync_fetch_and_add(count, 1);
}

static __always_inline void begin(struct task_struct *task)
{
	__u32 thread = task->pid;
	if (thread == 0 || (target_pid && target_pid != task->tgid))
		return;
	__u64 now = bpf_ktime_get_ns();
	bpf_map_update_elem(&starts, &thread, &now, BPF_ANY);
}

// The field was called state up to Linux 5.13.
struct task_struct___state {
	long state;
} __attribute__((preserve_access_index));

static __always_inline bool is_running(struct task_struct *task)
{
	struct task_struct___state *old = (void *)task;
	if (bpf_core_field_exists(old->state))
		return BPF_CORE_READ(old, state) == TASK_RUNNING;
	return BPF_CORE_READ(task, __state) == TASK_RUNNING;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *task)
{
	begin(task);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *task)
{
	begin(task);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	// Taken off the CPU while it could go on: it waits again. One that was about to sleep, too.
	if (preempt || is_running(prev))
		begin(prev);
	__u32 thread = next->pid;
	__u64 *start = bpf_map_lookup_elem(&starts, &thread);
	if (!start)
		return 0;
	__u64 now = bpf_ktime_get_ns();
	// Clocks of two CPUs may differ by a little.
	observe(now > *start ? now - *start : 0);
	bpf_map_delete_elem(&starts, &thread);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
