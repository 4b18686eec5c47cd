import { spawn } from 'node:child_process';
import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { quote } from '../digest.js';
import { errnoOf, ioError, OciError } from '../error.js';
import { makeFolder, readLinkedFile, writeAtomically } from '../files.js';
import { decodeJson, encodeJson, isRecord } from '../json.js';
import { credentialKey } from './address.js';

/** What a registry, or its token server, takes for a user. Never logged. */
export interface Credential {
  readonly username: string;
  readonly password: string;
  /** An OAuth2 refresh token, instead of a password. */
  readonly identityToken?: string;
  /** A bearer token that the registry itself takes, as it stands: Docker's `registrytoken`. */
  readonly registryToken?: string;
}

export interface CredentialFiles {
  /** In order of search: those of `--config`, BumbleBee's own, Docker's. */
  readonly files: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

const MAX_FILE = 1024 * 1024;
const MAX_HELPER_OUTPUT = 64 * 1024;
const HELPER_MS = 30_000;
/** A helper says so instead of a user's name when the secret is a refresh token (docker/docker-credential-helpers). */
const TOKEN_USER = '<token>';

/**
 * Those of `--config`, then `~/.bumblebee/config.json` (or that of `--config-dir`), then that of `$DOCKER_CONFIG` or
 * `~/.docker`. `own`: the first, in which `bee login` keeps what it is given, as BumbleBee's does.
 */
export function credentialFiles(options: {
  readonly configDir?: string | undefined;
  readonly config?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}): { readonly own: string; readonly files: readonly string[] } {
  const home = options.env.HOME || '/root';
  const bees = join(options.configDir ?? join(home, '.bumblebee'), 'config.json');
  const docker = join(options.env.DOCKER_CONFIG || join(home, '.docker'), 'config.json');
  const given = options.config ?? [];
  return { own: given[0] ?? bees, files: [...given, bees, docker] };
}

/** The first file that knows the registry decides. */
export async function findCredential(
  registry: string,
  { files, signal }: CredentialFiles,
): Promise<Credential | undefined> {
  for (const file of files) {
    const config = await readConfig(file);
    if (config === undefined) continue;
    const key = credentialKey(registry);
    const helper = helperFor(config, key, registry);
    if (helper !== undefined) {
      const found = await askHelper(helper, key, file, signal);
      if (found !== undefined) return found;
    }
    const entry = entryOf(config, registry);
    if (entry !== undefined) return credentialOf(entry, file, registry);
  }
  return undefined;
}

/** Store under the exact name of the registry; what else the file holds stays. Mode 0600. */
export async function saveCredential(file: string, registry: string, credential: Credential): Promise<void> {
  const config = (await readConfig(file)) ?? {};
  const auths = isRecord(config.auths) ? config.auths : {};
  const { username, password, identityToken } = credential;
  // Docker's reader, which is BumbleBee's too, takes no `auth` without a user.
  const entry = {
    ...(username === '' ? {} : { auth: Buffer.from(`${username}:${password}`).toString('base64') }),
    ...(identityToken === undefined ? {} : { identitytoken: identityToken }),
  };
  await writeConfig(file, { ...config, auths: { ...auths, [credentialKey(registry)]: entry } });
}

/** False when nothing was stored. */
export async function removeCredential(file: string, registry: string): Promise<boolean> {
  const config = await readConfig(file);
  if (config === undefined || !isRecord(config.auths)) return false;
  const names = Object.keys(config.auths).filter((name) => isFor(name, registry));
  if (names.length === 0) return false;
  const auths = Object.fromEntries(Object.entries(config.auths).filter(([name]) => !names.includes(name)));
  await writeConfig(file, { ...config, auths });
  return true;
}

async function readConfig(file: string): Promise<Record<string, unknown> | undefined> {
  const bytes = await readLinkedFile(file, MAX_FILE).catch((error) => {
    // A `~/.docker` that is no folder is as good as none.
    if (errnoOf((error as OciError).cause) === 'ENOTDIR') return undefined;
    if (error instanceof OciError && error.code === 'UNSAFE_PATH')
      throw new OciError('INVALID_CREDENTIALS', `${file} is no regular file, nor a link to one`, {
        cause: error,
      });
    throw error;
  });
  if (bytes === undefined || bytes.length === 0) return undefined;
  try {
    const value = decodeJson(bytes);
    if (isRecord(value)) return value;
  } catch (cause) {
    throw new OciError('INVALID_CREDENTIALS', `${file} is damaged: not JSON`, { cause });
  }
  throw new OciError('INVALID_CREDENTIALS', `${file} is damaged: not an object`);
}

async function writeConfig(file: string, config: Record<string, unknown>): Promise<void> {
  await makeFolder(dirname(file));
  try {
    // A link stays one: what it leads to is replaced.
    const real = await realpath(file).catch((error) => {
      if (errnoOf(error) === 'ENOENT') return file;
      throw error;
    });
    await writeAtomically(real, encodeJson(config), dirname(real), 0o600);
  } catch (error) {
    throw ioError('write', file, error);
  }
}

/** Keys may be hosts, or URLs as Docker once wrote them; only the host counts, exactly. */
function isFor(name: string, registry: string): boolean {
  const host = name.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return (
    name === credentialKey(registry) || host === registry || credentialKey(host) === credentialKey(registry)
  );
}

function entryOf(config: Record<string, unknown>, registry: string): Record<string, unknown> | undefined {
  if (!isRecord(config.auths)) return undefined;
  for (const [name, entry] of Object.entries(config.auths))
    if (isFor(name, registry) && isRecord(entry) && Object.keys(entry).length > 0) return entry;
  return undefined;
}

function credentialOf(entry: Record<string, unknown>, file: string, registry: string): Credential {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  let username = text(entry.username);
  let password = text(entry.password);
  if (text(entry.auth) !== '') {
    const decoded = Buffer.from(text(entry.auth), 'base64').toString().replace(/\0+$/, '');
    const colon = decoded.indexOf(':');
    if (colon < 0)
      throw new OciError(
        'INVALID_CREDENTIALS',
        `${file}: "auth" of ${registry} is no user:password in base64`,
      );
    username = decoded.slice(0, colon);
    password = decoded.slice(colon + 1);
  }
  const identityToken = text(entry.identitytoken);
  const registryToken = text(entry.registrytoken);
  if (!/^[\x21-\x7e]*$/.test(registryToken))
    throw new OciError('INVALID_CREDENTIALS', `${file}: "registrytoken" of ${registry} is no bearer token`);
  return {
    username,
    password,
    ...(identityToken === '' ? {} : { identityToken }),
    ...(registryToken === '' ? {} : { registryToken }),
  };
}

function helperFor(config: Record<string, unknown>, key: string, registry: string): string | undefined {
  const helpers = isRecord(config.credHelpers) ? config.credHelpers : {};
  const own = helpers[registry] ?? helpers[key];
  if (typeof own === 'string' && own !== '') return own;
  return typeof config.credsStore === 'string' && config.credsStore !== '' ? config.credsStore : undefined;
}

/** `docker-credential-NAME get`: the registry on stdin, JSON on stdout. Undefined when it knows nothing of it. */
async function askHelper(
  name: string,
  key: string,
  file: string,
  signal: AbortSignal | undefined,
): Promise<Credential | undefined> {
  const fail = (why: string, cause?: unknown): OciError =>
    new OciError('INVALID_CREDENTIALS', `${file} names the credential helper ${quote(name)}: ${why}`, {
      cause,
    });
  if (!/^[\w.-]+$/.test(name)) throw fail('that is no name of a program');
  const { code, output } = await runHelper(`docker-credential-${name}`, key, signal).catch((error) => {
    throw fail(
      errnoOf(error) === 'ENOENT' ? `docker-credential-${name} is not installed` : String(error.message),
      error,
    );
  });
  if (code !== 0) {
    // The helpers' own words for "nothing here".
    if (/credentials not found/i.test(output)) return undefined;
    throw fail(`docker-credential-${name} ended with ${code}`);
  }
  try {
    const value: unknown = JSON.parse(output);
    if (isRecord(value) && typeof value.Username === 'string' && typeof value.Secret === 'string') {
      const { Username: username, Secret: secret } = value;
      if (username === '' && secret === '') return undefined;
      return username === TOKEN_USER
        ? { username: '', password: '', identityToken: secret }
        : { username, password: secret };
    }
  } catch {
    // What it said may hold a secret: not shown.
  }
  throw fail(`docker-credential-${name} answered something else than a user and a secret`);
}

function runHelper(
  program: string,
  input: string,
  signal: AbortSignal | undefined,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const limit = AbortSignal.timeout(HELPER_MS);
    const child = spawn(program, ['get'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.length > MAX_HELPER_OUTPUT) child.kill('SIGKILL');
    });
    child.stdin.on('error', () => {});
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
    child.stdin.end(input);
  });
}
