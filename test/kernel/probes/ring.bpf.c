// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Records for the tests of the ring reader: of several lengths, discarded ones, quiet ones, one that stays busy.
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
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24);
	__type(value, struct event);
} big SEC(".maps");

const volatile __u64 first = 0;
const volatile __u32 hold_ms = 300;
__u64 made = 0;
__u64 refused = 0;

static __always_inline int put(void *ring, __u64 size, __u64 flags)
{
	struct event *e = bpf_ringbuf_reserve(ring, size, 0);

	if (!e) {
		refused++;
		return 1;
	}
	e->seq = first + made++;
	bpf_ringbuf_submit(e, flags);
	return 0;
}

SEC("tc")
int make(void *ctx)
{
	return put(&events, sizeof(struct event), 0);
}

SEC("tc")
int make_big(void *ctx)
{
	return put(&big, sizeof(struct event), 0);
}

SEC("tc")
int make_quietly(void *ctx)
{
	return put(&events, sizeof(struct event), BPF_RB_NO_WAKEUP);
}

// Lengths that leave the end of the ring at every offset: 8, 1001, 20000 bytes in turn.
SEC("tc")
int make_uneven(void *ctx)
{
	switch (made % 3) {
	case 0:
		return put(&events, 8, 0);
	case 1:
		return put(&events, 1001, 0);
	default:
		return put(&events, 20000, 0);
	}
}

SEC("tc")
int make_and_discard(void *ctx)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 1;
	e->seq = ~0ULL;
	bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);
	return 0;
}

static long until(__u64 i, __u64 *deadline)
{
	return bpf_ktime_get_ns() > *deadline;
}

// A record that is reserved and, for as long as `hold_ms`, not submitted. What comes after it waits for it.
SEC("tc")
int hold(void *ctx)
{
	__u64 deadline = bpf_ktime_get_ns() + hold_ms * 1000000ULL;
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 1;
	e->seq = first + made++;
	bpf_loop(1 << 23, until, &deadline, 0);
	bpf_ringbuf_submit(e, 0);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getpgid")
int on_getpgid(void *ctx)
{
	return put(&events, sizeof(struct event), 0);
}

char LICENSE[] SEC("license") = "GPL";
