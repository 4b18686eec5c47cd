/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types whose names tell how a field is shown, for sources that were written for BumbleBee.
 * Needs __u32 and __u64: include it after vmlinux.h or linux/types.h.
 */
#ifndef __BEE_SOLO_TYPES_H
#define __BEE_SOLO_TYPES_H

/* Shown as 192.0.2.1. Network byte order. */
typedef __u32 ipv4_addr;

/* Nanoseconds, shown as 1.5ms. */
typedef __u64 duration;

/*
 * 32 bits, as in BumbleBee, so that its sources compile; shown as an IPv4 address.
 * Where bee.h was included first, its 16-byte type stands.
 */
#ifndef __BEE_H
typedef __u32 ipv6_addr;
#endif

#endif
