import type { EnumNode, LayoutNode, ScalarNode } from '../../bpf/index.js';
import { boolAt, float, floatAt, halvesAt, huge, hugeAt, isSigned, smallAt, widthOf } from '../access.js';
import { writeIpv4, writeIpv6, writeMac } from '../address.js';
import { SECOND_TEXT, SecondText } from '../clock-text.js';
import * as digits from '../digits.js';
import { EnumText } from '../enum-text.js';
import { writeHex } from '../hex.js';
import { isStruct } from '../leaves.js';
import { BASES, Place, VIEWS } from '../place.js';
import type { DecodePlan } from '../plan.js';
import { writeJsonText } from '../text.js';
import { type Halves, timeCode } from '../time.js';
import { byteLength, constantCode } from './constant.js';
import { LineBuffer } from './line-buffer.js';
import { textSize } from './text-size.js';

export interface LineSet {
  readonly ndjson: Uint8Array;
  readonly lineEnds: Uint32Array;
}

/** Lines of the records at `starts[0 … count-1]`, in memory of their own. */
export type NdjsonForm = (
  memory: ArrayBufferLike,
  starts: Uint32Array,
  count: number,
  base: Halves,
) => LineSet;

/** A text that is never longer is written without looking for the buffer's end again. */
const RESERVED_AT_ONCE = 1 << 16;

const HELPERS = { ...digits, writeJsonText, writeIpv4, writeIpv6, writeMac, writeHex, huge, float };

/** Generates the writer of one plan's lines. */
export function ndjsonForm(plan: DecodePlan): NdjsonForm {
  const writer = new LineWriter();
  const line = writer.line(plan);
  const source = `'use strict';
const { ${Object.keys(HELPERS).join(', ')} } = helpers;
let second = NaN, s0 = 0, s1 = 0, s2 = 0;
return function ndjson(memory, starts, count, base, ends) {
  ${VIEWS}
  let out = buffer.out, p = 0, end = out.byteLength;
  for (let r = 0; r < count; r++) {
    const o = starts[r];
    ${BASES}
    ${timeCode(plan.record, plan.timestamp)}
    let unix = Math.floor((th * 4294967296 + tl) / 1e9), ns = (tl - Math.imul(unix, 1e9)) | 0;
    if (ns < 0) { unix--; ns += 1e9; } else if (ns >= 1e9) { unix++; ns -= 1e9; }
    if (unix !== second) {
      clock.set(unix);
      second = unix; s0 = clock.words[0]; s1 = clock.words[1]; s2 = clock.words[2];
    }
    ${line}
    ends[r] = p;
  }
  return p;
};`;
  const buffer = new LineBuffer();
  const make = new Function('helpers', 'buffer', 'clock', 'enums', source);
  const write: (...args: [...Parameters<NdjsonForm>, Uint32Array]) => number = make(
    HELPERS,
    buffer,
    new SecondText(),
    writer.enums,
  );
  return (memory, starts, count, base) => {
    const lineEnds = new Uint32Array(count);
    const size = write(memory, starts, count, base, lineEnds);
    return { ndjson: buffer.take(size), lineEnds };
  };
}

type TextNode = Extract<ScalarNode, { kind: 'string' | 'address' | 'pointer' }>;

/** Collects the statements of one line. Constant text is held back and merged until a value follows. */
class LineWriter {
  readonly enums: EnumText[] = [];
  private readonly enumIndices = new Map<EnumNode['names'], { small?: number; wide?: number }>();
  private readonly code: string[] = [];
  private constant = '';
  private loops = 0;

  line({ probe, map, labels, record }: DecodePlan): string {
    const own = Object.keys(labels).length > 0 ? `,"labels":${JSON.stringify(labels)}` : '';
    const head = `Z","probe":${JSON.stringify(probe)},"map":${JSON.stringify(map)}${own},"data":`;
    const fixed = byteLength(head) + 64;
    const isReserved = fixed + textSize(record.root) < RESERVED_AT_ONCE;
    this.reserve(isReserved ? fixed + textSize(record.root) : fixed);
    this.constant = '{"timestamp":"';
    this.flush();
    this.code.push(
      'out.setFloat64(p, s0, true); out.setFloat64(p + 8, s1, true); out.setFloat64(p + 16, s2, true);',
      `p = writeNine(out, p + ${SECOND_TEXT}, ns);`,
    );
    this.constant = head;
    this.node(record.root, new Place(), isReserved);
    this.constant += '}\n';
    if (!isReserved) this.reserve(byteLength(this.constant));
    this.flush();
    return this.code.join('\n    ');
  }

