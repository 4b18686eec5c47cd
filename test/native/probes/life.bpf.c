// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// A little of everything that has a life cycle: a ring, maps, a tracepoint, a clock, records on demand.
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u64 seq;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
	__type(value, struct event);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, __u64);
	__type(value, __u64);
} table SEC(".maps");

const volatile __u64 first = 1;
__u64 made = 0;

SEC("tc")
int make(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	__u64 seq = first + made++;
	__u64 key = seq % 512;

	bpf_map_update_elem(&table, &key, &seq, BPF_ANY);
	if (!e)
		return 0;
	e->seq = seq;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getpgid")
int on_getpgid(void *ctx)
{
	return make(ctx);
}

SEC("perf_event")
int on_clock(void *ctx)
{
	return make(ctx);
}

char LICENSE[] SEC("license") = "GPL";
