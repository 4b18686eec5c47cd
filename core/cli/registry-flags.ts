import { type Command, Option } from 'commander';
import {
  type Credential,
  credentialFiles,
  findCredential,
  Registries,
  type RegistryOptions,
} from '../oci/index.js';
import { commandName } from './command-name.js';
import type { Context } from './context.js';
import { CliError } from './errors.js';

/** How the commands that speak to a registry are told to; BumbleBee's names where it has them. */
export interface RegistryFlags {
  readonly username?: string;
  readonly password?: string;
  readonly insecure?: true;
  readonly plainHttp?: true;
  readonly caFile?: string;
}

/** General flags, as BumbleBee's are: the program has them, too, and hands them on. */
export function addRegistryFlags(command: Command): Command {
  return command
    .option('-u, --username <name>', "user's name at the registry")
    .option('-p, --password <password>', 'its password; bee login keeps it out of the process list')
    .option('--insecure', 'accept any certificate')
    .option(
      '--plain-http',
      'speak HTTP without TLS (default for localhost, unless --insecure or --ca-file is given)',
    )
    .addOption(new Option('--ca-file <file>', 'PEM file of a further certificate authority'));
}

/** Registries as the flags say, with credentials from the files that are asked in turn. */
export function openRegistries(flags: RegistryFlags, context: Context): Registries {
  return new Registries({
    insecure: flags.insecure,
    plainHttp: flags.plainHttp,
    caFile: flags.caFile,
    env: context.host.env,
    login: `${commandName(context.host)} login`,
    credential: credentialOf(flags, context),
  });
}

/** What a registry is shown: what the flags give, or what the files have for it. */
export function credentialOf(
  flags: RegistryFlags,
  { host, options }: Context,
): NonNullable<RegistryOptions['credential']> {
  const given = givenCredential(flags);
  if (given) return () => Promise.resolve(given);
  const { files } = credentialFiles({ configDir: options.configDir, config: options.config, env: host.env });
  return (registry) => findCredential(registry, { files, signal: host.signal });
}

function givenCredential({ username, password }: RegistryFlags): Credential | undefined {
  if (username === undefined && password === undefined) return undefined;
  // Without a user it is an identity token, as to BumbleBee.
  if (!username && password) return { username: '', password: '', identityToken: password };
  if (username === undefined || password === undefined)
    throw new CliError('USAGE', '-u and -p go together; bee login asks for a password');
  return { username, password };
}
