// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// One call of the kernel, seen in every way that the tests' own kernel does not have; and one that LSM forbids.
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bee.h"

char LICENSE[] SEC("license") = "GPL";

enum way { KPROBE, KRETPROBE, FENTRY, FEXIT, LSM };

struct event {
	ktime at;
	__u32 pid;
	enum way way;
	int ret;
	char comm[16];
	char path[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
	__type(value, struct event);
} print_unlinks SEC(".maps");

BEE_LOST(print_unlinks);

static __always_inline void tell(enum way way, int ret, const void *path)
{
	struct event *e = bee_reserve(print_unlinks, sizeof(*e));

	if (!e)
		return;
	e->at = bpf_ktime_get_ns();
	e->pid = bpf_get_current_pid_tgid() >> 32;
	e->way = way;
	e->ret = ret;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	e->path[0] = 0;
	if (path)
		bpf_probe_read_kernel_str(e->path, sizeof(e->path), path);
	bpf_ringbuf_submit(e, 0);
}

SEC("kprobe/do_unlinkat")
int BPF_KPROBE(on_kprobe, int folder, struct filename *name)
{
	tell(KPROBE, 0, BPF_CORE_READ(name, name));
	return 0;
}

SEC("kretprobe/do_unlinkat")
int BPF_KRETPROBE(on_kretprobe, int ret)
{
	tell(KRETPROBE, ret, NULL);
	return 0;
}

SEC("fentry/do_unlinkat")
int BPF_PROG(on_fentry, int folder, struct filename *name)
{
	tell(FENTRY, 0, name->name);
	return 0;
}

SEC("fexit/do_unlinkat")
int BPF_PROG(on_fexit, int folder, struct filename *name, int ret)
{
	tell(FEXIT, ret, NULL);
	return 0;
}

SEC("lsm/path_unlink")
int BPF_PROG(on_lsm, const struct path *folder, struct dentry *entry, int ret)
{
	char name[16] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(entry, d_name.name));
	if (bpf_strncmp(name, sizeof(name), "forbidden") != 0)
		return ret;
	tell(LSM, -1, BPF_CORE_READ(entry, d_name.name));
	return -1;
}
