import { CURRENT_COMM, CURRENT_PID, NOW } from '../fields.js';
import type { ProbeKind } from '../kind.js';

export const PROCESS: ProbeKind = {
  name: 'Process',
  summary: 'programs that end, and how long they ran',
  notes: ['A program that was started before the probe is not seen.'],
  plural: 'exits',
  quantity: 'run_time',
  measures: 'time',
  start: { key: '__u32', members: [] },
  reportParameters: ['__u32 code'],
  labels: [CURRENT_COMM, { declaration: '__u32 code', fill: '{x}code = code;' }],
  details: [NOW, CURRENT_PID],
  forms: [
    {
      attach: 'tracepoint',
      programs: `SEC("tracepoint/sched/sched_process_exec")
int on_exec(void *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct start start = { .time = bpf_ktime_get_ns() };
	bpf_map_update_elem(&starts, &pid, &start, BPF_ANY);
	return 0;
}

SEC("tracepoint/sched/sched_process_exit")
int on_exit(void *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();
	__u32 pid = thread >> 32;
	// It fires for every thread; the first one stands for the process.
	if (pid != (__u32)thread)
		return 0;
	struct start *start = bpf_map_lookup_elem(&starts, &pid);
	if (!start)
		return 0;
	__u64 took = bpf_ktime_get_ns() - start->time;
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	if (took >= shortest)
		report(BPF_CORE_READ(task, exit_code) >> 8 & 0xff, took);
	bpf_map_delete_elem(&starts, &pid);
	return 0;
}`,
    },
  ],
};
