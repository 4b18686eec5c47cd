import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCache, writeCache } from '../../core/launch/cache-file.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs in the copy: a command of the bundle, then what was loaded for it, on stderr. */
const RUN = `
const { load, loadedScripts } = require('./load.js');
process.once('exit', () => process.stderr.write(JSON.stringify(loadedScripts())));
load('bee-main.js');
`;

describe('the code cache of the bundle', () => {
  let folder: string;
  let bin: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bee-code-cache-'));
    bin = join(folder, 'dist', 'bin');
    mkdirSync(bin, { recursive: true });
    cpSync(join(root, 'dist', 'bin'), bin, { recursive: true });
    cpSync(join(root, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(bin, 'run.js'), RUN);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function run(...flags: string[]): { stdout: string; cached: Record<string, boolean> } {
    const result = spawnSync(process.execPath, [...flags, join(bin, 'run.js'), '--version'], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH },
    });
    expect(result.status, result.stderr).toBe(0);
    const scripts: { name: string; cached: boolean }[] = JSON.parse(result.stderr);
    return {
      stdout: result.stdout,
      cached: Object.fromEntries(scripts.map(({ name, cached }) => [name, cached])),
    };
  }

  const cacheFiles = (): string[] => readdirSync(bin).filter((file) => file.endsWith('.cache'));

  it('is taken, for every script that a command loads', () => {
    const { stdout, cached } = run();
    expect(stdout).toMatch(/\d+\.\d+\.\d+/);
    expect(Object.keys(cached).length).toBeGreaterThan(3);
    expect(Object.values(cached)).not.toContain(false);
  });

  it('is left aside, and what is written runs, where a script was edited, were it to the same length', () => {
    const file = join(bin, 'bee-main.js');
    const source = readFileSync(file, 'utf8');
    const edited = source.replace('print the version', 'print the versiom');
    expect(edited).not.toBe(source);
    writeFileSync(file, edited);
    const result = spawnSync(process.execPath, [join(bin, 'bee.js'), '--help'], { encoding: 'utf8' });
    expect(result.stdout, result.stderr).toContain('print the versiom');
  });

  it.each([
    ['is of other flags of V8', ['--no-opt', '--stack-size=900'], () => {}],
    ['is of another version of Node', [], (file: string) => damageVersion(file)],
    ['is not there', [], (file: string) => rmSync(file)],
    ['is no cache', [], (file: string) => writeFileSync(file, 'not a cache')],
    ['is empty', [], (file: string) => writeFileSync(file, '')],
    ['is not to be read', [], (file: string) => replaceByFolder(file)],
  ] as [string, string[], (file: string) => void][])(
    'changes nothing but time where it %s',
    (_, flags, change) => {
      for (const file of cacheFiles()) change(join(bin, file));
      const { stdout, cached } = run(...flags);
      expect(stdout).toMatch(/\d+\.\d+\.\d+/);
      expect(Object.values(cached)).not.toContain(true);
    },
  );

  it('has errors tell where they stand in the file', () => {
    writeFileSync(join(bin, 'own-main.js'), "(function () {\n\nconsole.log(new Error('here').stack);\n})");
    writeFileSync(join(bin, 'own.js'), "require('./load.js').load('own-main.js');");
    const { stdout, stderr } = spawnSync(process.execPath, [join(bin, 'own.js')], { encoding: 'utf8' });
    expect(stdout, stderr).toContain(`${join(bin, 'own-main.js')}:3:13`);
  });

  it('is made anew in an installed package where that can be, and otherwise warned of', () => {
    const script = join(folder, 'deploy', 'code-cache.js');
    cpSync(join(root, 'deploy', 'code-cache.js'), script);
    writeFileSync(join(bin, 'bee-agent-main.js'), '(function () { process.exit(3); })');
    const make = (...flags: string[]) =>
      spawnSync(process.execPath, [script, ...flags], { encoding: 'utf8', env: { PATH: process.env.PATH } });
    expect(make().status).toBe(1);
    const { status, stderr } = make('--optional');
    expect(status).toBe(0);
    expect(stderr).toMatch(/^The code cache was not made, .*bee-agent --config/);
  });

  it('loads a script anew that threw while it was loaded, as Node does', () => {
    writeFileSync(
      join(bin, 'half-main.js'),
      "(function (exports) { exports.half = 1; if (tries++ === 0) throw new Error('first'); exports.whole = 1; })",
    );
    writeFileSync(
      join(bin, 'half.js'),
      `globalThis.tries = 0;
      const { load } = require('./load.js');
      try { load('half-main.js'); } catch (error) { console.log(error.message); }
      console.log(Object.keys(load('half-main.js')).join());`,
    );
    const { stdout, stderr } = spawnSync(process.execPath, [join(bin, 'half.js')], { encoding: 'utf8' });
    expect(stdout, stderr).toBe('first\nhalf,whole\n');
  });

  it('is of scripts that import nothing, which Node 20 could not do', () => {
    for (const file of readdirSync(bin).filter((name) => /\.js$/.test(name) && name !== 'run.js')) {
      const lines = readFileSync(join(bin, file), 'utf8').split('\n');
      expect(
        lines.filter((line) => /\bawait import\(/.test(line)),
        file,
      ).toEqual([]);
    }
  });
});

/** The same cache as another V8 would have made it: its version is the second word. */
function damageVersion(file: string): void {
  const script = file.replace(/\.cache$/, '');
  const source = readFileSync(script);
  const data = readCache(script, source)!;
  data.writeUInt32LE(data.readUInt32LE(4) ^ 1, 4);
  writeCache(script, source, data);
}

function replaceByFolder(file: string): void {
  rmSync(file);
  mkdirSync(file);
}
