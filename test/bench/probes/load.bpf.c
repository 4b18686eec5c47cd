// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Records on request, 44 bytes each (16 with SMALL): getpgid(-(ROLE + 1 << 20) - n) makes n of them. ROLE keeps the agent's and the
// reference's copies apart while both are loaded.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bee.h"

#ifndef RING_BYTES
#define RING_BYTES (16 << 20)
#endif
#ifndef GROUPS
#define GROUPS 1000
#endif
#ifndef PADDING
#define PADDING 0
#endif
#ifndef ROLE
#define ROLE 0
#endif
#if ROLE == 0
#define produced produced_0
#else
#define produced produced_1
#endif
#define MAGIC ((ROLE + 1) << 20)
#define MOST (1 << 16)

struct sys_enter {
	unsigned long long common;
	long id;
	unsigned long args[6];
};

struct record {
	__u32 pid;
	ipv4_addr daddr;
	__u32 seq;
	__s32 ret;
#ifndef SMALL
	__u32 uid;
	char comm[16];
	ipv4_addr saddr;
	__u16 sport;
	__u16 dport;
#endif
#if PADDING
	__u8 padding[PADDING];
#endif
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
	__type(value, struct record);
} load SEC(".maps");

BEE_LOST(load);

// 0: asked for, 1: taken by the ring. One caller at a time.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} produced SEC(".maps");

#ifndef SMALL
// As long as real ones: none, but the last two, fills its field, and no shortcut fits them all.
static const char commands[8][16] = {
	"sh", "node", "nginx", "postgres", "kworker/1:2", "bench-worker", "systemd-journal", "containerd-shim",
};
#endif

struct counts {
	__u64 *wanted;
	__u64 *taken;
};

static long make(__u32 i, struct counts *counts)
{
	__u32 first = 0, second = 1;
	__u64 *wanted = bpf_map_lookup_elem(&produced, &first);
	__u64 *taken = bpf_map_lookup_elem(&produced, &second);
	if (!wanted || !taken)
		return 1;
	__u32 seq = *wanted;
	*wanted += 1;
	struct record *record = bee_reserve(load, sizeof(*record));
	if (!record)
		return 0;
	*taken += 1;
	record->pid = seq % GROUPS;
	// As many as there are pids, in network order: 10.1.0.0 and the next ones.
	record->daddr = 0x010a | (record->pid >> 8 & 0xff) << 16 | record->pid << 24;
	record->seq = seq;
	record->ret = -(int)(seq & 1);
#ifndef SMALL
	record->uid = 1000;
	// By the pid, so that there are as many label sets as pids.
	__builtin_memcpy(record->comm, commands[record->pid % 8], sizeof(record->comm));
	record->saddr = 0x0100007f;
	record->sport = seq;
	record->dport = 443;
#endif
	bpf_ringbuf_submit(record, 0);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getpgid")
int produce(struct sys_enter *ctx)
{
	int wanted = -(int)ctx->args[0] - MAGIC;
	struct counts counts = {};
	if (wanted <= 0 || wanted > MOST)
		return 0;
	bpf_loop(wanted, make, &counts, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
