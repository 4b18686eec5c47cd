import { DecodeError } from '../error.js';
import type { NumberOperand, StringOperand } from './ast.js';

export type Token =
  | NumberOperand
  | StringOperand
  | { readonly kind: 'name' | 'symbol' | 'end'; readonly text: string; readonly column: number };

const SPACE = /[ \t\r\n]+/y;
const NAME = /[\p{L}_$][\p{L}\p{N}_$]*/uy;
const NUMBER = /-?(?:0[xX]([0-9a-fA-F]+)|(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?)(ns|us|µs|μs|ms|s|m|h)?/y;
const SYMBOL = /&&|\|\||==|!=|<=|>=|[<>!().[\]]/y;
const NAME_PART = /[\p{L}\p{N}_$]/uy;

/** ns of a duration's unit. */
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  '\\': '\\',
  '"': '"',
  "'": "'",
  '/': '/',
};

/** The filter's words, ending with one of kind `end`. */
export function tokens(text: string): Token[] {
  const list: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  for (;;) {
    at += match(SPACE)?.[0].length ?? 0;
    const column = at + 1;
    if (at >= text.length) {
      list.push({ kind: 'end', text: 'the end', column });
      return list;
    }
    const first = text[at]!;
    if (first === '"' || first === "'") {
      const { value, end } = string(text, at);
      list.push({ kind: 'string', value, column });
      at = end;
      continue;
    }
    // The 0 of `a.0.b` is a name's part, and `.5` is none.
    const number = match(NUMBER);
    if (number) {
      at += number[0].length;
      if (match(NAME_PART))
        throw new DecodeError('filter-syntax', `bad number ${number[0]}${text[at]}`, column);
      list.push({ ...value(number), text: number[0], column });
      continue;
    }
    const name = match(NAME);
    const word = name ?? match(SYMBOL);
    if (!word) throw unexpected(text, at);
    list.push({ kind: name ? 'name' : 'symbol', text: word[0], column });
    at += word[0].length;
  }
}

function value(match: RegExpExecArray): Pick<NumberOperand, 'kind' | 'numerator' | 'scale' | 'isDuration'> {
  const [text, hex, whole = '', fraction = '', exponent = '0', unit] = match;
  let numerator = hex === undefined ? BigInt(whole + fraction) : BigInt(`0x${hex}`);
  let scale = fraction.length - Number(exponent);
  if (text.startsWith('-')) numerator = -numerator;
  if (unit !== undefined) numerator *= UNITS[unit]!;
  if (scale < 0) {
    numerator *= 10n ** BigInt(-scale);
    scale = 0;
  }
  while (scale > 0 && numerator % 10n === 0n) {
    numerator /= 10n;
    scale--;
  }
  return { kind: 'number', numerator, scale, isDuration: unit !== undefined };
}

function string(text: string, start: number): { value: string; end: number } {
  const quote = text[start];
  let value = '';
  for (let i = start + 1; i < text.length; i++) {
    const c = text[i]!;
    if (c === quote) return { value: value.toWellFormed?.() ?? value, end: i + 1 };
    if (c !== '\\') {
      value += c;
      continue;
    }
    const escape = text[++i];
    const hex = escape === 'x' ? 2 : escape === 'u' ? 4 : 0;
    if (hex > 0) {
      const digits = text.slice(i + 1, i + 1 + hex);
      if (!/^[0-9a-fA-F]+$/.test(digits) || digits.length < hex) {
        throw new DecodeError('filter-syntax', `\\${escape} needs ${hex} hexadecimal digits`, i);
      }
      value += String.fromCharCode(Number.parseInt(digits, 16));
      i += hex;
    } else if (escape !== undefined && Object.hasOwn(ESCAPES, escape)) value += ESCAPES[escape];
    else if (escape !== undefined) {
      throw new DecodeError('filter-syntax', `unknown escape \\${escape}; a backslash is \\\\`, i);
    }
  }
  throw new DecodeError('filter-syntax', `this string has no closing ${quote}`, start + 1);
}

function unexpected(text: string, at: number): DecodeError {
  const character = String.fromCodePoint(text.codePointAt(at)!);
  const hint =
    character === '='
      ? '; equality is =='
      : character === '&'
        ? '; "and" is &&'
        : character === '|'
          ? '; "or" is ||'
          : '';
  return new DecodeError('filter-syntax', `unexpected ${JSON.stringify(character)}${hint}`, at + 1);
}
