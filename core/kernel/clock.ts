import { addon } from './addon.js';

/**
 * Offsets of Unix time from the clocks that BPF programs read, ns: unix = clock + offset.
 * `ktime` is CLOCK_MONOTONIC (`bpf_ktime_get_ns`), `boottime` is CLOCK_BOOTTIME (`bpf_ktime_get_boot_ns`).
 */
export function clockOffsets(): { ktime: bigint; boottime: bigint } {
  return addon().clockOffsets();
}
