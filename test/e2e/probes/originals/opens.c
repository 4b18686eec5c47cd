// In the manner of BumbleBee's opensnoop and nfsstats: prefixes say how maps are exported, arguments wait in a hash for
// the end of the call, a histogram's value is the field `le`.
#include "vmlinux.h"
#include "solo_types.h"
#include "bpf/bpf_helpers.h"
#include "bpf/bpf_tracing.h"

struct args_t {
	const char *fname;
	u64 begun;
};

struct open_event {
	u32 pid;
	int ret;
	char comm[16];
	char fname[64];
};

struct open_time {
	char op;
	u64 le;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, struct args_t);
} start SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__uint(key_size, sizeof(u64));
	__uint(value_size, sizeof(u32));
} of_no_type SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
	__type(value, struct open_event);
} print_opens SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
	__type(value, struct open_time);
} hist_open_us SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_openat")
int enter_openat(struct trace_event_raw_sys_enter *ctx)
{
	u32 tid = bpf_get_current_pid_tgid();
	struct args_t args = {};

	args.fname = (const char *)ctx->args[1];
	args.begun = bpf_ktime_get_ns();
	bpf_map_update_elem(&start, &tid, &args, 0);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int exit_openat(struct trace_event_raw_sys_exit *ctx)
{
	u64 id = bpf_get_current_pid_tgid();
	u32 tid = id;
	struct args_t *args = bpf_map_lookup_elem(&start, &tid);
	struct open_event event = {};
	struct open_event *place;
	struct open_time *time;

	if (!args)
		return 0;
	event.pid = id >> 32;
	event.ret = ctx->ret;
	bpf_get_current_comm(&event.comm, sizeof(event.comm));
	bpf_probe_read_user_str(&event.fname, sizeof(event.fname), args->fname);
	place = bpf_ringbuf_reserve(&print_opens, sizeof(event), 0);
	if (place) {
		memcpy(place, &event, sizeof(event));
		bpf_ringbuf_submit(place, 0);
	}
	time = bpf_ringbuf_reserve(&hist_open_us, sizeof(*time), 0);
	if (time) {
		time->op = 'o';
		time->le = (bpf_ktime_get_ns() - args->begun) / 1000;
		bpf_ringbuf_submit(time, 0);
	}
	bpf_map_delete_elem(&start, &tid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
