import { isAlias, isMap, isPair, isScalar, isSeq, type ParsedNode, type Scalar, type YAMLMap } from 'yaml';
import type { ConfigPath } from './config.js';
import { coreScalar } from './core-scalar.js';
import { type ConfigProblem, type ProblemCode, renderPath } from './error.js';
import { type Environment, expand } from './expand.js';
import type { SourceChild, SourceNode } from './source-node.js';
import type { SourceText } from './source-text.js';
import { MAX_DEPTH, parseText, TAGS } from './yaml-text.js';

export const MAX_BYTES = 1024 * 1024;
/** Values of a file, with aliases counted as often as they are used: far above any real config. */
const MAX_VALUES = 50_000;

const CORE_TAG = /^tag:yaml\.org,2002:(?:map|seq|str|int|float|bool|null)$/;

export interface ParsedDocument {
  /** Absent when the text is no usable YAML. */
  readonly root?: SourceNode;
  readonly problems: readonly ConfigProblem[];
}

/**
 * One YAML 1.2 document (so JSON too) as values with positions, variables expanded. Strict: what YAML parsers
 * usually let pass (duplicate keys, unknown tags, several documents) is a problem here. Never throws.
 */
export function readDocument(source: SourceText, env: Environment): ParsedDocument {
  const reader = new Reader(source, env);
  const root = reader.read();
  return { ...(root === undefined ? {} : { root }), problems: reader.problems };
}

class Reader {
  readonly problems: ConfigProblem[] = [];
  readonly #anchors = new Map<string, SourceNode>();
  #values = 0;
  #full = false;

  constructor(
    private readonly source: SourceText,
    private readonly env: Environment,
  ) {}

  read(): SourceNode | undefined {
    const contents = parseText(this.source, (code, offset, message) =>
      this.#report(code, offset, [], message),
    );
    if (!contents) return undefined;
    const root = this.#node(contents, [], 0);
    return root.broken ? undefined : root;
  }

