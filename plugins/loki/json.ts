import { nanosText } from './line-time.js';
import type { Stream } from './streams.js';

/** The body of a push in JSON. */
export function jsonPush(streams: readonly Stream[]): string {
  return JSON.stringify({
    streams: streams.map(({ labels, text, entries }) => {
      const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
      return {
        stream: Object.fromEntries(labels),
        values: entries.map((entry) => {
          const value = [nanosText(entry), bytes.toString('utf8', entry.from, entry.to)];
          return entry.metadata.length === 0 ? value : [...value, Object.fromEntries(entry.metadata)];
        }),
      };
    }),
  });
}
