import type { Readable } from 'node:stream';

/** More than this without a newline is cut into lines of its own. */
const LONGEST = 8_192;

/** Characters a second: a sink that prints without end waits, and does not keep the main thread busy with it. */
const MOST_A_SECOND = 2 ** 20;

/** Whole lines of what a worker writes to its standard output or error: a sink's console.log belongs into the log. */
export function onLines(stream: Readable, use: (line: string) => void): void {
  let rest = '';
  const say = (line: string): void => {
    if (line.trim() !== '') use(line);
  };
  let second = 0;
  let read = 0;
  stream.setEncoding('utf8').on('data', (text: string) => {
    const now = Math.floor(performance.now() / 1000);
    if (now !== second) [second, read] = [now, 0];
    read += text.length;
    if (read > MOST_A_SECOND) {
      stream.pause();
      setTimeout(() => stream.resume(), 1000).unref();
    }
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
