import { existsSync } from 'node:fs';
import { machine } from 'node:os';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import {
  type Blob,
  limits,
  mediaTypes,
  networkReference,
  OciError,
  type PublicKey,
  parseReference,
  type Reference,
  type Registries,
  shortName,
  systemReason,
} from '../oci/index.js';
import { targetsOf } from './compiler/index.js';
import { type Context, contextOf, type Host } from './context.js';
import { CliError } from './errors.js';
import { readImage } from './image-document.js';
import { type OutputFormat, outputFormatOption } from './output-format.js';
import { agentFiles } from './package/agent-files.js';
import { type BaseImage, openBase } from './package/base-image.js';
import { containerImage } from './package/container-image.js';
import { findEngine, loadArchive } from './package/engine.js';
import { type PackagedProbe, probeFiles } from './package/probe-files.js';
import { pushImage } from './package/push-image.js';
import { openRegistryBase } from './package/registry-base.js';
import { signedProbe } from './package/signed-probe.js';
import { archiveOf, writeArchive } from './package/write-archive.js';
import { writeLayout } from './package/write-layout.js';
import { packageVersion } from './package-root.js';
import { addRegistryFlags, openRegistries, type RegistryFlags } from './registry-flags.js';
import { parseParam } from './run/map-flags.js';
import { TransferProgress } from './transfer-progress.js';
import { type VerifyFlag, verifyKeyOption, verifyKeys } from './verify-flag.js';

interface PackageOptions extends OutputFormat, RegistryFlags, VerifyFlag {
  readonly base: string;
  readonly push?: true;
  readonly layout?: string;
  readonly archive?: string;
  readonly builder?: string;
  readonly beeImage?: string;
  readonly param: readonly string[];
}

/** The newest Node that bee-agent is made for, with a glibc. */
const DEFAULT_BASE = 'docker.io/library/node:20-bookworm-slim';

/** `bee package REF IMAGE`: a container image that runs a probe, made here, without an engine. */
export function packageCommand(host: Host): Command {
  const command = new Command('package')
    .description(
      'Make a container image that runs a probe, and load it into Docker or Podman. Neither is needed to make it.',
    )
    .argument('<reference>', 'image of the probe')
    .argument('<image>', 'name of the container image')
    .option(
      '--base <image>',
      'image with Node 20 and glibc, to build on: an OCI image layout or a tar of docker save (PATH:NAME chooses one of several), or a reference to an image of a registry',
      DEFAULT_BASE,
    )
    .option('--push', 'write to the registry that the name says')
    .option('--layout <folder>', 'write an OCI image layout; other images in it stay')
    .option('--archive <file>', 'write a tar for docker load and podman load; it is an OCI image layout, too')
    .option('-b, --builder <program>', 'load it into this engine: docker, podman, or a program like them')
    .addOption(new Option('--bee-image <image>').hideHelp())
    .option('--param <name=value>', 'set a const volatile global of the probe, repeatable', collect, [])
    .addOption(
      verifyKeyOption(
        'refuse a probe that is not signed with this public key, and let the container do so, too',
      ),
    );
  return addRegistryFlags(command)
    .addOption(outputFormatOption())
    .addHelpText('after', EXAMPLES)
    .action((reference: string, image: string, options: PackageOptions, command: Command) =>
      packageProbe(reference, image, options, contextOf(command, host)),
    );
}

const EXAMPLES = `
The container serves metrics on port 9091 of every interface, under BumbleBee's names, and prints events as JSON
lines. It needs the rights to load BPF programs, and the host's tracefs:

  docker run --privileged -v /sys/kernel/tracing:/sys/kernel/tracing -p 9091:9091 execs:v1

The image has this machine's architecture. With SOURCE_DATE_EPOCH set, the image says so as its time of creation.

Without --push, --layout and --archive, the image is loaded into Docker, or into Podman where Docker does not answer;
where neither does, it is written to ./NAME.tar.

Examples:
  bee package localhost:5000/probes/execs:v1 execs:v1
  bee package localhost:5000/probes/execs:v1 localhost:5000/tools/execs:v1 --push
  bee package localhost:5000/probes/execs:v1 execs:v1 --archive execs.tar && docker load -i execs.tar
  bee package localhost:5000/probes/execs:v1 execs:v1 --base ./node.tar --layout ./images`;

