import { machine } from 'node:os';
import { CliError } from '../errors.js';

/** A machine that a program is compiled for. The bytecode is the same; registers and type layouts are not. */
export interface Target {
  /** As `uname -m` prints it: goes into the image's platform. */
  readonly architecture: string;
  /** Of `__TARGET_ARCH_…`, which bpf_tracing.h looks at for the registers of arguments. */
  readonly define: string;
}

/** Little-endian ones only: records are decoded as such. */
const TARGETS: readonly (Target & { readonly names: readonly string[] })[] = [
  { architecture: 'x86_64', define: 'x86', names: ['amd64', 'x64', 'x86-64', 'x86', 'i386'] },
  { architecture: 'aarch64', define: 'arm64', names: ['arm64'] },
  { architecture: 'armv7l', define: 'arm', names: ['arm', 'armhf', 'armv7'] },
  { architecture: 'riscv64', define: 'riscv', names: ['riscv'] },
  { architecture: 'ppc64le', define: 'powerpc', names: ['powerpc'] },
  { architecture: 'loongarch64', define: 'loongarch', names: ['loong64', 'loongarch'] },
];

/** The target that `--arch` names (uname's, Go's, Debian's or the kernel's name), or this machine. */
export function targetOf(arch: string = machine()): Target {
  if (arch.includes(',')) {
    throw new CliError(
      'UNAVAILABLE',
      `--arch ${arch}: images for several architectures are not available in this version`,
    );
  }
  const found = TARGETS.find(({ architecture, names }) => architecture === arch || names.includes(arch));
  if (found === undefined) {
    const known = TARGETS.map(({ names, architecture }) => `${architecture} (${names[0]})`).join(', ');
    throw new CliError('USAGE', `unknown architecture ${JSON.stringify(arch)}`, { hint: `Known: ${known}.` });
  }
  return { architecture: found.architecture, define: found.define };
}
