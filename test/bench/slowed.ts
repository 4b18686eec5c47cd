import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, WORK } from './tools.js';

/** What a slowed build takes twice as much of: CPU all along, or time until it begins. */
export type Slowdown = { readonly of: 'cpu' } | { readonly of: 'start'; readonly seconds: number };

/**
 * As much CPU again as all other threads of the process use, in a thread beside them: twice the cost, whatever road a
 * record takes. A thread's own CPU is the first figure of schedstat, in ns (Documentation/scheduler/sched-stats).
 */
const AGAIN = `
const { readFileSync } = require('node:fs');
const mine = () => Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1000;
const all = () => { const { user, system } = process.cpuUsage(); return user + system; };
if (!(mine() > 0)) throw new Error('this kernel counts no CPU by thread: the guard cannot be proved here');
setInterval(() => { while (2 * mine() < all()); }, 10);
`;

/** A copy of this build, bundled as it is, before whose first line something is done that costs time: its agent. */
export function slowedBuild(slowdown: Slowdown): string {
  const copy = join(WORK, 'slow');
  rmSync(copy, { recursive: true, force: true });
  cpSync(join(ROOT, 'dist'), join(copy, 'dist'), { recursive: true });
  for (const name of ['package.json', 'node_modules', 'native', 'config'])
    symlinkSync(join(ROOT, name), join(copy, name));
  const agent = join(copy, 'dist', 'bin', 'bee-agent.js');
  const [hashbang, ...rest] = readFileSync(agent, 'utf8').split('\n');
  writeFileSync(agent, [hashbang, costly(slowdown), ...rest].join('\n'));
  return agent;
}

function costly(slowdown: Slowdown): string {
  if (slowdown.of === 'cpu')
    return `new (require('node:worker_threads').Worker)(${JSON.stringify(AGAIN)}, { eval: true }).unref();`;
  return `for (const end = performance.now() + ${1000 * slowdown.seconds}; performance.now() < end; );`;
}
