import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { packageRoot, packageVersion } from '../package-root.js';

export const SINK_LANGUAGES = ['JavaScript', 'TypeScript'] as const;
export type SinkLanguage = (typeof SINK_LANGUAGES)[number];

const PREFIX = 'bee-sink-';

/** The name behind `bee-sink-`, with or without that; undefined when no package can be named so. */
export function sinkName(typed: string): string | undefined {
  const name = typed.startsWith(PREFIX) ? typed.slice(PREFIX.length) : typed;
  return /^[a-z][a-z0-9-]{0,62}$/.test(name) ? name : undefined;
}

/** What a sink's tests depend on: this version, or this checkout, which no registry has. */
function ownPlace(): string {
  const root = packageRoot();
  return basename(dirname(root)) === 'node_modules'
    ? `^${packageVersion()}`
    : JSON.stringify(`file:${root}`).slice(1, -1);
}

export interface ProjectFile {
  readonly name: string;
  readonly text: string;
}

/** The files of a sink's package: the sink, its test, its README, and what npm and tsc want. */
export function sinkProject(name: string, language: SinkLanguage): ProjectFile[] {
  const folder = join(packageRoot(), 'core', 'cli', 'init', 'sink-template', language.toLowerCase());
  const versions = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
  };
  const values: Readonly<Record<string, string | undefined>> = {
    NAME: name,
    VERSION: packageVersion(),
    AGENT: ownPlace(),
    ZOD: versions.dependencies.zod,
    TYPESCRIPT: versions.devDependencies.typescript,
    TYPES_NODE: versions.devDependencies['@types/node'],
  };
  return readdirSync(folder).map((file) => ({
    name: file,
    text: readFileSync(join(folder, file), 'utf8').replace(
      /__([A-Z_]+)__/g,
      (_, key: string) => values[key]!,
    ),
  }));
}
