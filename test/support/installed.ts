import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

let tarball: string | undefined;

/** What `npm publish` would upload: the files of the package, and no others. `dist/` must be built. */
function packed(): string {
  if (tarball !== undefined) return tarball;
  const folder = mkdtempSync(join(tmpdir(), 'bee-pack-'));
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], {
    cwd: ROOT,
    stdio: 'pipe',
  });
  tarball = join(folder, readdirSync(folder)[0]!);
  return tarball;
}

/**
 * Install the packed package into `folder`, as `npm install <tarball>` would, but without a registry: every other
 * package is a link to that of this checkout.
 */
export function installPackage(folder: string): void {
  const modules = join(folder, 'node_modules');
  const own = join(modules, 'bee-agent');
  mkdirSync(own, { recursive: true });
  execFileSync('tar', ['-xzf', packed(), '-C', own, '--strip-components=1']);
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (name.startsWith('.')) continue;
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  symlinkSync(join(ROOT, 'node_modules', '.bin'), join(modules, '.bin'));
}
