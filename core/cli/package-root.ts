import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface PackageJson {
  readonly name?: string;
  readonly version?: string;
}

/** Root of the installed package, the same for a checkout and for `dist/`: files that are not compiled lie there. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const file = join(folder, 'package.json');
    if (existsSync(file) && readPackage(file).name === 'bee-agent') return folder;
    const parent = dirname(folder);
    if (parent === folder)
      throw new Error('package.json of bee-agent not found: the installation is incomplete');
    folder = parent;
  }
}

export function packageVersion(): string {
  return readPackage(join(packageRoot(), 'package.json')).version ?? 'unknown';
}

function readPackage(file: string): PackageJson {
  return JSON.parse(readFileSync(file, 'utf8')) as PackageJson;
}
