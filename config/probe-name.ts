import { basename } from 'node:path';

/** Default name of a probe: last path segment of the reference without tag and digest; the file's name without extension. */
export function defaultProbeName(source: { image: string } | { file: string }): string {
  if ('file' in source) return basename(source.file).replace(/(?:\.bpf)?\.[^.]+$/, '');
  const path = source.image.replace(/@.*$/s, '');
  return path.slice(path.lastIndexOf('/') + 1).replace(/:.*$/s, '');
}
