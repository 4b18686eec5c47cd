// In the manner of BumbleBee's tcpconnect and oomkill: kprobes with BPF_KPROBE, a socket that waits in a hash by thread,
// a packed key of addresses, a section that makes it a counter.
#include "vmlinux.h"
#include "solo_types.h"
#include "bpf/bpf_helpers.h"
#include "bpf/bpf_core_read.h"
#include "bpf/bpf_tracing.h"

char __license[] SEC("license") = "Dual MIT/GPL";

struct addresses {
	ipv4_addr saddr;
	ipv4_addr daddr;
} __attribute__((packed));

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, u32);
	__type(value, struct sock *);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct addresses);
	__type(value, u64);
} connects SEC(".maps.counter");

SEC("kprobe/tcp_v4_connect")
int BPF_KPROBE(tcp_v4_connect, struct sock *sk)
{
	u32 tid = bpf_get_current_pid_tgid();

	bpf_map_update_elem(&sockets, &tid, &sk, 0);
	return 0;
}

SEC("kretprobe/tcp_v4_connect")
int BPF_KRETPROBE(tcp_v4_connect_ret, int ret)
{
	u32 tid = bpf_get_current_pid_tgid();
	struct sock **waiting = bpf_map_lookup_elem(&sockets, &tid);
	struct addresses key = {};
	u64 one = 1, *count;
	u32 saddr, daddr;

	if (!waiting)
		return 0;
	BPF_CORE_READ_INTO(&saddr, *waiting, __sk_common.skc_rcv_saddr);
	BPF_CORE_READ_INTO(&daddr, *waiting, __sk_common.skc_daddr);
	key.saddr = saddr;
	key.daddr = daddr;
	bpf_printk("connected with %d", ret);
	count = bpf_map_lookup_elem(&connects, &key);
	if (count)
		one += *count;
	bpf_map_update_elem(&connects, &key, &one, 0);
	bpf_map_delete_elem(&sockets, &tid);
	return 0;
}
