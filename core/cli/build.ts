import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { BpfError, unresolvedNames } from '../bpf/index.js';
import {
  type Annotations,
  type Blob,
  buildImageIndex,
  buildProbeImage,
  type Descriptor,
  hostPlatform,
  OciError,
  parseReference,
  type Reference,
} from '../oci/index.js';
import {
  buildScriptText,
  type CompileInput,
  type ContainerBuilder,
  compile,
  DEFAULT_BUILD_IMAGE,
  defaultOutputFile,
  type Target,
  targetsOf,
  writeOutputFile,
} from './compiler/index.js';
import { type Context, contextOf, type Host } from './context.js';
import { CliError } from './errors.js';
import { imageAnnotations } from './image-annotations.js';
import { type OutputFormat, outputFormatOption } from './output-format.js';
import { encodeRecord, summarise } from './summary/index.js';

interface BuildOptions extends OutputFormat {
  readonly buildImage?: string;
  readonly builder?: string;
  readonly outputFile?: string;
  readonly local?: boolean;
  readonly buildScript?: string;
  readonly buildScriptOut?: boolean;
  readonly binaryOnly?: boolean;
  readonly cflags: readonly string[];
  readonly arch?: string;
  readonly vmlinux: readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly authors?: string;
  readonly source?: string;
  readonly licenses?: string;
  readonly annotation: readonly string[];
}

/** `bee build FILE REF`: compile, then store the object as an image. Flags are BumbleBee's where it has them. */
export function buildCommand(host: Host): Command {
  return new Command('build')
    .description('Compile an eBPF program and store it as an OCI image.')
    .argument('<file>', 'C source of the program')
    .argument('[reference]', 'name of the image, e.g. ghcr.io/me/execs:v1')
    .option('-l, --local', 'compile with the clang of this machine (the default)')
    .option('-b, --builder <program>', 'compile in a container, with docker or podman')
    .option('-i, --build-image <image>', `image to compile in (default: ${DEFAULT_BUILD_IMAGE})`)
    .option('-o, --output-file <file>', 'where the object goes (default: beside the source, with .o)')
    .option(
      '--build-script <file>',
      'shell script that compiles: $1 is the source, $2 the object, $CFLAGS the cflags',
    )
    .option('--build-script-out', 'print the script that would compile, and stop')
    .option('--binary-only', 'make the object file only, no image')
    .option('--cflags <flags>', 'flags for clang, repeatable', collect, [])
    .option(
      '--arch <names>',
      'machines that the program will run on, e.g. amd64,arm64: more than one make an image index (default: this one)',
    )
    .option(
      '--vmlinux <file>',
      'vmlinux.h of another kernel than the running one; ARCH=FILE for one machine, repeatable',
      collect,
      [],
    )
    .option('--title <text>', 'title of the image')
    .option('--description <text>', 'description of the image')
    .option('--authors <text>', 'authors of the image')
    .option('--source <url>', 'where the source is kept')
    .option('--licenses <expression>', "SPDX licence expression (default: the source's SPDX line)")
    .option('--annotation <key=value>', 'further annotation of the image, repeatable', collect, [])
    .addOption(outputFormatOption())
    .addHelpText('after', EXAMPLES)
    .action((file: string, reference: string | undefined, options: BuildOptions, command: Command) =>
      build(file, reference, options, contextOf(command, host)),
    );
}

const EXAMPLES = `
The same source makes the same image, whoever builds it wherever; with SOURCE_DATE_EPOCH set, the image says so
as its time of creation.

Examples:
  bee build execs.c localhost:5000/probes/execs:v1
  bee build execs.c localhost:5000/probes/execs:v1 --cflags "-DDEBUG -DMAX=10"
  bee build execs.c localhost:5000/probes/execs:v1 --arch amd64,arm64
  bee build execs.c localhost:5000/probes/execs:v1 --builder podman
  bee build execs.c --binary-only -o /tmp/execs.o`;

