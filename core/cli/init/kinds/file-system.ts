import { CURRENT_COMM, CURRENT_PID, NOW } from '../fields.js';
import type { ProbeKind } from '../kind.js';
import { callFunctions } from './calls.js';

const FUNCTIONS = callFunctions('const char *filename', 'filename', 'long result', 'result, ');

export const FILE_SYSTEM: ProbeKind = {
  name: 'FileSystem',
  summary: 'files that are opened, and how long that takes',
  notes: ['The name is read when the call returns: by then its memory is there.'],
  plural: 'opens',
  quantity: 'open_time',
  measures: 'time',
  start: { key: '__u64', members: ['const char *filename;'] },
  reportParameters: ['const struct start *start', 'long result'],
  labels: [CURRENT_COMM, { declaration: 'bool failed', fill: '{x}failed = result < 0;' }],
  details: [
    NOW,
    CURRENT_PID,
    { declaration: '__s32 result', fill: '{x}result = result;' },
    {
      declaration: 'char filename[128]',
      fill: 'bpf_probe_read_user_str({x}filename, sizeof({x}filename), start->filename);',
    },
  ],
  forms: [
    {
      attach: 'kprobe',
      programs: `${FUNCTIONS}
SEC("kprobe/do_sys_openat2")
int BPF_KPROBE(on_open, int folder, const char *filename)
{
	begin(filename);
	return 0;
}

SEC("kretprobe/do_sys_openat2")
int BPF_KRETPROBE(on_opened, long result)
{
	end(result);
	return 0;
}`,
    },
    {
      attach: 'tracepoint',
      programs: `${FUNCTIONS}
SEC("tracepoint/syscalls/sys_enter_openat")
int on_open(struct trace_event_raw_sys_enter *ctx)
{
	begin((const char *)ctx->args[1]);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int on_opened(struct trace_event_raw_sys_exit *ctx)
{
	end(ctx->ret);
	return 0;
}`,
    },
  ],
};
