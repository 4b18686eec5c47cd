// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Every TCP connection when it ends: which process, between whom, how long, how many bytes.
//
//   pid 4711 comm curl direction outgoing laddr 10.0.0.2 lport 41234 raddr 93.184.216.34 rport 443 sent 780 received 5321 age 61ms
//
// IPv4 and IPv6 have a map each. An incoming connection's process is the one that closes it; pid 0 where the
// kernel closed it alone. Connections that were there before the probe are not shown.
// Linux 5.8 or newer.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include "bee.h"

#define AF_INET6 10

enum tcp_direction { outgoing, incoming };

struct tcp_life {
	__u64 start;
	enum tcp_direction direction;
	__u32 pid;
	char comm[16];
};

struct close4_event {
	ktime time;
	__u32 pid;
	char comm[16];
	enum tcp_direction direction;
	ipv4_addr laddr;
	ipv4_addr raddr;
	__u16 lport;
	__u16 rport;
	__u64 sent;
	__u64 received;
	duration age;
};

struct close6_event {
	ktime time;
	__u32 pid;
	char comm[16];
	enum tcp_direction direction;
	ipv6_addr laddr;
	ipv6_addr raddr;
	__u16 lport;
	__u16 rport;
	__u64 sent;
	__u64 received;
	duration age;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 10240);
	__type(key, const void *);
	__type(value, struct tcp_life);
} lives SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
	__type(value, struct close4_event);
} print_closes4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
	__type(value, struct close6_event);
} print_closes6 SEC(".maps");

BEE_LOST(print_closes4, print_closes6);

static __always_inline void name_process(struct tcp_life *life)
{
	life->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(life->comm, sizeof(life->comm));
}

// Payload only: what was sent again is counted once, and a FIN is a byte in bytes_received.
static __always_inline __u64 bytes_sent(struct tcp_sock *tcp)
{
	return BPF_CORE_READ(tcp, bytes_sent) - BPF_CORE_READ(tcp, bytes_retrans);
}

static __always_inline __u64 bytes_received(struct tcp_sock *tcp)
{
	unsigned long flags = BPF_CORE_READ((struct sock *)tcp, __sk_common.skc_flags);
	return BPF_CORE_READ(tcp, bytes_received) - (flags >> SOCK_DONE & 1);
}

// What both families have.
#define FILL(event, ctx, tcp, life)                                                   \
	do {                                                                          \
		(event)->time = bpf_ktime_get_ns();                                   \
		(event)->age = (event)->time - (life)->start;                         \
		(event)->pid = (life)->pid;                                           \
		__builtin_memcpy((event)->comm, (life)->comm, sizeof((event)->comm)); \
		(event)->direction = (life)->direction;                               \
		(event)->lport = ctx->sport;                                          \
		(event)->rport = ctx->dport;                                          \
		(event)->sent = bytes_sent(tcp);                                      \
		(event)->received = bytes_received(tcp);                              \
	} while (0)

SEC("tracepoint/sock/inet_sock_set_state")
int on_state(struct trace_event_raw_inet_sock_set_state *ctx)
{
	const void *sk = ctx->skaddr;
	if (ctx->protocol != IPPROTO_TCP)
		return 0;

	struct tcp_life *life;
	switch (ctx->newstate) {
	case TCP_SYN_SENT: {
		struct tcp_life fresh = { .start = bpf_ktime_get_ns(), .direction = outgoing };
		name_process(&fresh);
		bpf_map_update_elem(&lives, &sk, &fresh, BPF_ANY);
		return 0;
	}
	case TCP_ESTABLISHED: {
		// Whose it is, is not known yet: this runs wherever the packet arrived.
		struct tcp_life fresh = { .start = bpf_ktime_get_ns(), .direction = incoming };
		life = bpf_map_lookup_elem(&lives, &sk);
		if (life)
			life->start = fresh.start;
		else
			bpf_map_update_elem(&lives, &sk, &fresh, BPF_ANY);
		return 0;
	}
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		// close() or shutdown(), in the process itself.
		life = bpf_map_lookup_elem(&lives, &sk);
		if (life && life->pid == 0)
			name_process(life);
		return 0;
	case TCP_CLOSE:
		break;
	default:
		return 0;
	}

	life = bpf_map_lookup_elem(&lives, &sk);
	if (!life)
		return 0;
	// A connection that never came to be is tcpconnect's.
	if (ctx->oldstate == TCP_SYN_SENT)
		goto done;
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	if (ctx->family == AF_INET6) {
		struct close6_event *event = bee_reserve(print_closes6, sizeof(*event));
		if (event) {
			FILL(event, ctx, tcp, life);
			BPF_CORE_READ_INTO(&event->laddr, ctx, saddr_v6);
			BPF_CORE_READ_INTO(&event->raddr, ctx, daddr_v6);
			bpf_ringbuf_submit(event, 0);
		}
	} else {
		struct close4_event *event = bee_reserve(print_closes4, sizeof(*event));
		if (event) {
			FILL(event, ctx, tcp, life);
			BPF_CORE_READ_INTO(&event->laddr, ctx, saddr);
			BPF_CORE_READ_INTO(&event->raddr, ctx, daddr);
			bpf_ringbuf_submit(event, 0);
		}
	}
done:
	bpf_map_delete_elem(&lives, &sk);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
