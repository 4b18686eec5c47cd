import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileProbe, compileProgram } from '../support/compile.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const BEE = here('../../dist/bin/bee.js');

/** `bee run` as a script runs it: what it printed, and how it ended. */
class Bee {
  stdout = '';
  stderr = '';
  constructor(
    readonly args: readonly string[],
    readonly child = spawn(process.execPath, [BEE, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }),
  ) {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
  }

  get lines(): Record<string, unknown>[] {
    return this.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    const end = Date.now() + 15_000;
    while (!(await condition())) {
      if (Date.now() > end || this.child.exitCode !== null)
        throw new Error(`exit ${this.child.exitCode}\n${this.stderr}\n${this.stdout.slice(-1000)}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  async end(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    if (this.child.exitCode === null) {
      this.child.kill(signal);
      await once(this.child, 'close');
    }
    return this.child.exitCode;
  }
}

describe('bee run', () => {
  let controls: string;
  let control: string;
  const storage = mkdtempSync(join(tmpdir(), 'bee-store-'));
  const port = 20_000 + (process.pid % 20_000);
  const url = `http://127.0.0.1:${port}`;
  const reference = 'localhost/test/controls:v1';
  beforeAll(async () => {
    controls = compileProbe(here('./probes/controls.bpf.c'));
    control = compileProgram(here('./probes/control.c'));
    await run(process.execPath, [
      BEE,
      '--storage',
      storage,
      'build',
      here('./probes/controls.bpf.c'),
      reference,
    ]);
    return () => rmSync(storage, { recursive: true });
  }, 60_000);

  const listening = (): Promise<boolean> =>
    fetch(`${url}/readyz`).then(
      (response) => response.ok,
      () => false,
    );

  it('runs an image: JSON lines here, metrics and events for curl, and ends cleanly', async () => {
    const bee = new Bee(['--storage', storage, 'run', reference, '--prom-port', String(port)]);
    await bee.until(listening);
    await run(control, ['0', '1']);
    await bee.until(() => bee.lines.length === 2);
    expect(bee.lines).toMatchObject([
      { probe: 'controls', map: 'print_controls', data: { way: 'SUBMIT' } },
      { map: 'print_controls', data: { way: 'QUIET' } },
    ]);
    expect((await (await fetch(`${url}/events`)).text()).trim().split('\n').length).toBe(2);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('bee_agent_records_received_total');
    expect(await bee.end()).toBe(0);
    expect(bee.stderr).toBe('');
  });

  it('takes an object file, parameters, and filters by a regular expression', async () => {
    const bee = new Bee([
      ...['run', controls, '--no-tty', '--prom-port', String(port), '--param', 'scale=5'],
      ...['--filter', 'print_controls,way,^(QUIET|HOLD)$', '--filter', 'print_controls,scaled,5$'],
    ]);
    await bee.until(listening);
    await run(control, ['0', '1', '0', '1']);
    await bee.until(() => bee.lines.length === 2);
    await new Promise((done) => setTimeout(done, 300));
    expect(bee.lines).toMatchObject([{ data: { scaled: 5 } }, { data: { scaled: 15 } }]);
    expect(await bee.end('SIGTERM')).toBe(0);
  });

  it('says when a filter names a field that is not there', async () => {
    const bee = new Bee(['run', controls, '--prom-port', String(port), '-f', 'print_controls,wya,x']);
    await bee.until(listening);
    await run(control, ['0']);
    await bee.until(() => bee.stderr.includes('print_controls has no field'));
    expect(bee.stderr.replaceAll('\\', '')).toMatch(/"wya", so nothing of it is shown. Did you mean "way"/);
    expect(await bee.end()).toBe(0);
    expect(bee.stdout).toBe('');
  });

  it('shows metrics as lines when they change, and keeps BumbleBee names for Prometheus', async () => {
    const keys = compileProbe(here('../bench/probes/keys.bpf.c'), '-DKEYS=3');
    const bee = new Bee(['run', keys, '--prom-port', String(port)]);
    await bee.until(listening);
    const fill = compileProgram(here('../bench/c/producer.c'));
    await run(fill, ['fill', '3']);
    await bee.until(() => bee.lines.length === 3);
    expect(bee.lines).toContainEqual({
      timestamp: expect.stringMatching(/Z$/),
      metric: 'ebpf_keys_total',
      type: 'counter',
      labels: { probe: 'keys', pid: '2', uid: '2', comm: 'bench-worker' },
      value: 3,
    });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/^ebpf_solo_io_counter_keys\{[^}]*pid="2"[^}]*\} 3$/m);
    await new Promise((done) => setTimeout(done, 1500));
    expect(bee.lines.length).toBe(3);
    expect(await bee.end()).toBe(0);
  });

