// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// One of each kind that the terminal view shows: getpgid(-(8192 + n)) makes n records of each.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bee.h"

#define MAGIC 8192
#define MOST 512

struct sys_enter {
	unsigned long long common;
	long id;
	unsigned long args[6];
};

enum way { FIRST, LATER };

struct call {
	__u32 number;
	enum way way;
	duration took;
	ipv4_addr addr;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
	__type(value, struct call);
} print_calls SEC(".maps");

struct caller {
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct caller);
	__type(value, __u64);
} counter_calls SEC(".maps");

struct size {
	__u64 le;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
	__type(value, struct size);
} hist_sizes SEC(".maps");

BEE_LOST(print_calls, hist_sizes);

struct making {
	struct caller caller;
};

static long make(__u32 i, struct making *making)
{
	struct call *call = bee_reserve(print_calls, sizeof(*call));
	struct size *size;
	if (call) {
		call->number = i;
		call->way = i ? LATER : FIRST;
		call->took = 1500000ull * i;
		call->addr = 0x0100007f;
		__builtin_memcpy(call->comm, making->caller.comm, sizeof(call->comm));
		bpf_ringbuf_submit(call, 0);
	}
	size = bee_reserve(hist_sizes, sizeof(*size));
	if (size) {
		size->le = i;
		bpf_ringbuf_submit(size, 0);
	}
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getpgid")
int view(struct sys_enter *ctx)
{
	int wanted = -(int)ctx->args[0] - MAGIC;
	struct making making = {};
	__u64 none = 0, *count;
	if (wanted <= 0 || wanted > MOST)
		return 0;
	bpf_get_current_comm(making.caller.comm, sizeof(making.caller.comm));
	bpf_map_update_elem(&counter_calls, &making.caller, &none, BPF_NOEXIST);
	count = bpf_map_lookup_elem(&counter_calls, &making.caller);
	if (!count)
		return 0;
	bpf_loop(wanted, make, &making, 0);
	__sync_fetch_and_add(count, wanted);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
