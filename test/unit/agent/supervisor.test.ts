import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createLogger } from '../../../core/agent/index.js';
import type { ImageSettings } from '../../../core/agent/probe/probe-image.js';
import type { ProbeHost } from '../../../core/agent/probe/running-probe.js';
import { ProbeSupervisor } from '../../../core/agent/probe/supervisor.js';

it('stops within its deadline although its file is still being read', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'bee-stop-')), 'slow.o');
  execFileSync('mkfifo', [file]);
  const probe = new ProbeSupervisor(
    { name: 'slow', source: { file }, pull: 'missing', frequency: 99, params: {}, maps: {} },
    {
      sinks: [],
      // It does not get so far as to need one.
      host: {} as ProbeHost,
      images: {} as ImageSettings,
      log: createLogger({ level: 'error', terminal: false, color: false, write: () => {} }),
      retries: true,
      path: ['probes', 0],
      locate: () => ({ file: 'probes.yaml', line: 1, column: 1 }),
    },
  );
  const started = probe.start();
  try {
    await probe.stop(50);
    expect(probe.status().state).toBe('stopped');
  } finally {
    // The read ends: nothing is left behind.
    writeFileSync(file, 'no object');
  }
  expect(await started).toBe(false);
});
