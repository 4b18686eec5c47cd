// End the process in one way at one step: node end.mjs ADDON OBJECT MODE STEP
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { STEPS, scenario } from './scenario.mjs';

const [addon, object, mode, step] = process.argv.slice(2);
const paths = { addon, object };

/** Nothing refers to what was made: collect it, and let the finalizers run. */
async function collect() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc();
    await pause(2);
  }
}

async function inWorker(last) {
  const worker = new Worker(fileURLToPath(new URL('./worker.mjs', import.meta.url)), {
    workerData: { ...paths, last },
  });
  await once(worker, 'message');
  await worker.terminate();
}

const modes = {
  // process.exit in the middle.
  exit: (last) => scenario(paths, (at) => at === last && process.exit(0)),
  // The loop runs empty with everything still open.
  empty: (last) =>
    scenario(paths, (at) => {
      if (at === last) throw new Stop();
    }).catch(stopped),
  // Everything is dropped and collected.
  drop: async (last) => {
    await scenario(paths, (at) => at === last);
    await collect();
  },
  worker: inWorker,
  // All of the above that leave the process alive, one after another: for the sanitizer.
  everything: async () => {
    for (const each of STEPS) {
      await modes.drop(each);
      await modes.empty(each);
      await inWorker(each);
    }
    for (let ms = 0; ms < 60; ms += 3) await midair(ms);
    await collect();
  },
  // Workers are terminated at moments that no step names.
  midair: async () => {
    for (let ms = 0; ms < 120; ms += 2) await midair(ms);
  },
};

async function midair(ms) {
  const worker = new Worker(fileURLToPath(new URL('./worker.mjs', import.meta.url)), {
    workerData: { ...paths, last: 'never' },
  });
  await once(worker, 'message');
  await pause(ms);
  await worker.terminate();
}

class Stop extends Error {}
function stopped(error) {
  if (!(error instanceof Stop)) throw error;
}

await modes[mode](step);
