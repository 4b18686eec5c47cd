import { machine, release, type } from 'node:os';

/**
 * Where an image was built. BumbleBee writes what `uname -srm` prints (`Linux`, `6.18.44`, `x86_64`), other
 * tools Go's names (`linux`, `amd64`).
 */
export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly 'os.version'?: string;
  readonly variant?: string;
}

/** This machine, as `uname -srm` prints it. */
export function hostPlatform(): Required<Omit<Platform, 'variant'>> {
  return { architecture: machine(), os: type(), 'os.version': release() };
}

/** Whether a program built for `platform` is meant for `architecture`. Both may be uname's or Go's names. */
export function runsOn(platform: Platform, architecture: string): boolean {
  return platform.os.toLowerCase() === 'linux' && goName(platform.architecture) === goName(architecture);
}

const GO_NAMES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  aarch64: 'arm64',
  i386: '386',
  i686: '386',
  armv6l: 'arm',
  armv7l: 'arm',
  armv8l: 'arm',
  loongarch64: 'loong64',
};

function goName(architecture: string): string {
  return GO_NAMES[architecture] ?? architecture;
}
