import type { ResolveHook } from 'node:module';

/**
 * A module hook, in a thread of Node's own. It adds two things to how a custom sink's imports are found:
 * `bee-sink:` asks for a package as seen from another file (the config), and a sink that lies outside of any
 * project, such as /etc/bee-agent/my-sink.js, finds the agent's own packages. What a sink has itself comes first.
 */
export const resolve: ResolveHook = async (specifier, context, next) => {
  if (specifier.startsWith(FROM)) {
    const { name, from } = JSON.parse(decodeURIComponent(specifier.slice(FROM.length)));
    return next(name, { ...context, parentURL: from });
  }
  try {
    return await next(specifier, context);
  } catch (error) {
    if (!isOwnPackage(specifier) || (error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND')
      throw error;
    return next(specifier, { ...context, parentURL: import.meta.url });
  }
};

export const FROM = 'bee-sink:';

/** `bee-agent` is this package; `zod`, what most sinks describe their options with. */
export function isOwnPackage(specifier: string): boolean {
  return /^(bee-agent|zod)(\/|$)/.test(specifier);
}
