import { DecodeError } from '../error.js';
import type { Token } from './tokens.js';

/** A constant. Whole numbers are bigints, whatever their spelling (`1e3`, `0x10`, `1.5ms`); other numbers are numbers. */
export interface Literal {
  readonly value: bigint | number | string | boolean;
  /** As it was written. */
  readonly text: string;
  /** From 1. */
  readonly column: number;
}

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  '"': '"',
  "'": "'",
};
const NUMBER = /^(-?)(?:0[xX]([0-9a-fA-F]+)|(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?)(ns|us|µs|ms|s|m|h)?$/;

/** Throws {@link DecodeError} for an unknown escape, or a NUL, which no text has. */
export function textLiteral({ text, column }: Token): Literal {
  const inside = text.slice(1, -1);
  const value = inside.replace(
    /\\(?:x([0-9a-fA-F]{2})|(.)|$)/gsu,
    (written, hex: string | undefined, letter, at) => {
      const plain = hex === undefined ? ESCAPES[letter] : asciiOf(hex);
      if (plain !== undefined) return plain;
      throw new DecodeError(
        'FILTER_SYNTAX',
        `unknown escape ${written}. There is: \\\\ \\" \\' \\n \\t \\r and \\x01 to \\x7f`,
        column + 1 + (at as number),
      );
    },
  );
  const nul = value.indexOf('\0');
  if (nul >= 0)
    throw new DecodeError('FILTER_SYNTAX', 'text ends before its NUL: a NUL never matches', column);
  return { value, text, column };
}

function asciiOf(hex: string): string | undefined {
  const code = Number.parseInt(hex, 16);
  return code > 0x7f ? undefined : String.fromCharCode(code);
}

/** Exact, by integers: nothing is rounded that is then compared. Throws {@link DecodeError}. */
export function numberLiteral({ text, column }: Token): Literal {
  const [, sign, hex, whole, fraction = '', exponent = '0', unit] = NUMBER.exec(text)!;
  const fail = (message: string): never => {
    throw new DecodeError('FILTER_SYNTAX', `${text} ${message}`, column);
  };
  const factor = unit === undefined ? 1n : UNITS[unit]!;
  const negative = (value: bigint): bigint => (sign === '-' ? -value : value);
  if (hex !== undefined) return { value: negative(BigInt(`0x${hex}`) * factor), text, column };
  const power = Number(exponent) - fraction.length;
  if (Math.abs(power) > 400) fail('is beyond what a field can hold');
  const digits = BigInt(whole! + fraction) * factor;
  if (power >= 0) {
    const value = digits * 10n ** BigInt(power);
    // Beyond the largest double, and so beyond every field.
    if (value >= 1n << 1024n) fail('is beyond what a field can hold');
    return { value: negative(value), text, column };
  }
  const divisor = 10n ** BigInt(-power);
  if (digits % divisor === 0n) return { value: negative(digits / divisor), text, column };
  if (unit !== undefined) fail('is no whole number of nanoseconds');
  return { value: Number(text), text, column };
}
