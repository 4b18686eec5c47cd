import { join } from 'node:path';
import * as cosmiconfigExplorer from 'cosmiconfig/dist/Explorer.js';

export const SYSTEM_DIRECTORY = '/etc/bee-agent';
const NAMES = ['probes.yaml', 'probes.yml', 'probes.json'];

/**
 * The explorer itself and not `cosmiconfig()`: that one first looks for settings of its own in the working directory,
 * `.config/config.js` among them, and runs it. No code is ever loaded as config, least of all by root.
 */
const { Explorer } = cosmiconfigExplorer as unknown as { Explorer: new (options: object) => Search };
interface Search {
  search(directory: string): Promise<{ readonly filepath: string } | null>;
}

/** The first of `probes.yaml`, `.yml`, `.json` in `cwd`, then in /etc/bee-agent; undefined when there is none. */
export async function findConfig(
  cwd: string,
  systemDirectory = SYSTEM_DIRECTORY,
): Promise<string | undefined> {
  // Found is all that is asked: reading belongs to loadConfig, which bounds and checks what it reads.
  const found = () => ({});
  const explorer = new Explorer({
    moduleName: 'bee-agent',
    searchPlaces: NAMES,
    searchStrategy: 'none',
    loaders: { '.yaml': found, '.yml': found, '.json': found },
    transform: (result: unknown) => result,
    ignoreEmptySearchPlaces: false,
    cache: false,
    mergeImportArrays: false,
    mergeSearchPlaces: false,
    applyPackagePropertyPathToConfiguration: false,
    metaConfigFilePath: null,
  });
  for (const directory of [cwd, systemDirectory]) {
    const result = await explorer.search(directory);
    if (result) return result.filepath;
  }
  return undefined;
}

/** For messages. */
export function searchedPlaces(cwd: string): string {
  const [first = '', ...others] = NAMES;
  const places = [cwd, SYSTEM_DIRECTORY].map((directory) => join(directory, first)).join(' nor ');
  return `neither ${places} (nor ${others.join(', ')} there)`;
}
