import type { FieldValue, Row } from '../sdk/index.js';

/** Where a label or an item of metadata is taken from: a path in the event's JSON. */
export type Selector =
  | { readonly kind: 'probe' }
  | { readonly kind: 'map' }
  /** All of the agent's labels, or one. */
  | { readonly kind: 'labels'; readonly name?: string }
  /** A field, nested with dots; without a path: every field of the record. */
  | { readonly kind: 'data'; readonly path: readonly string[] };

export function parseSelector(text: string): Selector | undefined {
  const [head, ...path] = text.split('.');
  if (path.includes('')) return undefined;
  if ((head === 'probe' || head === 'map') && path.length === 0) return { kind: head };
  if (head === 'labels' && path.length === 0) return { kind: 'labels' };
  if (head === 'labels' && path.length === 1) return { kind: 'labels', name: path[0]! };
  return head === 'data' ? { kind: 'data', path } : undefined;
}

/** As Loki wants names: `[a-zA-Z_][a-zA-Z0-9_]*`. */
export function sanitizeName(name: string): string {
  const clean = name.replace(/[^a-zA-Z0-9_]/g, '_');
  return /^[a-zA-Z_]/.test(clean) ? clean : `_${clean}`;
}

/** The values that a selector of `data` finds in a row: path and text. */
export function* fieldsOf(row: Row, path: readonly string[]): Iterable<readonly [string, string]> {
  let value: FieldValue | undefined = row.data;
  for (const name of path) {
    value =
      typeof value === 'object' && !Array.isArray(value) && Object.hasOwn(value, name)
        ? (value as { readonly [field: string]: FieldValue })[name]
        : undefined;
  }
  if (value !== undefined) yield* flatten(path, value);
}

function* flatten(path: readonly string[], value: FieldValue): Iterable<readonly [string, string]> {
  if (typeof value !== 'object') yield [path.join('_'), String(value)];
  else if (Array.isArray(value)) yield [path.join('_'), listText(value)];
  else
    for (const [name, field] of Object.entries(value as { readonly [field: string]: FieldValue }))
      yield* flatten([...path, name], field);
}

function listText(list: readonly FieldValue[]): string {
  return JSON.stringify(list, (_, value) => (typeof value === 'bigint' ? String(value) : value));
}
