import { machine } from 'node:os';
import type { Platform } from '../../oci/index.js';
import { CliError } from '../errors.js';

/** A machine that a program is compiled for. The bytecode is the same; registers and type layouts are not. */
export interface Target {
  /** As `uname -m` prints it: goes into the image's platform. */
  readonly architecture: string;
  /** Of `__TARGET_ARCH_…`, which bpf_tracing.h looks at for the registers of arguments. */
  readonly define: string;
  /** By Go's names: goes into an image index. */
  readonly platform: Platform;
}

interface KnownTarget {
  readonly architecture: string;
  readonly define: string;
  readonly go: string;
  readonly variant?: string;
  /** Other names that `--arch` takes. */
  readonly names: readonly string[];
}

/** Little-endian ones only: records are decoded as such. */
const TARGETS: readonly KnownTarget[] = [
  { architecture: 'x86_64', define: 'x86', go: 'amd64', names: ['x64', 'x86-64', 'x86', 'i386'] },
  { architecture: 'aarch64', define: 'arm64', go: 'arm64', names: [] },
  { architecture: 'armv7l', define: 'arm', go: 'arm', variant: 'v7', names: ['armhf', 'armv7'] },
  { architecture: 'riscv64', define: 'riscv', go: 'riscv64', names: ['riscv'] },
  { architecture: 'ppc64le', define: 'powerpc', go: 'ppc64le', names: ['powerpc'] },
  { architecture: 'loongarch64', define: 'loongarch', go: 'loong64', names: ['loongarch'] },
];

/** The target that `--arch` names (uname's, Go's, Debian's or the kernel's name), or this machine. */
export function targetOf(arch: string = machine()): Target {
  const found = TARGETS.find(
    ({ architecture, go, names }) => architecture === arch || go === arch || names.includes(arch),
  );
  if (found === undefined) {
    const known = TARGETS.map(({ go, architecture }) => `${architecture} (${go})`).join(', ');
    throw new CliError('USAGE', `unknown architecture ${JSON.stringify(arch)}`, { hint: `Known: ${known}.` });
  }
  const { architecture, define, go, variant } = found;
  const platform = { architecture: go, os: 'linux', ...(variant === undefined ? {} : { variant }) };
  return { architecture, define, platform };
}

/** The targets of `--arch amd64,arm64`, each once, in the order of our list: the order typed makes no difference. */
export function targetsOf(arch: string | undefined): Target[] {
  if (arch === undefined) return [targetOf()];
  const wanted = new Set(arch.split(',').map((name) => targetOf(name.trim()).architecture));
  return TARGETS.filter(({ architecture }) => wanted.has(architecture)).map(({ architecture }) =>
    targetOf(architecture),
  );
}
