import { MetricsError } from './error.js';

/** Labels in exposition syntax, escaped, without braces: `probe="x",comm="sh"` (Prometheus text format 0.0.4). */
export function renderLabels(labels: readonly (readonly [name: string, value: string])[]): string {
  let text = '';
  for (const [name, value] of labels)
    text += `${text === '' ? '' : ','}${name}="${NEEDS_ESCAPE.test(value) ? escapeLabel(value) : value}"`;
  return text;
}

const NEEDS_ESCAPE = /[\\"\n]/;

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}

/** Of ours, of the format, or set by whoever scrapes. `node` is the usual label of an agent: reserved before it is there. */
const RESERVED = new Set(['probe', 'node', 'le', 'quantile', 'overflow', 'job', 'instance']);

/**
 * Label names of fields, from their paths: joined by `_`, made valid, camelCase made snake_case; `exported_` in
 * front of one that a label of ours has. Throws {@link MetricsError} when two fields come out alike.
 */
export function labelNames(
  paths: readonly (readonly string[])[],
  hostLabels: readonly string[] = [],
): string[] {
  const reserved = new Set([...RESERVED, ...hostLabels]);
  const seen = new Map<string, string>();
  return paths.map((path) => {
    let name = sanitiseName(path.join('_'));
    if (/[a-z][A-Z]/.test(name)) name = snakeCase(name);
    if (reserved.has(name) || name.startsWith('__')) name = `exported_${name.replace(/^_+/, '')}`;
    const other = seen.get(name);
    if (other !== undefined) {
      throw new MetricsError(
        'LABEL_COLLISION',
        `fields "${other}" and "${path.join('.')}" would both be the label ${name}: choose with \`labels:\``,
      );
    }
    seen.set(name, path.join('.'));
    return name;
  });
}

/** A name that both formats accept, for labels and metrics. */
export function sanitiseName(name: string): string {
  const valid = name.replace(/[^a-zA-Z0-9_]/g, '_');
  return /^[a-zA-Z_]/.test(valid) ? valid : `_${valid}`;
}

/** `srcPort` → `src_port`, `dstIPAddr` → `dst_ip_addr`. */
export function snakeCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .toLowerCase();
}
