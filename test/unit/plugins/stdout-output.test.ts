import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const CHILD = fileURLToPath(new URL('./children/write-stdout.mjs', import.meta.url));
const COMPILED = fileURLToPath(new URL('../../../dist/plugins/stdout/output.js', import.meta.url));
const O_NONBLOCK = 0o4000;

interface Outcome {
  readonly results: readonly unknown[];
  /** Of descriptor 1, octal. */
  readonly flags?: string;
  readonly read: string;
}

/** Run `$CHILD` inside this shell line; `$OUT` is a file for what a reader reads. */
async function shell(line: string): Promise<Outcome> {
  if (!existsSync(COMPILED)) throw new Error(`${COMPILED} is missing: run npm run build`);
  const out = join(mkdtempSync(join(tmpdir(), 'bee-stdout-')), 'out');
  const child = spawn('bash', ['-c', line], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, CHILD: `${process.execPath} ${CHILD}`, OUT: out },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await once(child, 'close');
  const last = said.trim().split('\n').at(-1)!;
  if (!last.startsWith('{')) throw new Error(said);
  return { ...JSON.parse(last), read: existsSync(out) ? readFileSync(out, 'utf8') : '' };
}

const lines = (name: string, count: number): string =>
  Array.from({ length: count }, (_, i) => `${name} ${i} ${'x'.repeat(90)}\n`).join('');
const OK = { status: 'ok' };
const STALLED = { status: 'retry', error: 'standard output is not being read' };
/** Reads nothing until the writer has noticed. */
const LATER = '{ sleep 1; cat > $OUT; }';

describe('Output', () => {
  it.each([
    ['a pipe', '$CHILD plain | cat > $OUT'],
    ['a pipe whose reader is slow', '$CHILD plain | { sleep 0.5; dd bs=1000 status=none > $OUT; }'],
    ['a file', '$CHILD plain > $OUT'],
  ])('writes all to %s', async (_, line) => {
    const { results, read, flags } = await shell(line);
    expect(results).toEqual([OK, OK]);
    expect(read).toBe(lines('a', 5000) + lines('b', 5000));
    // What other processes share is as it was.
    expect(Number.parseInt(flags!, 8) & O_NONBLOCK).toBe(0);
  });

  it('appends to a file that others write, too', async () => {
    const { read } = await shell('echo before > $OUT; $CHILD plain >> $OUT; echo after >> $OUT');
    expect(read).toBe(`before\n${lines('a', 5000)}${lines('b', 5000)}after\n`);
  });

  it('goes on where a stalled reader stopped it, and repeats nothing', async () => {
    const { results, read } = await shell(`$CHILD again | ${LATER}`);
    expect(results).toEqual([STALLED, OK, 1]);
    expect(read).toBe(lines('a', 5000));
  });

  it('ends the line that was begun before it writes another batch', async () => {
    const { results, read } = await shell(`$CHILD other | ${LATER}`);
    expect(results).toEqual([STALLED, OK]);
    const kept = read.slice(0, -lines('b', 100).length);
    expect(read.endsWith(lines('b', 100))).toBe(true);
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThan(lines('a', 5000).length);
    expect(lines('a', 5000).startsWith(kept) && kept.endsWith('\n')).toBe(true);
  });

  it('closes while nobody reads', async () => {
    expect((await shell('$CHILD close | sleep 2')).results).toEqual([
      { status: 'closed' },
      { status: 'closed' },
    ]);
  });

  it('ends quietly when its reader goes', async () => {
    expect((await shell('$CHILD plain | head -1 > $OUT')).results.at(-1)).toEqual({
      status: 'closed',
      error: 'its reader is gone',
    });
  });

  it('tries again where the disk is full', async () => {
    expect((await shell('$CHILD plain >&-')).results[0]).toMatchObject({
      status: expect.stringMatching(/closed|ok/),
    });
    expect((await shell('$CHILD plain > /dev/full')).results[0]).toEqual({
      status: 'retry',
      error: expect.stringContaining('ENOSPC'),
    });
  });

  it.each(['plain', 'again'])('writes all to a socket, whose reader is late: %s', async (scenario) => {
    const child = spawn(process.execPath, [CHILD, scenario], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    let read = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.stdout.pause();
    setTimeout(() => {
      child.stdout
        .setEncoding('utf8')
        .on('data', (text: string) => {
          read += text;
        })
        .resume();
    }, 800);
    await once(child, 'close');
    const { results } = JSON.parse(said.trim().split('\n').at(-1)!);
    expect(results).toEqual(scenario === 'plain' ? [OK, OK] : [STALLED, OK, 1]);
    expect(read).toBe(scenario === 'plain' ? lines('a', 5000) + lines('b', 5000) : lines('a', 5000));
  });
});
