// SPDX-License-Identifier: GPL-2.0
// A map of more entries than the agent reads at a time.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1000001);
	__type(key, __u32);
	__type(value, __u32);
} counter_wide SEC(".maps");

SEC("tracepoint/sched/sched_process_exec")
int on_exec(void *ctx)
{
	__u32 key = 0;
	__u32 *count = bpf_map_lookup_elem(&counter_wide, &key);

	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
