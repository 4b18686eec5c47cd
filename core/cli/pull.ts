import { Command } from 'commander';
import { parseReference, pullImage, withDefaultTag } from '../oci/index.js';
import { contextOf, type Host } from './context.js';
import { type OutputFormat, outputFormatOption } from './output-format.js';
import { addRegistryFlags, openRegistries, type RegistryFlags } from './registry-flags.js';
import { TransferProgress } from './transfer-progress.js';

/** `bee pull REF`: an image from its registry into the local store. */
export function pullCommand(host: Host): Command {
  const command = new Command('pull')
    .description('Copy an image from its registry into the local store.')
    .argument('<reference>', 'name of the image; with @sha256:… exactly that one');
  return addRegistryFlags(command)
    .addOption(outputFormatOption())
    .action(async (text: string, flags: RegistryFlags & OutputFormat, self: Command) => {
      const context = contextOf(self, host);
      const reference = withDefaultTag(parseReference(text));
      const registries = openRegistries(flags, context);
      const progress = new TransferProgress(context.terminal);
      const store = context.stores().primary;
      try {
        const { digest, size } = await pullImage(registries, store, reference, {
          signal: host.signal,
          ...progress.hooks,
        });
        progress.done(`Pulled ${reference.text} into ${store.folder}`);
        context.terminal.print(
          flags.output === 'json'
            ? JSON.stringify({ reference: reference.text, digest, size, store: store.folder })
            : digest,
        );
      } finally {
        await registries.close();
      }
    });
}
