import { Command } from 'commander';
import { OciError, parseReference, pushImage, type Reference } from '../oci/index.js';
import { type Context, contextOf, type Host } from './context.js';
import { type OutputFormat, outputFormatOption } from './output-format.js';
import { addRegistryFlags, openRegistries, type RegistryFlags } from './registry-flags.js';
import { TransferProgress } from './transfer-progress.js';

/** `bee push REF`: an image of the local store to its registry. */
export function pushCommand(host: Host): Command {
  const command = new Command('push')
    .description('Copy an image of the local store to its registry.')
    .argument('<reference>', 'name of the image, which says where it goes');
  return addRegistryFlags(command)
    .addOption(outputFormatOption())
    .action(async (text: string, flags: RegistryFlags & OutputFormat, self: Command) => {
      const context = contextOf(self, host);
      const reference = parseReference(text);
      const store = await storeOf(reference, context);
      const registries = openRegistries(flags, context);
      const progress = new TransferProgress(context.terminal);
      try {
        const { digest, size } = await pushImage(store, registries, reference, {
          signal: host.signal,
          ...progress.hooks,
        });
        progress.done(`Pushed ${reference.text}`);
        context.terminal.print(
          flags.output === 'json' ? JSON.stringify({ reference: reference.text, digest, size }) : digest,
        );
      } finally {
        await registries.close();
      }
    });
}

/** Root under sudo pushes what the user who called it has built. */
async function storeOf(reference: Reference, context: Context) {
  const { all } = context.stores();
  for (const store of all) if ((await store.resolve(reference)) !== undefined) return store;
  throw new OciError(
    'NOT_FOUND',
    `no image ${reference.text} in the store ${all.map(({ folder }) => folder).join(', nor in ')}`,
  );
}
