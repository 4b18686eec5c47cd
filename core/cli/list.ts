import { Command } from 'commander';
import { type LocatedImage, parseReference } from '../oci/index.js';
import { type Context, contextOf, type Host } from './context.js';
import { CliError } from './errors.js';
import { type OutputFormat, outputFormatOption } from './output-format.js';
import { addRegistryFlags, openRegistries, type RegistryFlags } from './registry-flags.js';
import { formatBytes, formatTable, printable, widthsFor } from './table.js';

/** `bee list`: the first four columns are BumbleBee's. */
export function listCommand(host: Host): Command {
  const command = new Command('list')
    .alias('ls')
    .description('List the images of the local store, or the tags of a repository at its registry.')
    .argument('[repository]', 'repository at a registry: ghcr.io/solo-io/bumblebee/tcpconnect');
  return addRegistryFlags(command)
    .option('-q, --quiet', 'print names only')
    .addOption(outputFormatOption())
    .action(async (repository: string | undefined, options: ListOptions, self: Command) => {
      const context = contextOf(self, host);
      if (repository !== undefined) return listTags(repository, options, context);
      const { stores, terminal } = context;
      if (options.quiet) {
        for (const name of await stores().names()) terminal.print(printable(name));
        return;
      }
      const images = await stores().list();
      if (options.output === 'json') {
        terminal.print(JSON.stringify(images.map(jsonOf), null, 2));
        return;
      }
      const cells = [HEAD, ...images.map(rowOf)];
      const [head, ...rows] = formatTable(cells, await widthsFor(cells.join('')));
      terminal.print(terminal.resultColors.bold(head ?? ''));
      for (const row of rows) terminal.print(row);
    });
}

interface ListOptions extends OutputFormat, RegistryFlags {
  readonly quiet?: true;
}

async function listTags(repository: string, options: ListOptions, context: Context): Promise<void> {
  const reference = parseReference(repository);
  if (reference.tag !== undefined || reference.digest !== undefined)
    throw new CliError('USAGE', `${repository}: a repository has neither tag nor digest`);
  const registries = openRegistries(options, context);
  try {
    const tags = await registries.tags(reference, context.host.signal);
    if (options.output === 'json') context.terminal.print(JSON.stringify({ repository, tags }, null, 2));
    else for (const tag of tags) context.terminal.print(printable(tag));
  } finally {
    await registries.close();
  }
}

const HEAD = ['Name', 'OS', 'OS Version', 'Arch', 'Digest', 'Size'];

function rowOf({ name, descriptor, size, platforms = [] }: LocatedImage): string[] {
  const { platform, digest } = descriptor;
  const all = platform === undefined ? platforms : [platform];
  const each = (part: 'os' | 'architecture') => [...new Set(all.map((one) => one[part]))].join(',');
  const cells = [name, each('os'), platform?.['os.version'], each('architecture')];
  return [
    ...cells.map((cell) => printable(cell || 'unknown')),
    digest.slice(0, 'sha256:'.length + 12),
    size === undefined ? 'unknown' : formatBytes(size),
  ];
}

function jsonOf({ name, descriptor, size, store, platforms }: LocatedImage): Record<string, unknown> {
  const { digest, mediaType, platform } = descriptor;
  return {
    name,
    digest,
    size: size ?? null,
    mediaType,
    platform: platform ?? null,
    ...(platforms && { platforms }),
    store,
  };
}
