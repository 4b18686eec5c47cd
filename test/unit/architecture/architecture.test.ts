import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { importsOf, readImports, sourcesOf } from './imports.js';
import { breach } from './rule.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const FOLDERS = ['config', 'core', 'native', 'plugins'];

describe('the import rule', () => {
  it('holds in every file', () => {
    const imports = readImports(root, FOLDERS);
    expect(imports.length).toBeGreaterThan(200);
    expect(imports.map(breach).filter(Boolean)).toEqual([]);
  });

  it.each([
    ['core/bpf/elf.ts', "import { x } from '../kernel/index.js';", 'may not import core/kernel'],
    ['core/metrics/store.ts', "import { x } from '../decode/index.js';", 'more than types of core/decode'],
    ['core/decode/pool.ts', "import { x } from '../bpf/btf.js';", 'see only core/bpf/index.ts'],
    ['plugins/otlp/index.ts', "import { x } from '../loki/index.js';", 'may not import plugins/loki'],
    ['plugins/sdk/batch.ts', "const x = await import('../../core/decode/index.js');", 'may not import'],
    ['core/pipeline/queue.ts', "export * from '../../config/index.js';", 'may not import config'],
    ['core/oci/store.ts', "import {\n  a,\n  b,\n} from '../bpf/index.js';", 'may not import core/bpf'],
    ['core/agent/agent.ts', "import { addon } from '../../native/addon.js';", 'may not import native'],
  ])('catches %s: %s', (file, source, message) => {
    expect(importsOf(file, source).map(breach)).toEqual([expect.stringContaining(message)]);
  });

  it.each([
    ['core/metrics/store.ts', "import type { x } from '../decode/index.js';"],
    ['core/decode/plan.ts', "let x: import('../../plugins/sdk/index.js').ColumnSet;"],
    ['core/kernel/addon.ts', "import { x } from '../../native/addon.js';"],
    ['core/cli/run.ts', "import { Agent } from '../agent/index.js';"],
    ['core/oci/store.ts', "// import { x } from '../bpf/index.js';"],
  ])('lets %s: %s', (file, source) => {
    expect(importsOf(file, source).map(breach).filter(Boolean)).toEqual([]);
  });

  it('leaves process-wide state to the entry points: only they end the process', () => {
    const guilty = FOLDERS.flatMap((folder) => sourcesOf(root, folder)).filter(
      (file) =>
        !/core\/((agent|cli)\/main|pipeline\/isolate\/process-host)\.ts$/.test(file) &&
        /process\.exit\(/.test(
          readFileSync(`${root}/${file}`, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, ''),
        ),
    );
    expect(guilty).toEqual([]);
  });
});
