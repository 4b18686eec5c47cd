import { existsSync } from 'node:fs';

/** Whether programs can hang on this kernel's functions. Needs no tracefs: the kernel says so in sysfs, too. */
export function kernelHasKprobes(root = '/'): boolean {
  return [
    'sys/bus/event_source/devices/kprobe/type',
    'sys/kernel/tracing/kprobe_events',
    'sys/kernel/debug/tracing/kprobe_events',
  ].some((path) => existsSync(`${root}${path}`));
}
