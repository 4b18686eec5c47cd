// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Numbered records for the tests of rings. tc programs, so that BPF_PROG_TEST_RUN can make as many as it likes.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#ifndef RING_BYTES
#define RING_BYTES (1 << 20)
#endif

struct event {
	__u64 seq;
	__u32 cpu;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
	__type(value, struct event);
} print_seq SEC(".maps");

// Counted by the test, never by the agent: slot 0 what was wanted, slot 1 what the ring refused.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} produced SEC(".maps");

static __always_inline __u64 *slot(__u32 index)
{
	return bpf_map_lookup_elem(&produced, &index);
}

static __always_inline int submit(__u64 flags, int discard)
{
	__u64 *wanted = slot(0), *refused = slot(1);
	if (!wanted || !refused)
		return 0;
	__u64 seq = (*wanted)++;
	struct event *event = bpf_ringbuf_reserve(&print_seq, sizeof(*event), 0);
	if (!event) {
		(*refused)++;
		return 1;
	}
	event->seq = seq;
	event->cpu = bpf_get_smp_processor_id();
	__builtin_memset(event->comm, 0, sizeof(event->comm));
	__builtin_memcpy(event->comm, "seq", 4);
	if (discard)
		bpf_ringbuf_discard(event, flags);
	else
		bpf_ringbuf_submit(event, flags);
	return 0;
}

SEC("tc")
int make(struct __sk_buff *skb)
{
	submit(0, 0);
	return 0;
}

SEC("tc")
int make_quietly(struct __sk_buff *skb)
{
	submit(BPF_RB_NO_WAKEUP, 0);
	return 0;
}

SEC("tc")
int discard(struct __sk_buff *skb)
{
	submit(0, 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
