import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { KernelError } from './error.js';

const TRACEFS = '/sys/kernel/tracing';
/** Where debugfs is mounted, libbpf looks there, and the kernel mounts tracefs below it by itself. */
const LEGACY = '/sys/kernel/debug/tracing';
const MOUNT = ['-t', 'tracefs', 'tracefs', TRACEFS] as const;

/** Folder of tracefs, or undefined while it is not mounted. */
export function tracefs(): string | undefined {
  return [LEGACY, TRACEFS].find((folder) => existsSync(`${folder}/events`));
}

/**
 * Attaching to tracepoints needs tracefs, which containers and small systems do not mount: mount it. Throws
 * code `TRACEFS` with the command to run where that is not allowed.
 */
export function ensureTracefs(): string {
  const mounted = tracefs();
  if (mounted) return mounted;
  const command = `mount ${MOUNT.join(' ')}`;
  if (!existsSync(TRACEFS)) {
    throw new KernelError(
      'TRACEFS',
      `${TRACEFS} does not exist: this kernel has no tracefs (CONFIG_TRACING), and so no tracepoints`,
    );
  }
  try {
    execFileSync('mount', MOUNT, { stdio: 'pipe' });
  } catch (cause) {
    // Another process may have been faster.
    const found = tracefs();
    if (found) return found;
    throw new KernelError(
      'TRACEFS',
      `tracefs is not mounted, and tracepoints need it. Run as root: ${command}`,
      { cause },
    );
  }
  const found = tracefs();
  if (!found)
    throw new KernelError(
      'TRACEFS',
      `tracefs is mounted on ${TRACEFS}, but has no events folder: this kernel has no tracepoints`,
    );
  return found;
}