  it('pins programs while it runs, and maps for good', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bee-bpffs-'));
    await run('mount', ['-t', 'bpf', 'bpf', folder]);
    try {
      const bee = new Bee([
        'run',
        controls,
        '--prom-port',
        String(port),
        '--pin-maps',
        join(folder, 'made', 'here'),
        '--pin-progs',
        folder,
      ]);
      await bee.until(listening);
      expect(existsSync(join(folder, 'made', 'here', 'print_controls'))).toBe(true);
      expect(existsSync(join(folder, 'control'))).toBe(true);
      await run('bpftool', ['map', 'show', 'pinned', join(folder, 'made', 'here', 'print_controls')]);
      expect(await bee.end()).toBe(0);
      expect(existsSync(join(folder, 'control'))).toBe(false);
      expect(existsSync(join(folder, 'made', 'here', 'print_controls'))).toBe(true);
    } finally {
      await run('umount', [folder]);
    }
  });

  it('goes on with maps that are pinned, as the original does, and with a ring of its own', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bee-bpffs-'));
    await run('mount', ['-t', 'bpf', 'bpf', folder]);
    try {
      const execs = [
        '--storage',
        here('../fixtures/bumblebee/store'),
        'run',
        'localhost:5000/fixtures/execs:v1',
      ];
      const args = [...execs, '--prom-port', String(port), '--pin-maps', folder];
      const counts = async (): Promise<(string | undefined)[]> => {
        const text = await (await fetch(`${url}/metrics`)).text();
        return ['execs', 'exec_events'].map(
          (map) => new RegExp(`^ebpf_solo_io_counter_${map}\\{comm="bee-pin"\\} (.*)$`, 'm').exec(text)?.[1],
        );
      };
      copyFileSync('/bin/true', join(storage, 'bee-pin'));
      for (const sum of [1, 2, 3]) {
        const bee = new Bee(args);
        await bee.until(listening);
        await run(join(storage, 'bee-pin'));
        // The hash has what all runs counted; each run has its own ring.
        await bee.until(async () => (await counts()).join() === `${sum},1`);
        // Killed or not makes no difference.
        expect(await bee.end(sum === 2 ? 'SIGKILL' : 'SIGINT')).toBe(sum === 2 ? null : 0);
      }
      const other = join(folder, 'counter_execs');
      rmSync(other);
      await run('bpftool', [
        'map',
        'create',
        other,
        'type',
        'hash',
        'key',
        '4',
        'value',
        '4',
        'entries',
        '9',
        'name',
        'x',
      ]);
      const refused = new Bee(args);
      await once(refused.child, 'close');
      expect({ code: refused.child.exitCode, stdout: refused.stdout }).toEqual({ code: 1, stdout: '' });
      expect(refused.stderr).toContain(`${other} is pinned already, and is not such a map as execs has`);
      expect(existsSync(other)).toBe(true);
    } finally {
      await run('umount', [folder]);
    }
  });

  it('says what is in the way of a pin that a killed bee left, and takes nothing of it away', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bee-bpffs-'));
    await run('mount', ['-t', 'bpf', 'bpf', folder]);
    try {
      const pin = join(folder, 'control');
      const args = ['run', controls, '--prom-port', String(port), '--pin-progs', folder];
      const killed = new Bee(args);
      await killed.until(listening);
      expect(await killed.end('SIGKILL')).toBe(null);
      const next = new Bee(args);
      await once(next.child, 'close');
      expect({ code: next.child.exitCode, stdout: next.stdout }).toEqual({ code: 1, stdout: '' });
      expect(next.stderr).toContain(
        `${pin} is pinned already: a bee that runs has it, or one that was killed left it. Where none runs, remove it (rm ${pin})`,
      );
      expect(existsSync(pin)).toBe(true);
      rmSync(pin);
      const again = new Bee(args);
      await again.until(listening);
      expect(await again.end()).toBe(0);
    } finally {
      await run('umount', [folder]);
    }
  });

  it.each(['run', 'describe'])(
    '%s refuses an object file that is a FIFO, and does not wait',
    async (verb) => {
      const folder = mkdtempSync(join(tmpdir(), 'bee-fifo-'));
      const fifo = join(folder, 'probe.o');
      await run('mkfifo', [fifo]);
      const port = verb === 'run' ? ['--prom-port', '0'] : [];
      const bee = new Bee([verb, fifo, ...port]);
      await once(bee.child, 'close');
      expect({ code: bee.child.exitCode, stdout: bee.stdout }).toEqual({ code: 1, stdout: '' });
      expect(bee.stderr).toMatch(/probe\.o(: not a file| is no regular file)/);
      rmSync(folder, { recursive: true });
    },
  );

  it('ends quietly when its reader goes', async () => {
    const bee = new Bee(['run', controls, '--prom-port', String(port)]);
    await bee.until(listening);
    bee.child.stdout.destroy();
    const closed = once(bee.child, 'close');
    await run(control, ['0']);
    await closed;
    expect({ code: bee.child.exitCode, stderr: bee.stderr }).toEqual({ code: 0, stderr: '' });
  });

  it.each([
    [['localhost:9/none:v1'], /no image localhost:9\/none:v1 in the store.*, and pulling it failed: /, 1],
    [['CONTROLS', '--param', 'scael=1'], /has no parameter "scael".*Did you mean "scale"/, 2],
    [['CONTROLS', '--param', 'scale'], /expected name=value/, 2],
    [['CONTROLS', '--filter', 'print_controls,way'], /expected map,key,regex/, 2],
    [['CONTROLS', '--filter', 'print_controls,way,('], /missing closing \)/, 2],
    [['CONTROLS', '--hist-buckets', 'print_controls,[3,1]'], /ascending/, 2],
    [['CONTROLS', '--hist-buckets', 'no_map,[1,2]'], /no map "no_map"/, 2],
    [['CONTROLS', '--prom-port', '70000'], /expected a port/, 2],
    [['CONTROLS', '--listen', 'here'], /^error: --listen: found "here", expected an address/, 2],
    [['CONTROLS', '--duration', '5'], /expected a time/, 2],
    [
      ['CONTROLS', '--pin-maps', '/proc/no/such'],
      /--pin-maps \/proc\/no\/such: .*\/proc is on none\nMount one/,
      1,
    ],
    [['CONTROLS', '--filter', 'no_map,way,x'], /no map "no_map"/, 2],
    [['/no/such.o'], /no such file/, 1],
    [[], /missing required argument/, 2],
  ])('refuses %j with one clear message', async (args, message, code) => {
    const given = args.map((arg) => (arg === 'CONTROLS' ? controls : arg));
    const port = given.includes('--prom-port') ? [] : ['--prom-port', '0'];
    const bee = new Bee(['--storage', storage, 'run', ...given, ...port]);
    await once(bee.child, 'close');
    expect(bee.stderr).toMatch(message);
    expect(bee.stderr).not.toMatch(/\n\s+at /);
    expect({ code: bee.child.exitCode, stdout: bee.stdout }).toEqual({ code, stdout: '' });
  });

  it.each([
    ['store', 'localhost:5000/fixtures/execs:v1', 'print_execs', 'ebpf_solo_io_counter_exec_events'],
    ['store-0.0.14', 'localhost:5000/fixtures/legacy:v1', 'events', 'ebpf_solo_io_execs'],
  ])('runs what the original wrote: %s', async (store, image, map, metric) => {
    const folder = here(`../fixtures/bumblebee/${store}`);
    const bee = new Bee(['--storage', folder, 'run', image, '--prom-port', String(port)]);
    await bee.until(listening);
    await run('/bin/true');
    const named = (line: Record<string, unknown>): boolean =>
      line.map === map && (line.data as { comm?: string }).comm === 'true';
    await bee.until(() => bee.lines.some(named));
    await bee.until(async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return new RegExp(`^${metric}\\w*\\{[^}]*comm="true"[^}]*\\} [1-9]`, 'm').test(text);
    });
    expect(await bee.end()).toBe(0);
  });

  it('tells its flags', async () => {
    const { stdout } = await run(process.execPath, [BEE, 'run', '--help']);
    for (const flag of readFileSync(here('../../core/cli/run.ts'), 'utf8').matchAll(/--[a-z-]+(?= ?<|')/g))
      expect(stdout).toContain(flag[0]);
  });
});

describe('bee version', () => {
  it("is one word, which BumbleBee's users put behind an image's name", async () => {
    const { stdout, stderr } = await run(process.execPath, [BEE, 'version']);
    expect({ stdout: stdout.replace(/^\d+\.\d+\.\d+(-[\w.]+)?\n$/, 'one'), stderr }).toEqual({
      stdout: 'one',
      stderr: '',
    });
    const verbose = await run(process.execPath, [BEE, 'version', '--verbose']);
    expect(verbose.stdout).toMatch(/^bee-agent \S+\nlibbpf \S+\nkernel \S+\nnode \S+\n$/);
  });

  it('names what a bug report should, libbpf included', async () => {
    const { stdout } = await run(process.execPath, [BEE, 'version', '--output', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({
      'bee-agent': expect.stringMatching(/^\d+\.\d+\.\d+/),
      libbpf: expect.stringMatching(/^\d+\.\d+/),
      node: process.versions.node,
    });
  });
});
