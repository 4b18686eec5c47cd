// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// A system call by its name before Linux 4.17, as programs for BumbleBee's loader may have it.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct call {
	char comm[16];
	bool returned;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct call);
	__type(value, __u64);
} counter_removals SEC(".maps");

static __always_inline int count(bool returned)
{
	struct call key = {.returned = returned};
	__u64 one = 1, *calls;

	bpf_get_current_comm(key.comm, sizeof(key.comm));
	calls = bpf_map_lookup_elem(&counter_removals, &key);
	if (calls)
		__sync_fetch_and_add(calls, 1);
	else
		bpf_map_update_elem(&counter_removals, &key, &one, BPF_ANY);
	return 0;
}

SEC("kprobe/sys_unlinkat")
int enter(void *ctx)
{
	return count(false);
}

SEC("kretprobe/sys_unlinkat")
int leave(void *ctx)
{
	return count(true);
}
