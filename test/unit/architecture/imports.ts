import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** One import of another file of ours. Paths are relative to the project, with `/`. */
export interface Import {
  readonly from: string;
  readonly to: string;
  /** Erased by the compiler. */
  readonly typeOnly: boolean;
}

const STATEMENT =
  /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'(\.[^']+)'|\bimport\('(\.[^']+)'\)/g;
const INLINE_TYPE = /(?:=>|[:<|(=])\s*import\('(\.[^']+)'\)\s*\./g;

/** Relative imports of a source, static, dynamic and of types. */
export function importsOf(file: string, source: string): Import[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
  const inlineTypes = new Set([...code.matchAll(INLINE_TYPE)].map((match) => match[1]!));
  return [...code.matchAll(STATEMENT)].map((match) => {
    const specifier = match[2] ?? match[3]!;
    return {
      from: file,
      to: normalize(join(dirname(file), specifier)).replace(/\.js$/, '.ts'),
      typeOnly: match[1] !== undefined || (match[3] !== undefined && inlineTypes.has(specifier)),
    };
  });
}

/** Every TypeScript file below `folder`. */
export function sourcesOf(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/(^|\/)(node_modules|build)\//.test(file))
    .map((file) => join(folder, file));
}

export function readImports(root: string, folders: readonly string[]): Import[] {
  return folders.flatMap((folder) =>
    sourcesOf(root, folder).flatMap((file) => importsOf(file, readFileSync(join(root, file), 'utf8'))),
  );
}
