import { release } from 'node:os';
import { Command } from 'commander';
import { contextOf, type Host } from './context.js';
import { type OutputFormat, outputFormatOption } from './output-format.js';
import { packageVersion } from './package-root.js';

/**
 * `bee version`: the version alone, so that BumbleBee's `image:$(bee version)` is one name; with `--verbose` and as JSON
 * also of everything else that a bug report should name.
 */
export function versionCommand(host: Host): Command {
  return new Command('version')
    .description('Print the version; with --verbose also those of what it stands on.')
    .addOption(outputFormatOption())
    .action(async (options: OutputFormat, command: Command) => {
      const { terminal } = contextOf(command, host);
      if (options.output !== 'json' && !terminal.verbose) {
        terminal.print(packageVersion());
        return;
      }
      const versions = {
        'bee-agent': packageVersion(),
        libbpf: await libbpfVersion(),
        kernel: release(),
        node: process.versions.node,
      };
      if (options.output === 'json') terminal.print(JSON.stringify(versions, null, 2));
      else
        for (const [name, version] of Object.entries(versions))
          terminal.print(`${name} ${version ?? 'unavailable'}`);
    });
}

/** `null` where the addon is not built or cannot be loaded: the other versions are still worth printing. */
async function libbpfVersion(): Promise<string | null> {
  try {
    return (await import('../kernel/index.js')).libbpfVersion();
  } catch {
    return null;
  }
}
