// write-stdout.mjs SCENARIO: drives the compiled Output against the real descriptor 1; says what came of it on stderr.
import { readFileSync } from 'node:fs';
import { Output } from '../../../../dist/plugins/stdout/output.js';

const lines = (name, count) =>
  Buffer.from(Array.from({ length: count }, (_, i) => `${name} ${i} ${'x'.repeat(90)}\n`).join(''));
const report = (value) => process.stderr.write(`${JSON.stringify(value)}\n`);
const never = new AbortController().signal;
const output = new Output();

const scenarios = {
  /** Two batches, read or not. */
  async plain() {
    const results = [];
    for (const name of ['a', 'b'])
      results.push(await output.write({}, () => lines(name, 5000), { signal: never }));
    return results;
  },
  /** The first attempt gives up on a stalled reader; the same batch is tried again. */
  async again() {
    const key = {};
    let rendered = 0;
    const render = () => {
      rendered++;
      return lines('a', 5000);
    };
    const first = await output.write(key, render, { signal: AbortSignal.timeout(300) });
    report('stalled');
    return [first, await output.write(key, render, { signal: never }), rendered];
  },
  /** The first batch is given up for another one. */
  async other() {
    const first = await output.write({}, () => lines('a', 5000), { signal: AbortSignal.timeout(300) });
    report('stalled');
    return [first, await output.write({}, () => lines('b', 100), { signal: never })];
  },
  /** Closed while the reader does not read. */
  async close() {
    const writing = output.write({}, () => lines('a', 5000), { signal: never });
    setTimeout(() => void output.close(), 200);
    return [await writing, await output.write({}, () => lines('b', 1), { signal: never })];
  },
};

const results = await scenarios[process.argv[2]]();
report({ results, flags: /flags:\s*(\d+)/.exec(readFileSync('/proc/self/fdinfo/1', 'utf8'))?.[1] });
await output.close();
await output.close();
