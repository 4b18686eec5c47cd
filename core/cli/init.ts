import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { Command } from 'commander';
import { systemReason } from '../oci/index.js';
import { commandName } from './command-name.js';
import { writeOutputFile } from './compiler/index.js';
import { type Context, contextOf, type Host } from './context.js';
import { CliError } from './errors.js';
import {
  ATTACHMENTS,
  type AttachChoice,
  LANGUAGES,
  MAP_HINTS,
  MAPS,
  OUTPUT_HINTS,
  OUTPUTS,
} from './init/choices.js';
import type { ProbeKind } from './init/kind.js';
import { KINDS } from './init/kinds/index.js';
import { kernelHasKprobes } from './init/kprobes.js';
import type { Prompts } from './init/prompts.js';
import { initSink } from './init/sink.js';
import { SINK_LANGUAGES } from './init/sink-project.js';
import { skeletonText } from './init/skeleton.js';
import { oneOf } from './one-of.js';

interface InitOptions {
  readonly sink?: string | true;
  readonly language?: string;
  readonly map?: string;
  readonly outputType?: string;
  readonly programType?: string;
  readonly attach?: string;
  readonly file?: string;
  readonly force?: true;
}

const KIND_NAMES = KINDS.map(({ name }) => name);

/** `bee init`: a probe, or a sink, to begin with. Asks for what the flags leave open; flags are BumbleBee's. */
export function initCommand(host: Host): Command {
  return new Command('init')
    .description('Write the skeleton of an eBPF program, or of a sink, to build on.')
    .option('--sink [name]', 'a sink instead: the package bee-sink-<name>, with its test')
    .option(
      '-l, --language <name>',
      `language: ${LANGUAGES.join(', ')}; of a sink: ${SINK_LANGUAGES.join(', ')}`,
    )
    .option('--program-type <name>', `what is watched: ${KIND_NAMES.join(', ')}`)
    .option('-m, --map <name>', `how it is handed over: ${MAPS.join(', ')}`)
    .option('-o, --output-type <name>', `what becomes of it: ${OUTPUTS.join(', ')}`)
    .option('-f, --file <file>', 'where the source goes; - prints it. Of a sink: its folder')
    .option(
      '--attach <name>',
      'kprobe or tracepoint, where there is a choice (default: kprobe where this kernel has them)',
    )
    .option('--force', 'replace files that exist')
    .addHelpText('after', helpText())
    .action((options: InitOptions, command: Command) => init(options, command, host));
}

function helpText(): string {
  const width = Math.max(...KIND_NAMES.map((name) => name.length));
  return `
Program types:
${KINDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')}

Examples:
  bee init
  bee init -l C --program-type Network -m RingBuffer -o print -f connects.c
  bee init -l C --program-type FileSystem -m HashMap -o histogram -f opens.c --attach tracepoint
  bee init --sink kafka -l TypeScript`;
}

async function init(options: InitOptions, command: Command, host: Host): Promise<void> {
  const prompts = await promptsOn(host, options.sink === undefined ? 'A new probe' : 'A new sink');
  try {
    await write(options, prompts, contextOf(command, host));
  } finally {
    prompts?.end(undefined);
  }
}

async function write(
  options: InitOptions,
  prompts: Prompts | undefined,
  { host, terminal }: Context,
): Promise<void> {
  if (options.sink !== undefined) {
    refuseProbeFlags(options);
    const { sink } = options;
    const { folder, name, files } = await initSink({ ...options, sink }, prompts, host.cwd);
    prompts?.end(`Wrote ${folder}`);
    terminal.print(folder);
    terminal.progress(`Wrote ${files.join(', ')}. Test it: cd ${folder} && npm install && npm test`);
    terminal.progress(`Use it: sinks: { ${name}: { type: ./${folder}/… } }, as its README.md says`);
    return;
  }
  const { language } = options;
  if (language !== undefined && !LANGUAGES.some((one) => one === language.toUpperCase()))
    throw new CliError(
      'USAGE',
      `--language ${JSON.stringify(language)}: not supported. A probe is written in ${oneOf(LANGUAGES)}`,
    );
  if (prompts === undefined) refuseMissing(options);

  const kindName =
    options.programType ??
    (await prompts?.choose(
      'What is watched?',
      KINDS.map(({ name, summary }) => ({ value: name, hint: summary })),
    ));
  const kind = KINDS.find(({ name }) => name === pick('--program-type', KIND_NAMES, kindName))!;
  const mapName =
    options.map ??
    (await prompts?.choose(
      'How is it handed over?',
      MAPS.map((value) => ({ value, hint: MAP_HINTS[value] })),
    ));
  const map = pick('--map', MAPS, mapName);
  const outputName =
    options.outputType ??
    (await prompts?.choose(
      'What becomes of it?',
      OUTPUTS.map((value) => ({ value, hint: OUTPUT_HINTS[value] })),
    ));
  const output = pick('--output-type', OUTPUTS, outputName);
  const attach = await attachmentOf(kind, options.attach, prompts);
  const taken = (name: string): string | undefined =>
    options.force || !existsSync(resolve(host.cwd, name)) ? undefined : `${name} exists already.`;
  const file = options.file ?? (await prompts?.ask('Where does it go?', `${kind.plural}.c`, taken)) ?? '';

  const text = skeletonText(
    { kind, map, output, attach },
    file === '-' ? `${kind.plural}.c` : basename(file),
  );
  if (file === '-') {
    prompts?.end('Here it is:');
    host.stdout.write(text);
    return;
  }
  await writeSource(file, text, options.force === true, host.cwd);
  prompts?.end(`Wrote ${file}`);
  terminal.print(file);
  terminal.progress(`Build it: ${commandName(host)} build ${file} localhost/${kind.plural}:v1`);
}

