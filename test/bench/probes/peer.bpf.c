// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// The load probe in what every peer understands: tracepoint, 40-byte records of integers and one string, 1,000 label
// sets. getpgid(-(4 << 20) - n) makes n records; 5 << 20 in the agent's copy (OURS).
#ifdef INSPEKTOR_GADGET
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <gadget/buffer.h>
#include <gadget/macros.h>
#else
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#endif

#ifdef OURS
#define MAGIC (5 << 20)
#define produced_peer produced_ours
#else
#define MAGIC (4 << 20)
#endif
#define MOST (1 << 16)

struct sys_enter {
	unsigned long long common;
	long id;
	unsigned long args[6];
};

struct event {
	__u32 pid;
	__u32 uid;
	char comm[16];
	__u32 saddr;
	__u32 daddr;
	__u32 sport;
	__u32 dport;
};

#ifdef INSPEKTOR_GADGET
GADGET_TRACER_MAP(events, 16 << 20);
GADGET_TRACER(bench, events, event);
#else
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
	__type(value, struct event);
} counter_peer SEC(".maps");
#endif

// 0: asked for, 1: taken by the ring. One caller at a time.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} produced_peer SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_getpgid")
int produce(struct sys_enter *ctx)
{
	int wanted = -(int)ctx->args[0] - MAGIC;
	__u32 first = 0, second = 1;
	__u64 *asked = bpf_map_lookup_elem(&produced_peer, &first);
	__u64 *taken = bpf_map_lookup_elem(&produced_peer, &second);

	if (wanted <= 0 || wanted > MOST || !asked || !taken)
		return 0;
	// No bpf_loop: the peers' loaders are older than it.
	for (int i = 0; i < 256 && i < wanted; i++) {
		__u32 seq = *asked;
		struct event *event;

		*asked += 1;
#ifdef INSPEKTOR_GADGET
		event = gadget_reserve_buf(&events, sizeof(*event));
#else
		event = bpf_ringbuf_reserve(&counter_peer, sizeof(*event), 0);
#endif
		if (!event)
			continue;
		*taken += 1;
		event->pid = seq % 1000;
		event->uid = 1000;
		__builtin_memset(event->comm, 0, sizeof(event->comm));
		__builtin_memcpy(event->comm, "bench-worker", 12);
		event->saddr = 0x0100007f;
		event->daddr = 0x0a01000a;
		event->sport = 1;
		event->dport = 443;
#ifdef INSPEKTOR_GADGET
		gadget_submit_buf(ctx, &events, event, sizeof(*event));
#else
		bpf_ringbuf_submit(event, 0);
#endif
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
