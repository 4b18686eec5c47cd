import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type KernelObject, openObject, RingOwner, RingWatcher } from '../../core/kernel/index.js';
import { compileProbeBytes } from '../support/compile.js';

const SOURCE = fileURLToPath(new URL('./probes/ring.bpf.c', import.meta.url));
const PACKET = new Uint8Array(64);

let bytes: Uint8Array;
let object: KernelObject;
let owner: RingOwner;
let watcher: RingWatcher;

beforeAll(() => {
  bytes = compileProbeBytes(SOURCE);
});
beforeEach(async () => {
  object = openObject(bytes, { name: 'ring' });
  await object.load();
  owner = new RingOwner(object.map('events').fd);
});
afterEach(() => {
  watcher.close();
  owner.close();
  object.close();
});

const make = (program: string) => object.testRun(program, { data: PACKET, repeat: 1 });
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

async function until(condition: () => boolean, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (!condition() && performance.now() < deadline) await pause(5);
  return condition();
}

describe('RingWatcher', () => {
  it('reports a ring once, and once more when armed', async () => {
    watcher = new RingWatcher({ interval: 60_000 });
    let reports = 0;
    const id = watcher.add(object.map('events').fd, () => reports++);
    await make('make');
    expect(await until(() => reports === 1, 2000)).toBe(true);
    await make('make');
    await pause(50);
    expect(reports).toBe(1);
    // Unreleased records: at once.
    watcher.arm(id);
    expect(await until(() => reports === 2, 2000)).toBe(true);
    owner.release(owner.positions().producer);
    watcher.arm(id);
    await pause(50);
    expect(reports).toBe(2);
    await make('make');
    expect(await until(() => reports === 3, 2000)).toBe(true);
  });

  it('finds records that were submitted without a wake-up by looking slowly', async () => {
    watcher = new RingWatcher({ interval: 100 });
    let reports = 0;
    watcher.add(object.map('events').fd, () => reports++);
    await pause(20);
    await make('make_quietly');
    expect(reports).toBe(0);
    expect(await until(() => reports === 1, 2000)).toBe(true);
    await pause(250);
    expect(reports).toBe(1);
  });

  it('naps until a share of the ring has filled, or time is up', async () => {
    watcher = new RingWatcher({ interval: 60_000 });
    let reports = 0;
    const id = watcher.add(object.map('events').fd, () => reports++);
    await make('make');
    expect(await until(() => reports === 1, 2000)).toBe(true);
    owner.release(owner.positions().producer);
    // A record is 16 bytes: neither one nor three of them fill so much.
    watcher.nap(id, 60_000, 64);
    await object.testRun('make', { data: PACKET, repeat: 3 });
    await pause(100);
    expect(reports).toBe(1);
    await make('make');
    expect(await until(() => reports === 2, 2000)).toBe(true);
    // Reported once; then nothing until it is asked for again.
    await make('make');
    await pause(50);
    expect(reports).toBe(2);
    // Full enough already.
    watcher.nap(id, 60_000, 64);
    expect(await until(() => reports === 3, 2000)).toBe(true);
    owner.release(owner.positions().producer);
    watcher.nap(id, 20, 64);
    expect(await until(() => reports === 4, 2000)).toBe(true);
    // Arming ends a nap.
    watcher.nap(id, 60_000, 1 << 20);
    watcher.arm(id);
    await make('make');
    expect(await until(() => reports === 5, 2000)).toBe(true);
    // And so does removal.
    owner.release(owner.positions().producer);
    watcher.nap(id, 20, 64);
    watcher.remove(id);
    await pause(60);
    expect(reports).toBe(5);
    watcher.nap(id, 20, 64);
  });

  it('is silent about a ring that was removed, even with a report on its way', async () => {
    watcher = new RingWatcher({ interval: 10 });
    let reports = 0;
    for (let round = 0; round < 50; round++) {
      const id = watcher.add(object.map('events').fd, () => reports++);
      // The records of earlier rounds are unreleased: the epoll thread reports at once, perhaps already.
      await make('make');
      const before = reports;
      watcher.remove(id);
      await pause(1);
      expect(reports).toBe(before);
      watcher.arm(id);
    }
  });

  it('never gives an id twice', () => {
    watcher = new RingWatcher();
    const ids = new Set<number>();
    for (let i = 0; i < 100; i++) {
      const id = watcher.add(object.map('events').fd, () => {});
      watcher.remove(id);
      ids.add(id).add(watcher.newId());
    }
    expect(ids.size).toBe(200);
  });

  it('may be closed by the report itself', async () => {
    watcher = new RingWatcher();
    let reports = 0;
    watcher.add(object.map('events').fd, () => {
      reports++;
      watcher.close();
    });
    await make('make');
    expect(await until(() => reports === 1, 2000)).toBe(true);
    await make('make');
    await pause(50);
    expect(reports).toBe(1);
  });
});