async function packageProbe(
  source: string,
  imageName: string,
  options: PackageOptions,
  context: Context,
): Promise<void> {
  // 1. Everything that can be wrong with the command line.
  const { host, terminal } = context;
  const probe = parseReference(source);
  const target = parseReference(taggedName(parseReference(imageName)));
  const name = target.text;
  const { place, why } = await placeOf(options, target, context);
  const epoch = epochOf(host.env.SOURCE_DATE_EPOCH);
  const params = Object.fromEntries(
    options.param.map(parseParam).map(({ name: key, value }) => [key, value]),
  );
  const keys = await verifyKeys(options, host.cwd);
  const packed = await readProbeBlobs(probe, keys, flagsFor(probe, options, target), context);
  await requireParams(params, packed.blobs);

  // 2. The image: base, bee-agent, the probe.
  const architecture = targetsOf(machine())[0]!.platform.architecture;
  const to = openRegistries(options, context);
  const from = openRegistries(flagsFor(referenceIn(options.base), options, target), context);
  const base = await baseOf(options.base, from, context, architecture);
  try {
    terminal.progress('Gathering bee-agent and its packages');
    const image = await containerImage({
      base,
      architecture,
      epoch,
      layers: [
        { comment: `bee-agent ${packageVersion()}`, files: await agentFiles() },
        { comment: probe.text, files: probeFiles({ ...packed, reference: probe, params }) },
      ],
      labels: {
        'org.opencontainers.image.title': name,
        'bee-agent.probe': probe.text,
        'bee-agent.probe.digest': packed.manifest.descriptor.digest,
      },
    });

    // 3. Where it goes.
    if (place.layout !== undefined) {
      await guarded(place.layout, writeLayout(resolve(host.cwd, place.layout), name, image));
      terminal.progress(`Wrote ${name} to ${place.layout}`);
    }
    if (place.archive !== undefined) {
      const path = resolve(host.cwd, place.archive);
      const writing = writeArchive(path, name, image, { epoch, replace: why === undefined });
      await guarded(place.archive, writing);
      if (why === undefined) terminal.progress(`Wrote ${name} to ${place.archive}`);
      else
        terminal.error(`Neither Docker nor Podman answers here (${why}): wrote ${name} to ${place.archive}`);
    }
    if (options.push) {
      const progress = new TransferProgress(terminal);
      await pushImage(to, target, image, base, { signal: host.signal, ...progress.hooks }).finally(() =>
        progress.end(),
      );
      progress.done(`Pushed ${name}`);
    }
    if (place.engine !== undefined) {
      terminal.progress(`Loading into ${place.engine}`);
      await loadArchive(place.engine, archiveOf(name, image, epoch), host);
      terminal.progress(`Loaded ${name} into ${place.engine}`);
    }
    const result = { image: name, digest: image.manifest.digest, probe: probe.text, ...place };
    terminal.print(options.output === 'json' ? JSON.stringify(result, null, 2) : result.digest);
  } finally {
    await base.close();
    await Promise.all([to.close(), from.close()]);
  }
}

interface Place {
  readonly layout?: string;
  readonly archive?: string;
  /** A program that takes what `docker load` takes. */
  readonly engine?: string;
}

/**
 * As the flags say; without one, as BumbleBee does: this machine's engine, or the one of `--builder`. Where none answers, for
 * the reason `why`, a file to load, which must not be there.
 */
async function placeOf(
  { layout, archive, push, builder, beeImage }: PackageOptions,
  target: Reference,
  { host }: Context,
): Promise<{ readonly place: Place; readonly why?: string }> {
  if (beeImage !== undefined)
    throw new CliError(
      'USAGE',
      `--bee-image ${beeImage}: the container runs bee-agent as it is installed here`,
      {
        hint: '--base names another image with Node to build on.',
      },
    );
  if (layout !== undefined || archive !== undefined || push)
    return {
      place: {
        ...(layout === undefined ? {} : { layout }),
        ...(archive === undefined ? {} : { archive }),
        ...(builder === undefined ? {} : { engine: builder }),
      },
    };
  if (builder !== undefined) return { place: { engine: builder } };
  const found = await findEngine(host);
  if ('engine' in found) return { place: { engine: found.engine } };
  const file = `./${shortName(target)}.tar`;
  if (existsSync(resolve(host.cwd, file)))
    throw new CliError(
      'IO',
      `neither Docker nor Podman answers here (${found.why}), and ${file} exists already`,
      {
        hint: `To replace it: --archive ${file}. --push and --layout write elsewhere.`,
      },
    );
  return { place: { archive: file }, why: found.why };
}

