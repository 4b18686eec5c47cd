import { Command } from 'commander';
import { type Blob, parseReference, pullImage, verifyImage, withDefaultTag } from '../oci/index.js';
import { contextOf, type Host } from './context.js';
import { type OutputFormat, outputFormatOption } from './output-format.js';
import { addRegistryFlags, openRegistries, type RegistryFlags } from './registry-flags.js';
import { TransferProgress } from './transfer-progress.js';
import { type VerifyFlag, verifyKeyOption, verifyKeys } from './verify-flag.js';

/** `bee pull REF`: an image from its registry into the local store. */
export function pullCommand(host: Host): Command {
  const command = new Command('pull')
    .description('Copy an image from its registry into the local store.')
    .argument('<reference>', 'name of the image; with @sha256:… exactly that one');
  return addRegistryFlags(command)
    .addOption(verifyKeyOption('refuse an image that is not signed with this public key (cosign.pub)'))
    .addOption(outputFormatOption())
    .action(async (text: string, flags: RegistryFlags & OutputFormat & VerifyFlag, self: Command) => {
      const context = contextOf(self, host);
      const reference = withDefaultTag(parseReference(text));
      const keys = await verifyKeys(flags, host.cwd);
      const registries = openRegistries(flags, context);
      const progress = new TransferProgress(context.terminal);
      const store = context.stores().primary;
      let signedWith: string | undefined;
      const check = async (documents: readonly Blob[]) => {
        const verified = await verifyImage(
          reference,
          documents,
          { keys, require: true },
          {
            stores: [store],
            registries,
            warn: (message) => context.terminal.progress(message),
            signal: host.signal,
          },
        );
        signedWith = verified?.key.name;
        return verified;
      };
      try {
        const { digest, size } = await pullImage(registries, store, reference, {
          signal: host.signal,
          ...progress.hooks,
          ...(keys.length === 0 ? {} : { check }),
        });
        const signed = signedWith === undefined ? '' : `, signed with ${signedWith}`;
        progress.done(`Pulled ${reference.text} into ${store.folder}${signed}`);
        context.terminal.print(
          flags.output === 'json'
            ? JSON.stringify({
                reference: reference.text,
                digest,
                size,
                store: store.folder,
                ...(signedWith === undefined ? {} : { signedWith }),
              })
            : digest,
        );
      } finally {
        progress.end();
        await registries.close();
      }
    });
}
