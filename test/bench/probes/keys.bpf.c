// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// A hash of as many keys as are asked for: getpgid(-(1 << 23) - n) adds n keys, or 1 to each that is there.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bee.h"

#ifndef KEYS
#define KEYS 100000
#endif
#define MAGIC (1 << 23)

struct sys_enter {
	unsigned long long common;
	long id;
	unsigned long args[6];
};

struct key {
	__u32 pid;
	__u32 uid;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KEYS);
	__type(key, struct key);
	__type(value, __u64);
} counter_keys SEC(".maps");

static long add(__u32 i, void *unused)
{
	struct key key = { .pid = i, .uid = i % 7, .comm = "bench-worker" };
	__u64 *there = bpf_map_lookup_elem(&counter_keys, &key);
	__u64 value = there ? *there + 1 : i + 1;
	bpf_map_update_elem(&counter_keys, &key, &value, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getpgid")
int fill(struct sys_enter *ctx)
{
	int wanted = -(int)ctx->args[0] - MAGIC;
	if (wanted <= 0 || wanted > KEYS)
		return 0;
	bpf_loop(wanted, add, (void *)0, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
