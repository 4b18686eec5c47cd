// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Every signal that is sent: by whom, to whom, and what came of it.
//
//   pid 812 uid 0 comm bash signal SIGTERM target_pid 4711 target_comm sleep result delivered
//
// target_pid is the thread's id where the signal is for one thread. Linux 5.8 or newer.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "bee.h"
#include "signals.h"

// Only this signal; 0: all.
const volatile __u32 target_signal = 0;

// In the tracepoint's order.
enum signal_result { delivered, ignored, already_pending, overflow, info_lost };

struct signal_event {
	ktime time;
	__u32 pid;
	__u32 uid;
	char comm[16];
	enum signal_name signal;
	__u32 target_pid;
	char target_comm[16];
	enum signal_result result;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
	__type(value, struct signal_event);
} print_signals SEC(".maps");

BEE_LOST(print_signals);

SEC("tracepoint/signal/signal_generate")
int on_signal(struct trace_event_raw_signal_generate *ctx)
{
	if (target_signal && target_signal != ctx->sig)
		return 0;
	struct signal_event *sent = bee_reserve(print_signals, sizeof(*sent));
	if (!sent)
		return 0;
	sent->time = bpf_ktime_get_ns();
	sent->pid = bpf_get_current_pid_tgid() >> 32;
	sent->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(sent->comm, sizeof(sent->comm));
	sent->signal = ctx->sig;
	sent->target_pid = ctx->pid;
	BPF_CORE_READ_INTO(&sent->target_comm, ctx, comm);
	sent->result = ctx->result;
	bpf_ringbuf_submit(sent, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
