import { resolve } from 'node:path';
import { Command } from 'commander';
import { BpfError } from '../bpf/index.js';
import {
  type Annotations,
  countSignatures,
  type Descriptor,
  digestOf,
  limits,
  mediaTypes,
  OciError,
  type Platform,
  parseReference,
  readLinkedFile,
  systemReason,
  verifyImage,
} from '../oci/index.js';
import { type Context, contextOf, type Host } from './context.js';
import { type Description, descriptionLines, type SignatureFacts } from './describe/text.js';
import { CliError } from './errors.js';
import { type ImageDocuments, readImage } from './image-document.js';
import { type OutputFormat, outputFormatOption } from './output-format.js';
import { addRegistryFlags, type RegistryFlags } from './registry-flags.js';
import { readRecord, summarise } from './summary/index.js';
import { widthsFor } from './table.js';
import { type VerifyFlag, verifyKeyOption, verifyKeys } from './verify-flag.js';

interface DescribeOptions extends OutputFormat, RegistryFlags, VerifyFlag {
  readonly arch?: string;
  readonly fromObject?: true;
}

/** `bee describe REF|FILE`: what an image or an object file has, what it asks for and what it gives. */
export function describeCommand(host: Host): Command {
  const command = new Command('describe')
    .description('Show the programs, maps and parameters of an image or object file, and what they need.')
    .argument('<source>', 'image reference, or object file: a name that ends in .o, or a path: ./NAME')
    .option('--arch <name>', 'the image for this machine (default: for the one you are at)')
    .option('--from-object', "read the program itself, not what the image's config says of it")
    .addOption(verifyKeyOption('say whether the image is signed with this public key (cosign.pub)'))
    .addOption(outputFormatOption());
  return addRegistryFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (source: string, options: DescribeOptions, command: Command) => {
      const context = contextOf(command, host);
      const description = isFile(source)
        ? await describeFile(source, options, context)
        : await describeImage(source, options, context);
      const { terminal } = context;
      if (options.output === 'json') terminal.print(JSON.stringify(description, null, 2));
      else {
        const widthOf = await widthsFor(JSON.stringify(description));
        for (const line of descriptionLines(description, terminal.resultColors, widthOf))
          terminal.print(line);
      }
    });
}

const EXAMPLES = `
Examples:
  bee describe localhost:5000/probes/execs:v1
  bee describe ./execs.o
  bee describe localhost:5000/probes/execs:v1 --output json | jq .maps`;

/** A reference may hold dots and slashes, so a file shows by its extension, or by a path from here or the root. */
function isFile(source: string): boolean {
  return source.endsWith('.o') || /^\.{0,2}\//.test(source);
}

async function describeFile(file: string, options: DescribeOptions, { host }: Context): Promise<Description> {
  if (options.arch !== undefined)
    throw new CliError('USAGE', '--arch chooses among the images of a reference');
  if (options.verifyKey.length > 0)
    throw new CliError('USAGE', `--verify-key: ${file} is a file, and only images have signatures`);
  const bytes = await readObject(resolve(host.cwd, file), file);
  return {
    source: file,
    digest: digestOf(bytes),
    size: bytes.length,
    summaryFrom: 'object',
    ...summariseOr(bytes, file),
  };
}

async function describeImage(
  source: string,
  options: DescribeOptions,
  context: Context,
): Promise<Description> {
  const image = await readImage(parseReference(source), options.arch, context, options);
  try {
    return await describeDocuments(image, source, options, context);
  } finally {
    await image.close();
  }
}

async function describeDocuments(
  image: ImageDocuments,
  source: string,
  options: DescribeOptions,
  context: Context,
): Promise<Description> {
  const { index, manifest, config, from } = image;
  const recorded = options.fromObject ? undefined : readRecord(config.bytes);
  const summary = recorded ?? summariseOr(await programOf(image), source);
  const top = index ?? manifest;
  const platform = manifest.descriptor.platform;
  return {
    source,
    from,
    digest: top.descriptor.digest,
    size: sizeOf(image),
    ...(platform === undefined ? {} : { platform }),
    ...(index === undefined ? {} : { platforms: platformsOf(index.content.manifests) }),
    ...(index === undefined ? {} : { manifestDigest: manifest.descriptor.digest }),
    annotations: annotationsOf(manifest.content.annotations),
    signature: await signatureOf(image, options, context),
    summaryFrom: recorded === undefined ? 'object' : 'config',
    ...summary,
  };
}

/** By what is where the image is: what the stores have kept, or what its registry has. Keeps nothing. */
async function signatureOf(
  { reference, index, manifest, registries }: ImageDocuments,
  options: DescribeOptions,
  { stores, host }: Context,
): Promise<SignatureFacts> {
  const documents = index === undefined ? [manifest] : [index, manifest];
  const places = { stores: registries === undefined ? stores().all : [], registries, signal: host.signal };
  const found = await countSignatures(reference, documents, places);
  const facts = { found, in: registries === undefined ? 'store' : 'registry' } as const;
  if (options.verifyKey.length === 0) return facts;
  const keys = await verifyKeys(options, host.cwd);
  let why = '';
  const warn = (message: string): void => {
    why = message;
  };
  const policy = { keys, require: false };
  const verified = await verifyImage(reference, documents, policy, { ...places, warn });
  if (verified === undefined) return { ...facts, verified: false, why };
  const { key, subject } = verified;
  return { ...facts, verified: true, key: key.name, fingerprint: key.fingerprint, signed: subject };
}

async function programOf({ manifest, reference, fetch }: ImageDocuments): Promise<Uint8Array> {
  const programs = manifest.content.layers.filter(({ mediaType }) => mediaType === mediaTypes.PROBE_PROGRAM);
  const [only] = programs;
  if (only === undefined || programs.length > 1) {
    const found = programs.length === 0 ? 'no layer' : `${programs.length} layers`;
    throw new OciError(
      'NOT_A_PROBE',
      `${reference.text} is not an eBPF image: ${found} of type ${mediaTypes.PROBE_PROGRAM}`,
    );
  }
  return fetch(only, limits.MAX_PROGRAM);
}

function summariseOr(bytes: Uint8Array, source: string) {
  try {
    return summarise(bytes);
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    throw new CliError('IO', `cannot read ${source}: ${error.message}`, { cause: error });
  }
}

/** Bytes of the manifest that is described and all that it names. */
function sizeOf({ manifest }: ImageDocuments): number {
  const { config, layers } = manifest.content;
  return [config, ...layers].reduce((sum, { size }) => sum + size, manifest.descriptor.size);
}

function platformsOf(manifests: readonly Descriptor[]): Platform[] {
  return manifests.flatMap(({ platform }) => (platform === undefined ? [] : [platform]));
}

function annotationsOf(annotations: Annotations | undefined): Annotations {
  return Object.fromEntries(Object.entries(annotations ?? {}));
}

async function readObject(path: string, shown: string): Promise<Uint8Array> {
  const failed = (why: string, cause?: unknown): CliError => new CliError('IO', why, { cause });
  const bytes = await readLinkedFile(path, limits.MAX_PROGRAM).catch((cause: OciError) => {
    if (cause.code === 'TOO_LARGE')
      throw failed(`${shown} has more than ${limits.MAX_PROGRAM} bytes: that is no BPF object`, cause);
    if (cause.code === 'UNSAFE_PATH') throw failed(`cannot read ${shown}: not a file`, cause);
    throw failed(`cannot read ${shown}: ${systemReason(cause.cause)}`, cause);
  });
  if (bytes === undefined) throw failed(`cannot read ${shown}: no such file`);
  return bytes;
}
