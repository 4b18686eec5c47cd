import { quote } from '../digest.js';
import { OciError } from '../error.js';
import { networkReference, type Reference } from '../reference.js';

/**
 * Which repositories images may come from. An entry is a registry, a slash, and then one of:
 * a repository (`ghcr.io/solo-io/tcpconnect`): exactly that one; a path and `/*` (`ghcr.io/solo-io/*`): every
 * repository below it, at any depth, but not itself; `*` alone: every repository of the registry.
 *
 * What is compared is where a registry would be asked: `busybox` is `docker.io/library/busybox`. Hosts compare
 * without regard to case, ports as they are written, and tags and digests not at all.
 */
export class AllowList {
  constructor(private readonly entries: readonly string[]) {}

  allows(reference: Reference): boolean {
    const { registry, repository } = networkReference(reference);
    return this.entries.some((entry) => {
      const slash = entry.indexOf('/');
      const host = entry.slice(0, slash);
      const path = entry.slice(slash + 1);
      if (slash < 0 || host.toLowerCase() !== registry.toLowerCase()) return false;
      if (path === '*') return true;
      // With its slash, so that solo-io does not allow solo-io-evil.
      return path.endsWith('/*') ? repository.startsWith(path.slice(0, -1)) : repository === path;
    });
  }

  /** Throws `NOT_ALLOWED`. */
  require(reference: Reference): void {
    if (this.allows(reference)) return;
    const { registry, repository } = networkReference(reference);
    throw new OciError(
      'NOT_ALLOWED',
      `${reference.text} is not allowed: no entry of \`allow\` covers ${registry}/${repository}. It has: ${this.entries.map(quote).join(', ')}`,
    );
  }
}
