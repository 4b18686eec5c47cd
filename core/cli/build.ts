import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { hostPlatform, parseReference } from '../oci/index.js';
import {
  buildScriptText,
  type CompileInput,
  compile,
  defaultOutputFile,
  targetOf,
  writeOutputFile,
} from './compiler/index.js';
import { type Context, contextOf, type Host } from './context.js';
import { CliError } from './errors.js';
import { type OutputFormat, outputFormatOption } from './output-format.js';

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
  readonly vmlinux?: string;
  readonly description?: string;
  readonly authors?: string;
  readonly annotation: readonly string[];
}

/** `bee build FILE REF`: compile, then store the object as an image. Flags are BumbleBee's where it has them. */
export function buildCommand(host: Host): Command {
  return new Command('build')
    .description('Compile an eBPF program and store it as an OCI image.')
    .argument('<file>', 'C source of the program')
    .argument('[reference]', 'name of the image, e.g. ghcr.io/me/execs:v1')
    .option('-l, --local', 'compile with the clang of this machine (the default)')
    .option('-b, --builder <program>', 'compile in a container with docker or podman (not in this version)')
    .option('-i, --build-image <image>', 'image to compile in (not in this version)')
    .option('-o, --output-file <file>', 'where the object goes (default: beside the source, with .o)')
    .option(
      '--build-script <file>',
      'shell script that compiles: $1 is the source, $2 the object, $CFLAGS the cflags',
    )
    .option('--build-script-out', 'print the script that would compile, and stop')
    .option('--binary-only', 'make the object file only, no image')
    .option('--cflags <flags>', 'flags for clang, repeatable', collect, [])
    .option('--arch <name>', 'architecture of the machine that the program will run on (default: this one)')
    .option('--vmlinux <file>', 'vmlinux.h of another kernel than the running one')
    .option('--description <text>', 'description of the image')
    .option('--authors <text>', 'authors of the image')
    .option('--annotation <key=value>', 'further annotation of the image, repeatable', collect, [])
    .addOption(outputFormatOption())
    .addHelpText('after', EXAMPLES)
    .action((file: string, reference: string | undefined, options: BuildOptions, command: Command) =>
      build(file, reference, options, contextOf(command, host)),
    );
}

const EXAMPLES = `
Examples:
  bee build execs.c localhost:5000/probes/execs:v1
  bee build execs.c localhost:5000/probes/execs:v1 --cflags "-DDEBUG -DMAX=10"
  bee build execs.c --binary-only -o /tmp/execs.o`;

async function build(
  file: string,
  reference: string | undefined,
  options: BuildOptions,
  context: Context,
): Promise<void> {
  // 1. Everything that can be wrong with the command line, before anything is made.
  refuseContainerBuild(options);
  const image = options.binaryOnly || options.buildScriptOut ? undefined : parseImage(reference);
  const annotations = parseAnnotations(options.annotation);
  const target = targetOf(options.arch);
  const input = await compileInput(file, options, target, context);
  if (options.buildScriptOut) {
    context.terminal.print(await buildScriptText(input));
    return;
  }

  // 2. Compile, and leave the object where BumbleBee leaves it.
  const { terminal, host } = context;
  terminal.progress(`Compiling ${file}`);
  const program = await compile(input, terminal);
  const objectFile = await keepObject(program, file, options, image !== undefined, context);

  // 3. Store it.
  host.signal.throwIfAborted();
  const result: Record<string, unknown> = { file: objectFile ?? null };
  if (image !== undefined) {
    const store = context.stores().primary;
    const descriptor = await store.putProbe(image, program, {
      ...(options.description === undefined ? {} : { description: options.description }),
      ...(options.authors === undefined ? {} : { authors: options.authors }),
      annotations,
      platform: { ...hostPlatform(), architecture: target.architecture },
    });
    terminal.progress(`Saved ${image.text} to ${store.folder}`);
    Object.assign(result, { reference: image.text, digest: descriptor.digest, store: store.folder });
  }
  if (options.output === 'json') terminal.print(JSON.stringify(result, null, 2));
  else terminal.print(String(result.digest ?? result.file));
}

function refuseContainerBuild({ local, builder, buildImage }: BuildOptions): void {
  if (local) return; // BumbleBee, too, does not look at the builder then.
  if (builder === undefined && buildImage === undefined) return;
  throw new CliError('UNAVAILABLE', 'building in a container is not available in this version', {
    hint: 'Leave out --builder and --build-image to compile with the clang of this machine.',
  });
}

function parseImage(reference: string | undefined) {
  if (reference !== undefined) return parseReference(reference);
  throw new CliError('USAGE', 'the name of the image is missing', {
    hint: 'bee build FILE REFERENCE, or --binary-only to make only the object file.',
  });
}

function parseAnnotations(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new CliError('USAGE', `--annotation ${JSON.stringify(pair)}: key=value expected`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

async function compileInput(
  file: string,
  options: BuildOptions,
  target: CompileInput['target'],
  { host }: Context,
): Promise<CompileInput> {
  const found = await stat(resolve(host.cwd, file)).catch((cause) => {
    throw new CliError('IO', `cannot read ${file}: no such file`, { cause });
  });
  if (!found.isFile()) throw new CliError('IO', `cannot read ${file}: not a file`);
  return {
    source: file,
    target,
    cflags: options.cflags,
    vmlinux: options.vmlinux,
    script: options.buildScript,
    cwd: host.cwd,
    env: host.env,
    signal: host.signal,
  };
}

/**
 * The object beside the source is a by-product when an image is made, too: a folder that cannot be written is
 * then no reason to fail.
 */
async function keepObject(
  program: Uint8Array,
  file: string,
  { outputFile }: BuildOptions,
  makesImage: boolean,
  { host, terminal }: Context,
): Promise<string | undefined> {
  const path = outputFile ?? defaultOutputFile(file);
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
