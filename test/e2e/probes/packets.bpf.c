// SPDX-License-Identifier: GPL-2.0
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct packet {
	__u32 length;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
	__type(value, struct packet);
} print_packets SEC(".maps");

static int report(__u32 length)
{
	struct packet *packet = bpf_ringbuf_reserve(&print_packets, sizeof(*packet), 0);

	if (packet) {
		packet->length = length;
		bpf_ringbuf_submit(packet, 0);
	}
	return 0;
}

SEC("xdp")
int on_packet(struct xdp_md *ctx)
{
	report(ctx->data_end - ctx->data);
	return XDP_PASS;
}

#ifdef WITH_EXEC
SEC("tracepoint/sched/sched_process_exec")
int on_exec(void *ctx)
{
	return report(0);
}
#endif

char LICENSE[] SEC("license") = "GPL";
