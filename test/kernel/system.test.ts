import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clockOffsets, ensureTracefs, kernelRelease, vmlinuxHeader } from '../../core/kernel/index.js';

describe('what core/kernel knows of the system', () => {
  it('offsets between the clocks', () => {
    const { ktime, boottime } = clockOffsets();
    const now = process.hrtime.bigint() + ktime;
    expect(Math.abs(Number(now / 1_000_000n) - Date.now())).toBeLessThan(50);
    // CLOCK_BOOTTIME also counts the time asleep.
    expect(Number(ktime - boottime)).toBeGreaterThan(-1_000_000);
  });

  it('kernel and machine, as uname prints them', () => {
    const { system, release, machine } = kernelRelease();
    expect(`${system} ${release} ${machine}`).toBe(execFileSync('uname', ['-srm']).toString().trim());
  });

  it('tracefs, mounted when it was not', () => {
    expect(ensureTracefs()).toMatch(/tracing$/);
  });

  it('vmlinux.h, with which clang compiles a CO-RE program', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bee-vmlinux-'));
    const header = vmlinuxHeader();
    expect(header.startsWith('#ifndef __VMLINUX_H__\n')).toBe(true);
    writeFileSync(join(folder, 'vmlinux.h'), header);
    const source = join(folder, 'probe.bpf.c');
    writeFileSync(
      source,
      `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
SEC("raw_tp/sched_process_exit") int probe(struct bpf_raw_tracepoint_args *ctx)
{ struct task_struct *task = (void *)ctx->args[0]; return BPF_CORE_READ(task, real_parent, tgid); }
char LICENSE[] SEC("license") = "GPL";`,
    );
    execFileSync('clang', [
      '-O2',
      '-g',
      '-target',
      'bpf',
      '-D__TARGET_ARCH_x86',
      '-c',
      source,
      '-o',
      join(folder, 'o'),
    ]);
  }, 60_000);

  it('says what is missing when a BTF file is', () => {
    expect(() => vmlinuxHeader('/no/such/btf')).toThrow(/\/no\/such\/btf does not exist/);
    expect(() => vmlinuxHeader('/proc/version')).toThrow(/cannot be read/);
  });
});
