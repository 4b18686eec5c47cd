export { clockOffsets } from './clock.js';
export { KernelError, type KernelErrorCode, type KernelErrorDetail } from './error.js';
export { libbpfVersion } from './libbpf.js';
export { MapReader, type MapSnapshot } from './map-reader.js';
export {
  type Attachment,
  type AttachOptions,
  type KernelMap,
  type KernelObject,
  type KernelProgram,
  openObject,
} from './object.js';
export { kernelRelease } from './release.js';
export { RingOwner } from './ring-owner.js';
export { type RingPeek, RingReader } from './ring-reader.js';
export { RingWatcher, type RingWatcherOptions } from './ring-watcher.js';
export { unattachable } from './sections.js';
export { ensureTracefs, tracefs } from './tracefs.js';
export { KERNEL_BTF, vmlinuxHeader } from './vmlinux.js';
