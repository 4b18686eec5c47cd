import { parseIpv4, parseIpv6, parseMac } from './address.js';
import { BpfError } from './error.js';
import type { EnumNode, IntFormat, ScalarNode } from './layout.js';
import type { ParamSpec } from './spec.js';

/** A parameter's value as a config file or a command line has it. */
export type ParamInput = number | bigint | string | boolean;

/**
 * The bytes of a parameter, `layout.size` of them, to be written over its initial value. Checked against its type:
 * - integers from numbers, bigints, booleans, and decimal or 0x strings, in range; a `duration` also from `1.5ms`
 * - enums by name or number
 * - bool from true, false, 0, 1 and their strings
 * - `char[]` from strings, which leave room for their NUL
 * - addresses from their usual text, pointers and floats from numbers
 *
 * Throws {@link BpfError} `bad-value`, also for structs and arrays.
 */
export function encodeParam(param: ParamSpec, value: ParamInput): Uint8Array {
  const { root } = param.layout;
  const fail = (problem: string): never => {
    throw new BpfError('bad-value', `parameter ${param.name}`, `${show(value)} ${problem}`);
  };
  if ('members' in root || root.kind === 'array') {
    const type = param.layout.typeName || root.kind;
    return fail(`cannot be given to a parameter of type ${type}: only single values and char[] can be set`);
  }
  return encodeScalar(root, value, fail);
}

type Fail = (problem: string) => never;

function encodeScalar(node: ScalarNode, value: ParamInput, fail: Fail): Uint8Array {
  switch (node.kind) {
    case 'int':
      return integer(toInteger(value, node.format) ?? fail('is no integer'), node.size, node.signed, fail);
    case 'pointer':
      return integer(toInteger(value) ?? fail('is no integer'), node.size, false, fail);
    case 'enum':
      return integer(toEnum(node, value, fail), node.size, node.signed, fail);
    case 'bool':
      return integer(toBool(value) ?? fail('is neither true nor false'), node.size, false, fail);
    case 'float':
      return float(toFloat(value) ?? fail('is no number'), node.size);
    case 'string':
      return text(value, node.size, fail);
    case 'address': {
      const parse = { ipv4: parseIpv4, ipv6: parseIpv6, mac: parseMac }[node.family];
      return (typeof value === 'string' ? parse(value) : undefined) ?? fail(`is no ${node.family} address`);
    }
  }
}

function integer(value: bigint, size: number, signed: boolean, fail: Fail): Uint8Array {
  const bits = BigInt(size * 8);
  const least = signed ? -(1n << (bits - 1n)) : 0n;
  const most = (1n << (signed ? bits - 1n : bits)) - 1n;
  if (value < least || value > most) fail(`is out of range: ${least} to ${most}`);
  const bytes = new Uint8Array(size);
  let rest = BigInt.asUintN(size * 8, value);
  for (let i = 0; i < size; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}

function float(value: number, size: 4 | 8): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  if (size === 4) view.setFloat32(0, value, true);
  else view.setFloat64(0, value, true);
  return bytes;
}

function text(value: ParamInput, size: number, fail: Fail): Uint8Array {
  // YAML reads 42 as a number, and a user who writes `comm: 42` means the text.
  const encoded = new TextEncoder().encode(String(value));
  if (encoded.includes(0)) fail('holds a NUL');
  if (encoded.length >= size)
    fail(`has ${encoded.length} bytes; char[${size}] takes ${Math.max(0, size - 1)} and a NUL`);
  const bytes = new Uint8Array(size);
  bytes.set(encoded);
  return bytes;
}

function toInteger(value: ParamInput, format?: IntFormat): bigint | undefined {
  switch (typeof value) {
    case 'bigint':
      return value;
    case 'boolean':
      return value ? 1n : 0n;
    case 'number':
      return Number.isInteger(value) ? BigInt(value) : undefined;
    case 'string':
      return parseInteger(value) ?? (format === 'duration' ? parseDuration(value) : undefined);
  }
}

function parseInteger(text: string): bigint | undefined {
  const [, sign, digits] = /^\s*([+-]?)(0[xX][0-9a-fA-F]{1,32}|[0-9]{1,40})\s*$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  return sign === '-' ? -BigInt(digits) : BigInt(digits);
}

const UNIT_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

function parseDuration(text: string): bigint | undefined {
  const [, whole, fraction = '', unit = ''] =
    /^\s*(\d{1,20})(?:\.(\d{1,18}))?\s*(ns|us|µs|ms|s|m|h)\s*$/.exec(text) ?? [];
  const factor = UNIT_NS[unit];
  if (whole === undefined || factor === undefined) return undefined;
  return (BigInt(whole + fraction) * BigInt(factor)) / 10n ** BigInt(fraction.length);
}

function toEnum({ names }: EnumNode, value: ParamInput, fail: Fail): bigint {
  if (typeof value === 'string') {
    for (const [number, name] of Object.entries(names)) if (name === value) return BigInt(number);
  }
  const number = typeof value === 'boolean' ? undefined : toInteger(value);
  return number ?? fail(`is none of ${Object.values(names).slice(0, 20).join(', ')}`);
}

function toBool(value: ParamInput): bigint | undefined {
  const text = String(value).trim().toLowerCase();
  if (text === 'true' || text === '1') return 1n;
  if (text === 'false' || text === '0') return 0n;
  return undefined;
}

function toFloat(value: ParamInput): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const number = Number(value);
  return Number.isNaN(number) ? undefined : number;
}

function show(value: ParamInput): string {
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}
