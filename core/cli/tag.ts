import { Command } from 'commander';
import { copyImage, parseReference } from '../oci/index.js';
import { contextOf, type Host } from './context.js';
import { CliError } from './errors.js';

/** `bee tag SOURCE TARGET`: another name for an image of the local store. */
export function tagCommand(host: Host): Command {
  return new Command('tag')
    .description('Give an image of the local store another name.')
    .argument('<source>', 'name that it has')
    .argument('<target>', 'name that it gets; an image that had it loses it')
    .action(async (source: string, target: string, _options: unknown, command: Command) => {
      const { terminal, stores } = contextOf(command, host);
      const [reference, name] = [parseReference(source), parseReference(target)];
      const { primary, storeOf } = stores();
      const store = await storeOf(reference);
      // Root under sudo only reads the store of the user who called it: the new name is in root's.
      const { digest, faults } =
        store === primary
          ? { ...(await primary.tag(reference, name)), faults: [] }
          : await copyImage(store, primary, reference, name, { signal: host.signal });
      terminal.progress(`Tagged ${source} as ${target}`);
      terminal.print(digest);
      if (faults.length > 0)
        throw new CliError(
          'IO',
          `${target} is tagged, but not all signatures that ${store.folder} has kept of it are copied: ${faults.join('; ')}`,
        );
    });
}
