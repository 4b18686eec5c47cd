import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BEE, bee, beeOk, isInstalled, run } from '../support/bee.js';
import { installPackage } from '../support/installed.js';

const start = promisify(execFile);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bee-init-sink-'));
  // The sinks lie below: what their package.json asks for is found here.
  installPackage(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const init = (...flags: string[]): ReturnType<typeof bee> => bee(['init', '--sink', ...flags]);

describe('bee init --sink', () => {
  it.each([
    ['JavaScript', 'kafka', ['sink.js', 'sink.test.js']],
    ['typescript', 'bee-sink-nats', ['sink.test.ts', 'sink.ts', 'tsconfig.json']],
  ])(
    'writes a package in %s whose own tests pass',
    async (language, name, sources) => {
      const place = join(folder, name);
      expect(await beeOk(['init', '--sink', name, '-l', language, '-f', place])).toBe(`${place}\n`);
      expect(readdirSync(place).sort()).toEqual(['README.md', 'package.json', ...sources].sort());
      const described = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'));
      expect(described.name).toBe(`bee-sink-${name.replace('bee-sink-', '')}`);
      for (const file of readdirSync(place))
        expect(readFileSync(join(place, file), 'utf8'), file).not.toMatch(/__[A-Z_]+__|undefined"/);
      // npm test, without npm's own look at the registry.
      const env = { ...process.env, PATH: `${join(folder, 'node_modules/.bin')}:${process.env.PATH}` };
      const { stdout } = await start('sh', ['-c', described.scripts.test], { cwd: place, env });
      expect(stdout).toMatch(/(# |ℹ )pass 3/);
      expect(stdout).toMatch(/(# |ℹ )fail 0/);
      // What is published is there, and is a sink.
      const main = join(place, described.exports);
      expect(existsSync(main)).toBe(true);
    },
    120_000,
  );

  it('writes over nothing, unless it is told to', async () => {
    const place = join(folder, 'there');
    mkdirSync(place);
    writeFileSync(join(place, 'sink.js'), 'mine');
    const refused = await init('x', '-l', 'JavaScript', '-f', place);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain(`${place} has sink.js already`);
    expect(readdirSync(place)).toEqual(['sink.js']);
    expect((await init('x', '-l', 'JavaScript', '-f', place, '--force')).code).toBe(0);
    expect(readFileSync(join(place, 'sink.js'), 'utf8')).toContain("type: 'x'");
  });

  it('says where no folder can be made', async () => {
    const { code, stdout, stderr } = await init('x', '-l', 'JavaScript', '-f', '/proc/no/folder');
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: 'error: cannot create /proc/no: there is no such file or folder\n',
    });
  });

  it.each([
    [['../up', '-l', 'JavaScript'], '--sink "../up": expected a letter'],
    [['Upper', '-l', 'JavaScript'], '--sink "Upper": expected a letter'],
    [['x', '-l', 'C'], '--language "C": a sink is written in JavaScript or TypeScript'],
    [['x', '-l', 'JavaScript', '-m', 'HashMap'], '--map: of a probe, not of a sink'],
    [['x', '-l', 'JavaScript', '-f', '-'], 'cannot be printed'],
    [['x'], 'missing: --language'],
    [['-l', 'JavaScript'], 'missing: the name behind --sink'],
  ])('refuses %j', async (flags, message) => {
    const { code, stderr } = await init(...flags);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  it('asks on a terminal for what is left open', async ({ skip }) => {
    if (!isInstalled('tmux')) skip('tmux is not installed');
    const tmux = (...args: string[]) => run('tmux', '-L', `bee-init-sink-${process.pid}`, ...args);
    const until = (text: string) =>
      expect.poll(() => tmux('capture-pane', '-p'), { timeout: 15_000 }).toContain(text);
    const command = `cd '${folder}'; node '${BEE}' init --sink; echo "code $?"; sleep 60`;
    tmux('new-session', '-d', '-x', '110', '-y', '30', command);
    try {
      await until('What is the sink called?');
      tmux('send-keys', 'Bad Name', 'Enter');
      // Asked again, with what was typed to be mended.
      await until('Expected a letter, then letters');
      tmux('send-keys', 'C-u', 'asked', 'Enter');
      await until('In which language?');
      tmux('send-keys', 'Down', 'Enter');
      await until('Where does it go?');
      tmux('send-keys', 'Enter');
      await until('code 0');
      expect(tmux('capture-pane', '-p')).toMatch(/^└ +Wrote bee-sink-asked$/m);
      expect(readFileSync(join(folder, 'bee-sink-asked/sink.ts'), 'utf8')).toContain("type: 'asked'");
    } finally {
      tmux('kill-server');
    }
  }, 60_000);
});
