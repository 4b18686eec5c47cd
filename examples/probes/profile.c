// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Who uses the CPUs: samples by process and mode, as a counter. `frequency` samples a second and CPU.
//
//   ebpf_cpu_samples_total{probe="profile",comm="node",pid="4711",mode="user"} 297
//
// Linux 5.8 or newer.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

// Samples of idle CPUs, too: as pid 0.
const volatile bool idle = false;

enum sample_mode { user, kernel };

struct sample_key {
	char comm[16];
	__u32 pid;
	enum sample_mode mode;
};

// LRU: processes come and go, and the oldest make room.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 10240);
	__type(key, struct sample_key);
	__type(value, __u64);
} counter_cpu_samples SEC(".maps");

SEC("perf_event")
int on_clock(struct bpf_perf_event_data *ctx)
{
	struct sample_key who = { .pid = bpf_get_current_pid_tgid() >> 32 };
	if (who.pid == 0 && !idle)
		return 0;
	bpf_get_current_comm(who.comm, sizeof(who.comm));
	// The kernel lives in the upper half of the address space.
	who.mode = (__s64)PT_REGS_IP(&ctx->regs) < 0 ? kernel : user;
	__u64 *count = bpf_map_lookup_elem(&counter_cpu_samples, &who);
	if (!count) {
		__u64 zero = 0;
		bpf_map_update_elem(&counter_cpu_samples, &who, &zero, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&counter_cpu_samples, &who);
		if (!count)
			return 0;
	}
	__sync_fetch_and_add(count, 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
