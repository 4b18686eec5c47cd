import { Command } from 'commander';
import { parseReference, pushImage } from '../oci/index.js';
import { contextOf, type Host } from './context.js';
import { CliError } from './errors.js';
import { type OutputFormat, outputFormatOption } from './output-format.js';
import { addRegistryFlags, openRegistries, type RegistryFlags } from './registry-flags.js';
import { TransferProgress } from './transfer-progress.js';

interface PushFlags extends RegistryFlags, OutputFormat {
  readonly signatures: boolean;
}

/** `bee push REF`: an image of the local store to its registry. */
export function pushCommand(host: Host): Command {
  const command = new Command('push')
    .description('Copy an image of the local store to its registry.')
    .argument('<reference>', 'name of the image, which says where it goes');
  return addRegistryFlags(command)
    .option('--no-signatures', 'leave out the signatures that the store has kept of it')
    .addOption(outputFormatOption())
    .action(async (text: string, flags: PushFlags, self: Command) => {
      const context = contextOf(self, host);
      const reference = parseReference(text);
      // Root under sudo pushes what the user who called it has built.
      const store = await context.stores().storeOf(reference);
      const registries = openRegistries(flags, context);
      const progress = new TransferProgress(context.terminal);
      try {
        const { digest, size, signatures } = await pushImage(store, registries, reference, {
          signal: host.signal,
          signatures: flags.signatures,
          ...progress.hooks,
        });
        const { sent, faults } = signatures;
        progress.done(`Pushed ${reference.text}${sent === 0 ? '' : `, and ${sent} of its signatures`}`);
        context.terminal.print(
          flags.output === 'json'
            ? JSON.stringify({ reference: reference.text, digest, size, signatures: sent })
            : digest,
        );
        if (faults.length > 0)
          throw new CliError(
            'IO',
            `${reference.text} is pushed, its signatures not all: ${faults.join('; ')}`,
            {
              hint: '--no-signatures leaves them out.',
            },
          );
      } finally {
        progress.end();
        await registries.close();
      }
    });
}
