import { expect, it } from 'vitest';
import { beeHere, beeHereOk } from '../../support/bee-here.js';
import { scratchOci } from '../../support/scratch-oci.js';
import { answer, WebServer } from '../../support/web-server.js';

const scratch = scratchOci('bee-name-');

it.each([
  [undefined, 'bee'],
  ['exec', 'npx bee'],
])('where npm_command is %s, the command is called %s', async (npm, name) => {
  const env = { HOME: scratch.folder, npm_command: npm };
  const flags = ['-l', 'C', '--program-type', 'XDP', '-m', 'RingBuffer', '-o', 'print', '-f', '-'];
  const text = await beeHereOk(['init', ...flags], { env });
  expect(text).toContain(`\n//   ${name} build packets.c localhost/packets:v1\n`);
  expect(text).toContain(`\n//   sudo ${name} run localhost/packets:v1\n`);
  expect(text).toContain(`sudo ${name} run IMAGE --pin-progs`);

  scratch.server = await WebServer.start((_request, response) =>
    answer(response, 401, '{}', { 'www-authenticate': 'Basic realm="x"' }),
  );
  const { host } = scratch.server;
  const { stderr } = await beeHere(['pull', `${host}/a/b:v1`], { env });
  expect(stderr).toContain(`: ${name} login ${host}\n`);
});
