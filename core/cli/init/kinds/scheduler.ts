import { NOW } from '../fields.js';
import type { ProbeKind } from '../kind.js';

export const SCHEDULER: ProbeKind = {
  name: 'Scheduler',
  summary: 'how long tasks wait for a CPU after they were woken',
  notes: ['Tasks are woken many thousand times a second: short waits are passed over, see shortest.'],
  plural: 'waits',
  quantity: 'wait_time',
  measures: 'time',
  shortest: 1_000_000,
  start: { key: '__u32', members: [] },
  reportParameters: ['struct trace_event_raw_sched_switch *ctx'],
  labels: [
    {
      declaration: 'char comm[16]',
      fill: 'BPF_CORE_READ_STR_INTO(&{x}comm, ctx, next_comm);',
    },
  ],
  details: [NOW, { declaration: '__u32 pid', fill: '{x}pid = ctx->next_pid;' }],
  forms: [
    {
      attach: 'tracepoint',
      programs: `static __always_inline int begin(__u32 pid)
{
	struct start start = { .time = bpf_ktime_get_ns() };
	bpf_map_update_elem(&starts, &pid, &start, BPF_ANY);
	return 0;
}

SEC("tracepoint/sched/sched_wakeup")
int on_wakeup(struct trace_event_raw_sched_wakeup_template *ctx)
{
	return begin(ctx->pid);
}

SEC("tracepoint/sched/sched_wakeup_new")
int on_wakeup_new(struct trace_event_raw_sched_wakeup_template *ctx)
{
	return begin(ctx->pid);
}

SEC("tracepoint/sched/sched_switch")
int on_switch(struct trace_event_raw_sched_switch *ctx)
{
	__u32 pid = ctx->next_pid;
	struct start *start = bpf_map_lookup_elem(&starts, &pid);
	if (!start)
		return 0;
	__u64 took = bpf_ktime_get_ns() - start->time;
	if (took >= shortest)
		report(ctx, took);
	bpf_map_delete_elem(&starts, &pid);
	return 0;
}`,
    },
  ],
};
