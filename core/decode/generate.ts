import { address, OCTET_LENGTHS, OCTETS, writeIpv4 } from './address.js';
import {
  bigInteger,
  FOUR,
  hex64,
  LENGTHS,
  SHORT,
  wide,
  writeFloat,
  writeNine,
  writeSigned,
  writeSigned64,
  writeUnsigned,
  writeUnsigned64,
} from './digits.js';
import { bytesEqual, textContains, textEnds, textEquals, textStarts } from './filter/match.js';
import { hashOf, sameWords } from './forms/group-key.js';
import { copyText, packText, writeAscii, writeText } from './text.js';

/** What generated code may use. */
const SCOPE = {
  FOUR,
  LENGTHS,
  OCTET_LENGTHS,
  OCTETS,
  SHORT,
  writeText,
  copyText,
  packText,
  sameWords,
  hashOf,
  writeAscii,
  writeUnsigned,
  writeSigned,
  writeUnsigned64,
  writeSigned64,
  writeFloat,
  writeNine,
  writeIpv4,
  address,
  hex64,
  wide,
  bigInteger,
  bytesEqual,
  textEquals,
  textStarts,
  textEnds,
  textContains,
};

/** The parameter `m` is a `Memory`; `lo` and `hi` are set by what `readWide` wrote. */
const VIEWS = 'const {u8,i8,u16,i16,u32,i32,view}=m;let lo=0,hi=0;';

/**
 * Make a function of generated source. Its text is made of numbers and our own names, nothing else: names and
 * strings from outside come in as arguments, so that they never become code.
 */
export function generate<F>(parameters: string, body: string): F {
  const names = Object.keys(SCOPE).join(',');
  const source = `"use strict";const {${names}}=scope;return function(${parameters}){${VIEWS}${body}}`;
  return new Function('scope', source)(SCOPE) as F;
}
