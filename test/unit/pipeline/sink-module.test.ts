import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

const built = fileURLToPath(new URL('../../../dist/core/pipeline/index.js', import.meta.url));
const run = promisify(execFile);

const script = `
  import { createIsolatedSink, loadSinkModule } from ${JSON.stringify(built)};
  const [source, isolate, options] = JSON.parse(process.argv[2]);
  try {
    const definition = await (isolate ? createIsolatedSink : loadSinkModule)(source, isolate);
    const result = await definition.options['~standard'].validate(options);
    console.log(result.issues ? JSON.stringify(result.issues) : definition.type + ' ' + JSON.stringify(result.value));
  } catch (error) {
    console.log(error.name + ' ' + error.code + ': ' + error.message);
  }
  process.exit();`;
const scriptFile = join(mkdtempSync(join(tmpdir(), 'bee-load-')), 'load.mjs');
writeFileSync(scriptFile, script);

/** Load a sink the way an agent does, in a process of its own: isolated, or in the main thread. */
async function load(
  module: string,
  resolveFrom: string,
  isolate: 'process' | 'thread' | false,
  options: object = {},
): Promise<string> {
  const what = JSON.stringify([{ module, resolveFrom, name: 'mine' }, isolate, options]);
  const { stdout } = await run(process.execPath, [scriptFile, what], { cwd: '/' });
  return stdout.trim();
}

const esm = (type: string): string => `
  import { defineSink } from 'bee-agent';
  import { formatTimestamp } from 'bee-agent/sdk';
  import { z } from 'zod';
  export default defineSink({
    apiVersion: 1,
    type: '${type}',
    accepts: { events: ['ndjson'], metrics: false },
    options: z.strictObject({ url: z.url().optional() }),
    open: () => ({ write: async () => ({ status: formatTimestamp(0n) && 'ok' }), close() {} }),
  });`;

