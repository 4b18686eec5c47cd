import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AgentProcess } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const FILL = '1';
const CHANGE = '2';
const RING = '4';

/** Writes what it is pushed, one line a push: family → values. */
const SINK = `
import { appendFileSync } from 'node:fs';
import { defineSink } from 'bee-agent/sdk';
import { z } from 'zod';
export default defineSink({
  apiVersion: 1,
  type: 'pushed',
  accepts: { events: false, metrics: true },
  options: z.strictObject({ file: z.string() }),
  open: ({ file }) => ({
    writeMetrics({ families }) {
      const values = families.map(({ name, series }) => [name, series.map(({ value }) => Number(value))]);
      appendFileSync(file, JSON.stringify(Object.fromEntries(values)) + '\\n');
      return { status: 'ok' };
    },
    close() {},
  }),
});
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bee-last-push-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('a sink to which metrics are pushed gets at the stop what was counted since the last interval', async () => {
  const request = compileProgram(here('./probes/do.c'));
  const file = join(folder, 'pushes');
  const sink = join(folder, 'sink.mjs');
  writeFileSync(sink, SINK);
  const agent = await AgentProcess.start(`
probes:
  - file: ${compileProbe(here('./probes/maps.bpf.c'))}
    name: maps
    maps: { hist_wait_ns: { buckets: [1000] }, hist_size: { buckets: [16] } }
sinks:
  pushed: { type: ${sink}, interval: 1h, file: ${file} }
agent: { listen: "127.0.0.1:0" }
`);
  try {
    for (const operation of [RING, FILL, CHANGE]) await run(request, [operation]);
  } finally {
    expect(await agent.stop(), agent.stderr).toBe(0);
  }
  const last = JSON.parse(readFileSync(file, 'utf8').trim().split('\n').at(-1)!);
  expect(last.ebpf_opens_total.sort()).toEqual([2, 3]);
  expect(last.ebpf_calls_total).toContain(12345);
  expect(last).toHaveProperty('bee_agent_records_received_total');
}, 60_000);
