import { createRequire } from 'node:module';
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { SinkDefinition } from '../../plugins/sdk/index.js';
import { PipelineError } from './error.js';

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
  const file = resolveModule(source);
  let module: { default?: unknown };
  try {
    module = await import(pathToFileURL(file).href);
  } catch (error) {
    throw new PipelineError(
      'SINK_MODULE',
      `${file} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  return checkDefinition(module.default, file);
}

function resolveModule({ module, resolveFrom }: SinkSource): string {
  if (module.endsWith('.ts') && !('typescript' in process.features && process.features.typescript)) {
    throw new PipelineError(
      'SINK_MODULE',
      `${module}: Node ${process.versions.node} does not run TypeScript. Compile it, or use Node 22.18 or newer`,
    );
  }
  const require = createRequire(resolveFrom);
  const names = isAbsolute(module) ? [module] : [module, `bee-sink-${module}`];
  for (const name of names) {
    try {
      return require.resolve(name);
    } catch {
      // The next name, or the error below.
    }
  }
  throw new PipelineError(
    'SINK_MODULE',
    isAbsolute(module)
      ? `${module}: no such file`
      : `"${module}" is neither a sink of ours (stdout, prometheus) nor an installed package (${names.join(', ')}), looked up from ${resolveFrom}`,
  );
}

/** The shape that `defineSink` gives. */
export function checkDefinition(value: unknown, where: string): SinkDefinition<unknown> {
  const wrong = (problem: string): never => {
    throw new PipelineError('SINK_SHAPE', `${where}: ${problem}`);
  };
  if (typeof value !== 'object' || value === null)
    return wrong('it has no default export made by defineSink({ … })');
  const { apiVersion, type, accepts, options, open } = value as Partial<SinkDefinition<unknown>>;
  if (apiVersion !== 1) return wrong(`apiVersion is ${JSON.stringify(apiVersion)}: this bee-agent knows 1`);
  if (typeof type !== 'string' || type === '') return wrong('type is no text');
  if (typeof accepts !== 'function' && (typeof accepts !== 'object' || accepts === null))
    return wrong('accepts is missing');
  if (typeof options?.['~standard']?.validate !== 'function') return wrong('options is no Standard Schema');
  if (typeof open !== 'function') return wrong('open is no function');
  return value as SinkDefinition<unknown>;
}
