import type { Column } from '../../../plugins/sdk/index.js';
import type { ScalarNode } from '../../bpf/index.js';
import { type ColumnLeaf, columnLeaves } from '../leaves.js';
import type { DecodePlan } from '../plan.js';
import { isNarrow, isSigned, readNarrow, readWide } from '../read.js';

type Values = Extract<Column, { kind: 'number' }>['values'];

/** What fills one column: a typed array, or text that grows. */
export interface ColumnBuilder {
  readonly leaf: ColumnLeaf;
  readonly perRow: number;
  values?: Values;
  /** 64-bit values as pairs of words. */
  words?: Uint32Array;
  text?: TextBuilder;
  /** Ready for `rows` rows, with buffers of their own that can be transferred. */
  begin(rows: number): void;
  finish(): Column;
}

/** Grows; keeps end offsets. */
export class TextBuilder {
  bytes = new Uint8Array(0);
  ends = new Uint32Array(1);
  p = 0;
  private count = 0;

  begin(values: number): void {
    this.bytes = new Uint8Array(Math.max(64, values * 16));
    this.ends = new Uint32Array(values + 1);
    this.p = 0;
    this.count = 0;
  }

  /** Room for `size` more bytes. */
  room(size: number): Uint8Array {
    if (this.bytes.length - this.p < size) {
      const bigger = new Uint8Array(Math.max(this.bytes.length * 2, this.p + size));
      bigger.set(this.bytes.subarray(0, this.p));
      this.bytes = bigger;
    }
    return this.bytes;
  }

  end(p: number): void {
    this.p = p;
    this.ends[++this.count] = p;
  }
}

export function columnBuilders(plan: DecodePlan): ColumnBuilder[] {
  return columnLeaves(plan.record).map((leaf) => {
    const perRow = leaf.dims.reduce((product, length) => product * length, 1);
    const make = arrayOf(leaf.node);
    const base = { path: leaf.path, dims: leaf.dims };
    const builder: ColumnBuilder = {
      leaf,
      perRow,
      begin(rows) {
        if (make) {
          const values = make(rows * perRow);
          this.values = values;
          if (values.BYTES_PER_ELEMENT === 8) this.words = new Uint32Array(values.buffer);
        } else {
          this.text ??= new TextBuilder();
          this.text.begin(rows * perRow);
        }
      },
      finish() {
        const { node } = leaf;
        if (this.values) {
          const format = formatOf(node);
          return {
            kind: 'number',
            ...base,
            values: this.values,
            ...(format ? { format } : {}),
            ...(node.kind === 'enum' ? { names: node.names } : {}),
          };
        }
        const { bytes, ends, p } = this.text!;
        return {
          kind: 'text',
          ...base,
          offsets: ends,
          bytes: bytes.subarray(0, p),
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

function formatOf(node: ScalarNode): Extract<Column, { kind: 'number' }>['format'] {
  if (node.kind === 'int') return node.format;
  return node.kind === 'bool' || node.kind === 'pointer' || node.kind === 'enum' ? node.kind : undefined;
}

function arrayOf(node: ScalarNode): ((length: number) => Values) | undefined {
  if (node.kind === 'string' || node.kind === 'address' || (node.kind === 'int' && node.size === 16))
    return undefined;
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

/** Source that stores row `r` of the record at `o`. `a[i]` are typed arrays, `w[i]` words, `x[i]` text builders. */
export function columnsSource(builders: readonly ColumnBuilder[]): string {
  return builders
    .map(({ leaf, perRow }, column) => {
      const { dims, strides, node, offset } = leaf;
      if (dims.length === 0) return store(node, column, 'o', offset, 'r', false);
      const unaligned = offset % 8 !== 0 || strides.some((stride) => stride % 8 !== 0);
      let inner = `o`;
      let open = '';
      dims.forEach((length, d) => {
        open += `for(let index${d}=0,at${d}=${inner}+${d === 0 ? offset : 0};index${d}<${length};index${d}++,at${d}+=${strides[d]}){`;
        inner = `at${d}`;
      });
      return `{let n=r*${perRow};${open}${store(node, column, inner, 0, 'n', unaligned)}n++;${'}'.repeat(dims.length)}}`;
    })
    .join('\n');
}

function store(
  node: ScalarNode,
  column: number,
  o: string,
  offset: number,
  index: string,
  loose: boolean,
): string {
  const here = `${o}+${offset}`;
  const text = (room: number, write: string): string =>
    `t=x[${column}];b=t.room(${room});p=t.p;${write}t.end(p);`;
  if (node.kind === 'string') return text(3 * node.size, `p=copyText(b,p,u8,${here},${node.size});`);
  if (node.kind === 'address' && node.family === 'ipv4') return text(15, `p=writeIpv4(b,p,u8,${here});`);
  if (node.kind === 'address')
    return text(48, `p=writeAscii(b,p,address(${JSON.stringify(node.family)},u8,${here}));`);
  if (node.kind === 'int' && node.size === 16 && !node.bits)
    return text(40, `p=writeAscii(b,p,decimal128(u8,${here},${node.signed}));`);
  if (node.kind === 'bool') return `a[${column}][${index}]=${readNarrow(node, o, offset, loose)}!==0?1:0;`;
  if (isNarrow(node)) return `a[${column}][${index}]=${readNarrow(node, o, offset, loose)};`;
  return `${readWide(node, o, offset, loose)}w[${column}][2*(${index})]=lo;w[${column}][2*(${index})+1]=hi;`;
}
