import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BEE } from '../support/bee.js';
import { compileProbe, compileProgram } from '../support/compile.js';
import { TestTerminal } from '../support/terminal.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

describe('the live view of bee run', () => {
  let probe: string;
  let caller: string;
  let terminal: TestTerminal;
  beforeAll(() => {
    probe = compileProbe(here('./probes/view.bpf.c'));
    caller = compileProgram(here('./probes/caller.c'));
  }, 60_000);
  afterEach(() => terminal.close());

  const call = (name: string, total: number, batch = 10, pauseUs = 0) =>
    run(caller, [name, String(total), String(batch), String(pauseUs)]);
  const command = (flags = '', environment = ''): string =>
    `${environment} '${process.execPath}' '${BEE}' run '${probe}' --prom-port 0 ${flags}; echo "[exit $?]"`;
  const started = async (flags = '', environment = '', size = { width: 80, height: 24 }): Promise<void> => {
    terminal = TestTerminal.open(command(flags, environment), size);
    await terminal.sees('[print_calls');
  };
  /** Process of the running `bee`. */
  const pid = (): string =>
    execFileSync('pgrep', ['-P', String(terminal.shell)], { encoding: 'utf8' }).trim();
  const restored = async (code: number): Promise<void> => {
    await terminal.sees(`[exit ${code}]`);
    expect(terminal.state('alternate_on')).toBe('0');
    expect(terminal.state('cursor_flag')).toBe('1');
    expect(terminal.state('wrap_flag')).toBe('1');
    terminal.type(' echo typed-$((40+2))');
    terminal.press('Enter');
    await terminal.sees('typed-42');
  };

  it.each([
    { width: 80, height: 24 },
    { width: 200, height: 50 },
    { width: 40, height: 10 },
  ])(
    'shows every kind of map at $width x $height, through resizing, and ends by q',
    async (size) => {
      await started('', '', size);
      expect(terminal.state('alternate_on')).toBe('1');
      expect(terminal.state('cursor_flag')).toBe('0');
      await call('tester', 100);
      await terminal.sees(/^TIME {8} +NUMBER +WAY/m);
      await terminal.sees('total 200');
      // The newest is at the bottom, and every line is filled.
      expect(terminal.lines.at(-2)).toMatch(/^\d\d:\d\d:\d\d\.\d{3} +9 +LATER/);
      if (size.width >= 80) {
        expect(terminal.lines.at(-2)).toMatch(/9 +LATER +13\.5ms +127\.0\.0\.1 +tester$/);
        expect(terminal.lines[0]).toMatch(
          /^view +tracepoint\/syscalls\/sys_enter_getpgid +http:\/\/127\.0\.0\.1:\d+$/,
        );
        expect(terminal.text).toContain('lost ring_full 0');
      }
      terminal.press('C-n');
      await terminal.sees(/\[counter_calls 1\]/);
      await terminal.sees(/^tester +100/m);
      for (const [width, height] of [
        [20, 5],
        [1, 1],
        [300, 60],
        [size.width, size.height],
      ] as const) {
        terminal.resize(width, height);
        await new Promise((done) => setTimeout(done, 300));
        if (width === 20)
          expect(terminal.lines).toEqual([
            expect.anything(),
            expect.anything(),
            expect.stringMatching(/^COMM/),
            expect.stringMatching(/^tester/),
            '',
          ]);
        if (width === 1) expect(terminal.lines).toEqual([expect.stringMatching(/^\S$/)]);
        if (width === 300) expect(terminal.lines[0]).toMatch(/^view .* http:\/\/127\.0\.0\.1:\d+$/);
        // The last line of the screen: a shrink must not erase it.
        if (height >= 10) expect(terminal.lines.at(-1)).toMatch(/q quit| WARN /);
      }
      terminal.press('Tab');
      await terminal.sees(/\[hist_sizes 1\]/);
      await terminal.sees(/count=100 /);
      await terminal.sees(/≤ 0 █+\S* 10\n *≤ 10 █+ 90/);
      terminal.press('C-p', 'C-p');
      await terminal.sees('[print_calls');
      terminal.press('q');
      await restored(0);
    },
    90_000,
  );

  it('sorts, filters, scrolls and pauses; text from the kernel stays text', async () => {
    await started('', '', { width: 100, height: 12 });
    await call('\u001b]2;evil\u0007\u001b[2', 2, 1);
    await call('漢字かな', 2, 1);
    await call('\u202eabc', 1, 1);
    await call('plain', 20, 20);
    await terminal.sees(/19 +LATER +28\.5ms +127\.0\.0\.1 +plain/);
    terminal.type('/');
    terminal.type('number == 0');
    terminal.press('Enter');
    await terminal.sees('/number == 0: 6 rows');
    expect(terminal.text).toContain('\\x1b]2;evil\\x07\\x1b[2');
    expect(terminal.text).toContain('\\u202eabc');
    expect(terminal.state('pane_title')).not.toBe('evil');
    const addresses = terminal.lines.filter((line) => line.includes('127.0.0.1') && /\d\.\d{3}/.test(line));
    expect(addresses.length).toBe(6);
    expect(new Set(addresses.map((line) => line.indexOf('127.0.0.1'))).size).toBe(1);
    terminal.type('/');
    terminal.press('C-u');
    terminal.type('nmber > 3');
    terminal.press('Enter');
    await terminal.sees('there is no field "nmber". Did you mean "number"?');
    terminal.press('Escape');
    await terminal.until(({ text }) => !text.includes('rows'));
    terminal.type('s');
    await terminal.sees(/NUMBER▼/);
    expect(terminal.lines[4]).toMatch(/ 19 +LATER/);
    terminal.type('S');
    await terminal.sees(/NUMBER▲/);
    expect(terminal.lines[4]).toMatch(/ 0 +FIRST/);
    terminal.press('Space');
    await terminal.sees('PAUSED');
    await call('unseen', 30, 30);
    await terminal.sees('30 newer');
    terminal.type('G');
    await terminal.until(({ lines }) => / 19 +LATER/.test(lines.at(-2) ?? ''));
    expect(terminal.text).not.toContain('unseen');
    terminal.press('Space');
    terminal.type('G');
    await terminal.sees(/29 +LATER +43\.5ms .* unseen/);
    terminal.type('?');
    await terminal.sees('next map');
    terminal.press('Escape');
    terminal.press('C-c');
    await restored(0);
  }, 90_000);

  it('takes the flags of the command, keeps the log from the screen, and tells it afterwards', async () => {
    await started(
      '-f print_calls,way,^FIRST$ -f print_calls,comm,^yes -f hist_sizes,nothing,x -b hist_sizes,[5,50]',
    );
    await call('yes', 30, 10);
    await call('no', 10, 10);
    await terminal.sees('total 80');
    await terminal.until(({ lines }) => lines.filter((line) => / yes$/.test(line)).length === 3);
    expect(terminal.text).not.toMatch(/LATER| no$/m);
    await terminal.sees(/WARN.*hist_sizes has no field "nothing"/);
    expect(terminal.lines[0]).toMatch(/^view /);
    terminal.type('q');
    await restored(0);
    expect(terminal.text.replaceAll('\n', '')).toMatch(/hist_sizes has no field "nothing", so nothing of it/);
  }, 60_000);

  it.each([
    ['SIGTERM', 0],
    ['SIGHUP', 0],
  ] as const)('gives the terminal back at %s', async (signal, code) => {
    await started();
    process.kill(Number(pid()), signal);
    await restored(code);
  });

  it('gives the terminal back when it crashes, and the message can be read', async () => {
    const crash = join(mkdtempSync(join(tmpdir(), 'bee-crash-')), 'crash.cjs');
    writeFileSync(
      crash,
      "process.on('SIGUSR2', () => setImmediate(() => { throw new Error('made to crash'); }));",
    );
    await started('', `NODE_OPTIONS='--require=${crash}'`);
    process.kill(Number(pid()), 'SIGUSR2');
    await restored(1);
    expect(terminal.text).toContain('made to crash');
  });

  it('comes back after ctrl-z', async () => {
    await started();
    terminal.press('C-z');
    await terminal.sees('Stopped');
    expect(terminal.state('alternate_on')).toBe('0');
    expect(terminal.state('cursor_flag')).toBe('1');
    terminal.type('fg');
    terminal.press('Enter');
    await terminal.sees('[print_calls');
    terminal.press('C-n');
    await terminal.sees('[counter_calls');
    terminal.press('q');
    await terminal.until(() => terminal.state('alternate_on') === '0');
  }, 60_000);

  it('reads keys from the terminal where standard input is none, and ends after --duration', async () => {
    await started('</dev/null');
    terminal.press('C-n');
    await terminal.sees('[counter_calls');
    terminal.press('q');
    await restored(0);
    terminal.close();
    // On a busy machine, the time may be over before there is a view.
    terminal = TestTerminal.open(command('--duration 2s'));
    await restored(0);
  }, 60_000);

  it('has no colours with NO_COLOR, and no view on a dumb terminal or in a pipe', async () => {
    await started('', 'NO_COLOR=1');
    expect(terminal.colored).not.toMatch(/\u001b\[[\d;]+m/);
    terminal.press('q');
    await restored(0);
    for (const [flags, environment] of [
      ['', 'TERM=dumb'],
      ['--no-tty', ''],
      ['| cat', ''],
    ] as const) {
      terminal.close();
      terminal = TestTerminal.open(command(flags, environment), { width: 200, height: 50 });
      await terminal.sees('Metrics and events:');
      await call('lines', 1, 1);
      await terminal.sees(/^\{"timestamp":.*"comm":"lines"\}\}$/m);
      expect(terminal.state('alternate_on')).toBe('0');
      terminal.press('C-c');
    }
  }, 120_000);

  it('leaves the error of a probe that fails on the screen of the shell', async () => {
    terminal = TestTerminal.open(command('--param nothing=1'), { width: 200, height: 24 });
    await terminal.sees('has no parameter "nothing"');
    await restored(2);
  });

  it('stays within its memory and answers keys while events come in masses', async () => {
    await started();
    const rss = (): number =>
      Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid()}/status`, 'utf8'))?.[1]);
    const before = rss();
    const load = call('heavy', 3_000_000, 500);
    await terminal.sees(/ heavy$/m);
    terminal.press('C-n');
    await terminal.sees(/\[counter_calls/);
    terminal.press('C-p', 's');
    await terminal.sees(/NUMBER▼/);
    terminal.press('Space');
    await terminal.sees('PAUSED');
    terminal.press('Space', 's', 's', 's', 's', 's');
    await load;
    await terminal.until(({ text }) => /total ([\d,]+)/.test(text) && !text.includes('PAUSED'));
    // What it keeps are 5,000 rows, the batches of a frame and the agent's own queues; 3,000,000 events are 150 MB.
    expect(rss() - before).toBeLessThan(200 << 10);
    terminal.press('q');
    await restored(0);
  }, 120_000);
});
