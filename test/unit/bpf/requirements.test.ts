import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { oldestLinux, parseObject, requirements } from '../../../core/bpf/index.js';
import { compileProbeBytes } from '../../support/compile.js';

function neededBy(source: string, ...flags: string[]) {
  const file = join(mkdtempSync(join(tmpdir(), 'bee-needs-')), 'probe.c');
  writeFileSync(
    file,
    `#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n${source}\nchar LICENSE[] SEC("license") = "GPL";\n`,
  );
  const bytes = compileProbeBytes(file, ...flags);
  return requirements(bytes, parseObject(bytes));
}

const program = (section: string, body = 'return 0;') => `SEC("${section}") int f(void *ctx) { ${body} }`;

describe('what an object needs of a kernel', () => {
  it('is nothing but tracepoints for the plainest of them', () => {
    expect(neededBy(program('tracepoint/sched/sched_switch'))).toEqual([
      { feature: 'tracepoints', config: 'CONFIG_FTRACE' },
    ]);
  });

  it.each([
    ['kprobe/do_exit', { feature: 'kprobes', config: 'CONFIG_KPROBES' }],
    ['fentry/do_exit', { feature: 'fentry programs', linux: '5.5' }],
    ['fentry.s/do_exit', { feature: 'sleepable programs', linux: '5.10' }],
    ['lsm/file_open', { feature: 'lsm programs', linux: '5.7', config: 'CONFIG_BPF_LSM' }],
    ['tp_btf/sched_switch', { feature: 'BTF of the kernel', config: 'CONFIG_DEBUG_INFO_BTF' }],
    ['iter/task', { feature: 'iter programs', linux: '5.8' }],
    ['kprobe.multi/do_*', { feature: 'kprobe.multi programs', linux: '5.18' }],
    ['uprobe//bin/sh:main', { feature: 'uprobes', config: 'CONFIG_UPROBES' }],
  ])('%s', (section, expected) => {
    expect(neededBy(program(section))).toContainEqual(expected);
  });

  it('names map types, helpers, loops, atomics and global variables', () => {
    const found = neededBy(
      `struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } r SEC(".maps");
const volatile int limit = 3;
long sum;
static long add(__u32 i, void *c) { return 0; }
SEC("xdp") int f(struct xdp_md *ctx) {
  bpf_loop(10, add, 0, 0);
  bpf_ringbuf_output(&r, &sum, 8, 0);
  int i = 0;
#pragma clang loop unroll(disable)
  for (; i < limit; i++) { bpf_ktime_get_boot_ns(); }
  return __sync_val_compare_and_swap(&sum, 1, 2);
}`,
      '-mcpu=v3',
    );
    expect(found).toEqual(
      expect.arrayContaining([
        { feature: 'helper bpf_loop', linux: '5.17' },
        { feature: 'atomic operations that fetch', linux: '5.12' },
        { feature: 'map type ringbuf', linux: '5.8' },
        { feature: 'helper bpf_ktime_get_boot_ns', linux: '5.8' },
        { feature: 'bounded loops', linux: '5.3' },
        { feature: 'global variables', linux: '5.2' },
      ]),
    );
    expect(found[0]).toEqual({ feature: 'helper bpf_loop', linux: '5.17' });
    expect(oldestLinux(found)).toBe('5.17');
  });

  it('knows CO-RE relocations from their absence', () => {
    const read = (attribute: string) =>
      neededBy(
        `struct task_struct { int pid; } ${attribute};
SEC("raw_tp/sched_switch") int f(void *ctx) { struct task_struct *t = (void *)bpf_get_current_task(); int pid; bpf_probe_read_kernel(&pid, 4, &t->pid); return pid; }`,
      ).some(({ feature }) => feature === 'BTF of the kernel');
    expect(read('__attribute__((preserve_access_index))')).toBe(true);
    expect(read('')).toBe(false);
  });
});
