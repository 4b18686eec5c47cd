import type { RowSet } from '../../../plugins/sdk/index.js';
import type { ScalarNode } from '../../bpf/index.js';
import { generate } from '../generate.js';
import type { ClockOffsets, DecodePlan } from '../plan.js';
import { isHuge, isNarrow, type Memory, readBool, readNarrow, readWide, readWord } from '../read.js';
import type { RecordTime } from '../record-time.js';
import type { Selected } from '../selector.js';
import { TABLE_RECORDS } from '../worker-limits.js';
import { type ColumnBuilder, columnBuilders } from './column-builder.js';
import { Packed } from './packed.js';

type Fill = (
  m: Memory,
  sel: Uint32Array,
  count: number,
  a: ColumnBuilder['values'][],
  w: ColumnBuilder['words'][],
  x: ColumnBuilder['text'][],
) => void;

/** Makes the form `columns`. */
export class ColumnFiller {
  private readonly builders: ColumnBuilder[];
  private readonly run: Fill;
  private timestamps = new BigInt64Array(0);

  constructor(
    plan: DecodePlan,
    private readonly time: RecordTime,
  ) {
    this.builders = columnBuilders(plan.record, plan.columns === 'raw');
    this.run = generate(
      'm,sel,count,a,w,x',
      `let p=0,b,t;for(let r=0;r<count;r++){const o=sel[r];${rowSource(this.builders)}}`,
    );
  }

  /** The arrays of the result share one buffer, which is theirs alone: `spare`, where that is large enough. */
  fill(
    { memory, offsets, count }: Selected,
    clock: ClockOffsets,
    drain: bigint,
    spare?: ArrayBuffer | null,
  ): RowSet {
    const { builders, time } = this;
    for (const builder of builders) builder.begin(count);
    this.run(
      memory,
      offsets,
      count,
      builders.map((builder) => builder.values),
      builders.map((builder) => builder.words),
      builders.map((builder) => builder.text),
    );
    if (this.timestamps.length < count) this.timestamps = new BigInt64Array(count);
    const { timestamps } = this;
    if (time.own) {
      const words = new Uint32Array(timestamps.buffer);
      time.begin(clock, drain);
      for (let r = 0; r < count; r++) {
        time.at(memory, offsets[r]!);
        time.base.store(words, r);
      }
    } else timestamps.fill(drain, 0, count);
    const packed = new Packed([count * 8, ...builders.flatMap((builder) => builder.sizes(count))], spare);
    const set = {
      rows: count,
      timestamps: packed.copy(timestamps, count),
      columns: builders.map((builder) => builder.finish(count, packed)),
    };
    // The first read of a large map; no drain has so many.
    if (count > TABLE_RECORDS) {
      this.timestamps = new BigInt64Array(0);
      for (const builder of builders) builder.forget();
    }
    return set;
  }
}

/** Source that stores row `r` of the record at `o`. `a[i]` are typed arrays, `w[i]` words, `x[i]` text builders. */
function rowSource(builders: readonly ColumnBuilder[]): string {
  return builders
    .map(({ leaf, perRow, rawWords }, column) => {
      const { dims, strides, node, offset } = leaf;
      if (dims.length === 0) return store(node, column, 'o', offset, 'r', false, rawWords);
      const loose = offset % 8 !== 0 || strides.some((stride) => stride % 8 !== 0);
      let inner = `o`;
      let open = '';
      dims.forEach((length, d) => {
        open += `for(let index${d}=0,at${d}=${inner}+${d === 0 ? offset : 0};index${d}<${length};index${d}++,at${d}+=${strides[d]}){`;
        inner = `at${d}`;
      });
      return `{let n=r*${perRow};${open}${store(node, column, inner, 0, 'n', loose, rawWords)}n++;${'}'.repeat(dims.length)}}`;
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
  rawWords: number,
): string {
  const here = `${o}+${offset}`;
  const text = (room: number, write: string): string =>
    `t=x[${column}];b=t.room(${room});p=t.p;${write}t.end(p);`;
  if (rawWords > 0) {
    const words = Array.from({ length: rawWords }, (_, i) => readWord(o, offset + 4 * i, loose));
    return words.map((word, i) => `a[${column}][${rawWords}*(${index})+${i}]=${word};`).join('');
  }
  if (node.kind === 'string')
    return text(3 * node.size + 4, `p=copyText(b,t.view,p,u8,view,${here},${node.size});`);
  if (node.kind === 'address' && node.family === 'ipv4') return text(17, `p=writeIpv4(t.view,p,u8,${here});`);
  if (node.kind === 'address') return text(48, `p=writeAscii(b,p,address("${node.family}",u8,${here}));`);
  if (isHuge(node))
    return text(40, `p=writeAscii(b,p,bigInteger(u8,${here},${node.size},${node.signed}).toString());`);
  if (node.kind === 'bool') return `a[${column}][${index}]=${readBool(node, o, offset)}?1:0;`;
  if (isNarrow(node)) return `a[${column}][${index}]=${readNarrow(node, o, offset, loose)};`;
  return `${readWide(node, o, offset, loose)}w[${column}][2*(${index})]=lo;w[${column}][2*(${index})+1]=hi;`;
}
