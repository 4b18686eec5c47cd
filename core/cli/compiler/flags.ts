import { basename } from 'node:path';
import { headerFolder, multiarchFolder } from './includes.js';
import type { Target } from './target.js';

export interface FlagInput {
  /** As the user typed it, so that clang's messages show the same. */
  readonly source: string;
  readonly target: Target;
  /** `--cflags`, already split into words. They come before ours, so that a user's `-I` is searched first. */
  readonly cflags: readonly string[];
  /** Folder with `vmlinux.h`. */
  readonly vmlinux: string | undefined;
  readonly colour: boolean;
}

/**
 * clang's arguments, without input and output.
 *
 * `-g` makes BTF. Paths would go into it with the line information, so folders are taken out: the same source
 * gives the same object, whoever compiles it wherever. The source's lines, which the verifier's log quotes, are
 * then no longer found by their path: `-gembed-source` hands them on, and needs DWARF 5, which is stripped.
 */
export function clangFlags({ source, target, cflags, vmlinux, colour }: FlagInput): string[] {
  const headers = headerFolder();
  const multiarch = multiarchFolder();
  const folder = source.slice(0, -basename(source).length);
  return [
    '-g',
    '-gdwarf-5',
    '-gembed-source',
    '-O2',
    '-target',
    'bpf',
    `-D__TARGET_ARCH_${target.define}`,
    '-fno-stack-protector',
    '-fdebug-compilation-dir=.',
    ...(folder === '' ? [] : [`-ffile-prefix-map=${folder}=`]),
    `-ffile-prefix-map=${headers}=bee-agent`,
    ...(colour ? ['-fcolor-diagnostics'] : []),
    ...cflags,
    '-Wall',
    // A helper that is misspelt would be found by the kernel only, and not by its line.
    '-Werror=implicit-function-declaration',
    // __DATE__ and __TIME__ would make another object of the same source each time.
    '-Wdate-time',
    ...(vmlinux === undefined ? [] : [`-I${vmlinux}`]),
    `-I${headers}`,
    '-include',
    'builtins.h',
    ...(multiarch === undefined ? [] : ['-idirafter', multiarch]),
  ];
}

/** Words of `--cflags`, each of which may hold several: split at white space, with quotes as in a shell. */
export function splitFlags(flags: readonly string[]): string[] {
  return flags.flatMap((text) => {
    const words = text.match(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/g) ?? [];
    return words.map((word) =>
      word.replace(/\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_all, escaped, double, single) =>
        escaped !== undefined
          ? escaped
          : double !== undefined
            ? double.replace(/\\(["\\$`])/g, '$1')
            : single,
      ),
    );
  });
}