  /** `isReserved`: there is room for all of the node's text. */
  private node(node: LayoutNode, place: Place, isReserved: boolean): void {
    if (isStruct(node)) {
      this.constant += '{';
      node.members.forEach(({ name, offset, node: inner }, i) => {
        this.constant += `${i ? ',' : ''}${JSON.stringify(name)}:`;
        this.node(inner, place.plus(offset), isReserved);
      });
      this.constant += '}';
    } else if (node.kind === 'array') this.array(node, place, isReserved);
    else {
      if (!isReserved) this.reserve(byteLength(this.constant) + textSize(node));
      if (node.kind === 'string' || node.kind === 'address' || node.kind === 'pointer')
        this.text(node, place);
      else {
        this.flush();
        this.code.push(this.scalar(node, place));
      }
    }
  }

  /** Each element is followed by a comma; the bracket replaces the last. */
  private array(node: Extract<LayoutNode, { kind: 'array' }>, place: Place, isReserved: boolean): void {
    this.constant += '[';
    if (node.length > 0) {
      const isElementReserved = isReserved || textSize(node.element) < RESERVED_AT_ONCE;
      const index = `i${this.loops++}`;
      if (!isReserved) this.reserve(byteLength(this.constant));
      this.flush();
      this.code.push(`for (let ${index} = 0; ${index} < ${node.length}; ${index}++) {`);
      if (!isReserved && isElementReserved) this.reserve(textSize(node.element) + 1);
      this.node(node.element, place.element(index, node.stride), isElementReserved);
      this.constant += ',';
      if (!isElementReserved) this.reserve(byteLength(this.constant));
      this.flush();
      this.code.push('}', 'p--;');
    }
    this.constant += ']';
  }

  private text(node: TextNode, place: Place): void {
    const at = place.index(1);
    if (node.kind === 'string') {
      this.flush();
      this.code.push(`p = writeJsonText(out, p, u8, u32, ${at}, ${node.size});`);
      return;
    }
    this.constant += '"';
    this.flush();
    if (node.kind === 'pointer') {
      const { hi, lo } = halvesAt(node, place);
      this.code.push(`p = writeHex(out, p, ${hi}, ${lo});`);
    } else {
      const write = { ipv4: 'writeIpv4', ipv6: 'writeIpv6', mac: 'writeMac' }[node.family];
      this.code.push(`p = ${write}(out, p, u8, ${at});`);
    }
    this.constant = '"';
  }

  private scalar(node: Exclude<ScalarNode, TextNode>, place: Place): string {
    switch (node.kind) {
      case 'float':
        return `p = writeDouble(out, p, ${floatAt(node, place)});`;
      case 'bool':
        return `if (${boolAt(node, place)}) { ${constantCode('true')} } else { ${constantCode('false')} }`;
      case 'enum': {
        const text = `enums[${this.enumIndex(node)}]`;
        if (widthOf(node) <= 32) return `p = ${text}.write(out, p, ${smallAt(node, place)});`;
        const { hi, lo } = halvesAt(node, place);
        return `p = ${text}.writeWide(out, p, (BigInt(${hi}) << 32n) + BigInt(${lo}));`;
      }
      case 'int': {
        const width = widthOf(node);
        const write = isSigned(node) ? 'writeInt' : 'writeUint';
        if (width > 64) return `p = writeBigint(out, p, ${hugeAt(node, place)});`;
        if (width <= 32) return `p = ${write}32(out, p, ${smallAt(node, place)});`;
        const { hi, lo } = halvesAt(node, place);
        return `p = ${write}64(out, p, ${hi}, ${lo});`;
      }
    }
  }

  /** Fields of one enum share its texts. */
  private enumIndex(node: EnumNode): number {
    const known = this.enumIndices.get(node.names) ?? {};
    this.enumIndices.set(node.names, known);
    const key = widthOf(node) > 32 ? 'wide' : 'small';
    known[key] ??= this.enums.push(new EnumText(node)) - 1;
    return known[key];
  }

  private reserve(bytes: number): void {
    const room = bytes + digits.SLACK;
    this.code.push(`if (p + ${room} > end) { out = buffer.grow(p, ${room}); end = out.byteLength; }`);
  }

  private flush(): void {
    if (this.constant !== '') this.code.push(constantCode(this.constant));
    this.constant = '';
  }
}
