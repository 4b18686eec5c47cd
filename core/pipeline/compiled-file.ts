import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { PipelineError } from './error.js';

/** Threads run JavaScript: URL of a compiled file. From TypeScript sources (tests), the one in `dist/`. */
export function compiledFile(path: string): URL {
  const here = import.meta.url;
  const url = new URL(`${distFrom(here)}${path}`, here);
  const file = fileURLToPath(url);
  if (!existsSync(file)) throw new PipelineError('SINK_WORKER', `${file} is missing: run npm run build`);
  return pathToFileURL(file);
}

/** This file is in `dist/core/pipeline/`, in a bundle in `dist/bin/`, or a source. */
function distFrom(here: string): string {
  if (here.endsWith('/compiled-file.js')) return '../../';
  return here.endsWith('.js') ? '../' : '../../dist/';
}
