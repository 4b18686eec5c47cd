import { Command } from 'commander';
import { type Credential, credentialFiles, Registries, saveCredential } from '../oci/index.js';
import { commandName } from './command-name.js';
import { type Context, contextOf, type Host } from './context.js';
import { CliError } from './errors.js';
import { addRegistryFlags, type RegistryFlags } from './registry-flags.js';

interface LoginOptions extends RegistryFlags {
  readonly passwordStdin?: true;
}

const MAX_PASSWORD = 64 * 1024;

/**
 * `bee login REGISTRY`: ask the registry whether a user and password are good, and keep them. As with BumbleBee, what is
 * given without a user is an identity token, and a script reads `Login Succeeded`.
 */
export function loginCommand(host: Host): Command {
  const command = new Command('login')
    .description('Check credentials with a registry and keep them for push and pull.')
    .argument('<registry>', 'host, with a port where it has one: ghcr.io, localhost:5000');
  return addRegistryFlags(command)
    .option('--password-stdin', 'read the password, or identity token, from standard input')
    .action(async (registry: string, options: LoginOptions, self: Command) => {
      const context = contextOf(self, host);
      requireHost(registry);
      const credential = await credentialOf(options, context);
      const { username } = credential;
      const registries = new Registries({
        insecure: options.insecure,
        plainHttp: options.plainHttp,
        caFile: options.caFile,
        env: host.env,
        login: `${commandName(host)} login`,
        credential: () => Promise.resolve(credential),
      });
      try {
        await registries.check(registry, host.signal);
      } finally {
        await registries.close();
      }
      const { own } = credentialFiles({
        configDir: context.options.configDir,
        config: context.options.config,
        env: host.env,
      });
      await saveCredential(own, registry, credential);
      context.terminal.progress(
        `Logged in to ${registry} ${username === '' ? 'by a token' : `as ${username}`}. Kept in ${own}, readable for you only, not encrypted`,
      );
      context.terminal.print('Login Succeeded');
    });
}

export function requireHost(registry: string): void {
  if (!/^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?$/.test(registry))
    throw new CliError(
      'USAGE',
      `${JSON.stringify(registry)} is no registry: a host is expected, such as ghcr.io`,
    );
}

async function credentialOf(options: LoginOptions, context: Context): Promise<Credential> {
  const isGiven = options.password !== undefined || options.passwordStdin === true;
  const username = options.username ?? (isGiven ? '' : await ask(context, 'Username: ', false));
  const word = username === '' ? 'Token' : 'Password';
  const secret = await secretOf(options, context, `${word}: `);
  if (secret === '') throw new CliError('USAGE', `the ${word.toLowerCase()} is empty`);
  return username === '' ? { username, password: '', identityToken: secret } : { username, password: secret };
}

async function secretOf(options: LoginOptions, context: Context, question: string): Promise<string> {
  if (options.passwordStdin) {
    if (options.password !== undefined)
      throw new CliError('USAGE', '-p and --password-stdin exclude each other');
    let text = '';
    for await (const part of context.host.stdin ?? []) {
      text += String(part);
      if (text.length > MAX_PASSWORD)
        throw new CliError('USAGE', 'standard input holds no password: it is too long');
    }
    return text.replace(/\r?\n$/, '');
  }
  if (options.password !== undefined) return options.password;
  return ask(context, question, true);
}

/** From the terminal; a secret is not shown. */
async function ask({ host }: Context, question: string, secret: boolean): Promise<string> {
  const stdin = host.stdin as NodeJS.ReadStream | undefined;
  if (!stdin?.isTTY) throw new CliError('USAGE', 'no terminal to ask on: use -u and --password-stdin');
  host.stderr.write(question);
  return new Promise((resolve, reject) => {
    let text = '';
    const end = (finish: () => void): void => {
      stdin.off('data', take);
      host.signal.removeEventListener('abort', onAbort);
      stdin.setRawMode?.(false);
      stdin.pause();
      host.stderr.write('\n');
      finish();
    };
    const onAbort = (): void => end(() => reject(new CliError('INTERRUPTED', 'interrupted')));
    const take = (data: Buffer | string): void => {
      for (const char of String(data)) {
        if (char === '\r' || char === '\n') {
          end(() => resolve(text));
          return;
        }
        if (char === '\u0003' || char === '\u0004') {
          onAbort();
          return;
        }
        if (char === '\u007f' || char === '\b') {
          if (!secret && text !== '') host.stderr.write('\b \b');
          text = [...text].slice(0, -1).join('');
        } else if (char >= ' ') {
          text += char;
          if (!secret) host.stderr.write(char);
        }
      }
    };
    host.signal.addEventListener('abort', onAbort, { once: true });
    stdin.setRawMode?.(true);
    stdin.setEncoding('utf8');
    stdin.on('data', take);
    stdin.resume();
  });
}
