import { DecodeError } from '../error.js';

export interface Token {
  readonly kind: 'symbol' | 'string' | 'number' | 'name' | 'end';
  readonly text: string;
  /** From 1. */
  readonly column: number;
}

const TOKEN =
  /\s*(?:(&&|\|\||[=!<>]=|[<>!()])|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(-?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?:ns|us|µs|ms|s|m|h)?)(?![\w.])|([A-Za-z_][\w]*(?:\.\w+|\[\d+\])*))/sy;

/** The text of a filter in parts, the end being one. Throws {@link DecodeError} for what is no part of any. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  for (;;) {
    const start = text.length - text.slice(position).trimStart().length;
    if (start === text.length) break;
    TOKEN.lastIndex = position;
    const match = TOKEN.exec(text);
    if (!match) throw new DecodeError('FILTER_SYNTAX', unreadable(text.slice(start)), start + 1);
    const [, symbol, string, digits, name] = match;
    const kind = symbol ? 'symbol' : string ? 'string' : digits ? 'number' : 'name';
    tokens.push({ kind, text: (symbol ?? string ?? digits ?? name)!, column: start + 1 });
    position = TOKEN.lastIndex;
  }
  tokens.push({ kind: 'end', text: '', column: text.length + 1 });
  return tokens;
}

function unreadable(rest: string): string {
  const shown = JSON.stringify(rest.slice(0, 12));
  if (rest[0] === '"' || rest[0] === "'") return `the text ${shown} has no closing ${rest[0]}`;
  if (rest[0] === '=') return `cannot read ${shown}: "is equal" is ==`;
  if (/^&[^&]/.test(rest)) return `cannot read ${shown}: "and" is &&`;
  if (/^\|[^|]/.test(rest)) return `cannot read ${shown}: "or" is ||`;
  return `cannot read ${shown}`;
}
