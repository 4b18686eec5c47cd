import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../package-root.js';

/** Our headers: `bee.h`, `solo_types.h`, and `builtins.h`, which is read before every source. */
export function headerFolder(): string {
  return join(packageRoot(), 'core', 'cli', 'compiler', 'include');
}

/**
 * `/usr/include/<triplet>`, where Debian and Ubuntu keep `asm/types.h`. clang looks there for the host's own
 * target only, not for `-target bpf`.
 */
export function multiarchFolder(root = '/usr/include'): string | undefined {
  try {
    const name = readdirSync(root).find((entry) => existsSync(join(root, entry, 'asm', 'types.h')));
    return name === undefined ? undefined : join(root, name);
  } catch {
    return undefined;
  }
}
