// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Every outgoing TCP connection: who, from where to where, how long it took, and the error where it failed.
//
//   pid 4711 uid 0 comm curl saddr 10.0.0.2 sport 41234 daddr 93.184.216.34 dport 443 error 0 took 12ms
//
// IPv4 and IPv6 have a map each. error is 0, or the positive errno: 111 refused, 110 timed out.
// Linux 5.8 or newer.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include "bee.h"

#define AF_INET6 10

// Only this process; 0: all.
const volatile __u32 target_pid = 0;

// At the answer another process may run: who asked is noted when it asks.
struct connect_attempt {
	__u64 start;
	__u32 pid;
	__u32 uid;
	char comm[16];
};

struct connect4_event {
	ktime time;
	__u32 pid;
	__u32 uid;
	char comm[16];
	ipv4_addr saddr;
	ipv4_addr daddr;
	__u16 sport;
	__u16 dport;
	__s32 error;
	duration took;
};

struct connect6_event {
	ktime time;
	__u32 pid;
	__u32 uid;
	char comm[16];
	ipv6_addr saddr;
	ipv6_addr daddr;
	__u16 sport;
	__u16 dport;
	__s32 error;
	duration took;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 10240);
	__type(key, __u64);
	__type(value, struct connect_attempt);
} attempts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
	__type(value, struct connect4_event);
} print_connects4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
	__type(value, struct connect6_event);
} print_connects6 SEC(".maps");

BEE_LOST(print_connects4, print_connects6);

static __always_inline void begin(__u64 socket)
{
	struct connect_attempt attempt = {
		.start = bpf_ktime_get_ns(),
		.pid = bpf_get_current_pid_tgid() >> 32,
		.uid = bpf_get_current_uid_gid(),
	};
	if (target_pid && target_pid != attempt.pid)
		return;
	bpf_get_current_comm(attempt.comm, sizeof(attempt.comm));
	bpf_map_update_elem(&attempts, &socket, &attempt, BPF_ANY);
}

// What both families have. inet_sport stays when a failed connection gives its port back, skc_num does not.
#define FILL(event, sk, attempt, failed)                                                        \
	do {                                                                                    \
		(event)->time = bpf_ktime_get_ns();                                             \
		(event)->took = (event)->time - (attempt)->start;                               \
		(event)->pid = (attempt)->pid;                                                  \
		(event)->uid = (attempt)->uid;                                                  \
		__builtin_memcpy((event)->comm, (attempt)->comm, sizeof((event)->comm));        \
		(event)->sport = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));  \
		(event)->dport = bpf_ntohs(sk->__sk_common.skc_dport);                          \
		(event)->error = failed;                                                        \
	} while (0)

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, const struct sock *sk, int old, int new)
{
	// A copy: older verifiers forget what a variable points to once it was a key.
	__u64 socket = (__u64)sk;
	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (new == TCP_SYN_SENT) {
		begin(socket);
		return 0;
	}
	if (old != TCP_SYN_SENT)
		return 0;
	struct connect_attempt *attempt = bpf_map_lookup_elem(&attempts, &socket);
	if (!attempt)
		return 0;
	int error = new == TCP_CLOSE ? sk->sk_err : 0;
	if (sk->__sk_common.skc_family == AF_INET6) {
		struct connect6_event *event = bee_reserve(print_connects6, sizeof(*event));
		if (event) {
			FILL(event, sk, attempt, error);
			BPF_CORE_READ_INTO(&event->saddr, sk, __sk_common.skc_v6_rcv_saddr);
			BPF_CORE_READ_INTO(&event->daddr, sk, __sk_common.skc_v6_daddr);
			bpf_ringbuf_submit(event, 0);
		}
	} else {
		struct connect4_event *event = bee_reserve(print_connects4, sizeof(*event));
		if (event) {
			FILL(event, sk, attempt, error);
			event->saddr = sk->__sk_common.skc_rcv_saddr;
			event->daddr = sk->__sk_common.skc_daddr;
			bpf_ringbuf_submit(event, 0);
		}
	}
	bpf_map_delete_elem(&attempts, &socket);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
