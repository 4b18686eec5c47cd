import type { Readable } from 'node:stream';

/** More than this without a newline is cut into lines of its own. */
const LONGEST = 8_192;

/** Whole lines of what a worker writes to its standard output or error: a sink's console.log belongs into the log. */
export function onLines(stream: Readable, use: (line: string) => void): void {
  let rest = '';
  const say = (line: string): void => {
    if (line.trim() !== '') use(line);
  };
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) say(line);
    if (rest.length > LONGEST) {
      say(rest);
      rest = '';
    }
  });
  stream.on('end', () => say(rest));
}
