import Module, { createRequire, register } from 'node:module';
import { compiledFile } from './compiled-file.js';
import { FROM, isOwnPackage } from './resolve-hook.js';

let hooked = false;

/** Let sinks in this thread find the agent's own packages; see resolve-hook.ts. Once a thread. */
export function hookResolution(): void {
  if (hooked) return;
  hooked = true;
  const file = compiledFile('core/pipeline/resolve-hook.js');
  register(file);
  hookRequire(createRequire(file));
}

/** What `register` does for `import`, for `require` in a sink of CommonJS. */
function hookRequire(own: NodeJS.Require): void {
  const loader = Module as unknown as { _resolveFilename(request: string, ...rest: unknown[]): string };
  const { _resolveFilename: find } = loader;
  loader._resolveFilename = function (request, ...rest) {
    try {
      return find.call(this, request, ...rest);
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
      if (!missing || !isOwnPackage(request) || rest[0] === undefined) throw error;
      return own.resolve(request);
    }
  };
}

/** Where `name` would be imported from by `from`, as a URL. Throws Node's own errors. */
export function resolvePackage(name: string, from: string): string {
  return import.meta.resolve(FROM + encodeURIComponent(JSON.stringify({ name, from })));
}

/** From here, since what is in the bundle imports nothing (core/launch). */
export function importModule(url: string): Promise<{ default?: unknown }> {
  return import(url);
}
