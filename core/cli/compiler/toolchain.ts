import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CliError } from '../errors.js';

/** Paths of the LLVM programs that a build runs. */
export interface Toolchain {
  readonly clang: string;
  /** Without it, DWARF stays in the object, which is then several times larger. */
  readonly strip: string | undefined;
}

/** `CLANG` and `LLVM_STRIP`, else the plain names in PATH, else the newest with a version (`clang-14`). */
export function findToolchain(env: NodeJS.ProcessEnv): Toolchain {
  const clang = find('clang', env.CLANG, env);
  if (clang === undefined) {
    throw new CliError(
      'MISSING_TOOL',
      env.CLANG ? `CLANG names ${env.CLANG}, which is not there` : 'clang is not installed',
      {
        hint: 'On Debian and Ubuntu: sudo apt-get install -y clang llvm libbpf-dev',
      },
    );
  }
  return { clang, strip: find('llvm-strip', env.LLVM_STRIP, env) };
}

function find(name: string, chosen: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  if (chosen) return chosen.includes('/') ? executable(chosen) : first(folders, chosen);
  return first(folders, name) ?? newest(folders, name);
}

function first(folders: readonly string[], name: string): string | undefined {
  for (const folder of folders) {
    const path = executable(join(folder, name));
    if (path !== undefined) return path;
  }
  return undefined;
}

function newest(folders: readonly string[], name: string): string | undefined {
  let best: { path: string; version: number } | undefined;
  for (const folder of folders) {
    for (const entry of entriesOf(folder)) {
      const version = entry.startsWith(`${name}-`) ? Number(entry.slice(name.length + 1)) : Number.NaN;
      if (!Number.isInteger(version) || version <= (best?.version ?? 0)) continue;
      const path = executable(join(folder, entry));
      if (path !== undefined) best = { path, version };
    }
  }
  return best?.path;
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function executable(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile() ? path : undefined;
  } catch {
    return undefined;
  }
}
