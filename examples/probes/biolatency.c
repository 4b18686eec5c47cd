// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// How long disks take, from the request to the answer: a histogram by disk and operation.
//
//   ebpf_block_latency_seconds_bucket{probe="biolatency",disk="vda",operation="write",le="0.000512"} 88
//
// Linux 5.11 or newer.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "bee.h"

#define OPERATION_BITS 0xff
#define SMALLEST 1000
#define BUCKETS 25
#define MOST_BUCKETS 40

enum block_operation {
	read = 0,
	write = 1,
	flush = 2,
	discard = 3,
	secure_erase = 5,
	zone_append = 7,
	write_zeroes = 9,
};

struct block_bucket {
	char disk[32];
	enum block_operation operation;
	duration bound;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, struct request *);
	__type(value, __u64);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, struct block_bucket);
	__type(value, __u64);
} hist_block_latency SEC(".maps");

// A request knew its disk itself up to Linux 5.16; since then its queue does.
struct request___disk {
	struct gendisk *rq_disk;
} __attribute__((preserve_access_index));

static __always_inline void name_disk(struct block_bucket *slot, struct request *request)
{
	struct request___disk *old = (void *)request;
	struct gendisk *disk = bpf_core_field_exists(old->rq_disk) ? BPF_CORE_READ(old, rq_disk) :
								     BPF_CORE_READ(request, q, disk);
	BPF_CORE_READ_STR_INTO(&slot->disk, disk, disk_name);
}

// All buckets of a disk's operation at once, so that whoever looks sees each of them begin at 0.
static __always_inline void prepare(const struct block_bucket *first)
{
	struct block_bucket slot = *first;
	__u64 zero = 0;
	slot.bound = SMALLEST;
	for (int i = 0; i < BUCKETS; i++) {
		bpf_map_update_elem(&hist_block_latency, &slot, &zero, BPF_NOEXIST);
		slot.bound <<= 1;
	}
}

static __always_inline void observe(struct block_bucket *slot, __u64 took)
{
	slot->bound = SMALLEST;
	for (int i = 0; i < MOST_BUCKETS && slot->bound < took; i++)
		slot->bound <<= 1;
	__u64 *count = bpf_map_lookup_elem(&hist_block_latency, slot);
	if (!count) {
		__u64 zero = 0;
		prepare(slot);
		bpf_map_update_elem(&hist_block_latency, slot, &zero, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&hist_block_latency, slot);
		if (!count)
			return;
	}
	__sync_fetch_and_add(count, 1);
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(on_issue, struct request *request)
{
	__u64 now = bpf_ktime_get_ns();
	bpf_map_update_elem(&starts, &request, &now, BPF_ANY);
	return 0;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(on_complete, struct request *request)
{
	__u64 *start = bpf_map_lookup_elem(&starts, &request);
	if (!start)
		return 0;
	__u64 took = bpf_ktime_get_ns() - *start;
	bpf_map_delete_elem(&starts, &request);
	// Whole, for its padding is part of the key.
	struct block_bucket slot;
	__builtin_memset(&slot, 0, sizeof(slot));
	slot.operation = BPF_CORE_READ(request, cmd_flags) & OPERATION_BITS;
	name_disk(&slot, request);
	observe(&slot, took);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
