// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// System calls by program, as a counter.
//
//   ebpf_syscalls_total{probe="syscount",comm="node"} 18231
//
// Linux 5.5 or newer.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

// Only this process; 0: all.
const volatile __u32 target_pid = 0;

struct caller_key {
	char comm[16];
};

// LRU: names come and go, and the oldest make room.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct caller_key);
	__type(value, __u64);
} counter_syscalls SEC(".maps");

SEC("raw_tracepoint/sys_enter")
int on_enter(void *ctx)
{
	if (target_pid && target_pid != bpf_get_current_pid_tgid() >> 32)
		return 0;
	struct caller_key caller = {};
	bpf_get_current_comm(caller.comm, sizeof(caller.comm));
	__u64 *count = bpf_map_lookup_elem(&counter_syscalls, &caller);
	if (!count) {
		__u64 zero = 0;
		// Another CPU may be first: then its entry serves.
		bpf_map_update_elem(&counter_syscalls, &caller, &zero, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&counter_syscalls, &caller);
		if (!count)
			return 0;
	}
	__sync_fetch_and_add(count, 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
