import { spawnSync } from 'node:child_process';
import { createRequire, isBuiltin } from 'node:module';
import { isAbsolute } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { checkDefinition, type SinkDefinition } from '../../plugins/sdk/index.js';
import { messageOf, PipelineError } from './error.js';

/** Where a custom sink comes from. */
export interface SinkSource {
  /** Absolute path, or a package's name; `x` also finds the package `bee-sink-x`. */
  readonly module: string;
  /** Packages are looked up from this file: the config. */
  readonly resolveFrom: string;
  /** Name of the sink in the config, for messages. */
  readonly name: string;
}

/** Import a custom sink into this thread, and check its shape. Throws {@link PipelineError}. */
export async function loadSinkModule(source: SinkSource): Promise<SinkDefinition<unknown>> {
  const resolver = await import('./sink-resolver.js');
  resolver.hookResolution();
  const url = resolveModule(source, resolver);
  const file = url.startsWith('file:') ? fileURLToPath(url) : url;
  refuseTypeScript(file);
  let module: { default?: unknown };
  try {
    module = await resolver.importModule(url);
  } catch (error) {
    throw new PipelineError('SINK_MODULE', `${file} cannot be loaded: ${loadError(error, file)}`, {
      cause: error,
    });
  }
  try {
    return checkDefinition(defaultExport(module));
  } catch (error) {
    throw new PipelineError('SINK_SHAPE', `${file}: ${messageOf(error)}`, { cause: error });
  }
}

type Resolver = typeof import('./sink-resolver.js');

function resolveModule({ module, resolveFrom }: SinkSource, { resolvePackage }: Resolver): string {
  if (isAbsolute(module)) {
    try {
      return pathToFileURL(createRequire(resolveFrom).resolve(module)).href;
    } catch (error) {
      throw new PipelineError('SINK_MODULE', `${module}: no such file`, { cause: error });
    }
  }
  const names = packageNames(module);
  for (const name of names) {
    try {
      return resolvePackage(name, pathToFileURL(resolveFrom).href);
    } catch (error) {
      // Installed, but not to be imported (its `exports`): the next name would only hide that.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND')
        throw new PipelineError('SINK_MODULE', messageOf(error), { cause: error });
    }
  }
  throw new PipelineError(
    'SINK_MODULE',
    `"${module}" is neither a sink of ours (stdout, prometheus, file, loki, otlp) nor an installed package (${names.join(', ')}), looked up from ${resolveFrom}. A file is written with its path: ./${module}.js`,
  );
}

/** `kafka` may be a client library that is installed too: the package made for us comes first. */
function packageNames(module: string): string[] {
  const [, scope = '', name = module] = /^(@[^/]+\/)?(.+)$/.exec(module) ?? [];
  const names = name.startsWith('bee-sink-') ? [] : [`${scope}bee-sink-${name}`];
  return isBuiltin(module) ? names : [...names, module];
}

function refuseTypeScript(file: string): void {
  if (!/\.[cm]?ts$/.test(file) || (process.features as { typescript?: unknown }).typescript) return;
  throw new PipelineError(
    'SINK_MODULE',
    `${file}: Node ${process.versions.node} does not run TypeScript. Compile it to JavaScript, or use Node 22.18 or newer`,
  );
}

function loadError(error: unknown, file: string): string {
  const message = messageOf(error);
  if (!(error instanceof SyntaxError)) return message;
  const hint = /import statement outside a module|Unexpected token 'export'/.test(message)
    ? '. The package.json next to it says that it is CommonJS: name the file .mjs'
    : '';
  return `${syntaxErrorPlace(file)}${message}${hint}`;
}

/** An import's error does not tell where it is; Node's own check of the file does. */
function syntaxErrorPlace(file: string): string {
  const { stderr } = spawnSync(process.execPath, ['--check', file], { encoding: 'utf8', timeout: 5_000 });
  const line = /^(?:file:\/\/)?\/.*:(\d+)$/m.exec(stderr ?? '')?.[1];
  return line === undefined ? '' : `line ${line}: `;
}

/** Of a module, or of CommonJS that was compiled from one. */
function defaultExport(module: { default?: unknown }): unknown {
  const exported = module.default as { __esModule?: unknown; default?: unknown } | undefined;
  return exported?.__esModule ? exported.default : exported;
}
