import type { SkeletonField } from './kind.js';

/** Fields that several kinds have. */
export const CURRENT_COMM: SkeletonField = {
  declaration: 'char comm[16]',
  fill: 'bpf_get_current_comm({x}comm, sizeof({x}comm));',
};

export const CURRENT_PID: SkeletonField = {
  declaration: '__u32 pid',
  fill: '{x}pid = bpf_get_current_pid_tgid() >> 32;',
};

export const NOW: SkeletonField = {
  declaration: 'ktime time',
  fill: '{x}time = bpf_ktime_get_ns();',
};
