import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { runTool } from '../compiler/run.js';
import { CliError } from '../errors.js';
import { packageRoot } from '../package-root.js';
import type { TarFile } from './tar.js';

/** Where bee-agent lies in the image, without the leading slash. */
export const AGENT_FOLDER = 'opt/bee-agent';

/** Needed to build the addon, which is built already. */
const BUILD_ONLY: ReadonlySet<string> = new Set(['node-gyp', 'node-addon-api', 'node-api-headers']);
/** Every system that has Node has these, and they must be its own. */
const OF_THE_BASE = /^(ld-linux.*|linux-vdso|libc|libm|libdl|libpthread|librt|libstdc\+\+|libgcc_s)\.so/;

/** bee-agent as it runs here: compiled code, addon, the libraries it is linked with, production packages. */
export async function agentFiles(): Promise<TarFile[]> {
  const root = packageRoot();
  const addon = join(root, 'native', 'build', 'Release', 'bee.node');
  for (const [path, command] of [
    [join(root, 'dist', 'bin', 'bee-agent.js'), 'npm run build'],
    [addon, 'npm run build:native'],
  ] as const) {
    if (!existsSync(path))
      throw new CliError('IO', `${path} is missing`, { hint: `Run \`${command}\` first.` });
  }
  const own = [
    'package.json',
    'native/binding.gyp',
    ...filesBelow(join(root, 'dist'))
      .filter(
        (path) =>
          /\.js(\.cache)?$|\/LICENSES\.txt$|^bin\/package\.json$/.test(path) && !path.startsWith('test/'),
      )
      .map((path) => `dist/${path}`),
  ];
  return [
    ...own.map((path) => fileAt(join(root, path), `${AGENT_FOLDER}/${path}`)),
    fileAt(addon, `${AGENT_FOLDER}/native/build/Release/bee.node`),
    ...(await libraries(addon)),
    ...packages(root),
  ];
}

/** Shared libraries of the addon, by `ldd`; they go into a folder that `LD_LIBRARY_PATH` names. */
async function libraries(addon: string): Promise<TarFile[]> {
  const result = await runTool('ldd', [addon]).catch((cause) => {
    throw new CliError('MISSING_TOOL', 'ldd is not installed: it tells which libraries the addon needs', {
      cause,
    });
  });
  const found = [...result.stdout.matchAll(/^\s*(\S+) => (\/\S+) \(/gm)];
  return Promise.all(
    found
      .filter(([, name]) => !OF_THE_BASE.test(name!))
      .map(async ([, name, path]) => ({
        path: `${AGENT_FOLDER}/lib/${name}`,
        bytes: await readFile(path!),
        executable: true,
      })),
  );
}

interface PackageJson {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Packages that the root's dependencies reach, each from where Node would find it. */
function packages(root: string): TarFile[] {
  const folders = new Set<string>();
  const visit = (folder: string): void => {
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
      readFileSync(join(folder, 'package.json'), 'utf8'),
    ) as PackageJson;
    for (const name of new Set([...Object.keys(dependencies), ...Object.keys(optionalDependencies)])) {
      if (BUILD_ONLY.has(name)) continue;
      const found = packageFolder(folder, name);
      if (found === undefined) {
        // One for another machine is not installed.
        if (Object.hasOwn(optionalDependencies, name)) continue;
        throw new CliError('IO', `the package ${name} is not installed`, { hint: 'Run `npm ci` first.' });
      }
      if (folders.has(found)) continue;
      folders.add(found);
      visit(found);
    }
  };
  visit(root);
  return [...folders].flatMap((folder) =>
    filesBelow(folder)
      .filter((path) => !/(^|\/)node_modules\//.test(path) && !/\.(d\.[cm]?ts|map|md)$/.test(path))
      .map((path) => fileAt(join(folder, path), `${AGENT_FOLDER}/${placeOf(root, folder)}/${path}`)),
  );
}

/** Below the root as it is; what npm put beside the package goes below it. */
function placeOf(root: string, folder: string): string {
  const inside = relative(root, folder);
  if (!inside.startsWith('..')) return inside;
  let modules = dirname(root);
  while (basename(modules) !== 'node_modules') modules = dirname(modules);
  return join('node_modules', relative(modules, folder));
}

function packageFolder(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (dirname(folder) === folder) return undefined;
  }
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

function fileAt(from: string, path: string): TarFile {
  return { path, bytes: readFileSync(from), executable: path.endsWith('.node') };
}
