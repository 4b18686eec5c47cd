import { NOW } from '../fields.js';
import type { ProbeKind } from '../kind.js';

export const XDP: ProbeKind = {
  name: 'XDP',
  summary: 'IPv4 packets as they arrive, and their size',
  notes: [
    'An XDP program hangs on a network interface, which its section does not name: it is loaded, and attached by',
    'hand while it runs; `xdp off` detaches it.',
    '',
    '  sudo bee run IMAGE --pin-progs /sys/fs/bpf',
    '  sudo ip link set dev eth0 xdp pinned /sys/fs/bpf/on_packet',
  ],
  plural: 'packets',
  quantity: 'packet_bytes',
  measures: 'bytes',
  includes: ['bpf/bpf_endian.h'],
  preamble: '#define ETH_P_IP 0x0800',
  reportParameters: ['const struct iphdr *ip'],
  labels: [
    { declaration: 'ipv4_addr saddr', fill: '{x}saddr = ip->saddr;' },
    { declaration: '__u8 protocol', fill: '{x}protocol = ip->protocol;' },
  ],
  details: [NOW],
  forms: [
    {
      attach: 'xdp',
      programs: `SEC("xdp")
int on_packet(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = (void *)(ethernet + 1);
	// What is not proved to lie within the packet may not be read.
	if ((void *)(ip + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	report(ip, end - data);
	return XDP_PASS;
}`,
    },
  ],
};
