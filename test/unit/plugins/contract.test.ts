import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, it } from 'vitest';
import file from '../../../plugins/file/index.js';
import prometheus from '../../../plugins/prometheus/index.js';
import { testSink } from '../../../plugins/sdk/index.js';

const run = promisify(execFile);
const built = (path: string): string =>
  fileURLToPath(new URL(`../../../dist/plugins/${path}`, import.meta.url));

/** In a process of its own: it writes to standard output. */
const testStdout = async (options: object): Promise<void> => {
  await run(process.execPath, [
    '--input-type=module',
    '--eval',
    `import { testSink } from ${JSON.stringify(built('sdk/index.js'))};
     import stdout from ${JSON.stringify(built('stdout/index.js'))};
     await testSink(stdout, { options: ${JSON.stringify(options)} });`,
  ]);
};

describe('our own sinks keep the contract', () => {
  it.each([{}, { naming: 'bumblebee' }])('prometheus %j', (options) => testSink(prometheus, { options }));

  it.each([{}, { fsync: 'always', rotate: { size: '4KiB', compress: 'gzip' } }])('file %j', (options) =>
    testSink(file, {
      options: { path: join(mkdtempSync(join(tmpdir(), 'bee-file-')), 'events.ndjson'), ...options },
    }),
  );

  it.each([{ format: 'json' }, { format: 'pretty', color: 'always' }])('stdout %j', testStdout);
});
