// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Pages of files that come into the page cache and leave it, by the program that causes it, as counters.
//
//   ebpf_page_cache_added_pages_total{probe="pagecache",comm="dd"} 2048
//
// Linux 5.8 or newer.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct page_key {
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct page_key);
	__type(value, __u64);
} counter_page_cache_added_pages SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct page_key);
	__type(value, __u64);
} counter_page_cache_removed_pages SEC(".maps");

// Older kernels add page by page, newer ones up to 2^order of them at once.
static __always_inline __u64 pages(struct trace_event_raw_mm_filemap_op_page_cache *ctx)
{
	if (bpf_core_field_exists(ctx->order))
		return 1ull << (BPF_CORE_READ(ctx, order) & 63);
	return 1;
}

static __always_inline void add(void *map, __u64 number)
{
	struct page_key who = {};
	bpf_get_current_comm(who.comm, sizeof(who.comm));
	__u64 *count = bpf_map_lookup_elem(map, &who);
	if (!count) {
		__u64 zero = 0;
		bpf_map_update_elem(map, &who, &zero, BPF_NOEXIST);
		count = bpf_map_lookup_elem(map, &who);
		if (!count)
			return;
	}
	__sync_fetch_and_add(count, number);
}

SEC("tracepoint/filemap/mm_filemap_add_to_page_cache")
int on_add(struct trace_event_raw_mm_filemap_op_page_cache *ctx)
{
	add(&counter_page_cache_added_pages, pages(ctx));
	return 0;
}

SEC("tracepoint/filemap/mm_filemap_delete_from_page_cache")
int on_delete(struct trace_event_raw_mm_filemap_op_page_cache *ctx)
{
	add(&counter_page_cache_removed_pages, pages(ctx));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
