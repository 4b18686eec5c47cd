// In the manner of BumbleBee's nfsstats: functions of a module, timed from entry to return; the ring is a histogram of
// its field `le`, and a single char is among the labels.
#include "vmlinux.h"
#include "bpf/bpf_helpers.h"
#include "bpf/bpf_core_read.h"
#include "bpf/bpf_tracing.h"
#include "solo_types.h"

char __license[] SEC("license") = "Dual MIT/GPL";

struct operation {
	char name[255];
	char kind;
	u64 le;
};

struct begun {
	u64 at;
	struct file *file;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, struct begun);
} under_way SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
	__type(value, struct operation);
} hist_operation_us SEC(".maps");

static __always_inline int begin(struct kiocb *iocb)
{
	u32 thread = bpf_get_current_pid_tgid();
	struct begun begun = { .at = bpf_ktime_get_ns(), .file = BPF_CORE_READ(iocb, ki_filp) };

	bpf_map_update_elem(&under_way, &thread, &begun, 0);
	return 0;
}

static __always_inline int end(char kind)
{
	u32 thread = bpf_get_current_pid_tgid();
	struct begun *begun = bpf_map_lookup_elem(&under_way, &thread);
	struct operation *place;
	struct file *file;

	if (!begun)
		return 0;
	file = begun->file;
	place = bpf_ringbuf_reserve(&hist_operation_us, sizeof(*place), 0);
	if (!place)
		return 0;
	place->le = (bpf_ktime_get_ns() - begun->at) / 1000;
	place->kind = kind;
	bpf_probe_read_kernel_str(place->name, sizeof(place->name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
	bpf_ringbuf_submit(place, 0);
	bpf_map_delete_elem(&under_way, &thread);
	return 0;
}

SEC("kprobe/nfs_file_read")
int BPF_KPROBE(read_begins, struct kiocb *iocb)
{
	return begin(iocb);
}

SEC("kretprobe/nfs_file_read")
int BPF_KRETPROBE(read_ends)
{
	return end('r');
}

SEC("kprobe/nfs_file_write")
int BPF_KPROBE(write_begins, struct kiocb *iocb)
{
	return begin(iocb);
}

SEC("kretprobe/nfs_file_write")
int BPF_KRETPROBE(write_ends)
{
	return end('w');
}
