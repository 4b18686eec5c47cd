// In the manner of BumbleBee's activeconn: a section that makes a hash a gauge, which goes up with each connection and
// down when it is closed.
#include "vmlinux.h"
#include "solo_types.h"
#include "bpf/bpf_helpers.h"
#include "bpf/bpf_core_read.h"
#include "bpf/bpf_tracing.h"
#include "bpf/bpf_endian.h"

char __license[] SEC("license") = "Dual MIT/GPL";

struct peer {
	ipv4_addr daddr;
	u32 dport;
} __attribute__((packed));

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, struct sock *);
} entered SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct peer);
	__type(value, u64);
} open_sockets SEC(".maps.gauge");

static __always_inline int enter(struct sock *sk)
{
	u32 tid = bpf_get_current_pid_tgid();

	bpf_map_update_elem(&entered, &tid, &sk, 0);
	return 0;
}

static __always_inline void add(struct sock *sk, s64 change)
{
	struct peer key = {};
	u64 value = 0, *now;
	u32 daddr;
	u16 dport;

	BPF_CORE_READ_INTO(&daddr, sk, __sk_common.skc_daddr);
	BPF_CORE_READ_INTO(&dport, sk, __sk_common.skc_dport);
	key.daddr = daddr;
	key.dport = bpf_ntohs(dport);
	now = bpf_map_lookup_elem(&open_sockets, &key);
	if (now)
		value = *now;
	else if (change < 0)
		return;
	value += change;
	bpf_map_update_elem(&open_sockets, &key, &value, 0);
}

SEC("kprobe/tcp_v4_connect")
int BPF_KPROBE(tcp_v4_connect, struct sock *sk)
{
	return enter(sk);
}

SEC("kretprobe/tcp_v4_connect")
int BPF_KRETPROBE(tcp_v4_connect_ret, int ret)
{
	u32 tid = bpf_get_current_pid_tgid();
	struct sock **sk = bpf_map_lookup_elem(&entered, &tid);

	if (sk && ret == 0)
		add(*sk, 1);
	bpf_map_delete_elem(&entered, &tid);
	return 0;
}

SEC("kprobe/tcp_close")
int BPF_KPROBE(tcp_close, struct sock *sk)
{
	add(sk, -1);
	return 0;
}
