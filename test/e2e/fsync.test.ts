import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { AgentProcess } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const EVENTS = 400;

/** A system call on a file: where in the trace it began, where it ended, and what was written. */
interface Call {
  readonly name: string;
  readonly file: string;
  readonly begun: number;
  ended: number;
  result: number;
  readonly data: Buffer;
}

/** What `strace -f -y -xx` wrote of calls on files, in the order in which they began. */
function parse(trace: string): Call[] {
  const calls: Call[] = [];
  const unfinished = new Map<string, Call>();
  for (const [at, line] of trace.split('\n').entries()) {
    const [, pid = '', resumed, name = '', path = ''] =
      /^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\(\d+<([^>]*)>)/.exec(line) ?? [];
    const result = Number(/\) += (-?\d+)/.exec(line)?.[1] ?? Number.NaN);
    if (resumed !== undefined) {
      Object.assign(unfinished.get(pid) ?? {}, { ended: at, result });
      unfinished.delete(pid);
    } else if (name !== '') {
      const file = path.replace(/\\x([0-9a-f]{2})/g, (_, code) =>
        String.fromCharCode(Number.parseInt(code, 16)),
      );
      const data = Buffer.from(
        [...line.slice(line.indexOf('>')).matchAll(/\\x([0-9a-f]{2})/g)].map(([, code]) => code).join(''),
        'hex',
      );
      const call = { name, file, begun: at, ended: at, result, data };
      calls.push(call);
      if (line.includes('<unfinished')) unfinished.set(pid, call);
    }
  }
  return calls;
}

/** Numbers of the events in a piece of NDJSON, or of a segment that holds it. */
const numbers = (data: Buffer): number[] =>
  [...data.toString('latin1').matchAll(/"seq":(\d+)/g)].map(([, seq]) => Number(seq));

/** Up to which frame a disk buffer says that it is settled (a slot of its file `position`). */
const settledIn = (slot: Buffer): number => Number(slot.readBigUInt64LE(16));

describe('fsync: always', () => {
  let agent: AgentProcess;
  afterEach(() => agent.stop());

  it('has each batch on the disk before anybody says so: of the disk buffer, and of the file sink', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bee-fsync-'));
    agent = await AgentProcess.start(`
probes:
  - file: ${compileProbe(here('./probes/flood.bpf.c'))}
    maps: { counter_groups: { export: none } }
sinks:
  file:
    type: file
    path: ${folder}/events.ndjson
    fsync: always
    rotate: false
    buffer: { path: ${folder}/buffer, fsync: always }
  prom: { type: prometheus }
agent: { listen: "127.0.0.1:0" }
`);
    const settled = (): number => {
      const slots = readFileSync(join(folder, 'buffer', 'position'));
      return Math.max(settledIn(slots.subarray(0, 32)), settledIn(slots.subarray(32)));
    };
    const first = settled();
    const written = join(folder, 'trace');
    const strace = spawn(
      'strace',
      ['-f', '-y', '-xx', '-v', '-s', '1000000', '-o', written, '-p', String(agent.child.pid)].concat([
        '-e',
        'trace=fsync,fdatasync,write,writev,pwrite64,pwritev,pwritev2',
      ]),
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    await Promise.race([
      once(strace.stderr, 'data'),
      once(strace, 'error').then(([error]) => {
        throw new Error(`${error.message}: apt-get install strace`);
      }),
    ]);
    await run(compileProgram(here('./probes/trigger.c')), [String(EVENTS), '20', '20000']);
    await agent.until(
      async () => (await agent.sum('bee_agent_sink_delivered_total', 'sink="file"')) === EVENTS,
    );
    const ended = once(strace, 'close');
    strace.kill('SIGINT');
    await ended;

    const calls = parse(readFileSync(written, 'utf8')).filter(({ file }) => file.startsWith(folder));
    const writesOf = (end: string): Call[] =>
      calls.filter(({ name, file }) => name.includes('write') && file.endsWith(end));
    /** When what a call wrote was on the disk, by a sync that began after it and succeeded. */
    const synced = ({ file, ended: after }: Call): number => {
      const sync = calls.find(
        (call) => call.file === file && /^f(?:data)?sync$/.test(call.name) && call.begun > after,
      );
      expect(sync?.result).toBe(0);
      return sync?.ended ?? Number.POSITIVE_INFINITY;
    };

    // Accepted: each event is safe in the buffer before the sink gets it.
    const lines = writesOf('/events.ndjson');
    const safe = new Map<number, number>();
    for (const write of writesOf('.seg')) for (const seq of numbers(write.data)) safe.set(seq, synced(write));
    expect([...safe.keys()]).toEqual(Array.from({ length: EVENTS }, (_, i) => i));
    const early = lines.flatMap((write) =>
      numbers(write.data).filter((seq) => !(safe.get(seq)! < write.begun)),
    );
    expect(early).toEqual([]);
    expect(lines.flatMap(({ data }) => numbers(data))).toEqual([...safe.keys()]);

    // Delivered: the buffer lets go of a batch, which is a line's write, only when the file is safe.
    const done = lines.map(synced);
    const positions = writesOf('/position');
    expect(positions.length).toBeGreaterThan(0);
    for (const { data, begun } of positions) {
      const frames = settledIn(data) - first;
      expect(frames).toBeLessThanOrEqual(done.filter((at) => at < begun).length);
    }
    await expect.poll(() => settled() - first).toBe(lines.length);
    expect(lines.length).toBeGreaterThan(5);
  }, 60_000);
});
