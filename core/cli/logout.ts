import { Command } from 'commander';
import { credentialFiles, removeCredential } from '../oci/index.js';
import { contextOf, type Host } from './context.js';
import { requireHost } from './login.js';

/** `bee logout REGISTRY`: forget what `bee login` kept. */
export function logoutCommand(host: Host): Command {
  return new Command('logout')
    .description('Forget the credentials that bee login kept for a registry.')
    .argument('<registry>', 'host, with a port where it has one')
    .action(async (registry: string, _options: unknown, command: Command) => {
      const { terminal, options } = contextOf(command, host);
      requireHost(registry);
      const { own } = credentialFiles({
        configDir: options.configDir,
        config: options.config,
        env: host.env,
      });
      const removed = await removeCredential(own, registry);
      terminal.print(removed ? `Logged out of ${registry}` : `Not logged in to ${registry} (${own})`);
    });
}
