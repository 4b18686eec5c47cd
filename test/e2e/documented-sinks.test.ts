import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testSink } from '../../plugins/sdk/test-sink/index.js';
import { runAgentWith } from '../support/agent.js';
import { beeOk } from '../support/bee.js';
import { installPackage } from '../support/installed.js';

// A sink as somebody writes it who has read that page and nothing else.

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The code blocks of one section, by language. */
function blocks(page: string, section: string): ReadonlyMap<string, string> {
  const text = readFileSync(here(`../../${page}`), 'utf8');
  const at = text.indexOf(`\n## ${section}\n`);
  expect(at, `${page} has a section "${section}"`).toBeGreaterThan(0);
  const end = text.indexOf('\n## ', at + 1);
  const found = text.slice(at, end).matchAll(/^```(\w+)\n(.*?)^```$/gms);
  return new Map([...found].map(([, language, code]) => [language!, code!]));
}

describe.each([
  ['README.md', 'A sink of your own'],
  ['docs/sinks.md', 'In five minutes'],
])('the sink in %s', (page, section) => {
  let folder: string;
  let store: string;
  const code = blocks(page, section);
  const script = code.get('js')!;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bee-documented-'));
    store = join(folder, 'store');
    const image = /image: (\S+)/.exec(code.get('yaml')!)![1]!;
    await beeOk(['build', here('../../examples/probes/execsnoop.c'), image, '--storage', store], {
      cwd: folder,
    });
    writeFileSync(join(folder, 'my-sink.js'), script, { mode: 0o600 });
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('takes every event, with the config beside it', async () => {
    let text = '';
    const server = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      request.on('end', () => response.end());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    // Of what is written there, only what would meet others on this machine is changed.
    const config = code
      .get('yaml')!
      .replace(/127\.0\.0\.1:9091/, '127.0.0.1:0')
      .replace(/http:\/\/127\.0\.0\.1:\d+/, `http://127.0.0.1:${port}`)
      .replace('/tmp/', `${folder}/`);
    const listen = config.includes('agent:') ? '' : 'agent: { listen: "127.0.0.1:0" }\n';
    const file = join(folder, 'probes.yaml');
    writeFileSync(file, config + listen, { mode: 0o600 });
    const env = { ...process.env, BEE_STORAGE: store };
    const checked = await runAgentWith({ env }, '--config', file, '--check');
    expect(checked.stdout + checked.stderr).toMatch(/: ok\n/);
    const running = runAgentWith({ env }, '--config', file, '--duration', '4s');
    const path = join(folder, 'events.ndjson');
    const taken = (): string => (existsSync(path) ? readFileSync(path, 'utf8') : text);
    const name = `documented${process.pid}`;
    writeFileSync(join(folder, name), '#!/bin/sh\n', { mode: 0o700 });
    for (let i = 0; i < 30 && !taken().includes(name); i++) {
      spawnSync(join(folder, name));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const { code: exit, stderr } = await running;
    server.close();
    expect(exit).toBe(0);
    const lines = taken().trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line)).some(({ data }) => data.filename.endsWith(name))).toBe(true);
    // Every event that the sink got is there: the agent's own account.
    expect(stderr).toMatch(
      new RegExp(`sink mine: ${lines.length} records, ${lines.length} delivered, lost: 0`),
    );
    // A busy machine may let a sink hold the main thread.
    expect(stderr).not.toMatch(/level=(?:warn|error)(?!.*held the main thread)|WARN|ERROR/);
  }, 60_000);

  it('keeps the contract, in a project that has the package', async () => {
    const project = join(folder, 'project');
    installPackage(project);
    writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(project, 'my-sink.js'), script);
    const { default: sink } = await import(join(project, 'my-sink.js'));
    const server = createServer((request, response) => request.resume().on('end', () => response.end()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const options = script.includes('url')
      ? { url: `http://127.0.0.1:${port}/` }
      : { file: join(folder, 'out') };
    await testSink(sink, { options });
    server.close();
  }, 30_000);
});
