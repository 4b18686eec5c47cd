// The commands in a few files instead of five hundred: that halves the time to the first event. `tsc` has compiled and
// checked what is bundled here. What must be one copy beside the sinks that users write, the SDK, stays as it is.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
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

export default defineConfig({
  input: {
    bee: 'dist/core/cli/main.js',
    'bee-agent': 'dist/core/agent/main.js',
    'decode-worker': 'dist/core/decode/worker.js',
  },
  platform: 'node',
  // Piscina and native packages look for files of their own.
  external: [/^piscina$/, /^bcrypt$/, /^node-gyp-build$/, /\/plugins\/sdk\//],
  plugins: [licences],
  output: { dir: 'dist/bin', format: 'esm', chunkFileNames: '[name]-[hash].js', cleanDir: true },
});
