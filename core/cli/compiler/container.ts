import { basename, dirname, isAbsolute, relative, resolve } from 'node:path';
import { CliError } from '../errors.js';
import { headerFolder } from './includes.js';
import { runTool, type ToolResult } from './run.js';

/** Where a container build runs. */
export interface ContainerBuilder {
  /** `docker`, `podman`, or the path of a program with the same command line. */
  readonly program: string;
  readonly image: string;
}

/** BumbleBee's own builder, by the name of its last release. */
export const DEFAULT_BUILD_IMAGE = 'ghcr.io/solo-io/bumblebee/builder:0.0.14';

export interface ContainerBuild {
  readonly builder: ContainerBuilder;
  /** As typed; relative to `cwd`. */
  readonly source: string;
  readonly cwd: string;
  readonly cflags: readonly string[];
  /** Text of a script that compiles instead of the image's entry point. */
  readonly script: string | undefined;
  /** A folder of the host's, in which `program.o` is to be made. */
  readonly outputFolder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

const SOURCES = '/usr/src/bpf';
const HEADERS = '/usr/src/bee-include';
const OUTPUT = '/usr/src/bee-output';

/**
 * BumbleBee's contract with a builder image: the sources lie in /usr/src/bpf, the entry point is given the source
 * and the object to make, and `CFLAGS` holds the flags. What is ours: sources are read-only, the object is made in
 * a folder of its own, there is no network, and the headers of bee-agent are found by `CFLAGS`.
 */
export async function runInContainer(build: ContainerBuild): Promise<ToolResult> {
  const { builder, script } = build;
  const { folder, file } = mounted(build);
  const flags = [...build.cflags, `-I${HEADERS}`].join(' ');
  const entry = script === undefined ? [] : ['--interactive', '--entrypoint', 'sh'];
  const before = script === undefined ? [] : ['-s', '--'];
  const args = [
    'run',
    '--rm',
    '--network=none',
    '--security-opt=label=disable',
    `--volume=${folder}:${SOURCES}:ro`,
    `--volume=${headerFolder()}:${HEADERS}:ro`,
    `--volume=${build.outputFolder}:${OUTPUT}`,
    `--workdir=${SOURCES}`,
    `--env=CFLAGS=${flags}`,
    ...entry,
    builder.image,
    ...before,
    file,
    `${OUTPUT}/program.o`,
  ];
  const input = script === undefined ? {} : { input: Buffer.from(script) };
  try {
    return await runTool(builder.program, args, { env: build.env, signal: build.signal, ...input });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new CliError('MISSING_TOOL', `${builder.program} is not installed`, {
      hint: 'Install it, name another one by --builder, or leave out --builder and --build-image to compile with the clang of this machine.',
      cause,
    });
  }
}

/** The working folder, as BumbleBee has it; for a source outside it, the source's own. A colon would end a path in `--volume`. */
function mounted({ source, cwd }: ContainerBuild): { folder: string; file: string } {
  const absolute = resolve(cwd, source);
  const inside = relative(cwd, absolute);
  const outside = inside.startsWith('..') || isAbsolute(inside);
  const folder = outside ? dirname(absolute) : resolve(cwd);
  if (folder.includes(':')) {
    throw new CliError('USAGE', `${folder} has a colon in its name, so a container cannot be given it`);
  }
  return { folder, file: outside ? basename(absolute) : inside };
}
