import { Command, Option } from 'commander';
import { parseReference } from '../oci/index.js';
import { contextOf, type Host } from './context.js';
import { CliError } from './errors.js';
import { type ImageDocuments, readImage } from './image-document.js';
import { addRegistryFlags, type RegistryFlags } from './registry-flags.js';
import { printable } from './table.js';

const PARTS = ['index', 'manifest', 'config'] as const;
type Part = (typeof PARTS)[number];

interface InspectOptions extends RegistryFlags {
  readonly raw?: Part;
  readonly arch?: string;
}

/** `bee inspect REF`: the documents that an image is made of, as they are. */
export function inspectCommand(host: Host): Command {
  const command = new Command('inspect')
    .description('Print the index, manifest and config of an image, here or at its registry, as JSON.')
    .argument('<reference>', 'name of the image')
    .addOption(
      new Option('--raw <document>', 'only this one, byte for byte: it has the digest').choices(PARTS),
    )
    .option('--arch <name>', 'the image for this machine (default: for the one you are at)');
  return addRegistryFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (reference: string, options: InspectOptions, command: Command) => {
      const context = contextOf(command, host);
      const image = await readImage(parseReference(reference), options.arch, context, options);
      await image.close();
      if (options.raw === undefined) {
        for (const line of JSON.stringify(documentsOf(image), null, 2).split('\n'))
          context.terminal.print(context.terminal.stdoutIsTerminal ? printable(line) : line);
        return;
      }
      const bytes = bytesOf(image, options.raw);
      if (!context.terminal.stdoutIsTerminal) host.stdout.write(bytes);
      else
        for (const line of new TextDecoder().decode(bytes).split('\n'))
          context.terminal.print(printable(line));
    });
}

const EXAMPLES = `
Examples:
  bee inspect localhost:5000/probes/execs:v1 | jq .manifest.annotations
  bee inspect localhost:5000/probes/execs:v1 --raw manifest | sha256sum`;

function documentsOf(image: ImageDocuments): Record<string, unknown> {
  const { reference, from, index, manifest, config } = image;
  const top = index ?? manifest;
  return {
    reference: reference.text,
    from,
    descriptor: top.descriptor,
    ...(index === undefined ? {} : { index: jsonOf(index.bytes) }),
    manifest: jsonOf(manifest.bytes),
    config: jsonOf(config.bytes),
  };
}

function bytesOf({ index, manifest, config, reference }: ImageDocuments, part: Part): Uint8Array {
  if (part !== 'index') return part === 'manifest' ? manifest.bytes : config.bytes;
  if (index !== undefined) return index.bytes;
  throw new CliError('USAGE', `${reference.text} is an image for one machine: it has no index`, {
    hint: 'Print its manifest: --raw manifest',
  });
}

/** A config is free to be no JSON: then its text. */
function jsonOf(bytes: Uint8Array): unknown {
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
