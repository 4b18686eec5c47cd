// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Long texts, for filters that take their time: getpgid(-(4096 + n)) makes n records.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bee.h"

#define MAGIC 4096
#define MOST 512

struct sys_enter {
	unsigned long long common;
	long id;
	unsigned long args[6];
};

struct slow {
	__u32 kind;
	char text[1020];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
	__type(value, struct slow);
} counter_slow SEC(".maps");

// The test's own count of what the ring took.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} produced SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_getpgid")
int slow(struct sys_enter *ctx)
{
	int wanted = -(int)ctx->args[0] - MAGIC;
	if (wanted <= 0 || wanted > MOST)
		return 0;
	__u32 first = 0;
	__u64 *count = bpf_map_lookup_elem(&produced, &first);
	if (!count)
		return 0;
	for (int i = 0; i < MOST && i < wanted; i++) {
		struct slow *record = bpf_ringbuf_reserve(&counter_slow, sizeof(*record), 0);
		if (!record)
			return 0;
		record->kind = 1;
		__builtin_memset(record->text, 'a', sizeof(record->text));
		bpf_ringbuf_submit(record, 0);
		*count += 1;
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
