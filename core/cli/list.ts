import { Command } from 'commander';
import type { LocatedImage } from '../oci/index.js';
import { contextOf, type Host } from './context.js';
import { type OutputFormat, outputFormatOption } from './output-format.js';
import { formatBytes, formatTable, printable } from './table.js';

/** `bee list`: the first four columns are BumbleBee's. */
export function listCommand(host: Host): Command {
  return new Command('list')
    .alias('ls')
    .description('List the images of the local store.')
    .addOption(outputFormatOption())
    .action(async (options: OutputFormat, command: Command) => {
      const { stores, terminal } = contextOf(command, host);
      const images = await stores().list();
      if (options.output === 'json') {
        terminal.print(JSON.stringify(images.map(jsonOf), null, 2));
        return;
      }
      const [head, ...rows] = formatTable([HEAD, ...images.map(rowOf)]);
      terminal.print(terminal.resultColors.bold(head ?? ''));
      for (const row of rows) terminal.print(row);
    });
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
