import { formatTimestamp } from './timestamp.js';

/**
 * A field's value in a row. 64-bit and wider integers are bigint (numbers with `numbers: 'safe'`), enums their name
 * (an unknown one its number), pointers hex strings, addresses strings; arrays are arrays, structs are objects.
 */
export type FieldValue =
  | string
  | number
  | bigint
  | boolean
  | readonly FieldValue[]
  | { readonly [field: string]: FieldValue };

/** One event. It holds its own values: keeping a row does not keep its batch. */
export interface Row {
  /** Unix time, ns; a bigint whatever `numbers` says. */
  readonly timestamp: bigint;
  readonly probe: string;
  readonly map: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly data: { readonly [field: string]: FieldValue };
  /**
   * For `JSON.stringify(row)`, which then gives the text of the NDJSON line. One limit: Node 20 cannot make it print
   * an integer beyond ±(2^53−1) exactly, so there such a value becomes a string of its digits; from Node 21 on it is
   * an integer (`JSON.rawJSON`). {@link toString} is exact everywhere.
   */
  toJSON(): unknown;
  /** The text of the NDJSON line, without its newline; integers of any width with their exact digits. */
  toString(): string;
}

/** The row that an {@link EventBatch} makes. */
export class EventRow implements Row {
  constructor(
    readonly timestamp: bigint,
    readonly probe: string,
    readonly map: string,
    readonly labels: Readonly<Record<string, string>>,
    readonly data: { readonly [field: string]: FieldValue },
  ) {}

  toJSON(): unknown {
    return { ...this.#head(), data: jsonValue(this.data) };
  }

  toString(): string {
    const head = JSON.stringify(this.#head());
    return `${head.slice(0, -1)},"data":${jsonText(this.data)}}`;
  }

  #head(): object {
    const head = { timestamp: formatTimestamp(this.timestamp), probe: this.probe, map: this.map };
    return Object.keys(this.labels).length > 0 ? { ...head, labels: this.labels } : head;
  }
}

const rawJSON = (JSON as { rawJSON?: (text: string) => unknown }).rawJSON;

/** A bigint as JSON.stringify can print it best. */
function jsonInteger(value: bigint): unknown {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  return rawJSON === undefined ? value.toString() : rawJSON(value.toString());
}

function jsonValue(value: FieldValue): unknown {
  if (typeof value === 'bigint') return jsonInteger(value);
  if (typeof value !== 'object') return value;
  if (isList(value)) return value.map(jsonValue);
  const copy: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    if (key === '__proto__') Object.defineProperty(copy, key, { ...OWN, value: jsonValue(field) });
    else copy[key] = jsonValue(field);
  }
  return copy;
}

const OWN = { enumerable: true, writable: true, configurable: true };

function jsonText(value: FieldValue): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(jsonText).join(',')}]`;
  const fields = Object.entries(value).map(([key, field]) => `${JSON.stringify(key)}:${jsonText(field)}`);
  return `{${fields.join(',')}}`;
}

function isList(value: object): value is readonly FieldValue[] {
  return Array.isArray(value);
}
