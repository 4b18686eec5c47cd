// The life of everything in the addon, step by step. `at(step)` is called when a step is reached, with what is
// alive; what it does there (exit, terminate, drop everything) is the mode's business.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

export const STEPS = [
  'required',
  'opened',
  'loading',
  'loaded',
  'attaching',
  'attached',
  'sampling',
  'mapped',
  'peeked',
  'polling',
  'running',
  'reported',
  'closing out of order',
  'closed',
  'used after close',
];

/** Runs the steps; `at` may end the process, or return true to have everything dropped. */
export async function scenario({ addon: path, object: objectPath }, at) {
  const addon = createRequire(import.meta.url)(path);
  const bytes = readFileSync(objectPath);
  let alive = {};
  const reach = async (step) => {
    if (await at(step)) alive = undefined;
    return alive !== undefined;
  };
  if (!(await reach('required'))) return;

  alive.object = addon.openObject(bytes, { name: 'life' });
  alive.object.setInitialValue('.rodata', 0, new Uint8Array(new BigUint64Array([7n]).buffer));
  if (!(await reach('opened'))) return;

  const loading = alive.object.load();
  loading.catch(() => {});
  if (!(await reach('loading'))) return;
  await loading;
  if (!(await reach('loaded'))) return;

  const attaching = alive.object.attach('on_getpgid');
  attaching.catch(() => {});
  if (!(await reach('attaching'))) return;
  alive.link = await attaching;
  if (!(await reach('attached'))) return;

  alive.clock = await alive.object.attachPerfEvent('on_clock', { frequency: 99 });
  if (!(await reach('sampling'))) return;

  const fd = alive.object.mapFd('events');
  alive.owner = addon.createRingOwner(fd);
  alive.reader = addon.createRingReader(fd);
  alive.memory = alive.reader.memory;
  alive.table = addon.createMapReader(alive.object.mapFd('table'));
  if (!(await reach('mapped'))) return;

  const offsets = new Uint32Array(512);
  await alive.object.testRun('make', { data: new Uint8Array(64), repeat: 100 });
  const { next } = alive.reader.peek(
    alive.owner.positions().consumer,
    offsets,
    new Uint32Array(512),
    1 << 20,
  );
  alive.owner.release(next);
  const { count } = alive.table.read({ maxEntries: 1000 });
  if (count === 0) throw new Error('the table is empty');
  if (!(await reach('peeked'))) return;

  let report;
  const reported = new Promise((resolve) => {
    report = resolve;
  });
  const { owner } = alive;
  alive.poller = addon.createPoller(
    (ids) => {
      // Keep the reports coming for as long as records do.
      owner.release(owner.positions().producer);
      for (const id of ids) alive?.poller?.arm(id);
      report();
    },
    { interval: 5 },
  );
  alive.poller.add(1, fd);
  if (!(await reach('polling'))) return;

  const running = alive.object.testRun('make', { data: new Uint8Array(64), repeat: 200_000 });
  running.catch(() => {});
  if (!(await reach('running'))) return;
  const late = setTimeout(() => {
    throw new Error('no report of the poller');
  }, 10_000);
  await reported;
  clearTimeout(late);
  if (!(await reach('reported'))) return;

  // The parent first; the run that is under way ends before the object does.
  alive.object.close();
  if (!(await reach('closing out of order'))) return;
  await running.catch(() => {});
  for (const name of ['reader', 'link', 'owner', 'poller', 'clock', 'table', 'object']) {
    alive[name].close();
    alive[name].close();
  }
  if (alive.memory.byteLength !== 0) throw new Error('the memory outlived its reader');
  if (!(await reach('closed'))) return;

  const uses = [
    () => alive.object.programs(),
    () => alive.object.maps(),
    () => alive.object.mapFd('events'),
    () => alive.object.setAutoload('make', false),
    () => alive.owner.positions(),
    () => alive.owner.release(0),
    () => alive.reader.memory,
    () => alive.reader.peek(0, offsets, offsets, 1),
    () => alive.table.read({ maxEntries: 1 }),
    () => alive.poller.add(2, 0),
    () => alive.poller.arm(1),
    () => alive.poller.remove(1),
    () => alive.object.load(),
    () => alive.object.attach('make'),
  ];
  for (const use of uses) {
    try {
      await use();
    } catch (error) {
      if (error.code === 'CLOSED') continue;
      throw error;
    }
    throw new Error(`allowed after close: ${use}`);
  }
  await reach('used after close');
}
