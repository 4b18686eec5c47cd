import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { makeBaseImage } from '../support/base-image.js';
import { bee, beeOk, run } from '../support/bee.js';
import { runsExitsnoop } from '../support/exits-container.js';
import { onlyPodman, podmanIn } from '../support/podman.js';

// What bee package makes, in the hands of a real engine. Docker's own: test/services/docker.test.ts.

const REFERENCE = 'localhost/exits:v1';
const EXITSNOOP = fileURLToPath(new URL('../../examples/probes/exitsnoop.c', import.meta.url));

let folder: string;
let podman: ReturnType<typeof podmanIn>;
const packaging = (...flags: string[]): string[] => [
  ...['package', REFERENCE, 'exits:v1', '--storage', join(folder, 'store')],
  ...['--base', join(folder, 'base.tar'), ...flags],
];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bee-load-'));
  podman = podmanIn(join(folder, 'podman'));
  if ('unavailable' in podman) return;
  makeBaseImage(folder);
  const object = join(folder, 'exits.o');
  await beeOk(['build', EXITSNOOP, REFERENCE, '--storage', join(folder, 'store'), '-o', object]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function needed({ skip }: TestContext): string {
  if ('unavailable' in podman) skip(podman.unavailable);
  return 'program' in podman ? podman.program : '';
}

describe('an image of bee package', () => {
  it('is loaded into podman without a flag, and runs there', async (context) => {
    const program = needed(context);
    const { code, stdout, stderr } = await bee(packaging(), { cwd: folder, env: onlyPodman(program) });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    const [image] = JSON.parse(run(program, 'image', 'inspect', 'docker.io/library/exits:v1'));
    expect(image.Config.Labels['bee-agent.probe']).toBe(REFERENCE);

    const rights = ['--privileged', '--network=none', '-v', '/sys/kernel/tracing:/sys/kernel/tracing'];
    const {
      events,
      log,
      code: ended,
    } = await runsExitsnoop(spawn(program, ['run', '--rm', ...rights, 'exits:v1']));
    expect(events, log).toContain('"comm":"true"');
    expect(ended, log).toBe(0);
  }, 90_000);

  it("tells an engine's own words where it does not take the image", async (context) => {
    const program = needed(context);
    const env = { ...onlyPodman(program), TMPDIR: '/nonexistent/tmp' };
    const { code, stdout, stderr } = await bee(packaging(), { cwd: folder, env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^error: podman load fails: .*\/nonexistent\/tmp.*\nWith --archive FILE/);
  }, 60_000);
});
