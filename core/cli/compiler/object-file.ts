import { CliError } from '../errors.js';

const EM_BPF = 247;

/** What a build made must be an ELF object for BPF: a build script may have made anything. */
export function checkObject(bytes: Uint8Array, source: string): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isElf = bytes.length >= 64 && view.getUint32(0) === 0x7f454c46;
  if (!isElf || view.getUint16(18, bytes[5] !== 2) !== EM_BPF) {
    throw new CliError('COMPILE_FAILED', `the build of ${source} did not make a BPF object`);
  }
  if (bytes[5] === 2) throw new CliError('COMPILE_FAILED', `the build of ${source} made a big-endian object`);
}
