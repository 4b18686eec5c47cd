import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const target = process.arch === 'arm64' ? '__TARGET_ARCH_arm64' : '__TARGET_ARCH_x86';

/** Compile a BPF source with the clang that users have; returns the object's path. */
export function compileProbe(source: string, ...flags: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'bee-probe-'));
  const output = join(folder, `${basename(source).replace(/(\.bpf)?\.c$/, '')}.o`);
  execFileSync('clang', [
    '-O2',
    '-g',
    '-Wall',
    '-target',
    'bpf',
    `-D${target}`,
    // <asm/types.h> of a multiarch distribution, which -target bpf does not find by itself.
    `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`,
    `-I${join(root, 'core', 'cli', 'compiler', 'include')}`,
    ...flags,
    '-c',
    source,
    '-o',
    output,
  ]);
  return output;
}

/** The same, as bytes. */
export function compileProbeBytes(source: string, ...flags: string[]): Uint8Array {
  return readFileSync(compileProbe(source, ...flags));
}

/** Compile a C program for this machine; returns its path. */
export function compileProgram(source: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'bee-program-'));
  const output = join(folder, basename(source).replace(/\.c$/, ''));
  execFileSync('cc', ['-O2', '-Wall', source, '-o', output, '-lbpf']);
  return output;
}
