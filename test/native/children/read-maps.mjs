// node read-maps.mjs ADDON OBJECT REPEAT: fill the maps, then print a digest of each, of its entries in order.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [path, objectPath, repeat] = process.argv.slice(2);
const addon = createRequire(import.meta.url)(path);
const object = addon.openObject(readFileSync(objectPath), { name: 'tables' });
await object.load();
await object.testRun('fill', { data: new Uint8Array(64), repeat: Number(repeat) });
const result = {};
for (const map of ['hash', 'lru_hash', 'array', 'percpu_hash', 'percpu_array', 'lru_percpu_hash']) {
  const reader = addon.createMapReader(object.mapFd(map));
  const { bytes, count, truncated } = reader.read({ maxEntries: 1_000_000 });
  const entries = Array.from({ length: count }, (_, i) =>
    Buffer.from(bytes, i * reader.stride, reader.stride).toString('hex'),
  ).sort();
  const digest = createHash('sha256').update(entries.join()).digest('hex');
  const limited = reader.read({ maxEntries: 10 });
  result[map] = { count, truncated, digest, limited: [limited.count, limited.truncated] };
}
console.log(JSON.stringify(result));
