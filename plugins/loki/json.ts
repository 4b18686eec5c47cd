import type { Stream } from './streams.js';

/** The body of a push in JSON. */
export function jsonPush(streams: readonly Stream[]): string {
  return JSON.stringify({
    streams: streams.map(({ labels, entries }) => ({
      stream: Object.fromEntries(labels),
      values: entries.map(({ timestamp, line, metadata }) => {
        const text = Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8');
        return metadata.length === 0
          ? [String(timestamp), text]
          : [String(timestamp), text, Object.fromEntries(metadata)];
      }),
    })),
  });
}
