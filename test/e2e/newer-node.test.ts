import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { builtService } from '../services/service.js';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FILES = ['unit/pipeline/sink-module', 'unit/plugins/file', 'e2e/sink-package'];

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}

// On Node 20 these files test that TypeScript and zstd are refused; on a newer one, that they work.
it('TypeScript sinks run, and files are compressed by zstd, where Node can', async ({ skip }) => {
  if ((process.features as { typescript?: unknown }).typescript) skip('this Node runs them as they are');
  const newer = builtService('node');
  if (newer === undefined) skip('deploy/newer-node.sh could fetch no Node 22');
  const folder = mkdtempSync(join(tmpdir(), 'bee-newer-'));
  const report = join(folder, 'report.json');
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')));
  const args = ['run', ...FILES.map((file) => `test/${file}.test.ts`), '-t', 'TypeScript|zstd'];
  await run(
    newer!,
    ['node_modules/vitest/vitest.mjs', ...args, '--reporter=json', `--outputFile=${report}`],
    { cwd: ROOT, env },
  ).catch((error: { stdout: string; stderr: string }) => error);
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report;
  const results = testResults.flatMap(({ assertionResults }) => assertionResults);
  expect(results.filter(({ status }) => status === 'failed')).toEqual([]);
  const passed = results.filter(({ status }) => status === 'passed').map(({ title }) => title);
  expect(passed.sort()).toEqual([
    'compresses what it rotated: zstd',
    'has types by which a sink in TypeScript compiles, and a wrong one does not',
    // In a process, in a thread, on the main thread.
    'runs TypeScript',
    'runs TypeScript',
    'runs TypeScript',
    'runs sinks by path, compiled and as TypeScript, and by the name of a package',
  ]);
  rmSync(folder, { recursive: true });
}, 120_000);
