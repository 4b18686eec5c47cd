import { NOW } from '../fields.js';
import type { ProbeKind } from '../kind.js';

export const NETWORK: ProbeKind = {
  name: 'Network',
  summary: 'outgoing TCP connections over IPv4, and how long the handshake takes',
  notes: ['Who connects is noted when it asks: at the answer, another process may run.'],
  plural: 'connects',
  quantity: 'connect_time',
  measures: 'time',
  includes: ['bpf/bpf_endian.h'],
  start: { key: '__u64', members: ['__u32 pid;', 'char comm[16];'] },
  reportParameters: ['const struct start *start', 'const struct sock *sk'],
  labels: [
    {
      declaration: 'char comm[16]',
      fill: '__builtin_memcpy({x}comm, start->comm, sizeof({x}comm));',
    },
    { declaration: 'ipv4_addr daddr', fill: '{x}daddr = BPF_CORE_READ(sk, __sk_common.skc_daddr);' },
    {
      declaration: '__u16 dport',
      fill: '{x}dport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));',
    },
  ],
  details: [NOW, { declaration: '__u32 pid', fill: '{x}pid = start->pid;' }],
  forms: [
    {
      attach: 'kprobe',
      programs: `static __always_inline void begin(struct sock *sk)
{
	__u64 socket = (__u64)sk;
	struct start start;
	__builtin_memset(&start, 0, sizeof(start));
	start.time = bpf_ktime_get_ns();
	start.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(start.comm, sizeof(start.comm));
	bpf_map_update_elem(&starts, &socket, &start, BPF_ANY);
}

static __always_inline void end(struct sock *sk)
{
	__u64 socket = (__u64)sk;
	struct start *start = bpf_map_lookup_elem(&starts, &socket);
	if (!start)
		return;
	__u64 took = bpf_ktime_get_ns() - start->time;
	if (took >= shortest)
		report(start, sk, took);
	bpf_map_delete_elem(&starts, &socket);
}

SEC("kprobe/tcp_v4_connect")
int BPF_KPROBE(on_connect, struct sock *sk)
{
	begin(sk);
	return 0;
}

SEC("kprobe/tcp_finish_connect")
int BPF_KPROBE(on_connected, struct sock *sk)
{
	end(sk);
	return 0;
}`,
    },
    {
      attach: 'tracepoint',
      programs: `#define AF_INET 2

static __always_inline void begin(struct sock *sk)
{
	__u64 socket = (__u64)sk;
	struct start start;
	__builtin_memset(&start, 0, sizeof(start));
	start.time = bpf_ktime_get_ns();
	start.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(start.comm, sizeof(start.comm));
	bpf_map_update_elem(&starts, &socket, &start, BPF_ANY);
}

static __always_inline void end(struct sock *sk)
{
	__u64 socket = (__u64)sk;
	struct start *start = bpf_map_lookup_elem(&starts, &socket);
	if (!start)
		return;
	__u64 took = bpf_ktime_get_ns() - start->time;
	if (took >= shortest)
		report(start, sk, took);
	bpf_map_delete_elem(&starts, &socket);
}

SEC("tracepoint/sock/inet_sock_set_state")
int on_state(struct trace_event_raw_inet_sock_set_state *ctx)
{
	if (ctx->protocol != IPPROTO_TCP || ctx->family != AF_INET)
		return 0;
	struct sock *sk = (struct sock *)ctx->skaddr;
	if (ctx->newstate == TCP_SYN_SENT)
		begin(sk);
	else if (ctx->oldstate == TCP_SYN_SENT && ctx->newstate == TCP_ESTABLISHED)
		end(sk);
	return 0;
}`,
    },
  ],
};
