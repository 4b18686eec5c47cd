// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Every file that a program opens, or fails to: ret is the descriptor, or the error below 0 (-2 is ENOENT).
//
//   pid 4711 uid 0 comm cat ret -2 flags 0 took 3µs path /etc/nothing
//
// Linux 5.8 or newer.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "bee.h"

// Only this process; 0: all.
const volatile __u32 target_pid = 0;
// Only those that failed.
const volatile bool failed_only = false;

struct open_call {
	__u64 start;
	const char *path;
	__u32 flags;
};

struct open_event {
	ktime time;
	__u32 pid;
	__u32 uid;
	char comm[16];
	__s32 ret;
	__u32 flags;
	duration took;
	char path[256];
};

// Calls under way, by thread. LRU: a thread that is killed in its call never returns from it.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct open_call);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
	__type(value, struct open_event);
} print_opens SEC(".maps");

BEE_LOST(print_opens);

static __always_inline int enter(const void *path, __u32 flags)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 thread = id;
	if (target_pid && target_pid != id >> 32)
		return 0;
	struct open_call call = { .start = bpf_ktime_get_ns(), .path = path, .flags = flags };
	bpf_map_update_elem(&calls, &thread, &call, BPF_ANY);
	return 0;
}

static __always_inline int leave(long ret)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 thread = id;
	struct open_call *call = bpf_map_lookup_elem(&calls, &thread);
	if (!call)
		return 0;
	if (failed_only && ret >= 0)
		goto done;
	struct open_event *open = bee_reserve(print_opens, sizeof(*open));
	if (!open)
		goto done;
	__u64 now = bpf_ktime_get_ns();
	open->time = now;
	open->pid = id >> 32;
	open->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(open->comm, sizeof(open->comm));
	open->ret = ret;
	open->flags = call->flags;
	open->took = now - call->start;
	// Read after the call: the kernel has read the path meanwhile, so its page is there.
	if (bpf_probe_read_user_str(open->path, sizeof(open->path), call->path) < 0)
		open->path[0] = 0;
	bpf_ringbuf_submit(open, 0);
done:
	bpf_map_delete_elem(&calls, &thread);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_openat")
int enter_openat(struct trace_event_raw_sys_enter *ctx)
{
	return enter((void *)ctx->args[1], ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_exit_openat")
int exit_openat(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}

SEC("tracepoint/syscalls/sys_enter_openat2")
int enter_openat2(struct trace_event_raw_sys_enter *ctx)
{
	__u64 flags = 0;
	bpf_probe_read_user(&flags, sizeof(flags), &((struct open_how *)ctx->args[2])->flags);
	return enter((void *)ctx->args[1], flags);
}

SEC("tracepoint/syscalls/sys_exit_openat2")
int exit_openat2(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}

// arm64 has no open and creat: its C library calls openat.
#ifdef __TARGET_ARCH_x86
SEC("tracepoint/syscalls/sys_enter_open")
int enter_open(struct trace_event_raw_sys_enter *ctx)
{
	return enter((void *)ctx->args[0], ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_exit_open")
int exit_open(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}

#define O_CREAT_WRONLY_TRUNC 01101

SEC("tracepoint/syscalls/sys_enter_creat")
int enter_creat(struct trace_event_raw_sys_enter *ctx)
{
	return enter((void *)ctx->args[0], O_CREAT_WRONLY_TRUNC);
}

SEC("tracepoint/syscalls/sys_exit_creat")
int exit_creat(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}
#endif

char LICENSE[] SEC("license") = "Dual BSD/GPL";