/** A user's name and password are for the registry that is written to: another one never sees them. */
function flagsFor(from: Reference | undefined, options: PackageOptions, target: Reference): RegistryFlags {
  const { username: _name, password: _password, ...others } = options;
  const isSame = from && networkReference(from).registry === networkReference(target).registry;
  return isSame ? options : others;
}

/** The reference that a base may be; undefined where it is none. */
function referenceIn(base: string): Reference | undefined {
  try {
    return parseReference(base.replace(/^docker:\/\//, ''));
  } catch {
    return undefined;
  }
}

/** What a machine needs of the image, not what an index has for others; verified where there are keys. */
async function readProbeBlobs(
  reference: Reference,
  keys: readonly PublicKey[],
  flags: RegistryFlags,
  context: Context,
): Promise<Pick<PackagedProbe, 'manifest' | 'index' | 'blobs' | 'trust'>> {
  const { manifest, index, config, fetch, close } = await readImage(reference, machine(), context, flags);
  const registries = openRegistries(flags, context);
  try {
    const documents = index === undefined ? [manifest] : [index, manifest];
    const { terminal, host } = context;
    const warn = (message: string): void => terminal.error(message);
    const places = { stores: context.stores().all, registries, warn, signal: host.signal };
    const trust = keys.length === 0 ? undefined : await signedProbe(reference, documents, keys, places);
    const layers: Blob[] = [];
    for (const descriptor of manifest.content.layers)
      layers.push({ descriptor, bytes: await fetch(descriptor, limits.MAX_PROGRAM) });
    return { manifest, index, blobs: [config, ...layers], trust };
  } finally {
    await Promise.all([close(), registries.close()]);
  }
}

/** A container whose parameters its probe does not take would never start. */
async function requireParams(
  params: Readonly<Record<string, string>>,
  blobs: readonly Blob[],
): Promise<void> {
  if (Object.keys(params).length === 0) return;
  const program = blobs.find(({ descriptor }) => descriptor.mediaType === mediaTypes.PROBE_PROGRAM);
  if (program === undefined) throw new CliError('IO', '--param: the image is no probe: it has no program');
  const [{ planParams }, { parseObject }] = await Promise.all([
    import('../agent/index.js'),
    import('../bpf/index.js'),
  ]);
  const { problems } = planParams(parseObject(program.bytes), params, []);
  if (problems.length > 0)
    throw new CliError('USAGE', problems.map(({ message }) => `--param: ${message}`).join('\n'));
}

/** A folder or file where there is one, an image of a registry otherwise. */
async function baseOf(
  typed: string,
  registries: Registries,
  { host }: Context,
  architecture: string,
): Promise<BaseImage> {
  const base = await openBase(typed, host.cwd, architecture);
  if (base !== undefined) return base;
  if (/^\.{0,2}\//.test(typed) || /\.tar(?::|$)/.test(typed))
    throw new CliError('IO', `no base image at ${typed}: an OCI image layout or a tar is expected`);
  const reference = parseReference(typed.replace(/^docker:\/\//, ''));
  return openRegistryBase(reference, registries, architecture, host.signal);
}

/** Docker knows an image by name and tag. */
function taggedName(reference: Reference): string {
  if (reference.digest !== undefined)
    throw new CliError('USAGE', `${reference.text}: an image that is to be made has no digest yet`);
  networkReference(reference);
  return reference.tag === undefined ? `${reference.text}:latest` : reference.text;
}

function epochOf(text: string | undefined): number {
  if (!text) return 0;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw new CliError('USAGE', `SOURCE_DATE_EPOCH is ${JSON.stringify(text)}: seconds since 1970 expected`);
}

/** What the file system refuses, with the name that was typed. */
async function guarded(path: string, writing: Promise<void>): Promise<void> {
  try {
    await writing;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === undefined) throw cause;
    if (cause instanceof CliError || cause instanceof OciError) throw cause;
    throw new CliError('IO', `cannot write ${path}: ${systemReason(cause)}`, { cause });
  }
}

function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}
