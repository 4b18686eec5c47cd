import { loadAddon, type NativeAddon, type NativeError } from '../../native/addon.js';
import { KernelError, type KernelErrorCode } from './error.js';

let loaded: NativeAddon | undefined;

/** The addon, loaded at first use: `--check` and `--help` need none. */
export function addon(): NativeAddon {
  if (loaded) return loaded;
  try {
    loaded = loadAddon();
    return loaded;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new KernelError(
      'NO_ADDON',
      `the native addon cannot be loaded: ${reason}. Run \`npm run build:native\` in bee-agent's own folder; it needs libbpf (deploy/setup.sh there installs it).`,
      { cause },
    );
  }
}

/** True for what the addon throws. */
export function isNativeError(error: unknown): error is NativeError {
  return error instanceof Error && typeof (error as Partial<NativeError>).code === 'string';
}

/** Run a call of the addon whose failures need no explaining. */
export function guarded<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw wrapNative(error);
  }
}

export function wrapNative(error: unknown): unknown {
  // A TypeError for a wrong argument is a bug of the caller: it passes unchanged.
  if (!isNativeError(error)) return error;
  return new KernelError(CODES[error.code] ?? 'IO', error.message, { cause: error, log: error.log });
}

const CODES: Readonly<Record<string, KernelErrorCode>> = {
  CLOSED: 'CLOSED',
  INVALID: 'INVALID',
  EPERM: 'NOT_PERMITTED',
  EACCES: 'NOT_PERMITTED',
};
