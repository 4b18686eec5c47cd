// The commands in a few files instead of five hundred: that halves the time to the first event. `tsc` has compiled and
// checked what is bundled here. Scripts, not modules: V8's code cache is for these (core/launch).
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { defineConfig } from 'rolldown';

/** Licences of the packages whose code is in the bundle: most of them ask to go along. */
const licences = {
  name: 'licences',
  generateBundle(_options, bundle) {
    const files = Object.values(bundle).flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : []));
    const folders = new Set(files.map(packageFolder).filter((folder) => folder !== undefined));
    this.emitFile({
      type: 'asset',
      fileName: 'LICENSES.txt',
      source: [...folders].sort().map(licenceOf).join('\n'),
    });
  },
};

function packageFolder(file) {
  if (!file.includes('/node_modules/')) return undefined;
  let folder = dirname(file);
  while (!isPackage(folder)) folder = dirname(folder);
  return folder;
}

/** Not one of those that only tell what kind of modules a folder has. */
function isPackage(folder) {
  const file = join(folder, 'package.json');
  return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version !== undefined;
}

function licenceOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  return `${name} ${version} (${license})\n\n${file ? readFileSync(join(folder, file), 'utf8') : ''}\n${'-'.repeat(80)}\n`;
}

const COMMANDS = ['bee', 'bee-agent'];
const FOLDER = 'dist/bin';

/** What is started by its name: a command, a thread, the SDK. */
const launchers = {
  name: 'launchers',
  generateBundle(_options, bundle) {
    this.emitFile({ type: 'asset', fileName: 'package.json', source: '{ "type": "commonjs" }\n' });
    for (const { name } of Object.values(bundle).filter((chunk) => chunk.isEntry)) {
      const head = COMMANDS.includes(name) ? '#!/usr/bin/env node\n' : '';
      const source = `${head}module.exports = require('./load.js').load('${name}-main.js');\n`;
      this.emitFile({ type: 'asset', fileName: `${name}.js`, source });
    }
  },
};

const SDK = 'dist/plugins/sdk';

/**
 * The SDK is in the bundle, and its public module, which sinks of users import, says the same of that copy: what one
 * throws the other knows, and a start does not wait for Node's loader of modules.
 */
const sdk = {
  name: 'sdk',
  resolveId(id) {
    return id.endsWith('/sdk/index.js') ? join(import.meta.dirname, SDK, 'exports.js') : undefined;
  },
  writeBundle(_options, bundle) {
    const { exports } = Object.values(bundle).find((chunk) => chunk.isEntry && chunk.name === 'sdk');
    const text = `import sdk from '../../bin/sdk.js';\nexport const { ${exports.join(', ')} } = sdk;\n`;
    writeFileSync(join(SDK, 'index.js'), text);
  },
};

/** Stays a module: `import.meta.resolve` and `import()` of what users write are for these only. Loaded where a config names a sink of the user's. */
const resolver = {
  name: 'resolver',
  resolveId(id) {
    return id.endsWith('/sink-resolver.js')
      ? { id: '../core/pipeline/sink-resolver.js', external: true }
      : undefined;
  },
};

/** ASCII is read faster; what is not stands in strings and expressions, where an escape is the same. */
const ascii = {
  name: 'ascii',
  generateBundle(_options, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== 'chunk') continue;
      if (/String\.raw`[^`]*[^\0-\x7f]/.test(chunk.code))
        this.error(`${chunk.fileName}: String.raw of more than ASCII`);
      chunk.code = chunk.code.replace(
        /[^\0-\x7f]/g,
        (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
      );
    }
  },
};

export default defineConfig([
  {
    input: {
      bee: 'dist/core/cli/main.js',
      'bee-agent': 'dist/core/agent/entry.js',
      'decode-worker': 'dist/core/decode/worker.js',
      // Piscina starts the file of this name that is beside it.
      worker: 'node_modules/piscina/dist/worker.js',
      sdk: `${SDK}/exports.js`,
    },
    platform: 'node',
    // Native packages look for files of their own.
    external: [/^bcrypt$/, /^node-gyp-build$/, /^@napi-rs\/nice$/],
    plugins: [licences, launchers, sdk, resolver, ascii],
    output: {
      dir: FOLDER,
      format: 'cjs',
      dynamicImportInCjs: false,
      postBanner: '(function (exports, require, module, __filename, __dirname) {',
      postFooter: '})',
      entryFileNames: '[name]-main.js',
      chunkFileNames: '[name]-[hash].js',
      cleanDir: true,
    },
  },
  {
    input: { load: 'dist/core/launch/index.js' },
    platform: 'node',
    output: { dir: FOLDER, format: 'cjs', entryFileNames: '[name].js' },
  },
]);
