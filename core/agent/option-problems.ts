import type { StandardSchemaV1 } from '@standard-schema/spec';
import { knownKeys, type SinkConfig, sinkSchema, suggest } from '../../config/index.js';
import type { Problem } from './plan/problem.js';

type Key = string | number;

const HOST_KEYS = knownKeys(sinkSchema, []);

/**
 * What a sink's schema has against its options, each at its place. Values are not shown: variables may hold secrets.
 * `keysAt`: the options that there are, at a path, where they are known.
 */
export function optionProblems(
  { name, type, options }: Pick<SinkConfig, 'name' | 'type' | 'options'>,
  issues: readonly StandardSchemaV1.Issue[],
  keysAt: (path: readonly Key[]) => readonly string[] = () => [],
): Problem[] {
  return issues.flatMap((issue) => {
    const path = (issue.path ?? [])
      .map((part) => (typeof part === 'object' ? part.key : part))
      .map((key): Key => (typeof key === 'number' ? key : String(key)));
    const problem = (keys: readonly Key[], message: string): Problem => {
      const shown = keys.length === 0 ? '' : `, ${keys.join('.')}`;
      return { path: ['sinks', name, ...keys], message: `sink "${name}" (${type})${shown}: ${message}` };
    };
    const unknown = /^Unrecognized keys?: "(.*)"$/s.exec(issue.message)?.[1];
    if (unknown !== undefined)
      return unknown
        .split('", "')
        .map((key) => problem([...path, key], `unknown key${hint(key, path, keysAt(path))}`));
    const message = inOurWords(issue.message);
    const isMissing = valueAt(options, path) === undefined && message.startsWith('expected ');
    return [problem(path, isMissing ? `found nothing, ${message}` : message)];
  });
}

function hint(key: string, path: readonly Key[], known: readonly string[]): string {
  // The host's own keys stand beside a sink's options.
  const near = suggest(key, path.length === 0 ? [...known, ...HOST_KEYS] : known);
  if (near !== undefined) return `. Did you mean "${near}"?`;
  return known.length === 0 ? '' : `. Known here: ${known.join(', ')}`;
}

function valueAt(options: unknown, path: readonly Key[]): unknown {
  let value = options;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<Key, unknown>>)[key];
  }
  return value;
}

const TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'a mapping (key: value)',
  record: 'a mapping (key: value)',
  string: 'text',
};
const BOUNDS: Readonly<Record<string, string>> = {
  '>=': 'at least',
  '<=': 'at most',
  '>': 'more than',
  '<': 'less than',
};

/** What zod 4 says by itself, as the rest of the config says it. What a sink's author wrote stays. */
function inOurWords(message: string): string {
  const [, wanted] = /^Invalid (?:input|option): expected (.*?)(?:, received .*)?$/.exec(message) ?? [];
  if (wanted !== undefined)
    return `expected ${TYPES[wanted] ?? wanted.replaceAll('|', ', ').replaceAll('"', '')}`;
  const [, what, bound = '', limit, unit] =
    /^Too (?:small|big): expected (\w+) to (?:be|have) ([<>]=?)(\S+)(?: (\w+))?$/.exec(message) ?? [];
  if (what === undefined) return message;
  return `expected ${unit === undefined ? 'a number of ' : ''}${BOUNDS[bound]} ${limit}${unit === undefined ? '' : ` ${unit}`}`;
}
