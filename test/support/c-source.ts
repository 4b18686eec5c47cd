import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** clang for Debian's BPF target does not find the multiarch headers by itself. */
const INCLUDES = ['-I/usr/include/x86_64-linux-gnu', '-I/usr/include/aarch64-linux-gnu'];

/** What a probe includes, without a kernel's vmlinux.h. */
export const PRELUDE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
typedef __u8 u8; typedef __u16 u16; typedef __u32 u32; typedef __u64 u64;
typedef __s8 s8; typedef __s16 s16; typedef __s32 s32; typedef __s64 s64;
char LICENSE[] SEC("license") = "GPL";
`;

/** A BPF object of this C source. */
export function compileBpf(source: string, options: readonly string[] = []): Uint8Array {
  return inTemporaryFolder((folder) => {
    writeFileSync(join(folder, 'probe.c'), source);
    const flags = ['-O2', '-g', '-target', 'bpf', ...INCLUDES, ...options, '-c', 'probe.c', '-o', 'probe.o'];
    execFileSync('clang', flags, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    return new Uint8Array(readFileSync(join(folder, 'probe.o')));
  });
}

/** As `bee build` ships it: without DWARF. */
export function stripDebug(bytes: Uint8Array): Uint8Array {
  return inTemporaryFolder((folder) => {
    writeFileSync(join(folder, 'probe.o'), bytes);
    execFileSync('llvm-strip', ['-g', 'probe.o'], { cwd: folder });
    return new Uint8Array(readFileSync(join(folder, 'probe.o')));
  });
}

/** Standard output of this C program, built for this machine; `files` lie in its working directory. */
export function runNative(
  source: string,
  {
    libraries = [],
    files = {},
  }: { libraries?: readonly string[]; files?: Readonly<Record<string, Uint8Array>> } = {},
): string {
  return inTemporaryFolder((folder) => {
    writeFileSync(join(folder, 'main.c'), source);
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
    execFileSync(
      'cc',
      ['-w', '-Wno-packed-bitfield-compat', '-o', 'main', 'main.c', ...libraries.map((name) => `-l${name}`)],
      { cwd: folder },
    );
    return execFileSync(join(folder, 'main'), {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  });
}

function inTemporaryFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'bee-bpf-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
