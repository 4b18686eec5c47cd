import { generate } from '../generate.js';
import type { Leaf } from '../leaves.js';
import type { ClockOffsets, DecodePlan, GroupOutput, GroupPlan } from '../plan.js';
import { isHuge, isNarrow, isSigned, type Memory, readNumber, readWide, readWideFirst } from '../read.js';
import type { Selected } from '../selector.js';
import { keySource } from './group-key.js';
import { GroupTable } from './group-table.js';

/** Makes the form `group`. */
export class Grouper {
  private readonly table: GroupTable;
  private readonly add: (m: Memory, sel: Uint32Array, count: number, g: GroupTable) => void;

  constructor(plan: DecodePlan, group: GroupPlan) {
    this.table = new GroupTable(plan, group);
    const row = `${keySource(this.table.labels)}q=g.find(h,m,o);if(q<0)continue;${valueSource(plan, group, this.table)}`;
    this.add = generate(
      'm,sel,count,g',
      `const K=g.key,A=g.accumulators,E=g.exemplars;let h=0,w=0,v=0,n=0,z=0,q=0,s=0,x=0n;for(let r=0;r<count;r++){const o=sel[r];${row}}`,
    );
  }

  group(records: Selected, clock: ClockOffsets, time: bigint): GroupOutput {
    const { table } = this;
    table.begin();
    this.add(records.memory, records.offsets, records.count, table);
    if (table.stale) {
      table.reset();
      table.begin();
      this.add(records.memory, records.offsets, records.count, table);
    }
    const output = table.output();
    if (table.exemplars) output.exemplars = table.exemplars.of(output.ids, records.memory, clock, time);
    return output;
  }

  reset(): void {
    this.table.reset();
  }
}

/** Source that adds the values of the record at `o` to group `q`. `g` is the table, `A` its accumulators. */
function valueSource(plan: DecodePlan, { kind }: GroupPlan, table: GroupTable): string {
  const [first] = table.accumulators;
  if (table.bucketLeaf) return `g.row(q,${integer(table.bucketLeaf)},${integer(first!.leaf!)});`;
  if (kind === 'histogram') {
    const leaf = first!.leaf!;
    const slot = table.exemplars ? 'E.last[s]=o;' : '';
    const keep = table.exemplars ? 's=' : '';
    if (!first!.wide) return `v=${readNumber(leaf.node, 'o', leaf.offset)};${keep}g.observe(q,v,v,0);${slot}`;
    const exact = isHuge(leaf.node) ? 'x' : `wide(lo,hi>>>0,${first!.signed})`;
    return `${parts(leaf)}v=hi*4294967296+lo;if(v>-9007199254740992&&v<9007199254740992)${keep}g.observe(q,v,lo,hi);else ${keep}g.observeWide(q,${exact},lo,hi);${slot}`;
  }
  const assign = kind === 'gauge' && plan.source === 'ring' ? '=' : '+=';
  const values = table.accumulators
    .map(({ leaf, wide }, i) => {
      if (!leaf) return `A[${i}].lo[q]+=1;`;
      if (wide) return `${parts(leaf)}A[${i}].lo[q]${assign}lo;A[${i}].hi[q]${assign}hi;`;
      return `A[${i}].lo[q]${assign}${readNumber(leaf.node, 'o', leaf.offset)};`;
    })
    .join('');
  return table.exemplars ? `${values}E.last[q]=o;` : values;
}

/** Source that sets `lo` to the low 32 bits of an integer and `hi` to the rest, with its sign; of a huge one `x` is the value. */
function parts({ node, offset }: Leaf): string {
  if (isHuge(node))
    return `x=bigInteger(u8,o+${offset},${node.size},${node.signed});lo=Number(x&0xffffffffn);hi=Number(x>>32n);`;
  return `${readWide(node, 'o', offset)}${isSigned(node) ? 'hi|=0;' : ''}`;
}

/** Source of an integer as a bigint. */
function integer({ node, offset }: Leaf): string {
  if (isHuge(node)) return `bigInteger(u8,o+${offset},${node.size},${node.signed})`;
  if (node.kind === 'bool' || isNarrow(node)) return `BigInt(${readNumber(node, 'o', offset)})`;
  return `(${readWideFirst(node, 'o', offset)},wide(lo,hi,${isSigned(node)}))`;
}
