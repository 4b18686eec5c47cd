import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../../core/cli/package-root.js';
import { beeHere, beeHereOk } from '../../support/bee-here.js';
import { scratchOci } from '../../support/scratch-oci.js';
import { answer, WebServer } from '../../support/web-server.js';

const scratch = scratchOci('bee-name-');
const checkout = (): string => packageRoot();
const elsewhere = (): string => scratch.folder;
const installed = (): string => {
  const folder = join(scratch.folder, 'project', 'below');
  mkdirSync(folder, { recursive: true });
  mkdirSync(join(scratch.folder, 'project', 'node_modules'));
  symlinkSync(packageRoot(), join(scratch.folder, 'project', 'node_modules', 'bee-agent'));
  return folder;
};

it.each([
  [undefined, 'a checkout', checkout, 'bee'],
  ['exec', 'a checkout', checkout, 'npx bee'],
  // It is in no node_modules, and the package that npx looks at is another.
  ['exec', 'a package within', () => join(checkout(), 'examples/sinks/postgres'), 'npx -p bee-agent bee'],
  ['exec', 'a project that depends on it', installed, 'npx bee'],
  ['exec', 'another folder', elsewhere, 'npx -p bee-agent bee'],
])('where npm_command is %s in %s, the command is called as it is found', async (npm, _where, cwd, name) => {
  const at = { env: { HOME: scratch.folder, npm_command: npm }, cwd: cwd() };
  const flags = ['-l', 'C', '--program-type', 'XDP', '-m', 'RingBuffer', '-o', 'print', '-f', '-'];
  // Others read it, elsewhere.
  expect(await beeHereOk(['init', ...flags], at)).toContain('\n//   sudo bee run localhost/packets:v1\n');

  scratch.server = await WebServer.start((_request, response) =>
    answer(response, 401, '{}', { 'www-authenticate': 'Basic realm="x"' }),
  );
  const { host } = scratch.server;
  const { stderr } = await beeHere(['pull', `${host}/a/b:v1`], at);
  expect(stderr).toContain(`: ${name} login ${host}\n`);
});
