import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileProbe } from '../support/compile.js';

/**
 * The addon under AddressSanitizer and UndefinedBehaviorSanitizer: everything that lives in it is dropped,
 * terminated and left open at every step, and nothing may be touched after its end, or leak.
 *
 * One suppression, by the function that allocates, which is node's: `napi_create_promise`. Node cannot settle a
 * promise of an environment that ends, and so keeps the 8 bytes of its deferred.
 */
const SUPPRESSED = /^napi_create_promise$/;

const root = fileURLToPath(new URL('../..', import.meta.url));
const sources = join(root, 'native', 'src');
const folder = join(root, '.cache', 'native', 'sanitized');
const addon = join(folder, 'bee.node');
const end = fileURLToPath(new URL('./children/end.mjs', import.meta.url));
const SANITIZE = ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'];

function build(): void {
  const newest = Math.max(...readdirSync(sources).map((name) => statSync(join(sources, name)).mtimeMs));
  if (existsSync(addon) && statSync(addon).mtimeMs > newest) return;
  mkdirSync(folder, { recursive: true });
  const require = createRequire(import.meta.url);
  const { include_dir: headers } = require('node-api-headers') as { include_dir: string };
  const wrapper = join(require.resolve('node-addon-api'), '..');
  const defines = [
    'NAPI_VERSION=9',
    'NAPI_CPP_EXCEPTIONS',
    'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
    'NODE_GYP_MODULE_NAME=bee',
  ];
  const flags = [
    ...SANITIZE,
    '-fPIC',
    '-g1',
    '-O1',
    '-fno-omit-frame-pointer',
    '-std=c++17',
    ...defines.map((name) => `-D${name}`),
  ];
  const units = readdirSync(sources).filter((name) => name.endsWith('.cc'));
  const compile = `g++ ${flags.join(' ')} -isystem '${headers}' -isystem '${wrapper}' -c '${sources}'/{} -o '${folder}'/{}.o`;
  execFileSync('xargs', ['-P2', '-I{}', 'sh', '-c', compile], { input: units.join('\n') });
  const objects = units.map((name) => join(folder, `${name}.o`));
  execFileSync('g++', [
    '-shared',
    ...SANITIZE,
    '-Wl,-z,nodelete',
    '-o',
    addon,
    ...objects,
    '-lbpf',
    '-pthread',
  ]);
}

interface Run {
  readonly status: number | null;
  readonly signal: string | null;
  readonly report: string;
}

function run(options: { leaks: boolean }, ...args: string[]): Run {
  const library = (name: string) =>
    execFileSync('g++', [`-print-file-name=${name}`])
      .toString()
      .trim();
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', end, addon, probe, ...args],
    {
      encoding: 'utf8',
      timeout: 120_000,
      env: {
        PATH: process.env.PATH,
        LD_PRELOAD: `${library('libasan.so')} ${library('libubsan.so')}`,
        ASAN_OPTIONS: `detect_leaks=${options.leaks ? 1 : 0}:exitcode=99`,
        LSAN_OPTIONS: 'exitcode=0',
        UBSAN_OPTIONS: 'print_stacktrace=1',
      },
    },
  );
  return { status, signal, report: stdout + stderr };
}

/** The leaks of a report, each with the function that allocated: the frame below `malloc` or `operator new`. */
function leaks(report: string): { allocator: string; text: string }[] {
  return report
    .split(/\n\n/)
    .filter((block) => /^(Direct|Indirect) leak/.test(block))
    .map((text) => ({ allocator: /#1 0x[0-9a-f]+ in ([^\s(]+)/.exec(text)?.[1] ?? '?', text }));
}

let probe: string;

describe('the addon under the sanitizers', () => {
  beforeAll(() => {
    build();
    probe = compileProbe(fileURLToPath(new URL('./probes/life.bpf.c', import.meta.url)));
  }, 180_000);

  it('is clean whatever ends in whatever order, and leaks nothing', () => {
    const { status, signal, report } = run({ leaks: true }, 'everything', '-');
    expect(report).not.toMatch(/ERROR: AddressSanitizer|runtime error/);
    expect({ status, signal, report }).toMatchObject({ status: 0, signal: null });
    const found = leaks(report);
    expect(found.filter((leak) => !SUPPRESSED.test(leak.allocator)).map((leak) => leak.text)).toEqual([]);
    // Workers were terminated with promises pending: that these are seen shows that the detector works.
    expect(found.length).toBeGreaterThan(0);
  }, 150_000);

  it.each(['loading', 'attaching', 'polling', 'running', 'reported'])(
    'is clean when the process exits while %s',
    (step) => {
      // No leak check: process.exit frees nothing, by design.
      const { status, signal, report } = run({ leaks: false }, 'exit', step);
      expect({ status, signal, report }).toEqual({ status: 0, signal: null, report: '' });
    },
    30_000,
  );
});
