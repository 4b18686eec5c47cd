// In the manner of BumbleBee's oomkill and capable: one kprobe with arguments of the kernel's own types, a section that
// prints a ring, a hash of no type that nobody uses.
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

struct kill {
	__u32 killer;
	__u64 pages;
	char victim[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
	__type(value, struct kill);
} kills SEC(".maps.print");

struct asked {
	__u64 mount_namespace;
	__u32 pid;
	int capability;
	char task[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
	__type(value, struct asked);
} capabilities SEC(".maps.print");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(key_size, sizeof(u64));
	__uint(value_size, sizeof(u32));
} of_no_type SEC(".maps");

SEC("kprobe/oom_kill_process")
int BPF_KPROBE(oom_kill_process, struct oom_control *oc, const char *message)
{
	struct kill *kill = bpf_ringbuf_reserve(&kills, sizeof(*kill), 0);

	if (!kill)
		return 0;
	kill->killer = bpf_get_current_pid_tgid() >> 32;
	kill->pages = BPF_CORE_READ(oc, totalpages);
	bpf_probe_read_kernel(&kill->victim, sizeof(kill->victim), BPF_CORE_READ(oc, chosen, comm));
	bpf_ringbuf_submit(kill, 0);
	return 0;
}

SEC("kprobe/cap_capable")
int BPF_KPROBE(cap_capable, const struct cred *cred, struct user_namespace *ns, int capability)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct asked *asked = bpf_ringbuf_reserve(&capabilities, sizeof(*asked), 0);

	if (!asked)
		return 0;
	asked->mount_namespace = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	asked->pid = bpf_get_current_pid_tgid() >> 32;
	asked->capability = capability;
	bpf_get_current_comm(&asked->task, sizeof(asked->task));
	bpf_ringbuf_submit(asked, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
