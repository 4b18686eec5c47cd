// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// System calls by program.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct caller {
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct caller);
	__type(value, __u64);
} counter_syscalls SEC(".maps");

SEC("raw_tracepoint/sys_enter")
int on_enter(void *ctx)
{
	struct caller caller = {};
	__u64 one = 1;
	bpf_get_current_comm(caller.comm, sizeof(caller.comm));
	__u64 *count = bpf_map_lookup_elem(&counter_syscalls, &caller);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&counter_syscalls, &caller, &one, BPF_NOEXIST);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
