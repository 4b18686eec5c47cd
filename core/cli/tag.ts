import { Command } from 'commander';
import { parseReference } from '../oci/index.js';
import { contextOf, type Host } from './context.js';

/** `bee tag SOURCE TARGET`: another name for an image of the local store. */
export function tagCommand(host: Host): Command {
  return new Command('tag')
    .description('Give an image of the local store another name.')
    .argument('<source>', 'name that it has')
    .argument('<target>', 'name that it gets; an image that had it loses it')
    .action(async (source: string, target: string, _options: unknown, command: Command) => {
      const { terminal, stores } = contextOf(command, host);
      const { digest } = await stores().primary.tag(parseReference(source), parseReference(target));
      terminal.progress(`Tagged ${source} as ${target}`);
      terminal.print(digest);
    });
}
