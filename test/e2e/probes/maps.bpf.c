// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Every kind of map and value that becomes metrics, with known contents: getpgid(-(8192 + op)) does op.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bee.h"

#define MAGIC 8192
#define U64_MAX 0xffffffffffffffffULL

enum op {
	FILL = 1,
	CHANGE = 2,
	PER_CPU = 3,
	RING = 4,
	EVENTS = 5,
};

struct sys_enter {
	unsigned long long common;
	long id;
	unsigned long args[6];
};

#define RINGBUF(name, type_)                                                                                \
	struct {                                                                                            \
		__uint(type, BPF_MAP_TYPE_RINGBUF);                                                         \
		__uint(max_entries, 1 << 16);                                                               \
		__type(value, type_);                                                                       \
	} name SEC(".maps")

#define TABLE(name, type_, key_, value_, entries)                                                           \
	struct {                                                                                            \
		__uint(type, type_);                                                                        \
		__uint(max_entries, entries);                                                               \
		__type(key, key_);                                                                          \
		__type(value, value_);                                                                      \
	} name SEC(".maps")

struct open {
	char comm[16];
	__u32 kind;
};
RINGBUF(counter_opens, struct open);

struct sent {
	__u16 port;
	__u64 bytes;
};
RINGBUF(counter_sent_bytes, struct sent);

struct level {
	char disk[8];
	__s64 value;
};
RINGBUF(gauge_level, struct level);

struct wait {
	char queue[8];
	duration le;
};
RINGBUF(hist_wait_ns, struct wait);

struct size {
	__u64 le;
};
RINGBUF(hist_size, struct size);

struct flow {
	ipv4_addr saddr;
	__u16 port;
	struct {
		__u8 proto;
		char state[5];
	} conn;
};
TABLE(counter_flows, BPF_MAP_TYPE_HASH, struct flow, __u64, 64);

TABLE(gauge_temperature, BPF_MAP_TYPE_HASH, __u32, __s32, 64);

struct slot {
	char dev[8];
	__u64 bytes;
};
TABLE(hist_blocks, BPF_MAP_TYPE_HASH, struct slot, __u64, 64);

TABLE(counter_calls, BPF_MAP_TYPE_ARRAY, __u32, __u64, 4);
TABLE(counter_cpu_hash, BPF_MAP_TYPE_PERCPU_HASH, __u32, __u64, 8);
TABLE(counter_cpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, 2);

struct name {
	char text[16];
};
TABLE(counter_names, BPF_MAP_TYPE_LRU_HASH, struct name, __u64, 64);

struct stats {
	__u64 rx_bytes;
	__s32 delta;
	struct {
		__u32 count;
		duration busy;
	} io;
};
TABLE(gauge_stats, BPF_MAP_TYPE_HASH, __u32, struct stats, 8);

struct reserved {
	__u32 probe, le, node, job, instance, srcPort;
};
TABLE(counter_reserved, BPF_MAP_TYPE_HASH, struct reserved, __u64, 8);

struct state {
	__u32 level;
	char name[8];
};
TABLE(print_states, BPF_MAP_TYPE_HASH, __u32, struct state, 8);

#define PUT(map, key_, value_)                                                                              \
	({                                                                                                  \
		typeof(value_) __value = value_;                                                            \
		bpf_map_update_elem(&map, key_, &__value, BPF_ANY);                                         \
	})

static __always_inline void fill(void)
{
	struct flow flow = { .port = 443, .conn = { .proto = 6, .state = "OPEN" } };
	flow.saddr = 0x0100000a; /* 10.0.0.1 */
	PUT(counter_flows, &flow, U64_MAX);
	flow.port = 80;
	PUT(counter_flows, &flow, (1ULL << 53) + 1);
	/* A twin: bytes behind the NUL are no part of a label. */
	__builtin_memcpy(flow.conn.state, "OP\0XY", 5);
	PUT(counter_flows, &flow, 5ULL);
	__builtin_memcpy(flow.conn.state, "OP\0\0\0", 5);
	PUT(counter_flows, &flow, 6ULL);

	__u32 key = 1;
	PUT(gauge_temperature, &key, (__s32)-40);
	key = 2;
	PUT(gauge_temperature, &key, (__s32)2147483647);

	struct slot slot = { .dev = "sda" };
	PUT(hist_blocks, &slot, 2ULL);
	slot.bytes = 4096;
	PUT(hist_blocks, &slot, 3ULL);
	slot.bytes = 512;
	PUT(hist_blocks, &slot, 4ULL);

	key = 3;
	PUT(counter_calls, &key, 12345ULL);

	struct name name = {};
	__builtin_memcpy(name.text, "a\"b\\c\nd", 8);
	PUT(counter_names, &name, 1ULL);
	__builtin_memcpy(name.text, "\xff\xfe{}=,", 7);
	PUT(counter_names, &name, 2ULL);
	__builtin_memset(&name, 0, sizeof(name));
	PUT(counter_names, &name, 3ULL);

	struct stats stats = { .rx_bytes = U64_MAX, .delta = -9 };
	stats.io.count = 7;
	stats.io.busy = 1500000;
	key = 1;
	bpf_map_update_elem(&gauge_stats, &key, &stats, BPF_ANY);

	struct reserved reserved = { 1, 2, 3, 4, 5, 6 };
	PUT(counter_reserved, &reserved, 1ULL);
}

