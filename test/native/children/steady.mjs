// Load, attach, map, read and unload over and over: node steady.mjs ADDON OBJECT ROUNDS
// Prints what the process holds after a tenth of the rounds and after all of them, as JSON.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';

const [path, objectPath, rounds] = process.argv.slice(2);
const addon = createRequire(import.meta.url)(path);
const bytes = readFileSync(objectPath);
const offsets = new Uint32Array(64);
const packet = new Uint8Array(64);

async function round(attached) {
  const object = addon.openObject(bytes, { name: 'life' });
  await object.load();
  const fd = object.mapFd('events');
  const owner = addon.createRingOwner(fd);
  const reader = addon.createRingReader(fd);
  const table = addon.createMapReader(object.mapFd('table'));
  const poller = addon.createPoller(() => {}, { interval: 5 });
  poller.add(1, fd);
  if (attached) {
    await object.attach('on_getpgid');
    await object.attachPerfEvent('on_clock', { frequency: 49 });
  }
  await object.testRun('make', { data: packet, repeat: 10 });
  if (reader.peek(0, offsets, new Uint32Array(64), 1 << 20).count < 10)
    throw new Error('records are missing');
  if (table.read({ maxEntries: 1000 }).count < 10) throw new Error('entries are missing');
  for (const handle of [poller, table, reader, owner, object]) handle.close();
}

/** One that is refused: the error path must hold nothing either. */
async function failure() {
  const object = addon.openObject(bytes, { name: 'life' });
  object.setMaxEntries('table', 0xffff_ffff);
  const outcome = await object.load().catch((error) => error);
  if (!(outcome instanceof Error)) throw new Error('a map of 2^32 entries was created');
  object.close();
}

async function measure() {
  for (let i = 0; i < 5; i++) {
    globalThis.gc();
    await pause(20);
  }
  const text = readFileSync('/proc/self/smaps_rollup', 'utf8');
  const kilobytes = [...text.matchAll(/^Private_\w+:\s+(\d+) kB/gm)].reduce(
    (sum, [, kb]) => sum + Number(kb),
    0,
  );
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
    mappings: readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter((line) => line.includes('bpf')).length,
    kilobytes,
  };
}

let early;
for (let i = 1; i <= rounds; i++) {
  // To detach takes the kernel 60 ms: one in five.
  await round(i % 5 === 0);
  if (i % 10 === 0) await failure();
  if (i === Math.floor(rounds / 10)) early = await measure();
}
console.log(JSON.stringify({ early, late: await measure() }));
