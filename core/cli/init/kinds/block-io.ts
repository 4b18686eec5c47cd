import { NOW } from '../fields.js';
import type { ProbeKind } from '../kind.js';

export const BLOCK_IO: ProbeKind = {
  name: 'BlockIO',
  summary: 'requests to disks, and how long they take',
  notes: ['Linux 5.11 or newer: it hangs on tracepoints by their types (tp_btf).'],
  plural: 'requests',
  quantity: 'request_time',
  measures: 'time',
  preamble: `#define OPERATION_BITS 0xff

enum block_operation {
	read = 0,
	write = 1,
	flush = 2,
	discard = 3,
};

// A request knew its disk itself up to Linux 5.16; since then its queue does.
struct request___disk {
	struct gendisk *rq_disk;
} __attribute__((preserve_access_index));

static __always_inline struct gendisk *disk_of(struct request *request)
{
	struct request___disk *old = (void *)request;
	return bpf_core_field_exists(old->rq_disk) ? BPF_CORE_READ(old, rq_disk) :
						     BPF_CORE_READ(request, q, disk);
}`,
  start: { key: '__u64', members: ['__u32 bytes;'] },
  reportParameters: ['const struct start *start', 'struct request *request'],
  labels: [
    {
      declaration: 'char disk[32]',
      fill: 'BPF_CORE_READ_STR_INTO(&{x}disk, disk_of(request), disk_name);',
    },
    {
      declaration: 'enum block_operation operation',
      fill: '{x}operation = BPF_CORE_READ(request, cmd_flags) & OPERATION_BITS;',
    },
  ],
  details: [NOW, { declaration: '__u32 bytes', fill: '{x}bytes = start->bytes;' }],
  forms: [
    {
      attach: 'tracepoint',
      programs: `SEC("tp_btf/block_rq_issue")
int BPF_PROG(on_issue, struct request *request)
{
	__u64 key = (__u64)request;
	struct start start;
	__builtin_memset(&start, 0, sizeof(start));
	start.time = bpf_ktime_get_ns();
	start.bytes = BPF_CORE_READ(request, __data_len);
	bpf_map_update_elem(&starts, &key, &start, BPF_ANY);
	return 0;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(on_complete, struct request *request)
{
	__u64 key = (__u64)request;
	struct start *start = bpf_map_lookup_elem(&starts, &key);
	if (!start)
		return 0;
	__u64 took = bpf_ktime_get_ns() - start->time;
	if (took >= shortest)
		report(start, request, took);
	bpf_map_delete_elem(&starts, &key);
	return 0;
}`,
    },
  ],
};