describe.each([
  ['in a process', 'process'],
  ['in a thread', 'thread'],
  ['in the main thread', false],
] as const)('a sink outside of any project, loaded %s', (_where, isolate) => {
  let folder: string;
  let config: string;
  const put = (path: string, text: string): string => {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  };
  const from = (module: string, options: object = {}) => load(module, config, isolate, options);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bee-sinks-'));
    config = put('probes.yaml', '');
  });

  it('finds bee-agent, its /sdk and zod, from .js without a package.json and from .mjs', async () => {
    expect(await from(put('a.js', esm('a')))).toBe('a {}');
    expect(await from(put('b.mjs', esm('b')), { url: 'http://x/' })).toBe('b {"url":"http://x/"}');
  });

  it('finds them from CommonJS', async () => {
    const text = `
      const { defineSink } = require('bee-agent');
      const { z } = require('zod');
      module.exports = defineSink({
        apiVersion: 1, type: 'c', accepts: { events: ['rows'], metrics: false }, options: z.looseObject({}),
        open: () => ({ write: async () => ({ status: 'ok' }), close() {} }),
      });`;
    expect(await from(put('c.cjs', text))).toBe('c {}');
    const compiled = `
      Object.defineProperty(exports, '__esModule', { value: true });
      ${text.replace('module.exports =', 'exports.default =')}`;
    expect(await from(put('compiled.cjs', compiled))).toBe('c {}');
  });

  it("prefers the sink's own packages", async () => {
    put('own/node_modules/zod/package.json', '{"name":"zod","type":"module","exports":"./index.js"}');
    put(
      'own/node_modules/zod/index.js',
      `export const z = { strictObject: () => ({ '~standard': { version: 1, vendor: 'own', validate: () => ({ value: 'own zod' }) } }), url: () => ({ optional() {} }) };`,
    );
    expect(await from(put('own/sink.mjs', esm('own')))).toBe('own "own zod"');
  });

  it('finds other modules next to it', async () => {
    put('parts/type.mjs', `export const type = 'in parts';`);
    const text = `import { type } from './type.mjs';\n${esm('x').replace("type: 'x'", 'type')}`;
    expect(await from(put('parts/sink.mjs', text))).toBe('in parts {}');
  });

  it('finds packages from the config, those made for us first, ESM-only ones too', async () => {
    const install = (name: string, type: string, exports: object | string): void => {
      put(`node_modules/${name}/package.json`, JSON.stringify({ name, type: 'module', exports }));
      put(`node_modules/${name}/index.js`, esm(type));
    };
    install('bee-sink-kafka', 'the sink', { import: './index.js' });
    install('kafka', 'a client', './index.js');
    install('plain', 'plain', './index.js');
    install('@me/bee-sink-http', 'scoped', './index.js');
    install('bee-sink-http', 'not the builtin', './index.js');
    install('closed', 'closed', {});
    expect(await from('kafka')).toBe('the sink {}');
    expect(await from('bee-sink-kafka')).toBe('the sink {}');
    expect(await from('plain')).toBe('plain {}');
    expect(await from('@me/http')).toBe('scoped {}');
    expect(await from('http')).toBe('not the builtin {}');
    expect(await from('closed')).toMatch(/PipelineError SINK_MODULE: No "exports" main defined in .*closed/);
  });

  it.each<[string, () => string, RegExp]>([
    ['a file that is missing', () => join(folder, 'none.js'), /SINK_MODULE: .*none.js: no such file$/],
    [
      'a package that is missing',
      () => 'nothing',
      /SINK_MODULE: "nothing" is neither a sink of ours.*\(bee-sink-nothing, nothing\), looked up from .*probes.yaml.*\.\/nothing\.js$/,
    ],
    ['a builtin module', () => 'fs', /SINK_MODULE: "fs" is neither/],
    [
      'a syntax error',
      () => put('bad.mjs', 'export default {\n  a: 1,\n  b: ;\n};\n'),
      /SINK_MODULE: .*bad.mjs cannot be loaded: line 3: Unexpected token ';'$/,
    ],
    [
      'an import that is missing',
      () => put('lost.mjs', `import 'left-pad';`),
      /cannot be loaded: Cannot find package 'left-pad' imported from .*lost.mjs$/,
    ],
    [
      'a part of bee-agent that is not there',
      () => put('part.mjs', `import 'bee-agent/core';`),
      /cannot be loaded: Package subpath '\.\/core' is not defined/,
    ],
    [
      'a throw at import',
      () => put('throws.mjs', `throw new Error('no license key');`),
      /throws.mjs cannot be loaded: no license key$/,
    ],
    ['a throw of nothing', () => put('null.mjs', 'throw null;'), /null.mjs cannot be loaded: null$/],
    [
      'no default export',
      () => put('none.mjs', esm('x').replace('export default', 'export const sink =')),
      /SINK_SHAPE: .*none.mjs: a sink is defineSink\(.*not missing$/,
    ],
    [
      'a later version',
      () => put('later.mjs', 'export default { apiVersion: 9 };'),
      /SINK_SHAPE: .*later.mjs: apiVersion is 9; this bee-agent knows version 1/,
    ],
    [
      'a shape that defineSink refuses',
      () => put('shape.mjs', esm('x').replace('ndjson', 'lines')),
      /shape.mjs cannot be loaded: accepts.events names the form 'lines'/,
    ],
    [
      'ESM that its package.json calls CommonJS',
      () => {
        put('commonjs/package.json', '{"type":"commonjs"}');
        return put('commonjs/sink.js', esm('x'));
      },
      /sink.js cannot be loaded: .*name the file \.mjs$/,
    ],
    [
      'process.exit at import',
      () =>
        put(
          'exits.mjs',
          isolate ? 'process.exit(4);' : `throw new Error('it ended its own thread, with code 4')`,
        ),
      /its own (thread|process), with code 4/,
    ],
  ])('says what is wrong with %s', async (_what, make, message) => {
    const answer = await from(make());
    expect(answer).toMatch(message);
    expect(answer.split('\n')).toHaveLength(1);
  });

  it('says which options are wrong, and where', async () => {
    expect(JSON.parse(await from(put('o.mjs', esm('o')), { url: 'nowhere' }))).toMatchObject([
      { path: ['url'] },
    ]);
  });

  const stripsTypes = Boolean((process.features as { typescript?: unknown }).typescript);
  it(`${stripsTypes ? 'runs' : 'says that this Node cannot run'} TypeScript`, async () => {
    const answer = await from(
      put('typed.ts', `const kind: string = 'typed';\n${esm('x').replace("type: 'x'", 'type: kind')}`),
    );
    if (stripsTypes) expect(answer).toBe('typed {}');
    else
      expect(answer).toMatch(
        /typed.ts: Node 2\d.* does not run TypeScript. Compile it to JavaScript, or use Node 22.18 or newer$/,
      );
  });
});
