// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Programs that something refuses, each compiled alone: -DCASE_<name>.
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#ifdef CASE_verifier
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_getpgid")
int unchecked(void *ctx)
{
	__u32 key = 0;
	__u64 *value = bpf_map_lookup_elem(&table, &key);

	return *value; // may be NULL
}
#endif

#ifdef CASE_tracepoint
SEC("tracepoint/sched/sched_no_such_event")
int program(void *ctx)
{
	return 0;
}
#endif

#ifdef CASE_category
SEC("tp/nonsense/event")
int program(void *ctx)
{
	return 0;
}
#endif

#ifdef CASE_raw_tp
SEC("raw_tp/sched_no_such_event")
int program(void *ctx)
{
	return 0;
}
#endif

#ifdef CASE_tp_btf
SEC("tp_btf/sched_no_such_event")
int program(void *ctx)
{
	return 0;
}
#endif

#ifdef CASE_kprobe
SEC("kprobe/do_unlinkat")
int program(void *ctx)
{
	return 0;
}
#endif

#ifdef CASE_fentry
SEC("fentry/do_unlinkat")
int program(void *ctx)
{
	return 0;
}
#endif

#ifdef CASE_lsm
SEC("lsm/file_open")
int program(void *ctx)
{
	return 0;
}
#endif

#ifdef CASE_uprobe
SEC("uprobe//no/such/file:main")
int program(void *ctx)
{
	return 0;
}
#endif

#ifdef CASE_map
struct {
	__uint(type, 200);
	__uint(max_entries, 16);
	__uint(key_size, 4);
	__uint(value_size, 8);
} table SEC(".maps");

SEC("tc")
int program(void *ctx)
{
	__u32 key = 0;
	bpf_map_lookup_elem(&table, &key);
	return 0;
}
#endif

#ifdef CASE_no_target
SEC("xdp")
int program(void *ctx)
{
	return 2;
}

SEC("?tp/syscalls/sys_enter_getpgid")
int optional(void *ctx)
{
	return 0;
}
#endif

char LICENSE[] SEC("license") = "GPL";
