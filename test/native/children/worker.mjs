// Runs the scenario up to `last`, says so, and waits to be terminated. `never`: over and over.
import { parentPort, workerData } from 'node:worker_threads';
import { scenario } from './scenario.mjs';

const { last, ...paths } = workerData;
const forever = new Promise((resolve) => setTimeout(resolve, 1 << 30));
if (last === 'never') {
  parentPort.postMessage('begun');
  for (;;) await scenario(paths, () => false);
}
await scenario(paths, async (at) => {
  if (at !== last) return false;
  parentPort.postMessage(at);
  // No turn of the event loop in which work under way could end: termination finds it in mid-air.
  const end = performance.now() + 20;
  while (performance.now() < end);
  await forever;
  return false;
});