/** A program, compiled for a machine. */
interface Compiled {
  readonly target: Target;
  readonly program: Uint8Array;
  /** Where the object was left, as the user would type it. */
  readonly file: string | undefined;
}

async function build(
  file: string,
  reference: string | undefined,
  options: BuildOptions,
  context: Context,
): Promise<void> {
  // 1. Everything that can be wrong with the command line, before anything is made.
  const image = options.binaryOnly || options.buildScriptOut ? undefined : parseImage(reference);
  const targets = targetsOf(options.arch);
  const container = containerOf(options, targets);
  const inputs = await compileInputs(file, options, targets, container, context);
  const annotations = await imageAnnotations(options, file, context.host);
  if (options.buildScriptOut) {
    context.terminal.print(await buildScriptText(inputs[0]!));
    return;
  }

  // 2. Compile, and leave the objects where BumbleBee leaves its one.
  const { terminal, host } = context;
  const compiled: Compiled[] = [];
  for (const input of inputs) {
    terminal.progress(`Compiling ${file}${inputs.length > 1 ? ` for ${input.target.architecture}` : ''}`);
    const program = await compile(input, terminal);
    const path = outputPath(file, options, input.target, inputs.length > 1);
    const kept = await keepObject(program, path, file, options, image !== undefined, context);
    compiled.push({ target: input.target, program, file: kept });
  }
  warnOfMissing(compiled, terminal.error);

  // 3. Store them.
  host.signal.throwIfAborted();
  const files = compiled.map((one) => one.file ?? null);
  const result: Record<string, unknown> = files.length === 1 ? { file: files[0] } : { files };
  if (image !== undefined) {
    const store = context.stores().primary;
    const descriptor = await putImage(image, compiled, annotations, context);
    terminal.progress(`Saved ${image.text} to ${store.folder}`);
    Object.assign(result, { reference: image.text, digest: descriptor.digest, store: store.folder });
  }
  if (options.output === 'json') terminal.print(JSON.stringify(result, null, 2));
  else if (result.digest !== undefined) terminal.print(String(result.digest));
  else for (const path of files) terminal.print(String(path));
}

/** One program is an image as BumbleBee makes it; several are images of their own under an index. */
async function putImage(
  reference: Reference,
  compiled: readonly Compiled[],
  annotations: Annotations,
  { terminal, stores }: Context,
): Promise<Descriptor> {
  const images = compiled.map(({ target, program }) => ({
    platform: target.platform,
    image: buildProbeImage(program, {
      annotations,
      config: recordOf(program, terminal.error),
      platform: { ...hostPlatform(), architecture: target.architecture },
    }),
  }));
  const [only] = images;
  const top = images.length === 1 ? only!.image.manifest : buildImageIndex(images, annotations);
  if (reference.digest !== undefined && reference.digest !== top.descriptor.digest) {
    throw new OciError(
      'MISMATCH',
      `${reference.text} names a digest, but the image has ${top.descriptor.digest}`,
    );
  }
  const blobs: Blob[] = images.flatMap(({ image: { config, program, manifest } }) =>
    images.length === 1 ? [config, program] : [config, program, manifest],
  );
  await stores().primary.putImage(reference.text, top, blobs);
  return top.descriptor;
}

/** Once, for however many machines. */
function warnOfMissing(compiled: readonly Compiled[], warn: (line: string) => void): void {
  const missing = new Set(compiled.flatMap(({ program }) => missingFrom(program)));
  if (missing.size === 0) return;
  warn(
    `warning: the program uses ${[...missing].join(', ')}, which it does not have, and eBPF has no C library: it will not load. memcmp, memcpy and the like become code of the program only where their length is constant.`,
  );
}

function missingFrom(program: Uint8Array): readonly string[] {
  try {
    return unresolvedNames(program);
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    return [];
  }
}