/** On a terminal only. In a pipe, every answer must be a flag. */
async function promptsOn({ stdin, stderr }: Host, title: string): Promise<Prompts | undefined> {
  if (stdin?.isTTY !== true || stderr.isTTY !== true) return undefined;
  const { Prompts: Asking } = await import('./init/prompts.js');
  // The questions go to stderr: stdout is for the result.
  return new Asking({ input: stdin as unknown as Readable, output: stderr as unknown as Writable }, title);
}

/** What is asked of a probe says nothing of a sink. */
function refuseProbeFlags(options: InitOptions): void {
  const given = (
    [
      ['--program-type', options.programType],
      ['--map', options.map],
      ['--output-type', options.outputType],
      ['--attach', options.attach],
    ] as const
  ).filter(([, value]) => value !== undefined);
  if (given.length > 0)
    throw new CliError('USAGE', `${given.map(([flag]) => flag).join(', ')}: of a probe, not of a sink`);
}

function refuseMissing(options: InitOptions): void {
  const needed: [flag: string, value: string | undefined][] = [
    ['--language', options.language],
    ['--program-type', options.programType],
    ['--map', options.map],
    ['--output-type', options.outputType],
    ['--file', options.file],
  ];
  const missing = needed.filter(([, value]) => value === undefined).map(([flag]) => flag);
  if (missing.length === 0) return;
  throw new CliError('USAGE', `missing: ${missing.join(', ')}`, {
    hint: 'Without a terminal nothing can be asked. `bee init --help` lists what they take.',
  });
}

/** Upper and lower case make no difference, nor does what divides words: BumbleBee's help has `file-system`. */
function pick<T extends string>(flag: string, known: readonly T[], typed: string | undefined): T {
  const plain = (name: string): string => name.toLowerCase().replace(/[\s_-]/g, '');
  const found = known.find((name) => typed !== undefined && plain(name) === plain(typed));
  if (found !== undefined) return found;
  throw new CliError('USAGE', `${flag} ${JSON.stringify(typed ?? '')}: expected ${oneOf(known)}`);
}

async function attachmentOf(
  kind: ProbeKind,
  typed: string | undefined,
  prompts: Prompts | undefined,
): Promise<AttachChoice> {
  const forms = kind.forms.map(({ attach }) => attach);
  if (typed !== undefined) {
    const wanted = pick('--attach', ATTACHMENTS, typed);
    if (forms.includes(wanted)) return wanted;
    throw new CliError('USAGE', `--attach ${wanted}: ${kind.name} has only ${forms.join(', ')}`);
  }
  const [first, ...others] = forms as [AttachChoice, ...AttachChoice[]];
  if (others.length === 0) return first;
  const possible = kernelHasKprobes() ? forms : forms.filter((form) => form !== 'kprobe');
  if (possible.length === 1 || prompts === undefined) return possible[0]!;
  const chosen = await prompts.choose(
    'What does it hang on?',
    possible.map((value) => ({
      value,
      hint: value === 'kprobe' ? 'functions of the kernel' : 'places that kernels promise to keep',
    })),
  );
  return pick('--attach', ATTACHMENTS, chosen);
}

async function writeSource(file: string, text: string, force: boolean, cwd: string): Promise<void> {
  const path = resolve(cwd, file);
  if (force) return writeOutputFile(path, Buffer.from(text));
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new CliError('IO', `${file} exists already`, {
        hint: 'Name another file, or add --force.',
        cause,
      });
    }
    throw new CliError('IO', `cannot write ${file}: ${systemReason(cause)}`, { cause });
  }
}
