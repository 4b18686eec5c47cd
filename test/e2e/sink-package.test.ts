import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileProbe } from '../support/compile.js';
import { installPackage } from '../support/installed.js';

// The package as it is published, in an empty project: what a sink's author has.

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const stripsTypes = Boolean((process.features as { typescript?: unknown }).typescript);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bee-project-'));
  installPackage(folder);
  put('package.json', '{ "name": "mine", "private": true, "type": "module" }');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function put(name: string, text: string): string {
  const file = join(folder, name);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

const SINK = `
import { appendFile } from 'node:fs/promises';
import { defineSink, type EventBatch, type MetricBatch, type Sink, type WriteResult } from 'bee-agent';
import { z } from 'zod';

export default defineSink({
  apiVersion: 1,
  type: 'typed',
  accepts: { events: ['ndjson', 'rows'], metrics: true, numbers: 'safe' },
  options: z.strictObject({ file: z.string(), prefix: z.string().default('') }),
  open({ file, prefix }, context): Sink {
    const lines = context.telemetry.counter('lines_total', 'Lines written.');
    let closed = false;
    return {
      async write(batch: EventBatch, { signal }): Promise<WriteResult> {
        if (closed) return { status: 'closed' };
        signal.throwIfAborted();
        for (const row of batch.rows()) {
          const time: bigint = row.timestamp;
          await appendFile(file, \`\${prefix}\${time} \${batch.probe} \${JSON.stringify(row.data)}\\n\`);
        }
        lines.add(batch.count);
        return { status: 'ok' };
      },
      async writeMetrics({ families }: MetricBatch) {
        if (closed) return { status: 'closed' };
        for (const { name, series } of families) await appendFile(file, \`\${name} \${series.length}\\n\`);
        return { status: 'ok' };
      },
      close() {
        closed = true;
      },
    };
  },
});
`;

/** Each line under a \`@ts-expect-error\` must be an error: tsc says so where it is none. */
const WRONG = `
import { defineSink, testSink } from 'bee-agent/sdk';
import { z } from 'zod';

const options = z.strictObject({ url: z.url() });
const accepts = { events: ['ndjson'], metrics: false } as const;
const close = () => {};

// @ts-expect-error: no such form
defineSink({ apiVersion: 1, type: 'x', accepts: { events: ['xml'], metrics: false }, options, open: () => ({ close }) });
// @ts-expect-error: no such version
defineSink({ apiVersion: 2, type: 'x', accepts, options, open: () => ({ close }) });
// @ts-expect-error: close is missing
defineSink({ apiVersion: 1, type: 'x', accepts, options, open: () => ({ async write() { return { status: 'ok' }; } }) });
// @ts-expect-error: no such answer
defineSink({ apiVersion: 1, type: 'x', accepts, options, open: () => ({ close, async write() { return { status: 'fine' }; } }) });
// @ts-expect-error: no such option
defineSink({ apiVersion: 1, type: 'x', accepts, options, open: ({ uri }) => ({ close }) });
defineSink({ apiVersion: 1, type: 'x', accepts, options, open: ({ url }) => ({ close: () => void url.trim() }) });
// @ts-expect-error: no such setting
void testSink({}, { optoins: {} });
`;

const TSCONFIG = {
  compilerOptions: {
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2023'],
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    // The declarations of ours are checked too.
    skipLibCheck: false,
    outDir: 'built',
    rootDir: '.',
  },
  files: ['sink.ts', 'wrong.ts', 'sink.test.ts'],
};

const TEST = `
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { sinkViolations, testSink } from 'bee-agent/sdk';
import sink from './sink.js';

test('keeps the contract', () => testSink(sink, { options: { file: './out.txt' } }));
test('refuses what it does not know', async () => {
  const [violation] = await sinkViolations(sink, { options: { fiel: 'x' } });
  assert.equal(violation?.rule, 'options');
});
`;

describe('the published package', () => {
  it('has types by which a sink in TypeScript compiles, and a wrong one does not', async () => {
    put('sink.ts', SINK);
    put('wrong.ts', WRONG);
    put('sink.test.ts', TEST);
    put('tsconfig.json', JSON.stringify(TSCONFIG));
    const { stdout } = await run(process.execPath, [join(folder, 'node_modules/typescript/bin/tsc')], {
      cwd: folder,
    }).catch((error: { stdout: string }) => error);
    expect(stdout).toBe('');
    expect(existsSync(join(folder, 'built/sink.js'))).toBe(true);
  }, 120_000);

  it('has testSink, for node --test', async () => {
    const { stdout } = await run(process.execPath, ['--test', 'built/sink.test.js'], { cwd: folder });
    expect(stdout).toMatch(/(# |ℹ )pass 2/);
    expect(readFileSync(join(folder, 'out.txt'), 'utf8')).toMatch(/^\d+ /m);
  }, 60_000);

  const check = async (type: string): Promise<string> => {
    const config = put(
      'probes.yaml',
      `probes: [{ file: ${compileProbe(here('./probes/flood.bpf.c'))}, name: flood }]\nsinks: { mine: { type: ${type}, file: out.txt } }\n`,
    );
    const main = join(folder, 'node_modules/bee-agent/dist/bin/bee-agent.js');
    const done = await run(process.execPath, [main, '--config', config, '--check']).catch(
      (error: { stdout: string; stderr: string }) => error,
    );
    return done.stdout + done.stderr;
  };

  it('runs sinks by path, compiled and as TypeScript, and by the name of a package', async () => {
    expect(await check('./built/sink.js')).toMatch(/: ok\n(.*\n)* {2}sink mine: .*sink\.js\n/);
    expect(await check('./sink.ts')).toMatch(stripsTypes ? /: ok\n/ : /does not run TypeScript/);
    put(
      'node_modules/bee-sink-typed/package.json',
      '{ "name": "bee-sink-typed", "type": "module", "exports": "./sink.js" }',
    );
    put('node_modules/bee-sink-typed/sink.js', readFileSync(join(folder, 'built/sink.js'), 'utf8'));
    for (const name of ['typed', 'bee-sink-typed']) expect(await check(name)).toMatch(/: ok\n/);
  }, 120_000);

  it('has all that its own messages and documents point to', () => {
    const own = (path: string): string => join(folder, 'node_modules/bee-agent', path);
    for (const path of [
      'docs/sinks.md',
      'native/build.sh',
      'core/cli/init/sink-template/javascript/package.json',
      'deploy/setup.sh',
      'core/cli/compiler/include/bee.h',
      'LICENSE',
    ])
      expect(existsSync(own(path)), path).toBe(true);
    for (const path of ['test', 'core/agent/agent.ts', 'dist/test', 'node_modules'])
      expect(existsSync(own(path)), path).toBe(false);
  });
});
