// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Something of everything that libbpf reads in an object: CO-RE, inner maps, globals, functions, kconfig.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "GPL";

struct task_struct {
	int tgid;
	struct task_struct *real_parent;
} __attribute__((preserve_access_index));

struct part {
	unsigned int a : 3;
	int b;
	char s[3][4];
};

struct record {
	struct part parts[2];
	union {
		unsigned long number;
		void *pointer;
	};
	_Bool flag;
};

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, int);
	__type(value, struct record);
};
struct inner one SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = { .values = { (void *)&one } };

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
	__type(value, struct record);
} print_records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct part);
	__type(value, __u64);
} counter_parts SEC(".maps");

const volatile __u32 parameter = 3;
const volatile char name[16] = "x";
__u64 global;
static volatile int initial = 5;
extern int LINUX_KERNEL_VERSION __kconfig;

static __attribute__((noinline)) int local_function(int x)
{
	global += x;
	return initial + x;
}

__attribute__((noinline)) int global_function(int x)
{
	return x * 2;
}

SEC("tp_btf/sched_process_exit")
int on_exit(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, real_parent, tgid) & 0;
}

SEC("tracepoint/syscalls/sys_enter_getpgid")
int on_getpgid(void *ctx)
{
	struct record *record = bpf_ringbuf_reserve(&print_records, sizeof(*record), 0);

	if (!record)
		return 0;
	record->number = local_function(parameter) + global_function(name[0]);
	record->flag = LINUX_KERNEL_VERSION > 5;
	bpf_ringbuf_submit(record, 0);
	return 0;
}
