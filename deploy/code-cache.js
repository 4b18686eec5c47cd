// Part of `npm run build`, and of `npm run build:native` where a package was installed: has V8 compile what a start runs,
// and keeps that beside the bundle (core/launch). Each run adds what it compiles to what those before it did. None
// touches the kernel, the network, or a user's files. With --optional, which is for installed packages, a failure is a
// warning: all works without the cache.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'dist', 'bin');
const STORE = join(root, 'test', 'fixtures', 'bumblebee', 'store');

const [command, ...args] = process.argv.slice(2);
if (command === '--optional') {
  try {
    build();
  } catch (error) {
    console.warn(
      `The code cache was not made, so commands take longer to start; all else works. ${error.message}`,
    );
  }
} else if (command === undefined) build();
else one(command);

function build() {
  if (existsSync(join(bin, 'load.js'))) all();
}

function all() {
  const folder = mkdtempSync(join(tmpdir(), 'bee-code-cache-'));
  try {
    const config = (name, probe, more = '') => {
      const file = join(folder, `${name}.yaml`);
      const sinks = 'out: { type: stdout, format: json }, prom: { type: prometheus }';
      const agent = `listen: "unix:${folder}/socket", storage: ${existsSync(STORE) ? STORE : folder}`;
      writeFileSync(file, `probes: [${probe}]\nsinks: { ${sinks}${more} }\nagent: { ${agent} }\n`, {
        mode: 0o600,
      });
      return file;
    };
    const execs = '{ image: "localhost:5000/fixtures/execs:v1", pull: never }';
    const absent = '{ image: "localhost:5000/fixtures/absent:v1", pull: never }';
    // An installed package has no fixtures, and comes with what this compiled.
    if (existsSync(STORE)) run(folder, 0, 'bee-agent', '--config', config('check', execs), '--check');
    // As far as a start gets without the kernel.
    run(folder, 1, 'bee-agent', '--config', config('start', absent));
    run(folder, 0, 'bee', 'list', '--storage', folder);
    run(folder, 0, 'bee', '--version');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(home, expected, ...command) {
  const { status, stderr } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...command], {
    env: { PATH: process.env.PATH, HOME: home },
    encoding: 'utf8',
  });
  if (status !== expected) throw new Error(`${command.join(' ')} ended with ${status}:\n${stderr}`);
}

function one(name) {
  process.argv = [process.execPath, name, ...args];
  const { load, saveCodeCache } = createRequire(import.meta.url)(join(bin, 'load.js'));
  setFlagsFromString('--no-flush-bytecode');
  process.once('exit', () => {
    // Flags are part of what a cache has to fit.
    setFlagsFromString('--flush-bytecode');
    saveCodeCache();
  });
  // What answers requests comes later in a start than any of these runs gets.
  if (name === 'bee-agent')
    for (const chunk of readdirSync(bin).filter((file) => /^app-.*\.js$/.test(file))) load(chunk);
  load(`${name}-main.js`);
}
