import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { CliError } from '../errors.js';
import type { Terminal } from '../terminal.js';
import { type ContainerBuilder, runInContainer } from './container.js';
import { clangFlags, splitFlags } from './flags.js';
import { checkObject } from './object-file.js';
import { runTool, type ToolResult } from './run.js';
import { defaultScript } from './script.js';
import { type Target, targetOf } from './target.js';
import { findToolchain } from './toolchain.js';
import { type VmlinuxFolder, vmlinuxFolder } from './vmlinux.js';

export interface CompileInput {
  /** As typed; relative to `cwd`. */
  readonly source: string;
  readonly target: Target;
  /** Values of `--cflags`, as typed. */
  readonly cflags: readonly string[];
  /** A header of another kernel, instead of the running one's. */
  readonly vmlinux?: string | undefined;
  /** A shell script of the user's. */
  readonly script?: string | undefined;
  /** Compile in a container, by the image's own means. */
  readonly container?: ContainerBuilder | undefined;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/**
 * Compile a program to an object without DWARF. What the compiler says is shown as it says it; when it fails,
 * `COMPILE_FAILED`. Nothing is left behind.
 */
export async function compile(input: CompileInput, terminal: Terminal): Promise<Uint8Array> {
  const scratch = await mkdtemp(join(tmpdir(), 'bee-build-'));
  const output = join(scratch, 'program.o');
  try {
    if (input.container !== undefined) await runContainer(input, input.container, scratch, terminal);
    else if (input.script === undefined) await runClang(input, output, terminal);
    else await runScript(input, input.script, output, terminal);
    const object = await readFile(output).catch((cause) => {
      throw new CliError('COMPILE_FAILED', `the build of ${input.source} made no object`, { cause });
    });
    checkObject(object, input.source);
    return object;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** What `--build-script-out` prints. */
export async function buildScriptText(input: CompileInput): Promise<string> {
  if (input.script !== undefined) return readScript(input.script, input.cwd);
  const { clang, strip } = findToolchain(input.env);
  const header = await headerFolderOf(input);
  return defaultScript(
    clang,
    strip,
    clangFlags({ ...input, cflags: [], vmlinux: pathOf(header), colour: false }),
  );
}

async function runClang(input: CompileInput, output: string, terminal: Terminal): Promise<void> {
  const { source, cwd, env, signal } = input;
  const { clang, strip } = findToolchain(env);
  const header = await headerFolderOf(input);
  try {
    const flags = clangFlags({
      ...input,
      cflags: splitFlags(input.cflags),
      vmlinux: pathOf(header),
      colour: terminal.colors.isColorSupported,
    });
    const args = [...flags, '-c', source, '-o', output];
    if (terminal.verbose) terminal.error([clang, ...args].join(' '));
    const result = await runTool(clang, args, { cwd, env, signal });
    terminal.passThrough(result.stdout + result.stderr);
    if (result.code !== 0) throw failed(source, result, hintFor(result.stderr, header, input));
  } finally {
    if (header.ok) await header.remove();
  }
  if (strip === undefined) {
    terminal.error('warning: llvm-strip is not installed (apt-get install llvm): the object keeps its DWARF');
    return;
  }
  const stripped = await runTool(strip, ['-g', output], { env, signal });
  if (stripped.code !== 0)
    throw new CliError('COMPILE_FAILED', `llvm-strip failed: ${stripped.stderr.trim()}`);
}

async function runContainer(
  input: CompileInput,
  builder: ContainerBuilder,
  outputFolder: string,
  terminal: Terminal,
): Promise<void> {
  const { source, cwd, env, signal, cflags } = input;
  const script = input.script === undefined ? undefined : await readScript(input.script, cwd);
  const result = await runInContainer({ builder, source, cwd, env, signal, cflags, script, outputFolder });
  terminal.passThrough(result.stdout + result.stderr);
  // 125 to 127: docker and podman themselves failed, not what ran in the container.
  if (result.code >= 125 && result.code <= 127) {
    const message = `${builder.program} cannot run the builder image ${builder.image} (exit code ${result.code})`;
    throw new CliError('COMPILE_FAILED', message, {
      hint: 'Name another image by --build-image, or compile with the clang of this machine by --local.',
    });
  }
  if (result.code !== 0) throw failed(source, result);
}

/** BumbleBee's contract: the script goes to `sh` on its input, with source and object as arguments. */
async function runScript(
  input: CompileInput,
  script: string,
  output: string,
  terminal: Terminal,
): Promise<void> {
  const { source, cwd, signal } = input;
  const text = await readScript(script, cwd);
  const env = { ...input.env, CFLAGS: input.cflags.join(' ') };
  const result = await runTool('sh', ['-s', '--', source, output], {
    cwd,
    env,
    signal,
    input: Buffer.from(text),
  });
  terminal.passThrough(result.stdout + result.stderr);
  if (result.code !== 0) throw failed(source, result);
}

async function readScript(script: string, cwd: string): Promise<string> {
  try {
    return await readFile(resolve(cwd, script), 'utf8');
  } catch (cause) {
    throw new CliError('IO', `cannot read the build script ${script}`, { cause });
  }
}

async function headerFolderOf(input: CompileInput): Promise<VmlinuxFolder> {
  if (input.vmlinux === undefined) return vmlinuxFolder(input.env, input.signal);
  const path = resolve(input.cwd, input.vmlinux);
  if (basename(path) !== 'vmlinux.h' || !existsSync(path)) {
    throw new CliError('USAGE', `--vmlinux ${input.vmlinux}: a file named vmlinux.h expected`);
  }
  return { ok: true, folder: dirname(path), remove: async () => {} };
}

function pathOf(header: VmlinuxFolder): string | undefined {
  return header.ok ? header.folder : undefined;
}

function failed(source: string, result: ToolResult, hint?: string): CliError {
  const message = `${source} does not compile (exit code ${result.code})`;
  return new CliError('COMPILE_FAILED', message, hint === undefined ? {} : { hint });
}

function hintFor(stderr: string, header: VmlinuxFolder, input: CompileInput): string | undefined {
  const missing = /'([^']+)' file not found/.exec(stderr)?.[1];
  if (missing === 'vmlinux.h' && !header.ok) return header.reason;
  if (missing?.startsWith('bpf/')) return 'On Debian and Ubuntu: sudo apt-get install -y libbpf-dev';
  if (missing?.startsWith('asm/') || missing?.startsWith('linux/')) {
    return 'On Debian and Ubuntu: sudo apt-get install -y linux-libc-dev';
  }
  const { architecture } = input.target;
  if (input.vmlinux === undefined && architecture !== targetOf().architecture) {
    return `vmlinux.h is this machine's (${targetOf().architecture}): --vmlinux gives that of a kernel for ${architecture}.`;
  }
  return undefined;
}
