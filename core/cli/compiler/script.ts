/**
 * The default build as a shell script, for `--build-script-out`: `$1` is the source, `$2` the object to make,
 * `CFLAGS` what `--cflags` gave. The same contract holds for a script given by `--build-script`.
 */
export function defaultScript(clang: string, strip: string | undefined, flags: readonly string[]): string {
  const words = flags.map(shellQuote).join(' ');
  return [
    '#!/bin/sh',
    'set -eu',
    `${shellQuote(clang)} ${words} \${CFLAGS:-} -c "$1" -o "$2"`,
    ...(strip === undefined ? [] : [`${shellQuote(strip)} -g "$2"`]),
  ].join('\n');
}

function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
