/** `{"timestamp":"2026-01-02T03:04:05.678901234Z"`: where the text of the time begins, the dot, and the Z. */
const START = Buffer.byteLength('{"timestamp":"');
const DOT = START + 19;
const ZULU = DOT + 10;
const SECOND = 1_000_000_000n;

let lastText = '';
let lastSeconds = 0n;

/** The time of an event, from its line: asking for columns would have every field decoded for it. */
export function lineTime(line: Uint8Array): bigint {
  const text = Buffer.from(line.buffer, line.byteOffset, Math.min(line.byteLength, ZULU + 2)).toString(
    'latin1',
  );
  if (text[DOT] !== '.' || text[ZULU] !== 'Z')
    throw new Error(`an event's line begins ${text}, without its time`);
  const seconds = text.slice(START, DOT);
  // Neighbours mostly share their second.
  if (seconds !== lastText) {
    const ms = Date.parse(`${seconds}Z`);
    if (Number.isNaN(ms)) throw new Error(`an event's line begins ${text}, without its time`);
    lastText = seconds;
    lastSeconds = BigInt(ms / 1000) * SECOND;
  }
  return lastSeconds + BigInt(Number(text.slice(DOT + 1, ZULU)));
}
