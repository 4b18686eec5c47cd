import { DecodeError } from '../error.js';

/** `comm == "sh" && (ret < 0 || !ok)`: comparisons of a field with a literal, and logic. */
export type Filter =
  | { readonly kind: 'and' | 'or'; readonly left: Filter; readonly right: Filter }
  | { readonly kind: 'not'; readonly operand: Filter }
  | { readonly kind: 'test'; readonly field: FieldName }
  | {
      readonly kind: 'compare';
      readonly field: FieldName;
      readonly operator: Operator;
      readonly literal: Literal;
    };

export interface FieldName {
  readonly name: string;
  /** From 1. */
  readonly column: number;
}

export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'startsWith' | 'endsWith' | 'contains';

export interface Literal {
  readonly value: bigint | number | string | boolean;
  readonly column: number;
}

const MAX_LENGTH = 4096;
const MAX_DEPTH = 64;
const TOKEN =
  /\s*(?:(&&|\|\||[=!<>]=|[<>!()])|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(-?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?:ns|us|µs|ms|s|m|h)?)(?![\w.])|([A-Za-z_][\w]*(?:\.\w+|\[\d+\])*))/y;
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const WORDS = new Set(['startsWith', 'endsWith', 'contains']);
const COMPARISONS = new Set(['==', '!=', '<', '<=', '>', '>=', ...WORDS]);

interface Token {
  readonly kind: 'symbol' | 'string' | 'number' | 'name' | 'end';
  readonly text: string;
  readonly column: number;
}

/** Throws {@link DecodeError} `FILTER_SYNTAX` with a column. Fields are not looked up here. */
export function parseFilter(text: string): Filter {
  if (text.length > MAX_LENGTH)
    throw new DecodeError('FILTER_SYNTAX', `the filter is longer than ${MAX_LENGTH} characters`, MAX_LENGTH);
  const tokens = tokenize(text);
  let next = 0;
  let depth = 0;
  const peek = (): Token => tokens[next]!;
  const take = (): Token => tokens[next++]!;
  const unexpected = (wanted: string): never => {
    const token = peek();
    throw new DecodeError(
      'FILTER_SYNTAX',
      `expected ${wanted}, found ${token.kind === 'end' ? 'the end of the filter' : JSON.stringify(token.text)}`,
      token.column,
    );
  };

  const or = (): Filter => {
    let left = and();
    while (peek().text === '||' && peek().kind === 'symbol') {
      take();
      left = { kind: 'or', left, right: and() };
    }
    return left;
  };
  const and = (): Filter => {
    let left = unary();
    while (peek().text === '&&' && peek().kind === 'symbol') {
      take();
      left = { kind: 'and', left, right: unary() };
    }
    return left;
  };
  const unary = (): Filter => {
    if (++depth > MAX_DEPTH)
      throw new DecodeError('FILTER_SYNTAX', `the filter is nested deeper than ${MAX_DEPTH}`, peek().column);
    try {
      const token = peek();
      if (token.kind === 'symbol' && token.text === '!') {
        take();
        return { kind: 'not', operand: unary() };
      }
      if (token.kind === 'symbol' && token.text === '(') {
        take();
        const inner = or();
        if (peek().text !== ')' || peek().kind !== 'symbol') unexpected('")"');
        take();
        return inner;
      }
      return comparison();
    } finally {
      depth--;
    }
  };
  const comparison = (): Filter => {
    if (peek().kind !== 'name' || WORDS.has(peek().text)) unexpected('a field');
    const name = take();
    const field = { name: name.text, column: name.column };
    const operator = peek();
    if (!COMPARISONS.has(operator.text) || operator.kind === 'string') return { kind: 'test', field };
    take();
    return { kind: 'compare', field, operator: operator.text as Operator, literal: literal() };
  };
  const literal = (): Literal => {
    const token = peek();
    if (token.kind === 'string') return { value: unquote(take()), column: token.column };
    if (token.kind === 'number') return { value: number(take()), column: token.column };
    if (token.kind === 'name' && (token.text === 'true' || token.text === 'false')) {
      take();
      return { value: token.text === 'true', column: token.column };
    }
    if (token.kind === 'name') {
      throw new DecodeError(
        'FILTER_SYNTAX',
        `expected a number, "text", true or false, found ${token.text}: text needs quotes`,
        token.column,
      );
    }
    return unexpected('a number, "text", true or false');
  };

  const filter = or();
  if (peek().kind !== 'end') unexpected('"&&", "||" or the end');
  return filter;
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  while (text.slice(position).trim() !== '') {
    TOKEN.lastIndex = position;
    const match = TOKEN.exec(text);
    const blank = position + /^\s*/.exec(text.slice(position))![0].length;
    if (!match)
      throw new DecodeError(
        'FILTER_SYNTAX',
        `cannot read ${JSON.stringify(text.slice(blank, blank + 12))}`,
        blank + 1,
      );
    const [, symbol, string, digits, name] = match;
    const kind = symbol ? 'symbol' : string ? 'string' : digits ? 'number' : 'name';
    tokens.push({ kind, text: (symbol ?? string ?? digits ?? name)!, column: blank + 1 });
    position = TOKEN.lastIndex;
  }
  tokens.push({ kind: 'end', text: '', column: text.length + 1 });
  return tokens;
}

function unquote(token: Token): string {
  return token.text.slice(1, -1).replace(/\\(x[0-9a-fA-F]{2}|.)/gs, (_, escaped: string) => {
    if (escaped.length === 3) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    return ({ n: '\n', t: '\t', r: '\r' } as Record<string, string>)[escaped] ?? escaped;
  });
}

function number(token: Token): bigint | number {
  const [, digits, unit] = /^(-?(?:0[xX][0-9a-fA-F]+|[\d.eE+-]+?))(ns|us|µs|ms|s|m|h)?$/.exec(token.text)!;
  const factor = unit ? UNITS[unit]! : 1n;
  if (/^-?\d+$/.test(digits!)) return BigInt(digits!) * factor;
  if (/^-?0x/i.test(digits!)) return digits!.startsWith('-') ? -BigInt(digits!.slice(1)) : BigInt(digits!);
  const value = Number(digits) * Number(factor);
  return unit ? BigInt(Math.round(value)) : value;
}
