import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Host } from './context.js';
import { packageRoot } from './package-root.js';

/**
 * What the user types for `bee`: with `npx` where npm runs it so, and its commands are not on the PATH. `npm_command` is
 * npm's own word for how (docs.npmjs.com, "scripts", Environment). Where npx does not find this package from the
 * working folder, it has to be named: another's package is called `bee`.
 */
export function commandName({ env, cwd }: Pick<Host, 'env' | 'cwd'>): string {
  if (env.npm_command !== 'exec') return 'bee';
  return isFoundFrom(cwd) ? 'npx bee' : 'npx -p bee-agent bee';
}

/**
 * npx looks for a command in `node_modules` of the folder and of each above it, then in the package whose folder it is:
 * the first with a `package.json` or `node_modules` (docs.npmjs.com, "npx" and "folders").
 */
function isFoundFrom(cwd: string): boolean {
  const root = packageRoot();
  let own: string | undefined;
  for (let folder = realPath(cwd) ?? cwd; ; folder = dirname(folder)) {
    if (realPath(join(folder, 'node_modules', 'bee-agent')) === root) return true;
    if (own === undefined && ['package.json', 'node_modules'].some((name) => existsSync(join(folder, name))))
      own = folder;
    if (folder === dirname(folder)) return own === root;
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
