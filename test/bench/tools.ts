import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout; this file runs from `dist/test/bench`. */
export const ROOT = projectRoot(dirname(fileURLToPath(import.meta.url)));
const HERE = join(ROOT, 'test', 'bench');

function projectRoot(folder: string): string {
  if (existsSync(join(folder, 'tsconfig.bench.json'))) return folder;
  return projectRoot(dirname(folder));
}

/** Folder for what the bench compiles and writes; tmpfs where there is one, so that no disk is measured. */
export const WORK = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'bee-bench-'));
process.once('exit', () => rmSync(WORK, { recursive: true, force: true }));

const built = new Map<string, string>();

/** Compile a reference program; once a run. */
export function program(name: 'consumer' | 'producer' | 'stopwatch'): string {
  return once(`c/${name}`, (output) =>
    execFileSync('cc', ['-O2', '-o', output, join(HERE, 'c', `${name}.c`), '-lbpf', '-lpthread']),
  );
}

/** Compile a probe; `defines` are its sizes. */
export function probe(
  name: 'load' | 'keys' | 'tick' | 'peer',
  defines: Readonly<Record<string, number>> = {},
): string {
  const flags = Object.entries(defines).map(([key, value]) => `-D${key}=${value}`);
  const arm = process.arch === 'arm64';
  return once(`probes/${name}${flags.join('')}.o`, (output) =>
    execFileSync('clang', [
      '-O2',
      '-g',
      '-target',
      'bpf',
      arm ? '-D__TARGET_ARCH_arm64' : '-D__TARGET_ARCH_x86',
      `-I/usr/include/${arm ? 'aarch64' : 'x86_64'}-linux-gnu`,
      `-I${join(ROOT, 'core', 'cli', 'compiler', 'include')}`,
      ...flags,
      '-c',
      join(HERE, 'probes', `${name}.bpf.c`),
      '-o',
      output,
    ]),
  );
}

function once(name: string, build: (output: string) => void): string {
  let output = built.get(name);
  if (!output) {
    output = join(WORK, name);
    mkdirSync(dirname(output), { recursive: true });
    build(output);
    built.set(name, output);
  }
  return output;
}

interface MapEntry {
  readonly formatted?: { readonly value: number };
  readonly value?: readonly string[];
}

/** A map's u64 slots as bpftool reads them: not the agent's own figures. The newest map of that name. */
export function slots(map: string): number[] {
  const text = execFileSync('bpftool', ['-j', 'map', 'dump', 'name', map], { encoding: 'utf8' });
  const dumped: MapEntry[] | { readonly elements: MapEntry[] }[] = JSON.parse(text);
  // Several maps of one name are listed each, oldest first.
  const last = dumped.at(-1);
  const entries = last && 'elements' in last ? last.elements : (dumped as MapEntry[]);
  return entries.map(
    ({ formatted, value }) =>
      formatted?.value ?? value!.reduceRight((sum, byte) => sum * 256 + Number(byte), 0),
  );
}