  #node(node: ParsedNode | null, path: ConfigPath, offset: number): SourceNode {
    if (node === null) return leaf(null, offset, offset, '');
    const [start, end] = node.range;
    if (++this.#values > MAX_VALUES) return this.#tooMany(start, end, path);
    if (isAlias(node)) return this.#alias(node.source, start, end, path);
    if (path.length > MAX_DEPTH) {
      this.#report(
        'too_deep',
        start,
        path,
        `found values nested too deep, expected at most ${MAX_DEPTH} levels`,
      );
      return broken(start, end);
    }
    const made = this.#tagged(node, start, end, path) ?? this.#untagged(node, start, end, path);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, made);
    return made;
  }

  #tagged(node: ParsedNode, start: number, end: number, path: ConfigPath): SourceNode | undefined {
    if (node.tag === undefined || node.tag === '!' || CORE_TAG.test(node.tag)) return undefined;
    this.#report('tag', start, path, TAGS);
    return broken(start, end);
  }

  #untagged(node: ParsedNode, start: number, end: number, path: ConfigPath): SourceNode {
    if (isScalar(node)) return this.#scalar(node, start, end, path);
    if (isMap(node)) return this.#map(node, start, end, path);
    if (!isSeq(node)) return broken(start, end);
    const children = new Map<number, SourceChild>();
    node.items.forEach((item, index) => {
      if (isPair(item)) return;
      const child = this.#node(item as ParsedNode | null, [...path, index], end);
      children.set(index, { node: child, keyStart: child.start });
    });
    return this.#collection(
      [...children.values()].map((child) => child.node.value),
      children,
      start,
      end,
      path,
    );
  }

  #map(node: YAMLMap, start: number, end: number, path: ConfigPath): SourceNode {
    const children = new Map<string, SourceChild>();
    const merged = new Map<string, SourceChild>();
    for (const pair of node.items) {
      const keyNode = pair.key as ParsedNode | null;
      const keyStart = keyNode?.range[0] ?? start;
      const valueNode = pair.value as ParsedNode | null;
      const valueOffset = keyNode?.range[1] ?? start;
      if (isScalar(keyNode) && keyNode.type === 'PLAIN' && keyNode.source === '<<') {
        const from = this.#node(valueNode, [...path, '<<'], valueOffset);
        this.#merge(merged, from, path);
        continue;
      }
      const key = this.#key(keyNode, keyStart, path);
      if (key === undefined) continue;
      const child = { node: this.#node(valueNode, [...path, key], valueOffset), keyStart };
      const first = children.get(key);
      if (first) {
        const at = this.source.position(first.keyStart);
        const message = `found the key ${quoted(key)} a second time; the first is at line ${at.line}, column ${at.column}. Remove one of them`;
        this.#report('duplicate_key', keyStart, [...path, key], message);
      } else {
        children.set(key, child);
      }
    }
    for (const [key, child] of merged) if (!children.has(key)) children.set(key, child);
    const value = Object.fromEntries([...children].map(([key, child]) => [key, child.node.value]));
    return this.#collection(value, children, start, end, path);
  }

  #key(node: ParsedNode | null, start: number, path: ConfigPath): string | undefined {
    const key = isScalar(node) ? (node.source ?? String(node.value)) : undefined;
    if (key === undefined || key === '' || key === '__proto__') {
      const found =
        key === undefined ? 'a key that is no text' : key === '' ? 'an empty key' : `the key ${key}`;
      this.#report('bad_key', start, path, `found ${found}, expected a name`);
      return undefined;
    }
    return key;
  }

  #merge(into: Map<string, SourceChild>, from: SourceNode, path: ConfigPath): void {
    if (from.broken) return;
    const sources = Array.isArray(from.value)
      ? [...from.children.values()].map((child) => child.node)
      : [from];
    for (const source of sources) {
      if (source.broken) continue;
      if (typeof source.value !== 'object' || source.value === null || Array.isArray(source.value)) {
        this.#report(
          'alias',
          from.start,
          path,
          'found << without a mapping to merge, expected an alias: <<: *name',
        );
        return;
      }
      for (const [key, child] of source.children) if (!into.has(String(key))) into.set(String(key), child);
    }
  }

  #alias(name: string, start: number, end: number, path: ConfigPath): SourceNode {
    const target = this.#anchors.get(name);
    if (target) return target;
    this.#report(
      'alias',
      start,
      path,
      `found the alias *${name}, expected an anchor &${name} that ends before it`,
    );
    return broken(start, end);
  }

  #scalar(node: Scalar, start: number, end: number, path: ConfigPath): SourceNode {
    const written = node.source ?? '';
    const { text, faults } = expand(written, this.env);
    if (text === undefined) {
      const places = this.#expansions(start, end);
      for (const fault of faults) {
        this.#report(fault.code, places[fault.index] ?? start, path, this.#at(path, fault.message));
      }
      return broken(start, end);
    }
    const isText = node.type !== 'PLAIN' || node.tag === '!' || node.tag?.endsWith(':str') === true;
    return leaf(isText ? text : coreScalar(text), start, end, text);
  }

  /** Offsets of every `${` that is not behind a `$`, between two offsets. */
  #expansions(start: number, end: number): number[] {
    const tokens = [...this.source.text.slice(start, end).matchAll(/\$\$|\$\{/g)];
    return tokens.filter(([token]) => token === '${').map(({ index }) => start + index);
  }

  #collection(
    value: unknown,
    children: ReadonlyMap<string | number, SourceChild>,
    start: number,
    end: number,
    path: ConfigPath,
  ): SourceNode {
    let size = 1;
    for (const child of children.values()) size += child.node.size;
    return size > MAX_VALUES
      ? this.#tooMany(start, end, path)
      : { value, start, end, children, size, broken: false };
  }

  #tooMany(start: number, end: number, path: ConfigPath): SourceNode {
    // Once is enough: everything around it is too large as well.
    if (!this.#full) {
      this.#full = true;
      const message = `found more than ${MAX_VALUES} values (aliases count as often as they are used)`;
      this.#report('too_large', start, path, `${message}. Split the file, or remove aliases of aliases`);
    }
    return broken(start, end);
  }

  #at(path: ConfigPath, message: string): string {
    return path.length === 0 ? message : `${renderPath(path)}: ${message}`;
  }

  #report(code: ProblemCode, offset: number, path: ConfigPath, message: string): void {
    this.problems.push({ code, position: this.source.position(offset), path, message });
  }
}

const NO_CHILDREN: ReadonlyMap<string, SourceChild> = new Map();

function leaf(value: unknown, start: number, end: number, text: string): SourceNode {
  return { value, start, end, text, children: NO_CHILDREN, size: 1, broken: false };
}

function broken(start: number, end: number): SourceNode {
  return { value: undefined, start, end, children: NO_CHILDREN, size: 1, broken: true };
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
