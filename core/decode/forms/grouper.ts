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
    this.add = generate('m,sel,count,g', source(plan, group, this.table));
  }

  /** `spare`: a buffer for the output, where it is large enough. */
  group(records: Selected, clock: ClockOffsets, time: bigint, spare?: ArrayBuffer | null): GroupOutput {
    const { table } = this;
    table.begin();
    this.add(records.memory, records.offsets, records.count, table);
    if (table.stale) {
      table.reset();
      table.begin();
      this.add(records.memory, records.offsets, records.count, table);
    }
    const output = table.output(spare);
    if (table.exemplars) output.exemplars = table.exemplars.of(output.ids, records.memory, clock, time);
    return output;
  }

  reset(): void {
    this.table.reset();
  }
}

/**
 * Source of the loop over records, the hot one. What the table looks up in its arrays it could do itself; written
 * out here, with the key in variables and the arrays at hand, it takes half the time.
 */
function source(plan: DecodePlan, group: GroupPlan, table: GroupTable): string {
  // A map is walked in the same order each time, so its keys come as they came first: mostly the one after the last.
  const isWalked = plan.source === 'entry';
  const key = keySource(table.labels, { hashed: !isWalked });
  const sums = table.accumulators.map((_, i) => `L${i}=A[${i}].lo;H${i}=A[${i}].hi;`).join('');
  const declared = table.accumulators.map((_, i) => `L${i},H${i}`).join(',');
  // Whatever the table grows, it grows in `insert`.
  const arrays = `slots=g.slots;mask=g.mask;keys=g.keys;groups=g.groupOfKey;stamp=g.stamp;known=g.keyCount;${sums}`;
  const insert = `${isWalked ? '' : key.store}q=g.insert(h,m,o);${arrays}i=known-1;break;`;
  const found = 'q=groups[i];if(stamp[q]!==drain||q===0)q=g.touch(q);';
  const find = `s=(h^(h>>>15))&mask;for(;;){i=slots[s];if(i<0){${insert}}b=i*${table.words};if(${key.equal}){${found}break;}s=(s+1)&mask;}`;
  const next = `i++;b=i*${table.words};if(i<known&&${key.equal}){${found}}else{${key.store}h=hashOf(K,0,${table.words});${find}}`;
  const row = `${key.read}${isWalked ? next : find}if(q<0)continue;${valueSource(plan, group, table)}`;
  return `const K=g.key,A=g.accumulators,E=g.exemplars,drain=g.drain;let h=0,w=0,v=0,n=0,z=0,q=0,s=0,i=-1,b=0,x=0n,slots,mask,keys,groups,stamp,known,${declared};${key.variables}${arrays}for(let r=0;r<count;r++){const o=sel[r];${row}}`;
}

/** Source that adds the values of the record at `o` to group `q`. `g` is the table, `L` and `H` its sums. */
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
      if (!leaf) return `L${i}[q]+=1;`;
      if (wide) return `${parts(leaf)}L${i}[q]${assign}lo;H${i}[q]${assign}hi;`;
      return `L${i}[q]${assign}${readNumber(leaf.node, 'o', leaf.offset)};`;
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
