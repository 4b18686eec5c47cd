import { existsSync } from 'node:fs';
import { addon, guarded } from './addon.js';
import { KernelError } from './error.js';

/** The running kernel's types. */
export const KERNEL_BTF = '/sys/kernel/btf/vmlinux';

/** `vmlinux.h`: every type of the running kernel (or of another BTF file) as a C header. Takes a second. */
export function vmlinuxHeader(path: string = KERNEL_BTF): string {
  if (!existsSync(path)) {
    throw new KernelError(
      'NO_BTF',
      path === KERNEL_BTF
        ? `this kernel does not show its types: ${path} is missing. It needs CONFIG_DEBUG_INFO_BTF=y, as the distributions' kernels have since about 5.4.`
        : `${path} does not exist`,
    );
  }
  return guarded(() => addon().dumpBtfHeader(path));
}
