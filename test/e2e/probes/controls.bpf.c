// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// One record a call, made the way that the caller asks for: getpgid(-(8192 + way)).
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bee.h"

#define MAGIC 8192
enum way { SUBMIT, QUIET, DISCARD, HOLD };

struct sys_enter {
	unsigned long long common;
	long id;
	unsigned long args[6];
};

struct inner {
	__s32 depth;
	__u16 words[3];
};

struct event {
	ktime at;
	enum way way;
	__u32 scaled;
	struct inner inner;
	char text[12];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
	__type(value, struct event);
} print_controls SEC(".maps");

BEE_LOST(print_controls);

const volatile __u32 scale = 1;
const volatile char text[12] = "a\"b\\c\n";
__u32 made;

static long until(__u64 i, __u64 *deadline)
{
	return bpf_ktime_get_ns() > *deadline;
}

SEC("tracepoint/syscalls/sys_enter_getpgid")
int control(struct sys_enter *ctx)
{
	int way = -(int)ctx->args[0] - MAGIC;
	if (way < SUBMIT || way > HOLD)
		return 0;
	struct event *event = bee_reserve(print_controls, sizeof(*event));
	if (!event)
		return 0;
	event->at = bpf_ktime_get_ns();
	event->way = way;
	event->scaled = made++ * scale;
	event->inner.depth = -1;
	for (int i = 0; i < 3; i++)
		event->inner.words[i] = i + 1;
	for (int i = 0; i < sizeof(text); i++)
		event->text[i] = text[i];
	if (way == DISCARD) {
		bpf_ringbuf_discard(event, 0);
		return 0;
	}
	if (way == HOLD) {
		__u64 deadline = bpf_ktime_get_ns() + 400000000ULL;
		bpf_loop(1 << 23, until, &deadline, 0);
	}
	bpf_ringbuf_submit(event, way == QUIET ? BPF_RB_NO_WAKEUP : 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
