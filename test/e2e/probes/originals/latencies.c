// In the manner of BumbleBee's tcpconnlat: a prefix says what becomes of the ring, sockets by their address wait in a
// hash for the answer, memcpy is taken for granted.
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "solo_types.h"

struct latency {
	ipv4_addr saddr;
	ipv4_addr daddr;
	char comm[16];
	__u64 delta_us;
	__u32 tgid;
	int family;
};

struct begun {
	char comm[16];
	u64 at;
	u32 tgid;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct sock *);
	__type(value, struct begun);
} waiting SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
	__type(value, struct latency);
} print_latencies SEC(".maps");

SEC("kprobe/tcp_v4_connect")
int BPF_KPROBE(tcp_v4_connect, struct sock *sk)
{
	struct begun begun = { .at = bpf_ktime_get_ns(), .tgid = bpf_get_current_pid_tgid() >> 32 };

	bpf_get_current_comm(&begun.comm, sizeof(begun.comm));
	bpf_map_update_elem(&waiting, &sk, &begun, 0);
	return 0;
}

SEC("kprobe/tcp_rcv_state_process")
int BPF_KPROBE(tcp_rcv_state_process, struct sock *sk)
{
	struct latency latency = {};
	struct latency *place;
	struct begun *begun;

	if (BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_SYN_SENT)
		return 0;
	begun = bpf_map_lookup_elem(&waiting, &sk);
	if (!begun)
		return 0;
	latency.delta_us = (bpf_ktime_get_ns() - begun->at) / 1000;
	latency.tgid = begun->tgid;
	__builtin_memcpy(&latency.comm, begun->comm, sizeof(latency.comm));
	latency.family = BPF_CORE_READ(sk, __sk_common.skc_family);
	latency.saddr = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
	latency.daddr = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	bpf_map_delete_elem(&waiting, &sk);
	place = bpf_ringbuf_reserve(&print_latencies, sizeof(latency), 0);
	if (!place)
		return 0;
	memcpy(place, &latency, sizeof(latency));
	bpf_ringbuf_submit(place, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
