import { Command } from 'commander';
import { parseReference, pruneSignatures } from '../oci/index.js';
import { commandName } from './command-name.js';
import { contextOf, type Host } from './context.js';
import { CliError } from './errors.js';
import { formatBytes } from './table.js';

/** `bee rm REF...`: names of the local store, and what nothing else needs. */
export function rmCommand(host: Host): Command {
  return new Command('rm')
    .alias('remove')
    .description('Remove images from the local store.')
    .argument('<reference...>', 'names of the images')
    .action(async (texts: readonly string[], _options: unknown, command: Command) => {
      const { terminal, stores } = contextOf(command, host);
      const { primary: store, storeOf } = stores();
      const references = texts.map(parseReference);
      let removed = 0;
      try {
        for (const reference of references) {
          const having = await storeOf(reference);
          if (having !== store)
            throw new CliError(
              'IO',
              `${reference.text} is in ${having.folder}, which is only read: it is of the user who called sudo`,
              { hint: `Without sudo: ${commandName(host)} rm ${reference.text}` },
            );
          const { descriptor, freed } = await store.remove(reference);
          removed++;
          terminal.progress(`Removed ${reference.text}; ${formatBytes(freed)} came free`);
          terminal.print(descriptor.digest);
        }
      } finally {
        if (removed > 0) await pruneSignatures(store);
      }
    });
}
