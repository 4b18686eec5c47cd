// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// One record that knows when it was made: getpgid(-(1 << 24)).
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bee.h"

struct sys_enter {
	unsigned long long common;
	long id;
	unsigned long args[6];
};

struct tick {
	ktime at;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
	__type(value, struct tick);
} print_ticks SEC(".maps");

BEE_LOST(print_ticks);

SEC("tracepoint/syscalls/sys_enter_getpgid")
int tick(struct sys_enter *ctx)
{
	if ((int)ctx->args[0] != -(1 << 24))
		return 0;
	struct tick *tick = bee_reserve(print_ticks, sizeof(*tick));
	if (!tick)
		return 0;
	tick->at = bpf_ktime_get_ns();
	bpf_ringbuf_submit(tick, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
