import type { EnumNode, IntNode } from '../../bpf/index.js';

/*
 * Source of statements that write a value at `p` of `w` and move `p`: what the functions of digits.ts and address.ts
 * do, without the calls, of which V8 leaves out only the first few of a function. They change `v`.
 */

const SHORT = 'w.setUint32(p,SHORT[v],true);p+=LENGTHS[v];';
const UNSIGNED =
  'if(v>=1e4){const top=(v/1e4)>>>0;v-=top*1e4;' +
  'if(top<1e4){w.setUint32(p,SHORT[top],true);p+=LENGTHS[top];}else p=writeUnsigned(w,p,top);' +
  `w.setUint32(p,FOUR[v],true);p+=4;}else{${SHORT}}`;

/** `value`, an integer of at most 32 bits. */
export function narrowSource({ size, bits, signed }: IntNode | EnumNode, value: string): string {
  if (signed) return `v=${value};if(v<0){w.setUint8(p++,45);v=-v;}${UNSIGNED}`;
  return `v=${value};${size === 1 && !bits ? SHORT : UNSIGNED}`;
}

/** The 64 bits in `lo` and `hi`. */
export function wideSource({ signed }: IntNode | EnumNode): string {
  return `if(hi===0){v=lo;${UNSIGNED}}else p=write${signed ? 'Signed' : 'Unsigned'}64(w,p,lo,hi);`;
}

/** The four octets at `at` of `u8`. Room needed: 17, as for writeIpv4. */
export function ipv4Source(at: string): string {
  const octets = [0, 1, 2, 3].map(
    (i) => `v=u8[${at}+${i}];w.setInt32(p,OCTETS[v],true);p+=OCTET_LENGTHS[v];`,
  );
  return `${octets.join('')}p--;`;
}
