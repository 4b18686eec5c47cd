import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ImageStore } from '../../core/oci/index.js';
import { AgentProcess } from '../support/agent.js';
import { WebServer } from '../support/web-server.js';

const STORE = fileURLToPath(new URL('../fixtures/bumblebee/store', import.meta.url));
const EXECS = 'localhost:5000/fixtures/execs:v1';

let folder: string;
let store: ImageStore;
let hanging: WebServer;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bee-agent-pull-'));
  store = new ImageStore(join(folder, 'store'));
  cpSync(STORE, store.folder, { recursive: true });
  // Takes the question and never answers.
  hanging = await WebServer.start(() => {});
});
afterEach(async () => {
  await hanging.stop();
  rmSync(folder, { recursive: true, force: true });
});

const config = (probes: string): string => `
probes:
${probes}
agent: { listen: "127.0.0.1:0", storage: ${store.folder} }
`;

async function states(agent: AgentProcess): Promise<Record<string, string>> {
  const { probes } = (await (await fetch(`${agent.url}/api/v1/probes`)).json()) as {
    probes: { name: string; state: string }[];
  };
  return Object.fromEntries(probes.map(({ name, state }) => [name, state]));
}

describe('a registry that hangs', () => {
  it('holds up neither the probes of others nor a stop', async () => {
    const agent = await AgentProcess.begin(
      config(`  - { image: "${hanging.host}/a/slow:v1", name: slow }
  - { image: "${EXECS}", name: execs, pull: never }`),
    );
    await agent.until(() => hanging.asked.length > 0);
    await agent.until(async () => (await states(agent)).execs === 'running');
    expect(await states(agent)).toEqual({ slow: 'starting', execs: 'running' });
    // A pull may take two minutes; a stop ends it.
    expect(await agent.stop()).toBe(0);
    expect(agent.stderr).not.toMatch(/^\s+at /m);
  }, 60_000);

  it('does not stop what the store has, though it is asked first', async () => {
    const name = `${hanging.host}/a/stored:v1`;
    const probe = await store.readProbe(EXECS);
    await store.putProbe(name, probe!.program);
    const agent = await AgentProcess.begin(
      config(`  - { image: "${name}", name: stored, pull: always }
  - { image: "${EXECS}", name: execs, pull: missing }`),
    );
    await agent.until(() => hanging.asked.length > 0);
    // It goes away instead of answering: then, and at the latest after three times 15 s, the stored image runs.
    await hanging.stop();
    hanging = await WebServer.start(() => {});
    await agent.until(async () => (await states(agent)).stored === 'running', 60_000);
    expect(agent.stderr).toContain('pulling failed, the image in the store is used');
    expect(await agent.stop()).toBe(0);
  }, 90_000);
});