static __always_inline void change(void)
{
	struct flow flow = { .port = 443, .conn = { .proto = 6, .state = "OPEN" } };
	flow.saddr = 0x0100000a;
	bpf_map_delete_elem(&counter_flows, &flow);
	flow.port = 80;
	PUT(counter_flows, &flow, 10ULL);
	__u32 key = 1;
	bpf_map_delete_elem(&gauge_temperature, &key);
	bpf_map_delete_elem(&gauge_stats, &key);
	struct slot slot = { .dev = "sda", .bytes = 4096 };
	bpf_map_delete_elem(&hist_blocks, &slot);
}

static __always_inline void per_cpu(void)
{
	for (__u32 key = 0; key < 2; key++) {
		PUT(counter_cpu_hash, &key, 100ULL + bpf_get_smp_processor_id());
		PUT(counter_cpu_array, &key, 1000ULL * (key + 1) + bpf_get_smp_processor_id());
	}
}

static __always_inline void ring(void)
{
	for (int i = 0; i < 5; i++) {
		struct open open = {};
		open.kind = i < 3;
		__builtin_memcpy(open.comm, "cat", 4);
		/* A twin of the first. */
		open.comm[5] = i;
		bpf_ringbuf_output(&counter_opens, &open, sizeof(open), 0);
	}
	struct sent sent = {};
	sent.port = 80;
	sent.bytes = (1ULL << 62) + 1;
	bpf_ringbuf_output(&counter_sent_bytes, &sent, sizeof(sent), 0);
	bpf_ringbuf_output(&counter_sent_bytes, &sent, sizeof(sent), 0);
	sent.bytes = 1;
	bpf_ringbuf_output(&counter_sent_bytes, &sent, sizeof(sent), 0);

	struct level level = { .disk = "sda", .value = 5 };
	bpf_ringbuf_output(&gauge_level, &level, sizeof(level), 0);
	level.value = -7;
	bpf_ringbuf_output(&gauge_level, &level, sizeof(level), 0);

	struct wait wait = { .queue = "rt" };
	for (int i = 0; i < 4; i++) {
		wait.le = i == 0 ? 0 : i == 1 ? 1000 : i == 2 ? 1001 : 5000000000ULL;
		bpf_ringbuf_output(&hist_wait_ns, &wait, sizeof(wait), 0);
	}
	struct size size = { .le = (1ULL << 60) + 1 };
	bpf_ringbuf_output(&hist_size, &size, sizeof(size), 0);
	size.le = 20;
	bpf_ringbuf_output(&hist_size, &size, sizeof(size), 0);
}

/* The second call changes one entry, adds one, and leaves one as it is but for the bytes behind its NUL. */
static __u32 event_calls;

static __always_inline void events(void)
{
	__u32 again = event_calls++;
	struct state state = { .level = 1, .name = "same" };
	state.name[6] = again;
	__u32 key = 1;
	bpf_map_update_elem(&print_states, &key, &state, BPF_ANY);
	__builtin_memcpy(state.name, "old", 4);
	state.level = again ? 20 : 10;
	key = 2;
	bpf_map_update_elem(&print_states, &key, &state, BPF_ANY);
	if (!again)
		return;
	__builtin_memcpy(state.name, "new", 4);
	key = 3;
	bpf_map_update_elem(&print_states, &key, &state, BPF_ANY);
}

SEC("tracepoint/syscalls/sys_enter_getpgid")
int maps(struct sys_enter *ctx)
{
	switch (-(int)ctx->args[0] - MAGIC) {
	case FILL:
		fill();
		break;
	case CHANGE:
		change();
		break;
	case PER_CPU:
		per_cpu();
		break;
	case RING:
		ring();
		break;
	case EVENTS:
		events();
		break;
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
