// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
// Maps of every readable type with contents that the test can compute: entry i has value 1000 * i + cpu.
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#ifndef ENTRIES
#define ENTRIES 1000
#endif
#define CPUS 2

// Six bytes, so that the padding of keys is seen.
struct key {
	__u8 bytes[6];
} __attribute__((packed));

// Twelve bytes, so that the padding of values is seen.
struct value {
	__u32 low;
	__u32 high;
	__u32 check;
};

#define TABLE(map_type, name, key_type)                                                                     \
	struct {                                                                                            \
		__uint(type, map_type);                                                                     \
		__uint(max_entries, ENTRIES);                                                               \
		__type(key, key_type);                                                                      \
		__type(value, struct value);                                                                \
	} name SEC(".maps")

TABLE(BPF_MAP_TYPE_HASH, hash, struct key);
TABLE(BPF_MAP_TYPE_ARRAY, array, __u32);
TABLE(BPF_MAP_TYPE_PERCPU_HASH, percpu_hash, struct key);
TABLE(BPF_MAP_TYPE_PERCPU_ARRAY, percpu_array, __u32);

// LRU maps evict before they are full: room for all that is put in.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ENTRIES * 4);
	__type(key, struct key);
	__type(value, struct value);
} lru_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, ENTRIES * 4);
	__type(key, struct key);
	__type(value, struct value);
} lru_percpu_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ENTRIES);
	__type(key, struct key);
	__type(value, struct value);
} empty SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 8);
	__uint(value_size, 8);
} stack SEC(".maps");

__u32 next = 0;

static __always_inline void set(struct value *v, __u32 i, __u32 cpu)
{
	v->low = 1000 * i + cpu;
	v->high = cpu;
	v->check = ~i;
}

static __always_inline void fill_cpus(void *map, void *key, __u32 i)
{
	for (__u32 cpu = 0; cpu < CPUS; cpu++) {
		struct value *v = bpf_map_lookup_percpu_elem(map, key, cpu);

		if (v)
			set(v, i, cpu);
	}
}

// One entry in each map; run it ENTRIES times.
SEC("tc")
int fill(void *ctx)
{
	__u32 i = next;
	struct key key = {};
	struct value value = {};
	struct value *slot;

	if (i >= ENTRIES)
		return 1;
	next = i + 1;
	__builtin_memcpy(key.bytes, &i, 4);
	key.bytes[5] = 0xee;
	set(&value, i, 0);

	bpf_map_update_elem(&hash, &key, &value, BPF_ANY);
	bpf_map_update_elem(&lru_hash, &key, &value, BPF_ANY);
	bpf_map_update_elem(&percpu_hash, &key, &value, BPF_ANY);
	fill_cpus(&percpu_hash, &key, i);
	bpf_map_update_elem(&lru_percpu_hash, &key, &value, BPF_ANY);
	fill_cpus(&lru_percpu_hash, &key, i);
	slot = bpf_map_lookup_elem(&array, &i);
	if (slot)
		set(slot, i, 0);
	fill_cpus(&percpu_array, &i, i);
	return 0;
}

__u32 churned = 0;

// Delete and insert without end, while somebody reads: two keys in three come and go.
SEC("tc")
int churn(void *ctx)
{
	__u32 i = churned++ % ENTRIES;
	struct key key = {};
	struct value value = {};

	if (i % 3 == 0)
		return 0;
	__builtin_memcpy(key.bytes, &i, 4);
	key.bytes[5] = 0xee;
	if (bpf_map_delete_elem(&hash, &key)) {
		set(&value, i, 0);
		bpf_map_update_elem(&hash, &key, &value, BPF_ANY);
	}
	return 0;
}

// Referenced, so that libbpf creates them.
SEC("tc")
int touch(void *ctx)
{
	struct key key = {};
	__u64 top;

	bpf_map_lookup_elem(&empty, &key);
	bpf_map_pop_elem(&stack, &top);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
