// Hangs on a function of a module that the second kernel has not loaded.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} counter_opened SEC(".maps");

SEC("kprobe/xfs_file_open")
int opened(void *ctx)
{
	u32 zero = 0;
	u64 *count = bpf_map_lookup_elem(&counter_opened, &zero);

	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
