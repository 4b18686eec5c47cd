// Open, and load, an object that is damaged anew each time: node damage.mjs DIST OBJECT FIRST LAST open|load
// Prints how often each outcome was met, as JSON. Whatever else happens ends it with a stack trace, or a signal.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [dist, file, first, last, way] = process.argv.slice(2);
const { BpfError, rewriteLegacySections } = await import(
  pathToFileURL(join(dist, 'core', 'bpf', 'index.js'))
);
const { KernelError, openObject } = await import(pathToFileURL(join(dist, 'core', 'kernel', 'index.js')));

const seed = readFileSync(file);
const table = Number(seed.readBigUInt64LE(40));
const count = seed.readUInt16LE(60);
const NOBITS = 8;
/** Parts of the file, each damaged as often as the others: the header, the sections' headers, every section. */
const parts = [
  [0, 64],
  [table, table + 64 * count],
];
for (let i = 1; i < count; i++) {
  const header = table + 64 * i;
  const start = Number(seed.readBigUInt64LE(header + 24));
  const size = Number(seed.readBigUInt64LE(header + 32));
  if (seed.readUInt32LE(header + 4) !== NOBITS && size > 0) parts.push([start, start + size]);
}
const WORDS = [0, 1, 2, 8, 64, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff, seed.length, seed.length - 1];

/** xorshift32: the same damage for the same number. */
function random(start) {
  let x = Math.imul(start + 1, 0x9e3779b1) >>> 0 || 1;
  return (below) => {
    x ^= x << 13;
    x >>>= 0;
    x ^= x >>> 17;
    x = (x ^ (x << 5)) >>> 0;
    return x % below;
  };
}

function damaged(number) {
  const next = random(number);
  const bytes = Buffer.from(seed);
  for (let edits = 1 + next(4); edits > 0; edits--) {
    const [start, end] = parts[next(parts.length)];
    const at = start + next(end - start);
    const how = next(4);
    if (how === 0) bytes[at] ^= 1 << next(8);
    else if (how === 1) bytes[at] = next(256);
    else
      bytes.writeUInt32LE(
        how === 2 ? WORDS[next(WORDS.length)] : next(64),
        Math.min(at & ~3, bytes.length - 4),
      );
  }
  return bytes;
}

const outcomes = { refused: 0, unopened: 0, opened: 0, unloaded: 0, loaded: 0 };
for (let number = Number(first); number < Number(last); number++) {
  const bytes = damaged(number);
  let object;
  try {
    object = openObject(rewriteLegacySections(bytes), { name: 'damaged' });
  } catch (error) {
    if (error instanceof BpfError) outcomes.refused++;
    else if (error instanceof KernelError) outcomes.unopened++;
    else throw error;
    continue;
  }
  outcomes.opened++;
  if (way === 'load') {
    try {
      await object.load();
      outcomes.loaded++;
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      outcomes.unloaded++;
    }
  }
  object.close();
}
console.log(JSON.stringify(outcomes));
