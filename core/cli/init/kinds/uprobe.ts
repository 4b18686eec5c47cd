import { CURRENT_COMM, CURRENT_PID, NOW } from '../fields.js';
import type { ProbeKind } from '../kind.js';
import { callFunctions } from './calls.js';

export const UPROBE: ProbeKind = {
  name: 'Uprobe',
  summary: 'host names that programs look up by the C library, and how long that takes',
  notes: [
    'Another function of a library or program: SEC("uprobe//path/of/program:function"). The library is found by its',
    'name; one of a container has its own path.',
  ],
  plural: 'lookups',
  quantity: 'lookup_time',
  measures: 'time',
  start: { key: '__u64', members: ['const char *host;'] },
  reportParameters: ['const struct start *start'],
  labels: [CURRENT_COMM],
  details: [
    NOW,
    CURRENT_PID,
    {
      declaration: 'char host[128]',
      fill: 'bpf_probe_read_user_str({x}host, sizeof({x}host), start->host);',
    },
  ],
  forms: [
    {
      attach: 'uprobe',
      programs: `${callFunctions('const char *host', 'host', '', '')}
SEC("uprobe/libc.so.6:getaddrinfo")
int BPF_KPROBE(on_lookup, const char *host)
{
	begin(host);
	return 0;
}

SEC("uretprobe/libc.so.6:getaddrinfo")
int BPF_KRETPROBE(on_looked_up)
{
	end();
	return 0;
}`,
    },
  ],
};
