import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { compileProbe, compileProgram } from '../support/compile.js';
import { dumpMap } from '../support/kernel-map.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const MAIN = here('../../dist/bin/bee-agent.js');

/** An agent whose standard output is what the test makes it. */
class Started {
  stderr = '';

  constructor(readonly child: ChildProcess) {
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
  }

  /** Poll until `condition` holds; fails with the agent's log otherwise. */
  async until(condition: () => boolean | Promise<boolean>, ms = 15_000): Promise<void> {
    const end = Date.now() + ms;
    while (!(await condition())) {
      if (Date.now() > end) throw new Error(`timed out. The agent's log:\n${this.stderr}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  async running(): Promise<void> {
    await this.until(() => this.stderr.includes('running:') || this.child.exitCode !== null);
  }

  /** Sum of the samples of `name` whose labels contain all of `labels`. */
  async sum(name: string, ...labels: string[]): Promise<number> {
    const url = /listening on (http:[^\s"]+)/.exec(this.stderr)![1];
    const text = await (await fetch(`${url}/metrics`)).text();
    return text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  async ended(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'close');
    return this.child.exitCode;
  }

  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM');
    return this.ended();
  }
}

describe('events on standard output', () => {
  let object: string;
  let trigger: string;
  let folder: string;
  let agent: Started | undefined;
  beforeAll(() => {
    object = compileProbe(here('./probes/flood.bpf.c'));
    trigger = compileProgram(here('./probes/trigger.c'));
    folder = mkdtempSync(join(tmpdir(), 'bee-e2e-stdout-'));
  });
  afterEach(async () => {
    await agent?.stop();
    agent = undefined;
  });

  function config(sinks: string): string {
    const file = join(mkdtempSync(join(folder, 'config-')), 'probes.yaml');
    writeFileSync(
      file,
      `
probes:
  - file: ${object}
    name: flood
    maps: { counter_groups: { export: none } }
sinks:
${sinks}
agent: { listen: "127.0.0.1:0" }
`,
      { mode: 0o600 },
    );
    return file;
  }

  function start(sinks: string, stdout: number | 'pipe'): Started {
    const child = spawn(process.execPath, [MAIN, '--config', config(sinks)], {
      stdio: ['ignore', stdout, 'pipe'],
    });
    agent = new Started(child);
    return agent;
  }

  /** In a shell: `$AGENT` is the agent's command. */
  function shell(sinks: string, line: string, env: Record<string, string> = {}): Started {
    const child = spawn('bash', ['-c', line], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, AGENT: `${process.execPath} ${MAIN} --config ${config(sinks)}`, ...env },
    });
    agent = new Started(child);
    return agent;
  }

  it('ends with its reader, quietly and well, when it is the only sink', async () => {
    const started = shell('  out: { type: stdout }', 'set -o pipefail; $AGENT | head -1; echo "exit $?"');
    let stdout = '';
    started.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    await started.running();
    await started.until(async () => {
      await run(trigger, ['10', '10', '0']);
      return started.child.exitCode !== null;
    });
    const [line, exit] = stdout.trimEnd().split('\n');
    expect(JSON.parse(line!)).toMatchObject({
      probe: 'flood',
      map: 'print_flood',
      data: { comm: 'trigger' },
    });
    expect(exit).toBe('exit 0');
    expect(started.stderr).not.toMatch(/EPIPE|rror|WARN|warn|at .*\.js/);
  }, 60_000);

  it('goes on for the other sinks when its reader goes', async () => {
    const started = shell(
      '  out: { type: stdout }\n  prom: { type: prometheus }',
      'exec $AGENT > >(head -1 > /dev/null)',
    );
    await started.running();
    await started.until(async () => {
      await run(trigger, ['10', '10', '0']);
      return (await started.sum('bee_agent_sink_up', 'sink="out"')) === 0;
    });
    expect(await started.sum('bee_agent_sink_up', 'sink="prom"')).toBe(1);
    await started.until(async () =>
      started.stderr.includes('has ended: its reader is gone. The agent goes on for prom; Ctrl-C ends it'),
    );
    await run(trigger, ['10', '10', '0']);
    await started.until(
      async () => (await started.sum('bee_agent_sink_lost_total', 'sink="out"', 'closed')) > 0,
    );
    expect(await started.stop()).toBe(0);
  }, 60_000);

  it('waits for a reader that stalls, within bounds, and counts what it lost', async () => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(fifo, constants.O_WRONLY);
    const started = start(
      '  out: { type: stdout, format: json, queue: { max_batches: 3, timeout: 300ms } }\n  prom: { type: prometheus }',
      writer,
    );
    closeSync(writer);
    await started.running();
    const of = (name: string): Promise<number> => started.sum(name, 'sink="out"', 'map="print_flood"');
    await run(trigger, ['50000', '100', '1000']);
    const produced = dumpMap(started.child.pid!, 'produced')[1]!.value as number;
    expect(produced).toBeGreaterThan(0);
    await started.until(async () => (await of('bee_agent_sink_received_total')) === produced);
    await started.until(async () => (await of('bee_agent_sink_lost_total')) > 0);
    expect(
      (await of('bee_agent_sink_delivered_total')) +
        (await of('bee_agent_sink_lost_total')) +
        (await of('bee_agent_sink_queued')),
    ).toBe(produced);
    // The reader comes back: what was queued arrives, whole lines, each once, in order.
    let text = '';
    const chunk = Buffer.alloc(1 << 16);
    const read = (): void => {
      for (;;) {
        try {
          const count = readSync(reader, chunk);
          if (count === 0) return;
          text += chunk.toString('utf8', 0, count);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return;
          throw error;
        }
      }
    };
    await started.until(async () => {
      read();
      return (await of('bee_agent_sink_queued')) === 0;
    }, 40_000);
    const delivered = await of('bee_agent_sink_delivered_total');
    expect((await of('bee_agent_sink_lost_total')) + delivered).toBe(produced);
    expect(await started.stop()).toBe(0);
    read();
    closeSync(reader);
    expect(text.endsWith('\n')).toBe(true);
    const sequence = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).data.seq as number);
    expect(sequence.every((seq, i) => i === 0 || seq > sequence[i - 1]!)).toBe(true);
    expect(sequence.length).toBe(delivered);
    expect(delivered).toBeGreaterThan(0);
  }, 90_000);

  it('stops while its reader stalls', async () => {
    const started = shell('  out: { type: stdout }', 'exec $AGENT > >(sleep 30)');
    await started.running();
    await run(trigger, ['20000', '100', '100']);
    await new Promise((done) => setTimeout(done, 500));
    started.child.kill('SIGTERM');
    await once(started.child, 'exit');
    expect(started.child.exitCode).toBe(0);
  }, 60_000);

  it('writes a file', async () => {
    const file = join(folder, 'events.json');
    const descriptor = openSync(file, 'w');
    const started = start('  out: { type: stdout }\n  prom: { type: prometheus }', descriptor);
    closeSync(descriptor);
    await started.running();
    await run(trigger, ['5000', '100', '100']);
    await started.until(
      async () => (await started.sum('bee_agent_sink_delivered_total', 'sink="out"')) === 5000,
    );
    expect(await started.stop()).toBe(0);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).data.seq)).toEqual(Array.from({ length: 5000 }, (_, i) => i));
  }, 60_000);

  it('belongs to one sink', async () => {
    const started = shell(
      '  one: { type: stdout }\n  two: { type: stdout, format: pretty }',
      'set -o pipefail; $AGENT | cat',
    );
    await started.until(() => started.stderr.includes("standard output is another stdout sink's already"));
    expect(await started.ended()).toBe(1);
    expect(started.stderr).toMatch(/sink \\"(one|two)\\"/);
  }, 60_000);

  /** What the agent shows on a terminal of its own, while a program of a hostile name is run. */
  async function onTerminal(sinks: string, env: Record<string, string>): Promise<string> {
    const hostile = join(folder, '\u001b[31mr\rx\u0007');
    copyFileSync(trigger, hostile);
    const started = shell(
      sinks,
      // The log goes to a file, not to the terminal; stty gives the terminal a width.
      `script -qefc "stty cols ${env.COLS ?? '100'} rows 40; exec $AGENT --duration 4s 2> $LOG" /dev/null`,
      {
        LOG: join(mkdtempSync(join(folder, 'log-')), 'log'),
        TERM: 'xterm',
        NO_COLOR: '',
        FORCE_COLOR: '',
        COLUMNS: '',
        ...env,
      },
    );
    let shown = '';
    started.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
    });
    const events = (): number => shown.split('\n').length;
    await started.until(async () => {
      if (events() < 12) await run(hostile, ['3', '3', '0']);
      return started.child.exitCode !== null;
    }, 20_000);
    return shown;
  }

  it('shows a table on a terminal, coloured, which no name can steer', async () => {
    const shown = await onTerminal('  out: { type: stdout }', {});
    expect(shown).toMatch(/TIME +flood\/flood +SEQ +GROUP +COMM/);
    expect(shown.match(/TIME/g)!.length).toBe(1);
    expect(shown).toMatch(/\u001b\[36m\d\d:\d\d:\d\d\.\d{3}\u001b\[39m {2}flood\/flood/);
    expect(shown).toContain('\\x1b[31mr\\x0dx\\x07');
    expect(shown).not.toContain('\u001b[31m');
    expect(shown).not.toContain('\u0007');
  }, 60_000);

  it.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])(
    'shows it without colours: %j',
    async (env) => {
      const shown = await onTerminal('  out: { type: stdout }', env);
      expect(shown).toMatch(/TIME +flood\/flood/);
      expect(shown).not.toContain('\u001b');
    },
    60_000,
  );

  it('keeps to the width of the terminal', async () => {
    const shown = await onTerminal('  out: { type: stdout }', { COLS: '40', NO_COLOR: '1' });
    const lines = shown.split('\r\n').slice(0, -1);
    expect(lines.length).toBeGreaterThan(2);
    expect(Math.max(...lines.map((line) => line.length))).toBe(40);
  }, 60_000);

  it('writes JSON on a terminal that wants it', async () => {
    const shown = await onTerminal('  out: { type: stdout, format: json }', {});
    const [line] = shown.split('\r\n');
    expect(JSON.parse(line!)).toMatchObject({ map: 'print_flood', data: { comm: '\u001b[31mr\rx\u0007' } });
  }, 60_000);
});
