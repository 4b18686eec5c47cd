import type { z } from 'zod';
import type { ConfigPath } from './config.js';
import { type ConfigProblem, type ProblemCode, renderPath } from './error.js';
import { knownKeys } from './known-keys.js';
import { checkRules } from './rules.js';
import { type ConfigFile, fileSchema } from './schema/index.js';
import { descend, type SourceNode } from './source-node.js';
import type { SourceText } from './source-text.js';
import { suggest } from './suggest.js';

export type Validation = { readonly file: ConfigFile } | { readonly problems: readonly ConfigProblem[] };

/** Check a file's values against the schema and the rules; every problem is reported, each at its place. */
export function validate(root: SourceNode, source: SourceText): Validation {
  const problems: ConfigProblem[] = [];
  const value = withoutEmpty(root.value, []);
  const add = (code: ProblemCode, path: ConfigPath, message: string, offset?: number) => {
    const { node, broken } = descend(root, path);
    if (broken && offset === undefined) return;
    const where = renderPath(path);
    problems.push({
      code,
      path,
      position: source.position(offset ?? node.start),
      message: where === '' ? message : `${where}: ${message}`,
    });
  };
  const result = fileSchema.safeParse(value, { error: expectation });
  for (const issue of result.error?.issues ?? []) addIssue(issue, root, source, add);
  const written = (path: ConfigPath) => found(descend(root, path).node, source);
  checkRules(value, { report: add, written });
  return result.success && problems.length === 0 ? { file: result.data } : { problems };
}

type Add = (code: ProblemCode, path: ConfigPath, message: string, offset?: number) => void;

function addIssue(issue: z.core.$ZodIssue, root: SourceNode, source: SourceText, add: Add): void {
  const path = issue.path.filter((key) => typeof key !== 'symbol');
  const { node, complete } = descend(root, path);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(fileSchema, path);
    for (const key of issue.keys) {
      const near = suggest(key, known);
      const hint = near === undefined ? `Known here: ${known.join(', ')}` : `Did you mean "${near}"?`;
      add('unknown_key', [...path, key], `unknown key. ${hint}`, node.children.get(key)?.keyStart);
    }
    return;
  }
  if (issue.code === 'invalid_key') {
    const key = path.at(-1);
    const parent = descend(root, path.slice(0, -1)).node;
    const expected = issue.issues[0]?.message ?? 'another name';
    add(
      'bad_value',
      path,
      `expected as the key ${expected}`,
      key === undefined ? undefined : parent.children.get(key)?.keyStart,
    );
    return;
  }
  if (!complete || isEmptyNode(node)) {
    add('missing', path, `found nothing, expected ${issue.message}${slip(path, root)}`);
    return;
  }
  const wrongType = issue.code === 'invalid_type' || issue.code === 'invalid_union';
  add(
    wrongType ? 'wrong_type' : 'bad_value',
    path,
    `found ${found(node, source)}, expected ${issue.message}`,
  );
}

/** A sink's unknown keys are options of its own, so one that was meant to be `type` is told where that is missing. */
function slip(path: ConfigPath, root: SourceNode): string {
  const key = path.at(-1);
  if (path[0] !== 'sinks' || path.length !== 3 || typeof key !== 'string') return '';
  const near = suggest(key, [...descend(root, path.slice(0, -1)).node.children.keys()].map(String));
  return near === undefined ? '' : `. Did you mean "${key}" by "${near}"?`;
}

/** What a schema's node expects where it does not say so itself. */
function expectation(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return EXPECTED_TYPES[issue.expected as string] ?? String(issue.expected);
    case 'invalid_value': {
      const values = (issue.values as unknown[]).map(String);
      return values.length === 1 ? values[0] : `one of ${values.join(', ')}`;
    }
    default:
      return undefined;
  }
}

const EXPECTED_TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  number: 'a number',
  object: 'a mapping (key: value)',
  record: 'a mapping (key: value)',
  string: 'text',
};

const SHOWN = 60;

/** The value as it was written, so a variable's name and not what it holds. */
function found(node: SourceNode, source: SourceText): string {
  if (Array.isArray(node.value)) return 'a list';
  if (typeof node.value === 'object' && node.value !== null) return 'a mapping';
  const text = source.text.slice(node.start, node.end).trim().replace(/\s+/g, ' ');
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

function isEmptyNode(node: SourceNode): boolean {
  return node.value === null && node.start === node.end;
}

/** A key without a value (`agent:` with everything below it commented out) is not written. A sink's own options keep theirs. */
export function withoutEmpty(value: unknown, path: ConfigPath): unknown {
  if (Array.isArray(value)) return value.map((item, index) => withoutEmpty(item, [...path, index]));
  if (typeof value !== 'object' || value === null || (path[0] === 'sinks' && path.length > 1)) return value;
  const entries = Object.entries(value).filter(([key, item]) => item !== null || keeps([...path, key]));
  return Object.fromEntries(entries.map(([key, item]) => [key, withoutEmpty(item, [...path, key])]));
}

/** Entries whose key is a name of the user's: without a value they say something, and it is wrong. */
function keeps(path: ConfigPath): boolean {
  return (path[0] === 'sinks' && path.length === 2) || (path[2] === 'params' && path.length === 4);
}
