// Each kind of map that every version of BumbleBee has, and each field that it decodes: by the names of the maps, or,
// with -DSECTIONS, by their sections, as 0.0.14 has it. Of commands, it sees bee-counted and bee-warm-up, and few others.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "solo_types.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#ifdef SECTIONS
#define KIND(name) SEC(".maps." #name)
#else
#define KIND(name) SEC(".maps")
#endif

// No padding, which BumbleBee does not step over.
struct record {
	char comm[16];
	duration took;
	u64 large;
	s64 below;
	ipv4_addr address;
	u32 word;
	s32 negative;
	u16 half;
	s16 short_one;
};

struct place {
	char comm[16];
	ipv4_addr address;
	u32 number;
};

#define RING                                   \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_RINGBUF);    \
		__uint(max_entries, 1 << 16);          \
		__type(value, struct record);          \
	}
#define HASH                                   \
	struct {                                   \
		__uint(type, BPF_MAP_TYPE_HASH);       \
		__uint(max_entries, 64);               \
		__type(key, struct place);             \
		__type(value, u64);                    \
	}

RING print_ring KIND(print);
RING counter_ring KIND(counter);
HASH print_hash KIND(print);
HASH counter_hash KIND(counter);
HASH gauge_hash KIND(gauge);

static __always_inline void submit(void *ring, const struct record *made)
{
	struct record *record = bpf_ringbuf_reserve(ring, sizeof(*record), 0);

	if (!record)
		return;
	*record = *made;
	bpf_ringbuf_submit(record, 0);
}

static __always_inline void add(void *map, const struct place *place, u64 by)
{
	u64 *value = bpf_map_lookup_elem(map, place);

	if (value)
		__sync_fetch_and_add(value, by);
	else
		bpf_map_update_elem(map, place, &by, BPF_NOEXIST);
}

SEC("tracepoint/sched/sched_process_exec")
int on_exec(void *ctx)
{
	struct place place = {};
	struct record record = {
		.took = 1500001,
		.large = ~0ULL - 1,
		.below = -5,
		.address = 0x0100007f,
		.word = 4000000000u,
		.negative = -3,
		.half = 65535,
		.short_one = -2,
	};

	bpf_get_current_comm(place.comm, sizeof(place.comm));
	if (place.comm[3] != '-' || (place.comm[4] != 'c' && place.comm[4] != 'w'))
		return 0;
	place.address = 0x0100007f;
	place.number = 7;
	__builtin_memcpy(record.comm, place.comm, sizeof(record.comm));
	submit(&print_ring, &record);
	submit(&counter_ring, &record);
	add(&print_hash, &place, 1);
	add(&counter_hash, &place, 1);
	add(&gauge_hash, &place, 1ULL << 40);
	return 0;
}
