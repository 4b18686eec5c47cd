import { hostname } from 'node:os';
import { shortText } from './short-text.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ExpansionFault {
  readonly code: 'missing_variable' | 'bad_expansion';
  /** Which `${` of the text, from 0. */
  readonly index: number;
  readonly message: string;
}

export interface Expansion {
  /** Undefined where there are faults. */
  readonly text?: string;
  /** Whether anything was replaced. */
  readonly expanded: boolean;
  readonly faults: readonly ExpansionFault[];
}

const TOKEN = /\$\$|\$\{([^}]*)(\}?)/g;
const REFERENCE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;

/**
 * Replace `${NAME}`, `${NAME:-default}` (for a variable that is unset or empty) and `$$` (a dollar).
 * What a variable holds is not expanded again. Any other `$` stands for itself. HOSTNAME is known even where the
 * environment lacks it (shells set it without exporting it).
 */
export function expand(source: string, env: Environment): Expansion {
  if (!source.includes('$')) return { text: source, expanded: false, faults: [] };
  const faults: ExpansionFault[] = [];
  let expanded = false;
  let index = -1;
  const text = source.replace(TOKEN, (token, inner: string | undefined, close: string | undefined) => {
    if (token === '$$') {
      return '$';
    }
    index++;
    const match = close === '}' ? REFERENCE.exec(inner ?? '') : null;
    if (!match) {
      const message = `found ${shortText(token)}, expected \${NAME} or \${NAME:-default}. Write $$ for a dollar`;
      faults.push({ code: 'bad_expansion', index, message });
      return '';
    }
    expanded = true;
    const [, name, fallback] = match;
    const value = variable(name!, env);
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value === undefined) {
      const message = `environment variable ${shortText(name!)} is not set. Set it, or give a default: \${${shortText(name!)}:-default}`;
      faults.push({ code: 'missing_variable', index, message });
    }
    return value ?? '';
  });
  return faults.length > 0 ? { expanded, faults } : { text, expanded, faults };
}

function variable(name: string, env: Environment): string | undefined {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  return value === undefined && name === 'HOSTNAME' ? hostname() : value;
}
