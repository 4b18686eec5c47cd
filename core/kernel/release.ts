import { machine, release, type } from 'node:os';

/** Kernel and machine as `uname -srm` prints them: `{ system: 'Linux', release: '6.1.0', machine: 'x86_64' }`. */
export function kernelRelease(): {
  readonly system: string;
  readonly release: string;
  readonly machine: string;
} {
  return { system: type(), release: release(), machine: machine() };
}
