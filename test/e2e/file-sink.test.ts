import { execFile, execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AgentProcess, readSlots } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';
import { TestTerminal } from '../support/terminal.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const COUNT = 'produced_file';

describe('the file sink of a running agent', () => {
  let object: string;
  let trigger: string;
  let agent: AgentProcess;
  let folder: string;
  beforeAll(() => {
    object = compileProbe(here('./probes/flood.bpf.c'), `-Dproduced=${COUNT}`);
    trigger = compileProgram(here('./probes/trigger.c'));
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bee-files-'));
  });
  afterEach(async () => {
    await agent.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = (options: string): Promise<AgentProcess> =>
    AgentProcess.start(`
probes: [{ file: ${object}, name: flood }]
sinks:
  prom: { type: prometheus }
  log: { type: file, path: ${folder}/events.ndjson, ${options} }
agent: { listen: "127.0.0.1:0" }
`);
  const of = (what: string, ...labels: string[]): Promise<number> =>
    agent.sum(`bee_agent_sink_${what}`, 'sink="log"', ...labels);
  /** `seq` of each line of these files; a torn line is an error. */
  const sequence = (...names: string[]): number[] =>
    names
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .flatMap((text) => {
        if (text !== '') expect(text.endsWith('\n')).toBe(true);
        return text.split('\n').slice(0, -1);
      })
      .map((line) => JSON.parse(line).data.seq);
  const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

  it('lets somebody else rotate, by SIGHUP, under load: every event is in one of the files, in order', async () => {
    agent = await start('rotate: false');
    const flood = run(trigger, ['30000', '100', '5000']);
    const moved: string[] = [];
    for (let i = 0; i < 4; i++) {
      await agent.until(() => readdirSync(folder).includes('events.ndjson') && size('events.ndjson') > 0);
      const name = `events.${i}`;
      renameSync(join(folder, 'events.ndjson'), join(folder, name));
      moved.push(name);
      agent.child.kill('SIGHUP');
    }
    await flood;
    const [wanted] = readSlots(agent, COUNT);
    await agent.until(async () => (await of('delivered_total')) === wanted);
    expect(sequence(...moved, 'events.ndjson')).toEqual(range(wanted!));
    expect(await agent.stop()).toBe(0);
  }, 60_000);

  it('is not ended by SIGHUP, whether its file is open, cannot be opened, or is being closed', async () => {
    rmSync(folder, { recursive: true });
    agent = await start('rotate: false');
    const isReady = async (): Promise<boolean> => (await fetch(`${agent.url}/readyz`)).ok;
    await agent.until(() => agent.stderr.includes('no such folder'));
    for (let i = 0; i < 3; i++) agent.child.kill('SIGHUP');
    mkdirSync(folder);
    await agent.until(isReady);
    agent.child.kill('SIGHUP');
    expect(await isReady()).toBe(true);
    const stopped = agent.stop();
    for (let i = 0; i < 3; i++) agent.child.kill('SIGHUP');
    expect(await stopped).toBe(0);
    expect(agent.stderr).not.toContain('SIGHUP: stopping');
  }, 30_000);

  it('is stopped, and gives account, when the terminal that it was started on is closed', async () => {
    agent = await start('rotate: false');
    const log = join(folder, 'log');
    const config = join(agent.folder, 'probes.yaml');
    await agent.stop();
    const main = here('../../dist/bin/bee-agent.js');
    const terminal = TestTerminal.open(`'${process.execPath}' '${main}' --config '${config}' 2> '${log}'`);
    const says = (what: string): boolean => existsSync(log) && readFileSync(log, 'utf8').includes(what);
    await terminal.until(() => says('running:'));
    const [pid] = readFileSync(`/proc/${terminal.shell}/task/${terminal.shell}/children`, 'utf8').split(' ');
    await run(trigger, ['100', '100', '2000']);
    await terminal.until(() => existsSync(join(folder, 'events.ndjson')) && size('events.ndjson') > 0);
    terminal.close();
    await vi.waitFor(() => expect(existsSync(`/proc/${pid}`)).toBe(false), 10_000);
    expect(readFileSync(log, 'utf8')).toMatch(
      /SIGHUP: stopping"\n.*sink log: 100 records, 100 delivered, lost: 0"\n$/,
    );
  }, 60_000);

  it('survives a full disk: what it gives up is counted, what it says it wrote is there, and it goes on', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
    try {
      agent = await start('rotate: { size: 200KiB, keep: 2 }, queue: { max_elapsed: 1s }');
      writeFileSync(join(folder, 'ballast'), Buffer.alloc(900 * 1024));
      await run(trigger, ['5000', '100', '2000']);
      await agent.until(async () => (await of('lost_total', 'reason="expired"')) > 0, 20_000);
      expect(agent.stderr).toMatch(/events\.ndjson: no space left on the disk/);
      const [first] = readSlots(agent, COUNT);
      await agent.until(async () => (await of('queued')) === 0, 20_000);
      const [delivered, lost] = [await of('delivered_total'), await of('lost_total')];
      expect(delivered + lost).toBe(first);
      expect(
        sequence(
          ...readdirSync(folder)
            .filter((name) => name !== 'ballast')
            .sort(),
        ).length,
      ).toBe(delivered);
      expect((await fetch(`${agent.url}/readyz`)).status).toBe(200);
      // There is room again.
      rmSync(join(folder, 'ballast'));
      await run(trigger, ['1000', '100', '2000']);
      await agent.until(async () => (await of('delivered_total')) === delivered + 1000, 20_000);
      expect(await of('lost_total')).toBe(lost);
      expect(sequence('events.ndjson').slice(-1)).toEqual([first! + 999]);
      expect(await agent.stop()).toBe(0);
    } finally {
      await agent.stop();
      execFileSync('umount', [folder]);
    }
  }, 90_000);

  const size = (name: string): number => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
});
