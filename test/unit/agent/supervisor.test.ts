import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createLogger } from '../../../core/agent/index.js';
import type { ProbeHost } from '../../../core/agent/probe/running-probe.js';
import { ProbeSupervisor } from '../../../core/agent/probe/supervisor.js';
import { WebServer } from '../../support/web-server.js';

it('stops within its deadline although its image is still waited for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bee-stop-'));
  const silent = await WebServer.start(() => {});
  const probe = new ProbeSupervisor(
    {
      name: 'slow',
      source: { image: `${silent.host}/a/b:v1` },
      pull: 'missing',
      frequency: 99,
      params: {},
      maps: {},
    },
    {
      sinks: [],
      // It does not get so far as to need one.
      host: {} as ProbeHost,
      images: { storage: join(folder, 'store'), registries: {}, pullTimeout: 60_000 },
      log: createLogger({ level: 'error', terminal: false, color: false, write: () => {} }),
      retries: true,
      path: ['probes', 0],
      locate: () => ({ file: 'probes.yaml', line: 1, column: 1 }),
    },
  );
  const started = probe.start();
  try {
    while (silent.asked.length === 0) await new Promise((done) => setTimeout(done, 10));
    await probe.stop(50);
    expect(probe.status().state).toBe('stopped');
    expect(await started).toBe(false);
  } finally {
    await silent.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
