import type { Column, RawColumn, RowColumn } from '../../../plugins/sdk/index.js';
import type { Layout, ScalarNode } from '../../bpf/index.js';
import { type ColumnLeaf, columnLeaves } from '../leaves.js';
import { isHuge, isNarrow, isSigned } from '../read.js';
import type { Packed } from './packed.js';

type Values = Extract<Column, { kind: 'number' }>['values'];

type RawWords = RawColumn['width'] | 0;
const RAW_WORDS: readonly RawColumn['width'][] = [1, 2, 3, 4];

/** What fills one column: a typed array, or text that grows. Both are kept for the next batch, and copied out. */
export interface ColumnBuilder {
  readonly leaf: ColumnLeaf;
  readonly perRow: number;
  /** 32-bit words of a value that is not rendered; else 0. */
  readonly rawWords: RawWords;
  values?: Values;
  /** 64-bit values as pairs of words. */
  words?: Uint32Array;
  text?: TextBuilder;
  /** Ready for `rows` rows. */
  begin(rows: number): void;
  /** Bytes of each array of the column, in the order in which `finish` packs them. */
  sizes(rows: number): readonly number[];
  finish(rows: number, packed: Packed): RowColumn;
  /** Keep nothing for the next batch. */
  forget(): void;
}

/** Grows; keeps end offsets. */
export class TextBuilder {
  bytes = new Uint8Array(0);
  /** On the same memory. */
  view = new DataView(this.bytes.buffer);
  ends = new Uint32Array(1);
  p = 0;
  private count = 0;

  begin(values: number): void {
    if (this.ends.length < values + 1) {
      this.use(new Uint8Array(Math.max(64, this.bytes.length, values * 16)));
      this.ends = new Uint32Array(values + 1);
    }
    this.p = 0;
    this.count = 0;
  }

  /** Room for `size` more bytes. */
  room(size: number): Uint8Array {
    if (this.bytes.length - this.p < size) {
      const bigger = new Uint8Array(Math.max(this.bytes.length * 2, this.p + size));
      bigger.set(this.bytes.subarray(0, this.p));
      this.use(bigger);
    }
    return this.bytes;
  }

  private use(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }

  end(p: number): void {
    this.p = p;
    this.ends[++this.count] = p;
  }
}

/** `raw`: short texts and addresses are left to their reader. */
export function columnBuilders(record: Layout, raw: boolean): ColumnBuilder[] {
  return columnLeaves(record).map((leaf) => {
    const perRow = leaf.dims.reduce((product, length) => product * length, 1);
    const rawWords = raw ? rawWordsOf(leaf.node) : 0;
    const width = rawWords || 1;
    const make = rawWords > 0 ? (length: number) => new Uint32Array(length) : arrayOf(leaf.node);
    const base = { path: leaf.path, dims: leaf.dims };
    const builder: ColumnBuilder = {
      leaf,
      perRow,
      rawWords,
      begin(rows) {
        if (!make) {
          this.text ??= new TextBuilder();
          this.text.begin(rows * perRow);
        } else if (!this.values || this.values.length < rows * perRow * width) {
          const values = make(rows * perRow * width);
          this.values = values;
          if (values.BYTES_PER_ELEMENT === 8) this.words = new Uint32Array(values.buffer);
        }
      },
      sizes(rows) {
        const values = rows * perRow;
        return this.values
          ? [values * width * this.values.BYTES_PER_ELEMENT]
          : [(values + 1) * 4, this.text!.p];
      },
      forget() {
        delete builder.values;
        delete builder.words;
        delete builder.text;
      },
      finish(rows, packed) {
        const { node } = leaf;
        const values = rows * perRow;
        if (this.values && rawWords > 0)
          return {
            kind: 'raw',
            ...base,
            format: node.kind === 'address' ? 'ipv4' : 'text',
            width,
            values: packed.copy(this.values as Uint32Array, values * width),
          };
        if (this.values) {
          const format = formatOf(node);
          return {
            kind: 'number',
            ...base,
            values: packed.copy(this.values, values),
            ...(format ? { format } : {}),
            ...(node.kind === 'enum' ? { names: node.names } : {}),
          };
        }
        const { bytes, ends, p } = this.text!;
        return {
          kind: 'text',
          ...base,
          offsets: packed.copy(ends, values + 1),
          bytes: packed.copy(bytes, p),
          ...(node.kind === 'address'
            ? { format: 'address' as const }
            : node.kind === 'int'
              ? { format: 'int' as const }
              : {}),
        };
      },
    };
    return builder;
  });
}

/** Words of a text that is short, or of an address, where they are whole ones; else 0. */
function rawWordsOf(node: ScalarNode): RawWords {
  if (node.kind === 'address') return node.family === 'ipv4' ? 1 : 0;
  return (node.kind === 'string' && RAW_WORDS.find((words) => words * 4 === node.size)) || 0;
}

function formatOf(node: ScalarNode): Extract<Column, { kind: 'number' }>['format'] {
  if (node.kind === 'int') return node.format === 'char' ? undefined : node.format;
  return node.kind === 'bool' || node.kind === 'pointer' || node.kind === 'enum' ? node.kind : undefined;
}

function arrayOf(node: ScalarNode): ((length: number) => Values) | undefined {
  if (node.kind === 'string' || node.kind === 'address' || isHuge(node)) return undefined;
  if (node.kind === 'float')
    return (length) => (node.size === 4 ? new Float32Array(length) : new Float64Array(length));
  if (node.kind === 'bool') return (length) => new Uint8Array(length);
  const signed = isSigned(node);
  if (node.kind === 'pointer' || !isNarrow(node))
    return (length) => (signed ? new BigInt64Array(length) : new BigUint64Array(length));
  const size = node.bits ? 4 : node.size;
  if (size === 1) return (length) => (signed ? new Int8Array(length) : new Uint8Array(length));
  if (size === 2) return (length) => (signed ? new Int16Array(length) : new Uint16Array(length));
  return (length) => (signed ? new Int32Array(length) : new Uint32Array(length));
}
