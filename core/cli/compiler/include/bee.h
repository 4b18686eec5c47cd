/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bee.h - types that bee-agent knows how to show, and ring buffers that count what they lose.
 *
 *	#include "vmlinux.h"
 *	#include "bee.h"
 *
 *	struct event { ktime at; __u32 pid; char comm[16]; };
 *
 *	struct {
 *		__uint(type, BPF_MAP_TYPE_RINGBUF);
 *		__uint(max_entries, 1 << 18);
 *		__type(value, struct event);
 *	} print_events SEC(".maps");
 *
 *	BEE_LOST(print_events);
 *
 *	SEC("tracepoint/sched/sched_process_exec")
 *	int on_exec(void *ctx)
 *	{
 *		struct event *e = bee_reserve(print_events, sizeof(*e));
 *		if (!e)
 *			return 0;
 *		e->at = bpf_ktime_get_ns();
 *		...
 *		bpf_ringbuf_submit(e, 0);
 *		return 0;
 *	}
 *
 * Include it after vmlinux.h; without vmlinux.h it brings linux/bpf.h itself.
 */
#ifndef __BEE_H
#define __BEE_H

#ifndef __VMLINUX_H__
#include <linux/bpf.h>
#include <linux/types.h>
#endif
#include <bpf/bpf_helpers.h>

/* Nanoseconds of CLOCK_MONOTONIC: bpf_ktime_get_ns(). The first field of this type is its record's own time. */
typedef __u64 ktime;

/* Nanoseconds of CLOCK_BOOTTIME: bpf_ktime_get_boot_ns(). A record's own time, too. */
typedef __u64 boottime;

/* Nanoseconds, shown as 1.5ms; metrics give seconds. */
typedef __u64 duration;

/*
 * Addresses lie in memory in network byte order. (mac_addr is shown the same way, but some kernels have a type of
 * that name in vmlinux.h, so it cannot be defined here.)
 */
typedef __u32 ipv4_addr;
typedef __u8 eth_addr[6];

/*
 * The name ipv6_addr belongs to whichever of bee.h and solo_types.h is included first (it is a __u32 in
 * solo_types.h): include bee.h first.
 */
#ifndef __BEE_SOLO_TYPES_H
typedef __u8 ipv6_addr[16];
#endif

/*
 * BEE_LOST(ring, ...) - define the map in which lost records are counted, for up to 8 ring buffers.
 *
 * A per-CPU array of one entry, whose value has a u64 named like each ring. bee-agent reads it by these names:
 * name and layout are part of every image that was pushed with them, so they never change. (A slot a ring by
 * number would not do: clang lays maps out in the order of their first use.)
 */
#define BEE_LOST(...)                                                                                       \
	struct bee_lost {                                                                                   \
		__BEE_EACH(__VA_ARGS__, __BEE_8, __BEE_7, __BEE_6, __BEE_5, __BEE_4, __BEE_3, __BEE_2,      \
			   __BEE_1)                                                                         \
		(__VA_ARGS__)                                                                               \
	};                                                                                                  \
	struct {                                                                                            \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                                    \
		__uint(max_entries, 1);                                                                     \
		__type(key, __u32);                                                                         \
		__type(value, struct bee_lost);                                                             \
	} bee_lost SEC(".maps")

#define __BEE_EACH(a, b, c, d, e, f, g, h, chosen, ...) chosen
#define __BEE_1(ring) __u64 ring;
#define __BEE_2(ring, ...) __BEE_1(ring) __BEE_1(__VA_ARGS__)
#define __BEE_3(ring, ...) __BEE_1(ring) __BEE_2(__VA_ARGS__)
#define __BEE_4(ring, ...) __BEE_1(ring) __BEE_3(__VA_ARGS__)
#define __BEE_5(ring, ...) __BEE_1(ring) __BEE_4(__VA_ARGS__)
#define __BEE_6(ring, ...) __BEE_1(ring) __BEE_5(__VA_ARGS__)
#define __BEE_7(ring, ...) __BEE_1(ring) __BEE_6(__VA_ARGS__)
#define __BEE_8(ring, ...) __BEE_1(ring) __BEE_7(__VA_ARGS__)

/* bee_count_lost(ring) - count one lost record. Atomic, for a program may be interrupted by another on its CPU. */
#define bee_count_lost(ring)                                                                                \
	({                                                                                                  \
		__u32 __bee_first = 0;                                                                      \
		struct bee_lost *__bee_lost = bpf_map_lookup_elem(&bee_lost, &__bee_first);                 \
		if (__bee_lost)                                                                             \
			__sync_fetch_and_add(&__bee_lost->ring, 1);                                         \
	})

/*
 * bee_reserve(ring, size) - bpf_ringbuf_reserve(&ring, size, 0), and when there is no room: count, NULL.
 * size must be a constant. What was reserved must be submitted or discarded, as always.
 */
#define bee_reserve(ring, size)                                                                             \
	({                                                                                                  \
		void *__bee_record = bpf_ringbuf_reserve(&ring, size, 0);                                   \
		if (!__bee_record)                                                                          \
			bee_count_lost(ring);                                                               \
		__bee_record;                                                                               \
	})

/* bee_output(ring, data, size, flags) - bpf_ringbuf_output(), and when that fails: count. Returns its result. */
#define bee_output(ring, data, size, flags)                                                                 \
	({                                                                                                  \
		long __bee_result = bpf_ringbuf_output(&ring, data, size, flags);                           \
		if (__bee_result)                                                                           \
			bee_count_lost(ring);                                                               \
		__bee_result;                                                                               \
	})

#endif
