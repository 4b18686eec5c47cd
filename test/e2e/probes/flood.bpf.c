// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Records on request: getpgid(-(4096 + n)) makes n of them. Nothing else on the machine makes such a call.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bee.h"

#ifndef RING_BYTES
#define RING_BYTES (4 << 20)
#endif
#define MAGIC 4096
#define MOST 512

struct sys_enter {
	unsigned long long common;
	long id;
	unsigned long args[6];
};

struct event {
	__u64 seq;
	__u32 group;
	char comm[16];
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
	__type(value, struct event);
} print_flood SEC(".maps");

struct group {
	__u32 group;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
	__type(value, struct group);
} counter_groups SEC(".maps");

BEE_LOST(print_flood, counter_groups);

// The test's own count: what was wanted, and what each ring took.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} produced SEC(".maps");

static __always_inline void count(void *map, __u32 slot)
{
	__u64 *value = bpf_map_lookup_elem(map, &slot);
	if (value)
		*value += 1;
}

SEC("tracepoint/syscalls/sys_enter_getpgid")
int flood(struct sys_enter *ctx)
{
	int wanted = -(int)ctx->args[0] - MAGIC;
	if (wanted <= 0 || wanted > MOST)
		return 0;
	__u32 first = 0;
	__u64 *sequence = bpf_map_lookup_elem(&produced, &first);
	if (!sequence)
		return 0;
	for (int i = 0; i < MOST && i < wanted; i++) {
		__u64 seq = *sequence;
		*sequence += 1;
		struct event *event = bee_reserve(print_flood, sizeof(*event));
		if (event) {
			event->seq = seq;
			event->group = seq % 1000;
			bpf_get_current_comm(event->comm, sizeof(event->comm));
			event->pad = 0;
			bpf_ringbuf_submit(event, 0);
			count(&produced, 1);
		}
		struct group *group = bee_reserve(counter_groups, sizeof(*group));
		if (group) {
			group->group = seq % 1000;
			bpf_ringbuf_submit(group, 0);
			count(&produced, 2);
		}
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