/** What the object says goes into the config. One that cannot be read makes an image without it. */
function recordOf(program: Uint8Array, warn: (line: string) => void): Record<string, unknown> {
  try {
    return encodeRecord(summarise(program));
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    warn(`warning: bee-agent cannot read this object: ${error.message}`);
    return {};
  }
}

/** `--local` wins, as it does in BumbleBee. */
function containerOf(options: BuildOptions, targets: readonly Target[]): ContainerBuilder | undefined {
  const { local, builder, buildImage } = options;
  if (local || (builder === undefined && buildImage === undefined)) return undefined;
  const here = targetsOf(undefined)[0]!.architecture;
  if (targets.some(({ architecture }) => architecture !== here)) {
    throw new CliError('USAGE', `--arch ${options.arch}: a builder image compiles for this machine only`, {
      hint: 'Leave out --builder and --build-image to compile for other machines.',
    });
  }
  if (options.vmlinux.length > 0)
    throw new CliError('USAGE', '--vmlinux: a builder image brings its own header');
  if (options.buildScriptOut && options.buildScript === undefined) {
    throw new CliError('USAGE', '--build-script-out: a builder image has a script of its own', {
      hint: 'Add --local for the script that compiles on this machine.',
    });
  }
  return { program: builder ?? 'docker', image: buildImage ?? DEFAULT_BUILD_IMAGE };
}

function parseImage(reference: string | undefined) {
  if (reference !== undefined) return parseReference(reference);
  throw new CliError('USAGE', 'the name of the image is missing', {
    hint: 'bee build FILE REFERENCE, or --binary-only to make only the object file.',
  });
}

async function compileInputs(
  file: string,
  options: BuildOptions,
  targets: readonly Target[],
  container: ContainerBuilder | undefined,
  { host }: Context,
): Promise<CompileInput[]> {
  const found = await stat(resolve(host.cwd, file)).catch((cause) => {
    throw new CliError('IO', `cannot read ${file}: no such file`, { cause });
  });
  if (!found.isFile()) throw new CliError('IO', `cannot read ${file}: not a file`);
  const headers = vmlinuxFiles(options.vmlinux);
  return targets.map((target) => ({
    source: file,
    target,
    cflags: options.cflags,
    vmlinux: headers.get(target.architecture) ?? headers.get(''),
    script: options.buildScript,
    container,
    cwd: host.cwd,
    env: host.env,
    signal: host.signal,
  }));
}

/** By machine; `''` stands for every one that has none of its own. */
function vmlinuxFiles(values: readonly string[]): Map<string, string> {
  return new Map(
    values.map((value) => {
      const [, arch, file] = /^([\w-]+)=(.+)$/.exec(value) ?? [];
      return arch === undefined ? ['', value] : [targetsOf(arch)[0]!.architecture, file!];
    }),
  );
}

/** With several machines, the machine's name stands before the extension: `execs.aarch64.o`. */
function outputPath(file: string, { outputFile }: BuildOptions, target: Target, several: boolean): string {
  const path = outputFile ?? defaultOutputFile(file);
  if (!several) return path;
  return path.replace(/(\.[^./]*)?$/, (extension) => `.${target.architecture}${extension}`);
}

/**
 * The object beside the source is a by-product when an image is made, too: a folder that cannot be written is
 * then no reason to fail.
 */
async function keepObject(
  program: Uint8Array,
  path: string,
  file: string,
  { outputFile }: BuildOptions,
  makesImage: boolean,
  { host, terminal }: Context,
): Promise<string | undefined> {
  const absolute = resolve(host.cwd, path);
  if (absolute === resolve(host.cwd, file)) throw new CliError('USAGE', `${path} is the source itself`);
  try {
    await writeOutputFile(absolute, program);
    return path;
  } catch (error) {
    if (outputFile !== undefined || !makesImage) throw error;
    terminal.progress(`${path} could not be written; the image has the object all the same`);
    return undefined;
  }
}

function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}
